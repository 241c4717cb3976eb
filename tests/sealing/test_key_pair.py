"""Key pairs: their sizes, their ids, and private halves that show and go nowhere."""

import copy
import hashlib
import pickle

import pytest

from unvoiced.errors import InputError
from unvoiced.sealing import PrivateKey, PublicKey, open_sealed, seal


def test_a_private_key_comes_back_from_its_bytes(key: PrivateKey) -> None:
    """96 bytes are all of it: the same key id, and it opens what the other one was sealed to."""
    again = PrivateKey(key.secret_bytes())
    assert key.secret_bytes() == bytes(range(96))
    assert again.public == key.public
    with open_sealed(seal(b"x" * 9, key.public, {}), again, {}) as plaintext:
        assert plaintext.data == b"x" * 9


def test_a_key_id_is_the_digest_of_the_public_key(key: PrivateKey) -> None:
    """The first 16 bytes of SHA-256 over the 1216 bytes."""
    assert key.public.key_id == hashlib.sha256(key.public.raw).digest()[:16]
    assert PublicKey(key.public.raw).key_id == key.public.key_id


def test_generated_keys_differ_in_both_parts() -> None:
    """Neither the ML-KEM seed nor the X25519 key is ever the same twice."""
    one, two = PrivateKey.generate(), PrivateKey.generate()
    for part in (slice(0, 32), slice(32, 64), slice(64, 96)):
        assert one.secret_bytes()[part] != two.secret_bytes()[part]
    assert one.public != two.public


@pytest.mark.parametrize("size", [0, 1, 32, 64, 95, 97, 192, 1216])
def test_a_private_key_of_another_size_is_refused(size: int) -> None:
    """The message says how long one is, and nothing of these bytes."""
    with pytest.raises(InputError, match=r"^a private key has 96 bytes$"):
        PrivateKey(bytes(size))


@pytest.mark.parametrize("size", [0, 32, 1184, 1215, 1217])
def test_a_public_key_of_another_size_is_refused(size: int) -> None:
    """Neither half alone is a key."""
    with pytest.raises(InputError, match=r"^a public key has 1216 bytes$"):
        PublicKey(bytes(size))


def test_bytes_that_are_no_mlkem_key_are_refused() -> None:
    """FIPS 203 section 7.2: coefficients of q or more fail the modulus check."""
    with pytest.raises(InputError, match="not an MLKEM768-X25519 public key") as caught:
        PublicKey(b"\xff" * 1216)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)], ids=["zero", "one"])
def test_a_public_key_nothing_can_be_sealed_to_is_refused(point: bytes, key: PrivateKey) -> None:
    """A point of small order gives an all-zero shared secret (RFC 7748 section 6.1)."""
    with pytest.raises(InputError):
        seal(b"x", PublicKey(key.public.raw[:1184] + point), {})


@pytest.mark.inv("INV-11")
def test_a_private_key_shows_its_key_id_only(key: PrivateKey) -> None:
    """No byte of it stands in what a log or a traceback would print."""
    assert repr(key) == str(key) == f"{key}" == f"<PrivateKey {key.public.key_id.hex()}>"


def test_a_private_key_is_neither_pickled_nor_copied(key: PrivateKey) -> None:
    """It does not get into a task's arguments, a result store or another process."""
    for leave in (copy.copy, copy.deepcopy, *(lambda k, p=p: pickle.dumps(k, p) for p in range(6))):
        with pytest.raises(TypeError, match="does not leave the process"):
            leave(key)


def test_public_keys_compare_and_hash_by_their_bytes(key: PrivateKey) -> None:
    """Equal bytes are one key."""
    assert len({key.public, PublicKey(key.public.raw)}) == 1
