"""The Merkle tree of RFC 6962 section 2.1, with the algorithms of RFC 9162 section 2.1. No I/O.

- A leaf and an inner node can never be taken for each other: their hashes start differently.
- A proof either verifies in full or raises `VerificationError`; there is no half answer.
- Proofs are made through a callback that returns the hash of a *complete* subtree, so they come
  from a list of leaves or from stored tiles alike.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

from unvoiced.errors import InputError, VerificationError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""`(level, index)` -> hash of the complete subtree over the `index`-th run of 2**level leaves."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of one entry: SHA-256(0x00 || data). RFC 6962 section 2.1."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right). RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Merkle tree hash over leaf hashes, `EMPTY_ROOT` for none. RFC 6962 section 2.1.

    Complete subtrees of one height may stand for leaves, and the last of them may be a smaller
    one: the split at the largest power of two falls in the same place.
    """
    if not leaf_hashes:
        return EMPTY_ROOT
    row = list(leaf_hashes)
    while len(row) > 1:
        odd = row[-1:] if len(row) % 2 else []
        row = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(row[0::2], row[1::2], strict=False)
        ]
        row += odd
    return row[0]


def subtrees(leaf_hashes: Sequence[bytes]) -> Subtree:
    """The callback over a list of leaf hashes: every complete subtree, hashed once."""
    rows = [list(leaf_hashes)]
    while len(rows[-1]) > 1:
        row = rows[-1]
        pairs = zip(row[0::2], row[1::2], strict=False)
        rows.append([node_hash(left, right) for left, right in pairs])
    return lambda level, index: rows[level][index]


def range_hash(start: int, end: int, subtree: Subtree) -> bytes:
    """Merkle tree hash of leaves [start, end), where start is a multiple of a power of two >= end.

    Ranges of that form are all that the split of RFC 6962 ever makes.
    """
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append(subtree(level, start >> level))
        start += 1 << level
    result = parts.pop()
    while parts:
        result = node_hash(parts.pop(), result)
    return result


def _split(width: int) -> int:
    return 1 << (width - 1).bit_length() - 1


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Audit path of leaf `index` in the tree of `size` leaves, leaf's sibling first.

    RFC 9162 section 2.1.3.1. Raises `InputError` for an index outside the tree.
    """
    if not 0 <= index < size:
        raise InputError(f"entry {index} is not in a tree of {size} entries")
    start, end = 0, size
    path = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(range_hash(start, middle, subtree))
            start = middle
    return path[::-1]


def consistency_proof(old_size: int, new_size: int, subtree: Subtree) -> list[bytes]:
    """Proof that the first `old_size` leaves of the tree of `new_size` are the old tree.

    RFC 9162 section 2.1.4.1; empty where the sizes are equal or the old tree is empty. Raises
    `InputError` where the old tree is the larger.
    """
    if not 0 <= old_size <= new_size:
        raise InputError(f"no consistency proof leads from size {old_size} to {new_size}")
    if old_size == 0:
        return []
    start, end = 0, new_size
    path = []
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(range_hash(start, middle, subtree))
            start = middle
    if start:
        path.append(range_hash(start, end, subtree))
    return path[::-1]


def _check_hashes(hashes: Sequence[bytes], what: str) -> None:
    # A node's input is two hashes side by side: without this, moving a byte from one to the
    # other would hash to the same node.
    if any(len(each) != HASH_BYTES for each in hashes):
        raise VerificationError(f"{what} has a hash that is not {HASH_BYTES} bytes")


def _left_siblings(at: int, last: int, count: int, what: str) -> list[bool]:
    """Whether each hash on the way from node `at` to the root is a left sibling.

    `at` and `last` are the fn and sn of RFC 9162: the node's index and the last one in its row.
    """
    sides = []
    for _ in range(count):
        if last == 0:
            raise VerificationError(f"{what} is too long")
        left = bool(at & 1) or at == last
        while left and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
        sides.append(left)
    if last:
        raise VerificationError(f"{what} is too short")
    return sides


def verify_inclusion(
    index: int, size: int, leaf: bytes, proof: Sequence[bytes], tree_root: bytes
) -> None:
    """Check that the leaf hash stands at `index` of the tree; RFC 9162 section 2.1.3.2.

    Raises `VerificationError`.
    """
    what = f"the inclusion proof of entry {index} in {size}"
    if not 0 <= index < size:
        raise VerificationError(f"{what} is for an entry outside the tree")
    _check_hashes([leaf, tree_root, *proof], what)
    result = leaf
    sides = _left_siblings(index, size - 1, len(proof), what)
    for left, sibling in zip(sides, proof, strict=True):
        result = node_hash(sibling, result) if left else node_hash(result, sibling)
    if result != tree_root:
        raise VerificationError(f"{what} does not lead to the root")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the new tree begins with all of the old one; RFC 9162 section 2.1.4.2.

    Raises `VerificationError`.
    """
    what = f"the consistency proof from size {old_size} to {new_size}"
    if not 0 <= old_size <= new_size:
        raise VerificationError(f"{what} goes backwards")
    _check_hashes([old_root, new_root, *proof], what)
    if old_size in {0, new_size}:
        expected = EMPTY_ROOT if old_size == 0 else new_root
        if proof or old_root != expected or (new_size == 0 and new_root != EMPTY_ROOT):
            raise VerificationError(f"{what} does not lead from one root to the other")
        return

    # The old tree's rightmost complete subtree; where it is all of the old tree, it is left out.
    height = (old_size & -old_size).bit_length() - 1
    path = [old_root, *proof] if old_size == 1 << height else list(proof)
    sides = _left_siblings(
        (old_size - 1) >> height, (new_size - 1) >> height, max(len(path) - 1, 0), what
    )
    old = new = path[0]
    for left, sibling in zip(sides, path[1:], strict=True):
        old = node_hash(sibling, old) if left else old
        new = node_hash(sibling, new) if left else node_hash(new, sibling)
    if old != old_root:
        raise VerificationError(f"{what} does not start from the old root")
    if new != new_root:
        raise VerificationError(f"{what} does not lead to the new root")
