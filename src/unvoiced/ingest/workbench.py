"""Everything one worker process holds while it ingests.

Of private keys that is the intake keys of the open epochs, and no other: what it seals, to a
contributor's key or to the dataset key, it cannot open (INV-2).
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import MultiFernet

from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.disposal import (
    Journal,
    LegalHolds,
    Quarantine,
    SuppressionList,
    Undertaker,
)
from unvoiced.disposal.keys_to_go import KeysToGo
from unvoiced.errors import SecretMissing
from unvoiced.features import FeatureSet
from unvoiced.features import load as load_feature_set
from unvoiced.ingest.archive import Archive, check_archive, open_archive
from unvoiced.keys.contributor import ContributorKeys
from unvoiced.keys.vault import Vault
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Signer
from unvoiced.runs.kept import RunRecords
from unvoiced.sealing import Keyring, PrivateKey, PublicKey, parse_fernet_key
from unvoiced.stores import Store


@dataclass(frozen=True)
class Workbench:
    """Opened stores, keys and settings of one worker process."""

    raw: Store
    training: Store
    accounts: Accounts
    journal: Journal
    runs: RunRecords
    quarantine: Quarantine
    holds: LegalHolds
    suppression: SuppressionList
    undertaker: Undertaker
    keys_to_go: KeysToGo
    archive: Archive | None  # where originals go by policy
    archive_store: Store | None  # where copies are that were begun under an earlier one
    signer: Signer
    intake: Keyring
    fernet: MultiFernet | None
    contributor_keys: ContributorKeys
    content_key: bytes
    feature_sets: tuple[FeatureSet, ...]
    batch_bytes: int
    max_recording_seconds: int
    performed_by: str
    now: Callable[[], datetime]


def open_workbench(
    settings: Settings, run_id: str, now: Callable[[], datetime] = utc_now
) -> Workbench:
    """Open what `unvoiced.toml` names, with the worker's vault alone.

    Receipts name `run_id`, so that one can be traced to the run that did it.

    Raises `InputError`, `AccessError` or `StoreError` before any recording has been touched.
    """
    check_archive(settings)
    vault = settings.vault("worker")
    training, journal = settings.store("training"), settings.store("journal")
    for store in (training, settings.store("log")):
        # Where a put can overwrite what another run has put, nothing below holds.
        store.check_conditions()
    raw, signer = settings.store("raw"), settings.signer(vault)
    archive = settings.archive()
    accounts = settings.accounts(vault, signer)
    performed_by = f"ingest worker, run {run_id}"
    dataset = PublicKey(vault.get("recipient/dataset"))
    content_key = vault.get("content/tag")
    pages = Journal(journal, content_key)
    return Workbench(
        raw=raw,
        training=training,
        accounts=accounts,
        journal=pages,
        runs=RunRecords(journal, signer.verifier),
        quarantine=Quarantine(journal, signer.verifier),
        holds=LegalHolds(journal),
        suppression=SuppressionList(journal, signer.verifier, accounts.current),
        undertaker=Undertaker.of(raw, journal, accounts, signer, performed_by, now),
        keys_to_go=KeysToGo(journal, signer.verifier),
        archive=open_archive(settings, archive, vault, signer, pages, accounts, now),
        archive_store=archive,
        signer=signer,
        intake=Keyring(_intake_keys(vault)),
        fernet=_fernet(vault),
        contributor_keys=ContributorKeys(training, accounts, dataset, now),
        content_key=content_key,
        feature_sets=tuple(
            load_feature_set(settings.feature_set(name)) for name in settings.ingest.feature_sets
        ),
        batch_bytes=settings.ingest.batch_bytes,
        max_recording_seconds=settings.ingest.max_recording_seconds,
        performed_by=performed_by,
        now=now,
    )


def _intake_keys(vault: Vault) -> Iterator[PrivateKey]:
    for name in vault.names("intake"):
        with suppress(SecretMissing):  # retired since it was listed
            yield PrivateKey(vault.get(f"intake/{name}"))


def _fernet(vault: Vault) -> MultiFernet | None:
    keys = [parse_fernet_key(vault.get(f"fernet/{name}")) for name in vault.names("fernet")]
    return MultiFernet(keys) if keys else None
