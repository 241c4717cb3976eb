"""The published vectors of UNV1: what opens opens, and all else fails in the very same way.

`tests/vectors/unv1.json` is the format for whoever writes another implementation; it was made once
and changes only with the format. One of its objects was sealed by JavaScript (`seal.mjs`).
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke

from tests.sealing.refusal import refuses_to_open
from unvoiced.sealing import Keyring, PrivateKey, encode_header, open_sealed, parse_header, seal

_FOLDER = Path(__file__).parents[1] / "vectors"
VECTORS: dict[str, Any] = json.loads((_FOLDER / "unv1.json").read_text(encoding="utf-8"))
KEYS = {
    name: PrivateKey(bytes.fromhex(key["private_key"])) for name, key in VECTORS["keys"].items()
}
RING = Keyring(KEYS.values())
HEADER_BYTES_BEFORE_CONTEXT = 28

opens = pytest.mark.parametrize("vector", VECTORS["opens"], ids=lambda each: each["name"])
fails = pytest.mark.parametrize("vector", VECTORS["fails"], ids=lambda each: each["reason"])
authentic = pytest.mark.parametrize(
    "vector",
    [each for each in VECTORS["fails"] if each.get("authentic")],
    ids=lambda each: each["reason"],
)


@pytest.mark.parametrize("name", KEYS)
def test_a_vectors_key_has_the_published_public_half_and_key_id(name: str) -> None:
    """Seed, private key, public key and key id follow from each other as the format says."""
    published, key = VECTORS["keys"][name], KEYS[name]
    expanded = hashlib.shake_256(bytes.fromhex(published["seed"])).digest(96)
    assert expanded.hex() == published["private_key"] == key.secret_bytes().hex()
    assert key.public.raw.hex() == published["public_key"]
    assert hashlib.sha256(key.public.raw).hexdigest()[:32] == published["key_id"]
    assert key.public.key_id.hex() == published["key_id"]


@opens
def test_a_published_object_opens_to_its_plaintext(vector: dict[str, Any]) -> None:
    """Key and context given, every object of the file gives back what was sealed."""
    sealed = bytes.fromhex(vector["sealed"])
    for keys in (KEYS[vector["key"]], RING):
        with open_sealed(sealed, keys, vector["context"]) as plaintext:
            assert plaintext.data.hex() == vector["plaintext"]


@opens
def test_a_published_header_is_what_this_library_would_write(vector: dict[str, Any]) -> None:
    """The header reads without a key, and encodes back to the same bytes."""
    sealed = bytes.fromhex(vector["sealed"])
    header = parse_header(sealed)
    assert header.context == vector["context"]
    assert header.key_id.hex() == VECTORS["keys"][vector["key"]]["key_id"]
    assert sealed.startswith(encode_header(header.key_id, vector["context"]))
    assert header.raw == encode_header(header.key_id, vector["context"])


@opens
def test_a_published_object_has_the_documented_overhead(vector: dict[str, Any]) -> None:
    """1120 bytes of encapsulation and 16 of tag follow the header, beside the plaintext."""
    sealed, plaintext = (bytes.fromhex(vector[name]) for name in ("sealed", "plaintext"))
    resealed = seal(plaintext, KEYS[vector["key"]].public, vector["context"])
    assert len(sealed) == len(resealed) == len(parse_header(sealed).raw) + 1136 + len(plaintext)


@pytest.mark.inv("INV-11")
@fails
def test_every_published_failure_is_the_same_error(vector: dict[str, Any]) -> None:
    """Damage, another format, another key and another context cannot be told apart."""
    sealed = bytes.fromhex(vector["sealed"])
    refuses_to_open(lambda: open_sealed(sealed, RING, vector["expect"]))


def test_both_keys_are_on_the_ring_that_the_failures_are_tried_with() -> None:
    """The failures above are not failures for want of a key."""
    assert len(RING) == 2
    assert len(VECTORS["fails"]) == len({each["reason"] for each in VECTORS["fails"]})


@authentic
def test_a_crafted_object_is_refused_for_its_header_alone(vector: dict[str, Any]) -> None:
    """HPKE opens it with the header it bears, so the rules of the header are what refuses it."""
    sealed = bytes.fromhex(vector["sealed"])
    length = int.from_bytes(sealed[26:HEADER_BYTES_BEFORE_CONTEXT], "big")
    end = HEADER_BYTES_BEFORE_CONTEXT + length
    header, body = sealed[:end], sealed[end:]
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    assert suite.decrypt(body, KEYS["first"].hpke_key, info=header) == b"authentic"


def test_the_javascript_vector_says_what_made_it() -> None:
    """Whoever wants to make it again finds the source beside it, and every exact version."""
    (vector,) = (each for each in VECTORS["opens"] if "made_by" in each)
    source = (_FOLDER / vector["made_by"]["source"]).read_text(encoding="utf-8")
    for package in ("hpke", "@panva/hpke-noble"):
        assert f"{package}@{vector['made_by'][package]}" in source
