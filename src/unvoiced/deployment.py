"""Making a new deployment: stores, one key vault per role, an empty log, the first intake key.

What a `Plan` does not name is made in the deployment's folder. What it names has to be there, and
empty: buckets and keys are made by whoever owns the account (deployments/aws). All of it is looked
at before anything is written, and under a key service's keys nothing is ever unwrapped: who holds
this ceremony needs no right to open what it makes.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced.access.grant import ROLE_ARN
from unvoiced.access.roles import Place
from unvoiced.announcements import create_intake_key
from unvoiced.config import (
    FILE_NAME,
    Role,
    Settings,
    StoreName,
    kms_signer,
    load_settings,
    one_place_each,
)
from unvoiced.errors import InputError
from unvoiced.keys.vault import Unlock, Vault, describe_vault
from unvoiced.keys.wrapping import (
    Argon2idParameters,
    Wrapper,
    check_passphrase,
    create_key_file,
    wrapper_from_passphrase,
)
from unvoiced.log.note import Signer
from unvoiced.log.writer import LogWriter
from unvoiced.sealing import PrivateKey
from unvoiced.sections import WatchSettings
from unvoiced.stores import Store, open_store
from unvoiced.stores.interface import CONDITIONS_PROBE

_HEADING = "# What each setting means: docs/settings.md. No key or password belongs in this file."

_FURTHER = """
# Originals are deleted once their features are stored. To keep them, cold, locked, under a key that
# the ingest worker does not hold: docs/archive.md
# [disposal]
# archive = ["*"]

# How long everything is kept: docs/retention.md
# [retention]
# preset = "bipa"
"""


@dataclass(frozen=True)
class Plan:
    """Where parts of a new deployment are; names as in `unvoiced.toml`."""

    stores: Mapping[str, str] = field(default_factory=dict)  # urls
    vaults: Mapping[str, str] = field(default_factory=dict)  # urls
    kms: Mapping[str, str] = field(default_factory=dict)  # ARNs
    roles: Mapping[str, str] = field(default_factory=dict)  # ARNs
    watch: Mapping[str, str] = field(default_factory=dict)  # where the provider's logs are, a topic
    passphrases: Mapping[Role, str] = field(default_factory=dict, repr=False)

    def check(self) -> None:
        """Raises `InputError` for what cannot be meant, before anything is opened."""
        if twice := self.kms.keys() & self.passphrases.keys():
            raise InputError(f"the {min(twice)} vault is under a key of [kms] or a passphrase")
        if len(set(self.kms.values())) < len(self.kms):
            raise InputError("two vaults under one key would be one role: each has its own")
        for role, arn in self.roles.items():
            if not ROLE_ARN.fullmatch(arn):
                raise InputError(f"--role {role}: {arn[:80]!r} is not the ARN of an IAM role")
        watch: dict[str, Any] = dict(self.watch)
        WatchSettings(**watch)


def create_deployment(folder: Path, now: datetime, plan: Plan | None = None) -> Settings:
    """Create a deployment with its settings file in a new or empty folder; return the settings.

    A vault is under its key of [kms], or its passphrase, or else a key file. The settings file is
    written last: a folder without one is not a deployment. Raises `InputError`, `AccessError` or
    `StoreError` before anything was written, where that can be known.
    """
    plan, origin = plan or Plan(), _origin()
    plan.check()
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; a deployment is made in a new folder")
    for passphrase in plan.passphrases.values():
        check_passphrase(passphrase)
    given_stores = {name: _empty(name, url) for name, url in plan.stores.items()}
    given_vaults = {role: _empty(role, url) for role, url in plan.vaults.items()}
    one_place_each(
        {
            **{Place(name): store.url for name, store in given_stores.items()},
            **{Place(f"{role} vault"): store.url for role, store in given_vaults.items()},
        }
    )
    # Keys first: what is refused there leaves nothing in a store.
    wrappers = {role: _shared_wrapper(role, plan, origin) for role in get_args(Role)}
    log_key = kms_signer(origin, plan.kms["log"]) if "log" in plan.kms else None
    if log_key is not None:
        log_key.sign("a trial before anything is made\n")
    for name, store in {**given_stores, **given_vaults}.items():
        if name != "raw":  # nothing but recordings ever stands there
            store.check_conditions()

    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    for part in ("keys", "stores"):
        (folder / part).mkdir(mode=0o700)
    stores = {
        name: given_stores.get(name) or _new_store(folder / "stores" / name)
        for name in get_args(StoreName)
    }
    vaults = {
        role: _new_vault(given_vaults.get(role), folder / "keys" / role, role, plan, wrappers[role])
        for role in get_args(Role)
    }
    signer = _create_keys(vaults, log_key, origin)
    LogWriter.create(stores["log"], signer)
    text = _settings_text(plan, given_stores, given_vaults, signer.vkey)
    begun = folder / f"{FILE_NAME}.part"
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    create_intake_key(load_settings(begun), vaults["worker"], now, signer)
    begun.rename(folder / FILE_NAME)
    return load_settings(folder)


def _empty(name: str, url: str) -> Store:
    store = open_store(url)
    spared = "" if name == "raw" else CONDITIONS_PROBE
    if any(entry.name != spared for entry in store.versions()):
        raise InputError(
            f"{store.url} is not empty; a deployment is made in empty stores. If an `init` that "
            "was broken off left this, destroy every version there, and the folder it made"
        )
    return store


def _shared_wrapper(role: Role, plan: Plan, origin: str) -> Wrapper | None:
    """The wrapper of a vault under a key service's key, tried once; None for all other vaults."""
    if role in plan.kms:
        from unvoiced.aws.kms import KmsWrapper, key_arn, kms_client, region_of

        arn = key_arn(plan.kms[role])
        wrapper = KmsWrapper(arn, kms_client(region_of(arn)), origin)
        wrapper.wrap(b"\0", {"name": "a trial before anything is made"})
        return wrapper
    if role in plan.vaults and role not in plan.passphrases:
        raise InputError(f"the {role} vault in a store needs a key of [kms], or a passphrase")
    return None


def _new_store(folder: Path) -> Store:
    folder.mkdir(mode=0o700)
    return open_store(folder.as_uri())


def _new_vault(
    store: Store | None, folder: Path, role: Role, plan: Plan, wrapper: Wrapper | None
) -> Vault:
    if wrapper is not None:
        unlock = Unlock(kms=True)
    elif role in plan.passphrases:
        parameters = Argon2idParameters.fresh()
        unlock = Unlock(argon2id=parameters)
        wrapper = wrapper_from_passphrase(plan.passphrases[role], parameters)
    else:
        unlock = Unlock()
        wrapper = create_key_file(folder.with_name(f"{folder.name}.kek"))
    store = store or _new_store(folder)
    describe_vault(store, unlock)
    return Vault(store, wrapper)


def _create_keys(vaults: Mapping[Role, Vault], log_key: Signer | None, origin: str) -> Signer:
    signer = log_key
    if signer is None:
        signing = Ed25519PrivateKey.generate()
        vaults["worker"].put("log/signing", signing.private_bytes_raw())
        signer = Signer(origin, signing)
    dataset = PrivateKey.generate()
    vaults["worker"].put("content/tag", secrets.token_bytes(32))
    vaults["worker"].put("recipient/dataset", dataset.public.raw)
    vaults["dataset"].put("dataset/dataset", dataset.secret_bytes())
    archive = PrivateKey.generate()
    vaults["worker"].put("recipient/archive", archive.public.raw)
    vaults["archive"].put("archive/archive", archive.secret_bytes())
    vaults["inviter"].put("pseudonym/key", secrets.token_bytes(32))
    return signer


def _origin() -> str:
    """A log's name only has to be unique; one that names the operator is for them to choose."""
    return f"unvoiced.invalid/log-{secrets.token_hex(8)}"


def _settings_text(
    plan: Plan, stores: Mapping[str, Store], vaults: Mapping[str, Store], vkey: str
) -> str:
    def place(given: Mapping[str, Store], name: str, folder: str) -> str:
        # As the store itself says it: with its region, whatever this machine's default is.
        return given[name].url if name in given else f"{folder}/{name}"

    sections: dict[str, Mapping[str, str | list[str]]] = {
        "stores": {name: place(stores, name, "stores") for name in get_args(StoreName)},
        "vaults": {role: place(vaults, role, "keys") for role in get_args(Role)},
        "log": {"vkey": vkey},
        "kms": plan.kms,
        "roles": plan.roles,
        "watch": plan.watch,
        "ingest": {"feature_sets": ["speech-16k"]},
    }
    text = _HEADING + "\n"
    for title, rows in sections.items():
        if rows:
            # What JSON writes of a text or a list of texts, TOML reads as the same.
            lines = [f"{name} = {json.dumps(value)}" for name, value in rows.items()]
            text += "\n".join(["", f"[{title}]", *lines, ""])
    return text + _FURTHER
