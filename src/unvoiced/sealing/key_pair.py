"""MLKEM768-X25519 key pairs as the bytes they are stored and published as.

A public key is the ML-KEM-768 encapsulation key (1184 bytes, FIPS 203) followed by the X25519
public key (32 bytes, RFC 7748). A private key is the ML-KEM seed d || z (64 bytes) followed by the
X25519 private key (32 bytes). Both names are those of the HPKE KEM MLKEM768-X25519, 0x647a.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from unvoiced.errors import InputError

KEY_ID_BYTES = 16
_MLKEM_PUBLIC, _MLKEM_SEED, _X25519 = 1184, 64, 32


@dataclass(frozen=True)
class PublicKey:
    """A recipient's public key; anyone may hold it."""

    raw: bytes

    def __post_init__(self) -> None:
        """Refuse anything that is not a valid key of this KEM, with `InputError`."""
        if len(self.raw) != _MLKEM_PUBLIC + _X25519:
            raise InputError("a public key has 1216 bytes")
        try:
            _ = self.hpke_key
            # A point of small order is refused only when it is used.
            half = x25519.X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC:])
            x25519.X25519PrivateKey.generate().exchange(half)
        except (ValueError, UnsupportedAlgorithm):
            raise InputError("these bytes are not an MLKEM768-X25519 public key") from None

    @cached_property
    def key_id(self) -> bytes:
        """The first 16 bytes of the SHA-256 of the raw public key."""
        return hashlib.sha256(self.raw).digest()[:KEY_ID_BYTES]

    @cached_property
    def hpke_key(self) -> hpke.MLKEM768X25519PublicKey:
        """The same key as `cryptography` takes it."""
        return hpke.MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_PUBLIC]),
            x25519.X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC:]),
        )


class PrivateKey:
    """A recipient's private key; its `repr` shows the key id only, and it cannot be pickled."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _MLKEM_SEED + _X25519:
            raise InputError("a private key has 96 bytes")
        self._mlkem = mlkem.MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED])
        self._x25519 = x25519.X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED:])
        self.hpke_key = hpke.MLKEM768X25519PrivateKey(self._mlkem, self._x25519)
        self.public = PublicKey(
            self._mlkem.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> "PrivateKey":
        """A fresh key pair from the operating system's randomness."""
        return cls(
            mlkem.MLKEM768PrivateKey.generate().private_bytes_raw()
            + x25519.X25519PrivateKey.generate().private_bytes_raw()
        )

    def secret_bytes(self) -> bytes:
        """The 96 secret bytes, for a vault to wrap or for sealing to another key."""
        return self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw()

    def __repr__(self) -> str:
        return f"<PrivateKey {self.public.key_id.hex()}>"

    def __reduce__(self) -> str:
        raise TypeError("a private key does not leave the process that holds it")
