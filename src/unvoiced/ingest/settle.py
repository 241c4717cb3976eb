"""From a journalled recording to its receipt: read back, destroy, observe, receipt.

INV-3 what is not read back as journalled is not destroyed, nor what a key opens that is to go.
INV-4 what was not seen to be gone has no receipt.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from unvoiced.disposal import (
    Cause,
    Clearance,
    JournalEntry,
    Observation,
    Page,
    Receipt,
    Target,
    UnderHold,
    clear,
    destroy_all,
    gone_before,
)
from unvoiced.errors import CredentialsExpired, NotDisposed, StoreError
from unvoiced.ingest.archived_copy import kept_in
from unvoiced.ingest.late_uploads import less_erased
from unvoiced.ingest.outcome import BatchReport, oldest
from unvoiced.ingest.workbench import Workbench
from unvoiced.stores import Keeping
from unvoiced.stores.together import together


def settle(
    entries: Sequence[JournalEntry],
    read_back: Mapping[str, str],
    bench: Workbench,
    report: BatchReport,
) -> None:
    """Destroy, observe, receipt. What cannot be settled is left, with the reason.

    `read_back` are digests by name of what the training store returned of features after they were
    put; of keys it is asked here.
    """
    receipts: list[Receipt] = []
    uploaded: dict[str, float] = {}
    expired: CredentialsExpired | None = None
    theirs = sorted(less_erased(entries, bench, report), key=lambda one: one.sha256)
    for entry, kept, observed in _disposals(theirs, read_back, bench):
        if isinstance(observed, CredentialsExpired):
            expired = observed
            continue
        try:
            if isinstance(observed, Exception):
                raise observed
            receipts.append(_receipt(entry, kept, observed, bench))
            # The same bytes may stand there twice, and are one recording.
            uploaded[entry.sha256] = oldest(uploaded.get(entry.sha256), entry.uploaded) or 0.0
        except (NotDisposed, StoreError) as error:
            report.left[entry.name] = str(error)
    logged = bench.accounts.append([receipt.leaf() for receipt in receipts])
    report.disposed += len(logged)
    gone = {one.sha256: one.observed.time.timestamp() for one in receipts}
    for digest in logged:
        report.exposure.observe(uploaded[digest], gone[digest])
    report.archived += sum(one.sha256 in logged and one.archived is not None for one in receipts)
    report.gone += len(receipts) - len(logged)
    if expired is not None:  # what is gone has its receipt; the rest stays journalled
        raise expired


def _disposals(
    entries: Sequence[JournalEntry], read_back: Mapping[str, str], bench: Workbench
) -> Iterator[tuple[JournalEntry, Keeping | None, Observation | NotDisposed | StoreError]]:
    """What was seen of each after it was destroyed, or why it was not."""
    read_back = _with_keys_that_stay(entries, read_back, bench)
    held = bench.holds.held()
    cleared: list[tuple[JournalEntry, Keeping | None]] = []
    clearances: list[Clearance] = []
    for entry, kept in zip(entries, _kept(entries, bench), strict=True):
        if isinstance(kept, StoreError):
            yield entry, None, kept
            continue
        try:
            clearances.append(clear(entry, read_back, held, kept))
            cleared.append((entry, kept))
        except UnderHold as hold:
            yield entry, kept, _gone_before(hold, entry, bench)
        except NotDisposed as why:
            yield entry, kept, why
    done = destroy_all(bench.raw, clearances, bench.now)
    for (entry, kept), observed in zip(cleared, done, strict=True):
        yield entry, kept, observed


def _kept(
    entries: Sequence[JournalEntry], bench: Workbench
) -> Iterator[Keeping | StoreError | None]:
    """How the archive says it keeps the copy of each; None of those that are not archived."""
    archive = bench.archive_store

    def kept(entry: JournalEntry) -> Keeping | StoreError | None:
        try:
            return kept_in(archive, entry.archived)
        except CredentialsExpired:
            raise
        except StoreError as error:
            return error

    if archive is None or not any(entry.archived for entry in entries):
        return iter([None] * len(entries))
    return together(archive, kept, entries)


def _gone_before(
    hold: UnderHold, entry: JournalEntry, bench: Workbench
) -> Observation | NotDisposed | StoreError:
    target = Target(entry.name, entry.version, entry.sha256)
    try:
        return gone_before(hold, bench.raw, target, bench.now)
    except (NotDisposed, StoreError) as why:
        return why


def _receipt(
    entry: JournalEntry, kept: Keeping | None, observed: Observation, bench: Workbench
) -> Receipt:
    return Receipt(
        sha256=entry.sha256,
        media_type=f"object in a {bench.raw.url.partition('://')[0]} store",
        features=entry.features,
        observed=observed,
        performed_by=bench.performed_by,
        cause=Cause.ARCHIVED if entry.archived else Cause.FEATURES,
        archived=entry.archived,
        kept=kept,
    )


def _with_keys_that_stay(
    entries: Sequence[JournalEntry], read_back: Mapping[str, str], bench: Workbench
) -> dict[str, str]:
    """What was read back, but of keys only those that stand now and are not about to go."""
    keys = {entry.key_name for entry in entries}
    # In this order: `disposal.keys_to_go` says why.
    going = bench.keys_to_go.now() if keys else set()
    stay = {name: one for name, one in _digests(keys, bench).items() if one not in going}
    return {name: one for name, one in read_back.items() if name not in keys} | stay


def features_read_back(entries: Iterable[JournalEntry], bench: Workbench) -> dict[str, str]:
    """The digests of what the training store returns now for these entries' features.

    Of what it returns, whatever this process still holds: memory may have changed between hashing
    and putting, and the store then returns faithfully what no journal and no receipt names.
    """
    return _digests({one.name for entry in entries for one in entry.features}, bench)


def read_back_of(entries: Iterable[JournalEntry], bench: Workbench) -> dict[str, str]:
    """The digests of what the training store returns now for all that these entries need."""
    needed = {placed.name for entry in entries for placed in entry.features}
    needed |= {entry.key_name for entry in entries}
    return _digests(needed, bench)


def _digests(names: Iterable[str], bench: Workbench) -> dict[str, str]:
    def digest(name: str) -> str | None:
        try:
            return hashlib.sha256(bench.training.get(name).data).hexdigest()
        except CredentialsExpired:
            raise
        except StoreError:  # what cannot be read was not read back
            return None

    asked = sorted(names)
    found = zip(asked, together(bench.training, digest, asked), strict=True)
    return {name: one for name, one in found if one is not None}


def remove_settled(pages: Sequence[Page], bench: Workbench) -> None:
    """Remove those of these pages on which the log has settled every recording.

    Before there are features, one that is in quarantine is: nothing more is put for it.
    """
    ledger = bench.accounts.current()
    for page in pages:
        if not any(
            ledger.is_unsettled(entry.sha256) if entry.features else entry.sha256 in ledger.backlog
            for entry in page.entries
        ):
            bench.journal.remove(page)
