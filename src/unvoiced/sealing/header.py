"""The header of a sealed object: readable by anyone, changeable by no one.

    magic "UNV1" | kem u16 | kdf u16 | aead u16 | key_id (16 bytes)
    | context length u16 | context (canonical JSON, RFC 8785)

Integers are big-endian. The whole header is the HPKE `info`, so any change to it makes the object
unopenable. It is not proof of anything until the object has been opened.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from unvoiced.errors import InputError
from unvoiced.sealing import canonical
from unvoiced.sealing.canonical import Json
from unvoiced.sealing.key_pair import KEY_ID_BYTES

MAGIC = b"UNV1"
# RFC 9180 section 7 and draft-ietf-hpke-pq: MLKEM768-X25519, HKDF-SHA256, AES-256-GCM.
KEM_ID, KDF_ID, AEAD_ID = 0x647A, 0x0001, 0x0002

_FIXED = struct.Struct(f">4sHHH{KEY_ID_BYTES}sH")
_MAX_CONTEXT = 0xFFFF

Context = Mapping[str, Json]


@dataclass(frozen=True)
class Header:
    """What a sealed object says of itself; `raw` is its exact bytes."""

    key_id: bytes
    context: Context
    raw: bytes


def encode_header(key_id: bytes, context: Context) -> bytes:
    """The header's bytes. Raises `InputError` for a context that has no canonical form."""
    try:
        text = canonical.dumps(dict(context))
    except (ValueError, RecursionError):
        raise InputError("a context holds only JSON values") from None
    if len(text) > _MAX_CONTEXT:
        raise InputError(f"a context has at most {_MAX_CONTEXT} bytes")
    if _parse_canonical(text) is None:
        raise InputError("a context's numbers have one spelling: no integers of 2^53 and over")
    return _FIXED.pack(MAGIC, KEM_ID, KDF_ID, AEAD_ID, key_id, len(text)) + text


def parse_header(sealed: bytes) -> Header:
    """Read a sealed object's header without any key.

    Raises `InputError` for anything but a UNV1 object of the one supported suite whose context is
    in canonical form: two spellings of one header would be two objects that say the same.
    """
    if len(sealed) < _FIXED.size:
        raise InputError("not a sealed object: too short for a header")
    magic, kem, kdf, aead, key_id, length = _FIXED.unpack_from(sealed)
    if magic != MAGIC:
        raise InputError("not a sealed object of format UNV1")
    if (kem, kdf, aead) != (KEM_ID, KDF_ID, AEAD_ID):
        raise InputError(f"unsupported suite {kem:#06x}/{kdf:#06x}/{aead:#06x}")
    text = sealed[_FIXED.size : _FIXED.size + length]
    context = _parse_canonical(text) if len(text) == length else None
    if context is None:
        raise InputError("the sealed object's context is not canonical JSON")
    return Header(key_id, context, sealed[: _FIXED.size + length])


def _parse_canonical(text: bytes) -> Context | None:
    """What canonical JSON says, or None for anything that is not in canonical form."""
    try:
        context = canonical.loads(text)
    except (ValueError, RecursionError):
        return None
    return context if isinstance(context, dict) else None
