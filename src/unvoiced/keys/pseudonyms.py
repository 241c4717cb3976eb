"""Names that do not say who: keyed hashes of a contributor's id and of a recording.

Object names linger in server logs and bills, so none may say whose a recording is or what is in it.
Only who invites holds the key; the pipeline and its stores know pseudonyms alone.
"""

import base64
import hashlib
import hmac

from unvoiced.names import contributor_id

_NAME_BYTES = 16  # 26 base32 characters


def _keyed(key: bytes, label: str, message: bytes) -> bytes:
    return hmac.digest(key, label.encode() + b"\0" + message, hashlib.sha256)


def _base32(digest: bytes) -> str:
    return base64.b32encode(digest[:_NAME_BYTES]).decode().rstrip("=").lower()


def pseudonym(key: bytes, contributor: str) -> str:
    """A contributor's pseudonym: 26 characters, the same every time. Raises `InputError`."""
    return _base32(_keyed(key, "unvoiced pseudonym", contributor_id(contributor).encode()))


def sample_key(key: bytes, contributor: str) -> bytes:
    """The 32 bytes a contributor names samples with; they travel in the invitation."""
    return _keyed(key, "unvoiced sample key", contributor_id(contributor).encode())


def sample_id(key: bytes, recording: bytes) -> str:
    """A recording's sample id: the same recording has the same id, and only the key links them."""
    return _base32(_keyed(key, "unvoiced sample id", recording))


def content_tag(key: bytes, recording: bytes) -> str:
    """What the worker tells two recordings under one name apart by: 32 hex digits.

    Keyed with a secret of the worker's vault, so a feature object's header confirms to nobody else
    what recording it was made from.
    """
    return _keyed(key, "unvoiced content tag", recording)[:_NAME_BYTES].hex()
