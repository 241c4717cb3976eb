"""The key vault: named secrets, each wrapped by a key-encryption key, kept in any store.

Every role has a vault of its own, so that holding one opens nothing of another's:

    worker    intake private keys, the log's signing key, the key that tags content, and the dataset
              public key it seals to (wrapped too, so that nobody can put theirs in its place)
    dataset   the dataset private key
    inviter   the key that pseudonyms are made with

A secret's name is part of what is authenticated: a wrapped key moved to another name does not
unwrap. Secrets are named `kind/name`, for instance `intake/2026-w47`.

The key that secrets are wrapped by may be replaced while others read and put (`keys.ratchet`):
neither ever fails for that, and no secret is left under a key that is gone.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import rfc8785

from unvoiced.errors import AccessError, NotFound, SecretMissing
from unvoiced.keys.wrapping import Argon2idParameters, Wrapper
from unvoiced.stores.interface import Store, Stored

_DESCRIPTION = "vault.json"
_FORMAT = "unvoiced-vault/1"
_SUFFIX = ".key"
# How often a key is replaced while one record is read.
_LOOKS = 4


class Vault:
    """Reads and writes wrapped secrets; holds the wrapper, never a cache of what it unwrapped.

    `writing` is entered while a secret is wrapped and stored.
    """

    def __init__(
        self,
        store: Store,
        wrapper: Wrapper,
        writing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.store = store
        self._wrapper = wrapper
        self._writing = writing

    def put(self, name: str, secret: bytes) -> None:
        """Keep a secret under a new name. Raises `AlreadyExists` rather than overwrite."""
        with self._writing():
            self.store.put_if_absent(object_of(name), wrapped_record(name, secret, self._wrapper))

    def get(self, name: str) -> bytes:
        """The secret. Raises `AccessError` when it is not there or does not unwrap."""
        for _ in range(_LOOKS):
            stored = self._stored(name)
            try:
                return unwrapped_record(name, stored.data, self._wrapper)
            except AccessError:
                # It may have been wrapped anew since it was read, and the key it was under be gone.
                if self._stored(name).version == stored.version:
                    raise
        raise AccessError(f"the vault's record of {name} does not stay as it is")

    def _stored(self, name: str) -> Stored:
        try:
            return self.store.get(object_of(name))
        except NotFound:
            raise SecretMissing(f"this vault holds no {name}") from None

    def names(self, kind: str) -> Iterator[str]:
        """The names of all secrets of a kind, without the kind."""
        for entry in self.store.list(f"{kind}/"):
            yield entry.name.removeprefix(f"{kind}/").removesuffix(_SUFFIX)


def object_of(name: str) -> str:
    """What the object of a secret is called in the vault's store."""
    return f"{name}{_SUFFIX}"


def secrets_in(store: Store) -> list[str]:
    """The names of all secrets in a vault's store; needs no key."""
    return [
        entry.name.removesuffix(_SUFFIX) for entry in store.list() if entry.name.endswith(_SUFFIX)
    ]


def wrapped_record(name: str, secret: bytes, wrapper: Wrapper) -> bytes:
    """A secret as it stands in the store."""
    wrapped = wrapper.wrap(secret, {"format": _FORMAT, "name": name})
    record = {"format": _FORMAT, "name": name, "wrapped": base64.b64encode(wrapped).decode()}
    return rfc8785.dumps(record)


def unwrapped_record(name: str, data: bytes, wrapper: Wrapper) -> bytes:
    """The secret of a record. Raises `AccessError` where it is damaged or does not unwrap."""
    try:
        record = json.loads(data)
        wrapped = base64.b64decode(record["wrapped"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise AccessError(f"the vault's record of {name} is damaged") from None
    return wrapper.unwrap(wrapped, {"format": _FORMAT, "name": name})


@dataclass(frozen=True)
class Unlock:
    """How a vault is unlocked, as its description says: by a key service's key, by a passphrase
    with these parameters, or, where it says neither, by a key file.

    It never says which key of the key service, nor where that is: who can write to a vault's store
    could name one of their own.
    """

    kms: bool = False
    argon2id: Argon2idParameters | None = None


def describe_vault(store: Store, unlock: Unlock) -> None:
    """Write down how a new vault is unlocked. Raises `AlreadyExists` for one that is there."""
    if unlock.kms:
        how: dict[str, bool | dict[str, str | int]] = {"kms": True}
    elif unlock.argon2id:
        how = {"argon2id": unlock.argon2id.as_json()}
    else:
        how = {"key-file": True}
    store.put_if_absent(_DESCRIPTION, rfc8785.dumps({"format": _FORMAT, "unlock": how}))


def how_to_unlock(store: Store) -> Unlock:
    """What the vault's description says. Raises `AccessError` where there is none, or damage."""
    try:
        description = json.loads(store.get(_DESCRIPTION).data)
        if description["format"] != _FORMAT:
            raise ValueError
        how = description["unlock"]
        parameters = how.get("argon2id")
        return Unlock(
            kms=how.get("kms") is True,
            argon2id=Argon2idParameters(**parameters) if parameters else None,
        )
    except NotFound:
        raise AccessError(f"there is no key vault at {store.url}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AccessError(f"the description of the key vault at {store.url} is damaged") from None
