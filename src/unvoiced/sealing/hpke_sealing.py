"""Seal to a public key, open with the private one, in one stated context.

INV-1  what opening returns is a `Plaintext`, which cannot be pickled, printed or copied.
INV-2  sealing needs a public key only: who writes an object cannot read it back.
INV-11 every failure to open raises the same `OpenError`, without a cause.

The cipher is HPKE (RFC 9180, base mode, single shot) with MLKEM768-X25519, HKDF-SHA256 and
AES-256-GCM: a ciphertext copied today stays unreadable to a large quantum computer.
"""

from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from unvoiced.errors import InputError, OpenError
from unvoiced.sealing import canonical
from unvoiced.sealing.header import Context, Header, encode_header, parse_header
from unvoiced.sealing.key_pair import PrivateKey, PublicKey
from unvoiced.sealing.plaintext import Plaintext

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class Keyring:
    """Private keys to choose from by the key id that a header names."""

    def __init__(self, keys: Iterable[PrivateKey]) -> None:
        self._keys = {key.public.key_id: key for key in keys}

    def __contains__(self, key_id: bytes) -> bool:
        return key_id in self._keys

    def __getitem__(self, key_id: bytes) -> PrivateKey:
        return self._keys[key_id]

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<Keyring of {len(self)} keys>"


def seal(plaintext: bytes, recipient: PublicKey, context: Context) -> bytes:
    """Seal bytes to a public key in a context that opening will have to name.

    Sealing the same bytes twice gives different objects: their digests tell nothing of what is in
    them. Overhead: 1136 bytes plus the header.
    """
    header = encode_header(recipient.key_id, context)
    return header + _SUITE.encrypt(plaintext, recipient.hpke_key, info=header)


def agrees(context: Context, expect: Context) -> bool:
    """Whether a context has every expected item, spelled alike in canonical JSON."""
    return all(
        name in context and canonical.dumps(context[name]) == canonical.dumps(value)
        for name, value in expect.items()
    )


def open_sealed(sealed: bytes, keys: Keyring | PrivateKey, expect: Context) -> Plaintext:
    """Open a sealed object that must have been sealed in the expected context.

    Every item of `expect` must stand in the header's context with the same value; further items
    (a feature array's shape, say) are authenticated with it. An object moved to another
    contributor's prefix, another sample's name or another purpose does not open.

    Raises `OpenError`, always the same, for every reason.
    """
    if isinstance(keys, PrivateKey):
        keys = Keyring([keys])
    try:
        header = parse_header(sealed)
        if not agrees(header.context, expect):
            raise OpenError
        key = keys[header.key_id]
    except (InputError, KeyError):
        raise OpenError from None
    return open_parsed(sealed, header, key)


def open_parsed(sealed: bytes, header: Header, key: PrivateKey) -> Plaintext:
    """Open an object whose header the caller has parsed, and whose context they have compared.

    Raises `OpenError`, always the same, for every reason.
    """
    try:
        return Plaintext(
            _SUITE.decrypt(memoryview(sealed)[len(header.raw) :], key.hpke_key, info=header.raw)
        )
    except (InvalidTag, ValueError):
        raise OpenError from None
