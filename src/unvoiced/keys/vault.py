"""The key vault: named secrets, each wrapped by a key-encryption key, kept in any store.

Every role has a vault of its own, so that holding one opens nothing of another's:

    worker    intake private keys, the log's signing key, the key that tags content, and the dataset
              public key it seals to (wrapped too, so that nobody can put theirs in its place)
    dataset   the dataset private key
    inviter   the key that pseudonyms are made with

A secret's name is part of what is authenticated: a wrapped key moved to another name does not
unwrap. Secrets are named `kind/name`, for instance `intake/2026-w47`.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

import rfc8785

from unvoiced.errors import AccessError, NotFound, SecretMissing
from unvoiced.keys.wrapping import Argon2idParameters, Wrapper
from unvoiced.stores.interface import Store

_DESCRIPTION = "vault.json"
_FORMAT = "unvoiced-vault/1"


class Vault:
    """Reads and writes wrapped secrets; holds the wrapper, never a cache of what it unwrapped."""

    def __init__(self, store: Store, wrapper: Wrapper) -> None:
        self.store = store
        self._wrapper = wrapper

    def put(self, name: str, secret: bytes) -> None:
        """Keep a secret under a new name. Raises `AlreadyExists` rather than overwrite."""
        wrapped = self._wrapper.wrap(secret, {"format": _FORMAT, "name": name})
        record = {"format": _FORMAT, "name": name, "wrapped": base64.b64encode(wrapped).decode()}
        self.store.put_if_absent(f"{name}.key", rfc8785.dumps(record))

    def get(self, name: str) -> bytes:
        """The secret. Raises `AccessError` when it is not there or does not unwrap."""
        try:
            record = json.loads(self.store.get(f"{name}.key").data)
            wrapped = base64.b64decode(record["wrapped"])
        except NotFound:
            raise SecretMissing(f"this vault holds no {name}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise AccessError(f"the vault's record of {name} is damaged") from None
        return self._wrapper.unwrap(wrapped, {"format": _FORMAT, "name": name})

    def names(self, kind: str) -> Iterator[str]:
        """The names of all secrets of a kind, without the kind."""
        for entry in self.store.list(f"{kind}/"):
            yield entry.name.removeprefix(f"{kind}/").removesuffix(".key")


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
