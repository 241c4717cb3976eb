"""Moving a role's vault to another store, under another wrapper.

Where no key can be replaced in place (a passphrase, a key service), this is what makes old copies
of a vault useless, once its owner has destroyed the old key or forgotten the old passphrase.

    1. copy     every secret into the new vault; what an earlier try left there has to be the same
    2. verify   every secret unwraps there to what it is in the old vault
    3. note     where the old vault is, as a secret of the new one: who writes to its store cannot
                say what is to be destroyed
    4. switch   `unvoiced.toml`, whole or not at all
    5. destroy  every version of everything in the old vault, unless it holds a secret that the new
                one lacks; its key file too
    6. forget   the note

Running it again finishes it, from wherever it was broken off.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unvoiced.access.roles import Place
from unvoiced.config import Role, Settings, key_file_of, one_place_each
from unvoiced.disposal import sweep
from unvoiced.epochs.settings_file import change_settings
from unvoiced.errors import (
    AccessError,
    AlreadyExists,
    InputError,
    NotFound,
    SecretMissing,
    StoreError,
)
from unvoiced.keys.ratchet import destroy_key_file
from unvoiced.keys.vault import Unlock, Vault, describe_vault, how_to_unlock, secrets_in
from unvoiced.keys.wrapping import (
    Argon2idParameters,
    Wrapper,
    check_passphrase,
    create_key_file,
    wrapper_from_key_file,
    wrapper_from_passphrase,
)
from unvoiced.log.note import Verifier
from unvoiced.stores import Store, open_store
from unvoiced.stores.interface import CONDITIONS_PROBE

_NOTE = "move/from"
_DESCRIPTION = "vault.json"
# What stands in a vault's store beside secrets and its description, and moves with it as it is.
_REMEMBERED = "log-checkpoint"


@dataclass(frozen=True)
class Destination:
    """Where a vault is moved to, and what it is under: a key service's key, a passphrase, or else a
    key file beside a folder.
    """

    url: str
    kms: str = ""
    passphrase: str | None = None

    def check(self) -> None:
        """Raises `InputError` for what cannot be meant."""
        if self.kms and self.passphrase is not None:
            raise InputError("a vault is under a key of a key service, or under a passphrase")
        if self.passphrase is not None:
            check_passphrase(self.passphrase)
        elif not self.kms and not self.url.startswith("file://"):
            raise InputError("a vault in a bucket needs a key of a key service, or a passphrase")


@dataclass(frozen=True)
class Moved:
    """What a move did."""

    secrets: int
    from_url: str
    from_kms: str  # ARN of the key the old vault was under, if it was a key service's
    from_passphrase: bool


def move_vault(
    settings: Settings,
    role: Role,
    to: Destination,
    step: Callable[[str], None] = lambda _: None,
) -> Moved:
    """Move a role's vault, or finish moving it. Raises `InputError`, `AccessError`, `StoreError`.

    `step` is told what comes next.
    """
    to.check()
    store = open_store(to.url)
    if open_store(settings.vault_url(role)).url != store.url:
        _check_place(settings, role, store.url, to)
        step("copy and verify every secret")
        _copy(settings, role, settings.vault(role), _new_vault(settings, store, to))
        step("switch the settings")
        change_settings(
            settings.path,
            {("vaults", role): store.url, ("kms", role): to.kms or None},
        )
    elif settings.kms.get(role, "") != to.kms:
        raise InputError(f"the {role} vault is at {store.url} already, under another key")
    new = Vault(store, _wrapper(settings, store, to))
    try:
        note = json.loads(new.get(_NOTE))
    except SecretMissing:
        raise InputError(f"the {role} vault is at {store.url} already; nothing is left to do") \
            from None  # fmt: skip
    step("destroy the old vault")
    _destroy_old(note, new)
    count = len(secrets_in(store)) - 1
    for entry in list(store.versions(f"{_NOTE}.key")):
        store.delete(entry.name, entry.version)
    return Moved(count, note["url"], note["kms"], note["passphrase"])


def _check_place(settings: Settings, role: Role, url: str, to: Destination) -> None:
    """Raises `InputError` for a place or a key that the settings could not name afterwards."""
    place = Place(f"{role} vault")
    one_place_each({**settings.places(), place: url})
    old, new = (f"{each.partition('?')[0]}/" for each in (settings.vault_url(role), url))
    if old.startswith(new) or new.startswith(old):
        raise InputError(f"the new vault lies in the old one, or the reverse: {url}")
    if to.kms in settings.kms.values():
        raise InputError("that key is in use: each vault has one of its own, and a new one here")


def _copy(settings: Settings, role: Role, old: Vault, new: Vault) -> None:
    if _NOTE in secrets_in(old.store):
        raise InputError(f"finish the move to {old.store.url} first: run it again")
    standing = set(secrets_in(new.store)) - {_NOTE}
    if foreign := standing - set(secrets_in(old.store)):
        raise InputError(
            f"{new.store.url} holds {min(foreign)}, which the {role} vault lacks: a vault is moved "
            "to an empty store"
        )
    while missing := [name for name in secrets_in(old.store) if name not in standing]:
        for name in missing:
            with suppress(AlreadyExists):
                new.put(name, old.get(name))
            standing.add(name)
    for name in standing:
        if new.get(name) != old.get(name):
            raise AccessError(f"{new.store.url} holds another {name} than the {role} vault")
    with suppress(NotFound, AlreadyExists):
        new.store.put_if_absent(_REMEMBERED, old.store.get(_REMEMBERED).data)
    unlock = how_to_unlock(old.store)
    note = {
        "url": old.store.url,
        "kms": settings.kms.get(role, ""),
        "passphrase": unlock.argon2id is not None,
        "key_file": not unlock.kms and unlock.argon2id is None,
    }
    try:
        new.put(_NOTE, json.dumps(note).encode())
    except AlreadyExists:
        if json.loads(new.get(_NOTE)) != note:
            raise InputError(f"{new.store.url} was filled from another vault") from None


def _destroy_old(note: dict[str, str | bool], new: Vault) -> None:
    url = str(note["url"])
    try:
        old = open_store(url)
    except StoreError:
        if not url.startswith("file://") or Path(url.removeprefix("file://")).exists():
            raise
        return  # a folder that somebody has removed
    if stranded := set(secrets_in(old)) - set(secrets_in(new.store)):
        raise AccessError(
            f"the old vault at {url} holds {min(stranded)}, which the new one lacks: it was put "
            "there meanwhile. Nothing was destroyed. Put the old place back into unvoiced.toml "
            "and run this again"
        )
    # The description last: until then it can be told what this is.
    for due in (lambda entry: entry.name != _DESCRIPTION, lambda _: True):
        swept = sweep(old, "", due)
        if not swept.complete:
            name, why = next(iter(swept.left.items()))
            raise StoreError(f"the old vault at {url} still holds {name}: {why}")
    if note["key_file"]:
        destroy_key_file(key_file_of(url))


def _new_vault(settings: Settings, store: Store, to: Destination) -> Vault:
    """The new vault, made or as an earlier try left it."""
    spared = {CONDITIONS_PROBE, _DESCRIPTION, _REMEMBERED}
    if all(entry.name in spared for entry in store.list()):
        store.check_conditions()
    elif store.head(_DESCRIPTION) is None:
        raise InputError(f"{store.url} is not empty; a vault is moved to an empty store")
    if store.head(_DESCRIPTION) is None:
        unlock = Unlock(kms=bool(to.kms))
        if to.passphrase is not None:
            unlock = Unlock(argon2id=Argon2idParameters.fresh())
        elif not to.kms and not key_file_of(store.url).exists():
            create_key_file(key_file_of(store.url))
        describe_vault(store, unlock)
    return Vault(store, _wrapper(settings, store, to))


def _wrapper(settings: Settings, store: Store, to: Destination) -> Wrapper:
    unlock = how_to_unlock(store)
    if unlock.kms != bool(to.kms) or (unlock.argon2id is None) != (to.passphrase is None):
        raise InputError(f"{store.url} holds a vault that is unlocked in another way")
    if to.kms:
        # Only here, as boto3 takes long to import.
        from unvoiced.aws.kms import KmsWrapper, key_arn, kms_client, region_of

        arn = key_arn(to.kms)
        origin = Verifier.parse(settings.log_vkey).name
        return KmsWrapper(arn, kms_client(region_of(arn)), origin)
    if to.passphrase is not None and unlock.argon2id is not None:
        unlock.argon2id.check_price()
        return wrapper_from_passphrase(to.passphrase, unlock.argon2id)
    return wrapper_from_key_file(key_file_of(store.url))
