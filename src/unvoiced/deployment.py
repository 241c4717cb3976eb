"""Making a new deployment: stores, one key vault per role, an empty log, the first intake key."""

import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unvoiced.config import FILE_NAME, Role, Settings, StoreName, load_settings
from unvoiced.errors import InputError, NotFound, VerificationError
from unvoiced.keys.intake import IntakeKey, epoch_of, intake_digest
from unvoiced.keys.vault import Vault, describe_vault
from unvoiced.keys.wrapping import (
    Argon2idParameters,
    Wrapper,
    check_passphrase,
    create_key_file,
    wrapper_from_passphrase,
)
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.writer import LogWriter
from unvoiced.sealing import PrivateKey
from unvoiced.stores import open_store

_TEMPLATE = """\
# What each setting means: docs/settings.md. No key or password belongs in this file.

[stores]
raw = "stores/raw"
training = "stores/training"
log = "stores/log"
journal = "stores/journal"
audit = "stores/audit"

[vaults]
worker = "keys/worker"
dataset = "keys/dataset"
inviter = "keys/inviter"

[log]
vkey = "{vkey}"

[ingest]
feature_sets = ["speech-16k"]
"""


def create_deployment(
    folder: Path, now: datetime, passphrases: Mapping[Role, str] | None = None
) -> Settings:
    """Create the embedded default in a new or empty folder and return its settings.

    A role with a passphrase gets a vault unlocked by it; the others get a key file. The settings
    file is written last: a folder without one is not a deployment. Raises `InputError`.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; a deployment is made in a new folder")
    for passphrase in (passphrases or {}).values():
        check_passphrase(passphrase)
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    (folder / "keys").mkdir(mode=0o700)
    (folder / "stores").mkdir(mode=0o700)
    vaults = {
        role: _create_vault(folder / "keys" / role, (passphrases or {}).get(role))
        for role in get_args(Role)
    }
    for name in get_args(StoreName):
        (folder / "stores" / name).mkdir(mode=0o700)

    signer = _create_keys(vaults)
    LogWriter.create(open_store((folder / "stores" / "log").as_uri()), signer)
    text = _TEMPLATE.format(vkey=signer.vkey)
    begun = folder / f"{FILE_NAME}.part"
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    create_intake_key(load_settings(begun), vaults["worker"], now)
    begun.rename(folder / FILE_NAME)
    return load_settings(folder)


def create_intake_key(settings: Settings, worker: Vault, now: datetime) -> IntakeKey:
    """Make this epoch's intake key pair, log its public half and publish the announcement."""
    pair = PrivateKey.generate()
    intake = IntakeKey(epoch_of(now), pair.public)
    worker.put(f"intake/{intake.epoch}", pair.secret_bytes())
    leaf = encode_leaf("intake-key", intake_digest(pair.public), now, epoch=intake.epoch)
    settings.accounts(worker).append([leaf])
    signer = _signer(settings.log_vkey, worker)
    settings.store("log").put_if_absent(announcement_name(intake.epoch), intake.announce(signer))
    return intake


def current_announcement(settings: Settings) -> str:
    """The newest epoch's announcement, as it goes into an invitation.

    It counts when the log's key signed it for that epoch and the log knows the key: whatever else
    lies among the announcements is passed over. Raises `InputError` when there is none.
    """
    log, reader = settings.store("log"), settings.log_reader()
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    for listed in sorted(log.list("intake/"), key=lambda entry: entry.name, reverse=True):
        try:
            note = log.get(listed.name).data
            intake = IntakeKey.from_announcement(note, Verifier.parse(settings.log_vkey))
        except (VerificationError, NotFound, InputError):
            continue
        named = listed.name == announcement_name(intake.epoch)
        if named and intake_digest(intake.public) in ledger.intake_keys:
            return note.decode()
    raise InputError(f"no intake key of this log is announced at {log.url}")


def announcement_name(epoch: str) -> str:
    """Where an epoch's announcement stands in the log's store; it is public."""
    return f"intake/{epoch}"


def _signer(vkey: str, worker: Vault) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(worker.get("log/signing"))
    return Signer(vkey.partition("+")[0], key)


def _create_keys(vaults: Mapping[Role, Vault]) -> Signer:
    signing = Ed25519PrivateKey.generate()
    dataset = PrivateKey.generate()
    vaults["worker"].put("log/signing", signing.private_bytes_raw())
    vaults["worker"].put("content/tag", secrets.token_bytes(32))
    vaults["worker"].put("recipient/dataset", dataset.public.raw)
    vaults["dataset"].put("dataset/dataset", dataset.secret_bytes())
    vaults["inviter"].put("pseudonym/key", secrets.token_bytes(32))
    # An origin only has to be unique; one that names the operator is for them to choose.
    return Signer(f"unvoiced.invalid/log-{secrets.token_hex(8)}", signing)


def _create_vault(folder: Path, passphrase: str | None) -> Vault:
    wrapper: Wrapper
    parameters = Argon2idParameters.fresh() if passphrase is not None else None
    if passphrase is not None and parameters is not None:
        wrapper = wrapper_from_passphrase(passphrase, parameters)
    else:
        wrapper = create_key_file(folder.with_name(f"{folder.name}.kek"))
    folder.mkdir(mode=0o700)
    store = open_store(folder.as_uri())
    describe_vault(store, parameters)
    return Vault(store, wrapper)
