"""Taking recordings over from the raw store: read whole, hashed, and logged as accepted.

Many are read at once where the store is worth it; all else happens in the caller's thread. What is
read stays in memory until the batch is through: the caller bounds it by bytes.
"""

from collections.abc import Sequence

from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.recording import SealedRecording
from unvoiced.ingest.workbench import Workbench
from unvoiced.log.acceptance import accepted_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.stores.together import together


def accept(items: Sequence[Item], bench: Workbench, report: BatchReport) -> list[SealedRecording]:
    """Read recordings and log that they were taken over; returns those that are in our hands.

    In order of digest, as everything that is logged: a listing's order is by contributor.
    """
    ledger = bench.accounts.current()
    as_of = ledger.size
    recordings = _read(items, bench, report)
    sealed_to = _intake_keys(recordings, ledger)
    leaves = [
        accepted_leaf(
            recording.sha256,
            sealed_to[recording.header.key_id] if recording.header is not None else None,
            bench.now(),
        )
        for recording in sorted(recordings, key=lambda one: one.sha256)
    ]
    bench.accounts.append(leaves, as_of=as_of)
    ledger = bench.accounts.current()
    ours = [recording for recording in recordings if ledger.is_unsettled(recording.sha256)]
    report.gone += len(recordings) - len(ours)
    return ours


def _read(items: Sequence[Item], bench: Workbench, report: BatchReport) -> list[SealedRecording]:
    """Read what can be read; one object that cannot must not hold up its neighbours."""

    def read(item: Item) -> SealedRecording | StoreError:
        try:
            stored = bench.raw.get(item.name, item.version)
        except CredentialsExpired:
            raise  # for every other recording too
        except StoreError as error:
            return error
        return SealedRecording.of(item.name, item.version, stored.data, item.uploaded)

    recordings = []
    for item, found in zip(items, together(bench.raw, read, items), strict=True):
        if isinstance(found, NotFound):
            report.gone += 1
        elif isinstance(found, StoreError):
            report.left[item.name] = str(found)
        else:
            recordings.append(found)
            report.sealed_bytes += len(found.data)
    return recordings


def _intake_keys(recordings: Sequence[SealedRecording], ledger: Ledger) -> dict[bytes, str | None]:
    """By key id, the intake key of ours, retired or not, that recordings say they are sealed to."""
    named = {recording.header.key_id for recording in recordings if recording.header is not None}
    return {key_id: ledger.intake_key_of(key_id) for key_id in named}
