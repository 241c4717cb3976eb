"""Key-encryption keys of the local vault: what protects private keys at rest.

`key-file` is the embedded default: 32 random bytes in a file of mode 0600. It protects a copy of
the vault, not the machine the file lies on. While `keys.ratchet` replaces the key, the file holds
two: 32 bytes of the new one, then 32 of the old. `passphrase` derives the key with Argon2id (RFC
9106), so that a stolen disk holds neither.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import rfc8785
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from unvoiced.errors import AccessError, InputError

KEY_BYTES, _NONCE_BYTES = 32, 12
MIN_PASSPHRASE = 12
_MAX_MEMORY_KIB = 4 * 2**20


class Wrapper(Protocol):
    """Encrypts a secret for storage, bound to a context that unwrapping must name."""

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """The secret, encrypted and authenticated together with its context."""

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The secret. Raises `AccessError` for a wrong key, context or byte alike."""


class LocalWrapper:
    """AES-256-GCM under a key that this process holds."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Nonce (12 bytes, random) followed by ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, rfc8785.dumps(dict(context)))

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The secret. Raises `AccessError`."""
        nonce, ciphertext = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, rfc8785.dumps(dict(context)))
        except (InvalidTag, ValueError):
            raise AccessError("the vault does not open with this passphrase or key file") from None


@dataclass(frozen=True)
class Argon2idParameters:
    """Cost of one guess; RFC 9106's second recommended option, in KiB and passes."""

    salt: str
    memory_kib: int = 65536
    passes: int = 3
    lanes: int = 4

    def __post_init__(self) -> None:
        """Refuse what argon2 does not take, or what would take all memory, with `AccessError`."""
        if not (
            isinstance(self.salt, str)
            and re.fullmatch("[0-9a-f]{32}", self.salt)
            and all(type(each) is int for each in (self.memory_kib, self.passes, self.lanes))
            and 1 <= self.lanes <= 64
            and 8 * self.lanes <= self.memory_kib <= _MAX_MEMORY_KIB
            and 1 <= self.passes <= 64
        ):
            raise AccessError("the vault's Argon2id parameters are damaged")

    def check_price(self) -> None:
        """Raises `AccessError` where a guess costs less than the least that is asked for today.

        They stand in the vault's store: whoever writes there must not set the price at which the
        passphrase can be guessed from the next secret that is wrapped.
        """
        least = Argon2idParameters.fresh()
        if self.memory_kib < least.memory_kib or self.passes < least.passes:
            raise AccessError("the vault's Argon2id parameters are weaker than `init` makes them")

    @classmethod
    def fresh(cls) -> "Argon2idParameters":
        """The default cost with a new random salt."""
        return cls(salt=secrets.token_hex(16))

    def as_json(self) -> dict[str, str | int]:
        """As the vault's description keeps them."""
        return asdict(self)


def check_passphrase(passphrase: str) -> None:
    """Raises `InputError` for a passphrase too short to protect a key."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise InputError(f"a vault passphrase has at least {MIN_PASSPHRASE} characters")


def wrapper_from_passphrase(passphrase: str, parameters: Argon2idParameters) -> LocalWrapper:
    """A wrapper whose key is Argon2id of the passphrase. Raises `InputError` for a short one."""
    check_passphrase(passphrase)
    return LocalWrapper(
        hash_secret_raw(
            passphrase.encode(),
            bytes.fromhex(parameters.salt),
            parameters.passes,
            parameters.memory_kib,
            parameters.lanes,
            KEY_BYTES,
            Type.ID,
        )
    )


def create_key_file(path: Path) -> LocalWrapper:
    """A new key file of mode 0600; never over an existing one (`InputError`)."""
    key = secrets.token_bytes(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise InputError(f"{path.name} is there already and is not overwritten") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(descriptor)
    return LocalWrapper(key)


class KeyFile:
    """The wrapper of a key file, which may be replaced at any time (`keys.ratchet`).

    It wraps under the first key in the file and unwraps under any, and reads the file again before
    it says that something does not open. Who wraps and stores does both inside `writing`.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises `AccessError` when others may read it, or it is no key."""
        self.path = path
        self.keys = read_key_file(path)

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """As `LocalWrapper` does, under the newest key."""
        return LocalWrapper(self.keys[0]).wrap(secret, context)

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The secret. Raises `AccessError`."""
        try:
            return self._unwrap(wrapped, context)
        except AccessError:
            known, self.keys = self.keys, read_key_file(self.path)
            if self.keys == known:
                raise
            return self._unwrap(wrapped, context)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The time in which a secret is wrapped and stored: no key is replaced meanwhile."""
        with self.locked(fcntl.LOCK_SH):
            self.keys = read_key_file(self.path)
            yield

    @contextmanager
    def locked(self, how: int) -> Iterator[None]:
        """Hold the lock, which is on the folder the file is in: the file itself is replaced."""
        folder = os.open(self.path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, how)
            yield
        finally:
            os.close(folder)

    def _unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        *first, last = self.keys
        for key in first:
            try:
                return LocalWrapper(key).unwrap(wrapped, context)
            except AccessError:
                continue
        return LocalWrapper(last).unwrap(wrapped, context)


def wrapper_from_key_file(path: Path) -> KeyFile:
    """The wrapper of a key file. Raises `AccessError` when others may read it, or it is no key."""
    return KeyFile(path)


def read_key_file(path: Path) -> tuple[bytes, ...]:
    """The keys in a key file, the newest first: one, or two while it is being replaced.

    Raises `AccessError` when others may read it, or it is no key file.
    """
    try:
        while True:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_mode & 0o077:
                    raise AccessError(f"{path.name} may be read by others: chmod 600 it")
                content = file.read(2 * KEY_BYTES + 1)
            # A file that was replaced meanwhile may have been overwritten under our eyes.
            if os.path.samestat(status, path.stat()):
                break
    except OSError as error:
        raise AccessError(f"key file {path}: {error.strerror}") from None
    if len(content) not in (KEY_BYTES, 2 * KEY_BYTES):
        raise AccessError(f"{path.name} is not a key file")
    return tuple(content[at : at + KEY_BYTES] for at in range(0, len(content), KEY_BYTES))
