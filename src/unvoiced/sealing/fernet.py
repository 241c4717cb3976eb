"""Fernet tokens, as uploads made before `unvoiced` are encrypted.

A Fernet token is bound to nothing: whoever moves it to another contributor's prefix is not noticed,
one leaked key opens every upload there ever was, and it is not post-quantum. It is accepted so that
nobody has to keep old recordings for want of a way in, and `posture` reports it.
"""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from unvoiced.errors import AccessError, OpenError
from unvoiced.sealing.plaintext import Plaintext

_VERSION = b"gAAAA"  # base64 of the version byte 0x80 and the high zero bytes of a timestamp


def is_fernet(token: bytes) -> bool:
    """Whether these bytes begin like a Fernet token."""
    return token.startswith(_VERSION)


def parse_fernet_key(key: str | bytes) -> Fernet:
    """The key as Fernet takes it: 32 bytes in URL-safe base64. Raises `AccessError`."""
    try:
        return Fernet(key)
    except ValueError:
        raise AccessError("a Fernet key is 32 bytes in URL-safe base64") from None


def open_fernet(token: bytes, key: Fernet | MultiFernet) -> Plaintext:
    """Open a token in memory. Raises the same `OpenError` as every other failure to open."""
    try:
        return Plaintext(key.decrypt(token))
    except InvalidToken:
        raise OpenError from None
