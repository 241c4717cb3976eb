"""Names that do not say who: keyed hashes of a contributor's id and of a recording.

Object names linger in server logs and bills, so none may say whose a recording is or what is in it.
Only who invites holds the key; the pipeline and its stores know pseudonyms alone.
"""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from unvoiced.names import contributor_id

_NAME_BYTES = 16  # 26 base32 characters
_GCM_NONCE = bytes(12)
_GCM_PIECE = 2**30  # OpenSSL counts what it is given at once in 31 bits


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

    HMAC-SHA256 of a universal hash of the recording, which takes a twelfth of the time of HMAC over
    the recording itself. The hash is GCM's authenticator, under a key of its own and a nonce that
    never changes: among messages of at most 2^k bytes two collide with probability 2^(k-131), and
    as nothing but the HMAC of it is ever seen, an outsider who chooses the messages learns no more
    than from a random function until two do (Boneh and Shoup, A Graduate Course in Applied
    Cryptography, section 7.3). Of 2^32 recordings of at most a gigabyte two collide with
    probability 2^-38. Who has the key can make collisions, and could write any tag anyway.
    """
    hashed = _universal_hash(_keyed(key, "unvoiced content hash", b""), recording)
    return _keyed(key, "unvoiced hashed content tag", hashed)[:_NAME_BYTES].hex()


def _universal_hash(key: bytes, message: bytes) -> bytes:
    """GMAC with a fixed nonce: 16 bytes that must not be shown, as two would give the key away."""
    gmac = Cipher(AES(key), GCM(_GCM_NONCE)).encryptor()
    view = memoryview(message)
    for start in range(0, len(view), _GCM_PIECE):
        gmac.authenticate_additional_data(view[start : start + _GCM_PIECE])
    gmac.finalize()
    return gmac.tag
