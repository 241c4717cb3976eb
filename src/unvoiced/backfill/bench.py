"""Everything one worker process holds while it backfills.

From the archive: the archive's private keys and, to log what was made, the log's signing key. It
has the rights of the archivist (`access.roles`): neither an intake key nor the content-tag key, and
no key that opens features. From raw: what the ingest worker holds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from unvoiced.backfill.request import SourceName
from unvoiced.backfill.source import ArchiveSource, RawSource, Source
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.disposal import Journal, SuppressionList
from unvoiced.features import FeatureSet
from unvoiced.features import load as load_feature_set
from unvoiced.ingest.workbench import open_workbench
from unvoiced.keys.contributor import TrustedKeys
from unvoiced.log.accounts import Accounts
from unvoiced.sealing import Keyring, PrivateKey
from unvoiced.stores import Store


@dataclass(frozen=True)
class Bench:
    """Opened stores, keys and settings of one worker process."""

    source: Source
    feature_set: FeatureSet
    training: Store
    accounts: Accounts
    journal: Journal  # only ever read
    suppression: SuppressionList
    contributor_keys: TrustedKeys
    batch_bytes: int
    max_recording_bytes: int
    max_recording_seconds: int
    performed_by: str
    now: Callable[[], datetime]


def open_bench(
    settings: Settings,
    run_id: str,
    *,
    source: SourceName,
    feature_set: str,
    now: Callable[[], datetime] = utc_now,
) -> Bench:
    """Open what `unvoiced.toml` names. A feature set's path is relative to that file.

    Raises `InputError`, `AccessError` or `StoreError` before anything has been read.
    """
    wanted = load_feature_set(settings.feature_set(feature_set))
    if source == "raw":
        workbench = open_workbench(settings, run_id, now)
        return Bench(
            source=RawSource(workbench),
            feature_set=wanted,
            training=workbench.training,
            accounts=workbench.accounts,
            journal=workbench.journal,
            suppression=workbench.suppression,
            contributor_keys=workbench.contributor_keys,
            batch_bytes=workbench.batch_bytes,
            max_recording_bytes=settings.ingest.max_recording_bytes,
            max_recording_seconds=workbench.max_recording_seconds,
            performed_by=workbench.performed_by,
            now=now,
        )
    archive, training = settings.store("archive"), settings.store("training")
    vault = settings.vault("archive")
    keys = Keyring(PrivateKey(vault.get(f"archive/{name}")) for name in vault.names("archive"))
    for store in (training, settings.store("log")):
        store.check_conditions()
    worker, journal = settings.vault("worker"), settings.store("journal")
    signer = settings.signer(worker)
    accounts = settings.accounts(worker, signer)
    return Bench(
        source=ArchiveSource(archive, keys, accounts, signer.verifier),
        feature_set=wanted,
        training=training,
        accounts=accounts,
        journal=Journal(journal),
        suppression=SuppressionList(journal, signer.verifier, accounts.current),
        contributor_keys=TrustedKeys(training, accounts),
        batch_bytes=settings.ingest.batch_bytes,
        max_recording_bytes=settings.ingest.max_recording_bytes,
        max_recording_seconds=settings.ingest.max_recording_seconds,
        performed_by=f"archivist, run {run_id}",
        now=now,
    )
