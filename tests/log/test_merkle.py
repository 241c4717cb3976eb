"""The Merkle tree against known roots and against RFC 6962 section 2.1 written down literally."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    subtrees,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that Certificate Transparency implementations test with.
CT_LEAVES = [
    bytes.fromhex(each)
    for each in [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

SIZES = 131
LEAVES = [b"leaf %d" % each for each in range(SIZES)]
HASHES = [leaf_hash(each) for each in LEAVES]
SUBTREE = subtrees(HASHES)


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of RFC 6962, word for word."""
    n = end - start
    if n == 0:
        return sha256().digest()
    if n == 1:
        return sha256(b"\x00" + LEAVES[start]).digest()
    k = split(n)
    return sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def path(m: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[start:end]) of RFC 6962."""
    n = end - start
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], b) of RFC 6962."""
    n = end - start
    if m == n:
        return [] if whole else [mth(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, whole=whole), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, whole=False), mth(start, start + k)]


def rejects(check: Callable[[], None]) -> bool:
    """Whether it raises `VerificationError`, and nothing else."""
    try:
        check()
    except VerificationError:
        return True
    return False


def with_bit(hashes: Sequence[bytes], bit: int) -> list[bytes]:
    """The hashes with one bit flipped."""
    at, within = divmod(bit, 256)
    flipped = int.from_bytes(hashes[at], "big") ^ 1 << within
    return [*hashes[:at], flipped.to_bytes(32, "big"), *hashes[at + 1 :]]


def reshaped(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The proof with hashes dropped, added, swapped, cut, stretched and run into each other."""
    proof = list(hashes)
    variants = [[*proof, bytes(32)], [bytes(32), *proof], [*proof, b""], [bytes(32)] * 64]
    for at, each in enumerate(proof):
        head, tail = proof[:at], proof[at + 1 :]
        variants += [[*head, *tail], [*head, each, each, *tail]]
        variants += [[*head, each[:-1], *tail], [*head, each + b"\x00", *tail], [*head, b"", *tail]]
        if tail and tail[0] != each:
            variants += [
                [*head, tail[0], each, *tail[1:]],
                [*head, each[:-1], each[-1:] + tail[0], *tail[1:]],
                [*head, each + tail[0], *tail[1:]],
            ]
    return variants


@pytest.mark.parametrize("size", range(len(CT_ROOTS)))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    """The known roots over 0 to 8 leaves come out."""
    assert root([leaf_hash(each) for each in CT_LEAVES[:size]]).hex() == CT_ROOTS[size]


def test_every_root_up_to_130_is_the_rfc_definition() -> None:
    """The iterative root equals the recursive definition."""
    for size in range(SIZES):
        assert root(HASHES[:size]) == mth(0, size)


def test_every_inclusion_proof_up_to_130_is_the_rfc_definition_and_verifies() -> None:
    """All audit paths equal PATH(), and verify."""
    for size in range(1, SIZES):
        for index in range(size):
            proof = inclusion_proof(index, size, SUBTREE)
            assert proof == path(index, 0, size)
            verify_inclusion(index, size, HASHES[index], proof, mth(0, size))


def test_every_consistency_proof_up_to_130_is_the_rfc_definition_and_verifies() -> None:
    """All consistency proofs equal PROOF(), and verify; from the empty tree they are empty."""
    for new in range(SIZES):
        for old in range(new + 1):
            proof = consistency_proof(old, new, SUBTREE)
            assert proof == (subproof(old, 0, new, whole=True) if old else [])
            verify_consistency(old, mth(0, old), new, mth(0, new), proof)


def test_an_inclusion_proof_with_any_bit_flipped_is_rejected() -> None:
    """Every bit of every hash, of the leaf and of the root counts."""
    for size in range(1, 9):
        for index in range(size):
            proof = inclusion_proof(index, size, SUBTREE)
            everything = [HASHES[index], mth(0, size), *proof]
            for bit in range(256 * len(everything)):
                leaf, top, *rest = with_bit(everything, bit)
                assert rejects(
                    lambda i=index, n=size, a=leaf, p=rest, r=top: verify_inclusion(i, n, a, p, r)
                )


def test_a_consistency_proof_with_any_bit_flipped_is_rejected() -> None:
    """Every bit of every hash and of both roots counts."""
    for new in range(1, 9):
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, SUBTREE)
            everything = [mth(0, old), mth(0, new), *proof]
            for bit in range(256 * len(everything)):
                first, second, *rest = with_bit(everything, bit)
                assert rejects(
                    lambda m=old, n=new, a=first, b=second, p=rest: verify_consistency(
                        m, a, n, b, p
                    )
                )


def test_an_inclusion_proof_of_another_shape_or_index_is_rejected() -> None:
    """No hash can be dropped, added, moved, cut or stretched, and no other index claimed."""
    for size in range(1, 35):
        for index in range(size):
            top, leaf = mth(0, size), HASHES[index]
            proof = inclusion_proof(index, size, SUBTREE)
            for other in reshaped(proof):
                assert rejects(
                    lambda i=index, n=size, a=leaf, p=other, r=top: verify_inclusion(i, n, a, p, r)
                )
            for other_index in {*range(-1, size + 2)} - {index}:
                assert rejects(
                    lambda i=other_index, n=size, a=leaf, p=proof, r=top: verify_inclusion(
                        i, n, a, p, r
                    )
                )


def test_a_consistency_proof_of_another_shape_is_rejected() -> None:
    """No hash can be dropped, added, moved, cut or stretched."""
    for new in range(35):
        for old in range(new + 1):
            first, second = mth(0, old), mth(0, new)
            for other in reshaped(consistency_proof(old, new, SUBTREE)):
                assert rejects(
                    lambda m=old, n=new, a=first, b=second, p=other: verify_consistency(
                        m, a, n, b, p
                    )
                )


def test_a_tree_is_not_consistent_with_a_larger_one_or_a_wrong_empty_one() -> None:
    """Going backwards is refused, and the empty tree has one root."""
    with pytest.raises(VerificationError, match="backwards"):
        verify_consistency(5, mth(0, 5), 4, mth(0, 4), [])
    with pytest.raises(VerificationError):
        verify_consistency(0, bytes(32), 4, mth(0, 4), [])
    with pytest.raises(VerificationError):
        verify_consistency(0, bytes(32), 0, bytes(32), [])
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])


def test_proofs_of_what_is_not_there_are_refused() -> None:
    """Asking for a proof outside the tree is an input error, not a wrong proof."""
    for ask in (
        lambda: inclusion_proof(5, 5, SUBTREE),
        lambda: inclusion_proof(-1, 5, SUBTREE),
        lambda: consistency_proof(6, 5, SUBTREE),
        lambda: consistency_proof(-1, 5, SUBTREE),
    ):
        with pytest.raises(InputError):
            ask()


def test_no_byte_can_move_from_one_hash_to_its_neighbour() -> None:
    """Both would be hashed to the same node; hashes of another length are refused."""
    left, right = HASHES[:2]
    with pytest.raises(VerificationError, match="not 32 bytes"):
        verify_inclusion(0, 2, left + right[:1], [right[1:]], mth(0, 2))
    with pytest.raises(VerificationError, match="not 32 bytes"):
        verify_consistency(1, left + right[:1], 2, mth(0, 2), [right[1:]])


@given(st.data())
def test_one_edited_leaf_breaks_every_proof(data: st.DataObject) -> None:
    """A tree with another leaf under an old size has no consistency proof from the old root."""
    new = data.draw(st.integers(2, SIZES - 1))
    old = data.draw(st.integers(1, new - 1))
    edited = data.draw(st.integers(0, old - 1))
    hashes = [*HASHES[:edited], leaf_hash(b"edited"), *HASHES[edited + 1 : new]]
    proof = consistency_proof(old, new, subtrees(hashes))
    assert rejects(lambda: verify_consistency(old, mth(0, old), new, root(hashes), proof))
