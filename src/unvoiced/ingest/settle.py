"""From a journalled recording to its receipt: read back, destroy, observe, receipt.

INV-3 what is not read back as journalled is not destroyed, nor what a key opens that is to go.
INV-4 what was not seen to be gone has no receipt.
INV-5 what a run journalled and could not finish, the next one does.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from unvoiced.disposal import (
    Cause,
    Held,
    JournalEntry,
    Page,
    Receipt,
    Target,
    UnderHold,
    clear,
    destroy,
    gone_before,
)
from unvoiced.errors import CredentialsExpired, NotDisposed, NotFound, StoreError
from unvoiced.ingest.archived_copy import kept_in, standing_copy
from unvoiced.ingest.late_uploads import less_erased
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.workbench import Workbench


def finish_interrupted(bench: Workbench) -> BatchReport:
    """Finish what a run that is no more had journalled.

    Where features do not stand and the recording does, there is nothing to finish: it is ingested
    like any other. Where neither does, the recording is lost, and is reported.
    """
    report = BatchReport()
    intended = bench.undertaker.finish()
    report.disposed += intended.disposed
    report.left |= intended.left
    ledger = bench.accounts.current()
    pages = list(bench.journal.pages())
    entries = {
        entry
        for page in pages
        for entry in page.entries
        if entry.features and ledger.is_unsettled(entry.sha256)
    }
    theirs = less_erased(sorted(entries, key=lambda one: one.sha256), bench, report)
    read_back = read_back_of(theirs, bench)
    standing = _finishable(theirs, read_back, bench)
    if completed := [entry for entry in standing if entry not in entries]:
        pages.append(bench.journal.write(completed))
    settle(standing, read_back, bench, report)
    finished = {entry.sha256 for entry in standing}
    report.lost = _lost([one for one in theirs if one.sha256 not in finished], bench)
    _forget_held(report, bench)
    tried = [*standing, *(entry for entry in entries if entry not in theirs)]
    report.tried = [(e.name, e.version) for e in tried if e.name in report.left]
    report.gone = 0  # another run is finishing the same; it counts them
    remove_settled(pages, bench)
    bench.accounts.remember()
    return report


def _finishable(
    entries: Sequence[JournalEntry], read_back: Mapping[str, str], bench: Workbench
) -> list[JournalEntry]:
    """One entry for each recording of which all that must outlive it stands.

    One whose original is archived comes before one that says nothing of an archive.
    """
    chosen: dict[str, JournalEntry] = {}
    for entry in entries:
        complete = _stands(entry, read_back, bench)
        if complete is not None and (entry.sha256 not in chosen or complete.archived is not None):
            chosen[entry.sha256] = complete
    return list(chosen.values())


def _forget_held(report: BatchReport, bench: Workbench) -> None:
    """What is held and still stands is no failure of this run; its plan counts it."""
    held = bench.holds.held()
    report.left = {name: why for name, why in report.left.items() if not held.by(name)}


def sweep_journal(bench: Workbench) -> None:
    """Remove the pages on which nothing is left to settle."""
    remove_settled(list(bench.journal.pages()), bench)


def settle(
    entries: Sequence[JournalEntry],
    read_back: Mapping[str, str],
    bench: Workbench,
    report: BatchReport,
) -> None:
    """Destroy, observe, receipt. What cannot be settled is left, with the reason."""
    receipts: list[Receipt] = []
    entries = less_erased(entries, bench, report)
    read_back = _with_keys_that_stay(entries, read_back, bench)
    held = bench.holds.held()
    expired: CredentialsExpired | None = None
    for entry in sorted(entries, key=lambda one: one.sha256):
        try:
            receipts.append(_dispose(entry, read_back, held, bench))
        except CredentialsExpired as error:
            expired = error
            break
        except (NotDisposed, StoreError) as error:
            report.left[entry.name] = str(error)
    logged = bench.accounts.append([receipt.leaf() for receipt in receipts])
    report.disposed += len(logged)
    report.archived += sum(one.sha256 in logged and one.archived is not None for one in receipts)
    report.gone += len(receipts) - len(logged)
    if expired is not None:  # what is gone has its receipt; the rest stays journalled
        raise expired


def _dispose(
    entry: JournalEntry, read_back: Mapping[str, str], held: Held, bench: Workbench
) -> Receipt:
    kept = kept_in(bench.archive_store, entry.archived)
    try:
        observed = destroy(bench.raw, clear(entry, read_back, held, kept), bench.now)
    except UnderHold as hold:
        target = Target(entry.name, entry.version, entry.sha256)
        observed = gone_before(hold, bench.raw, target, bench.now)
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


def read_back_of(entries: Iterable[JournalEntry], bench: Workbench) -> dict[str, str]:
    """The digests of what the training store returns now for all that these entries need."""
    needed = {placed.name for entry in entries for placed in entry.features}
    needed |= {entry.key_name for entry in entries}
    return _digests(needed, bench)


def _digests(names: Iterable[str], bench: Workbench) -> dict[str, str]:
    digests = {}
    for name in names:
        try:
            digests[name] = hashlib.sha256(bench.training.get(name).data).hexdigest()
        except CredentialsExpired:
            raise
        except StoreError:  # what cannot be read was not read back
            continue
    return digests


def _stands(
    entry: JournalEntry, read_back: Mapping[str, str], bench: Workbench
) -> JournalEntry | None:
    """The entry, with the version its copy has in the archive, where all that it names stands.

    None too where policy has come to archive what it does not, and that can still be done.
    """
    needed = {placed.name: placed.sha256 for placed in entry.features}
    needed[entry.key_name] = entry.key_sha256
    if any(read_back.get(name) != digest for name, digest in needed.items()):
        return None
    if entry.archived is not None:
        copy = standing_copy(bench.archive_store, entry.archived, bench.signer.verifier)
        return replace(entry, archived=copy) if copy is not None else None
    to_archive = bench.archive is not None and bench.archive.takes(entry.name)
    return None if to_archive and not _is_gone(entry, bench) else entry


def _lost(entries: Iterable[JournalEntry], bench: Workbench) -> list[str]:
    """The recordings of which neither the object nor the features are there.

    Asked in this order: a run that is at work meanwhile places before it destroys, and logs last.
    """
    gone = [entry for entry in entries if _is_gone(entry, bench)]
    read_back = read_back_of(gone, bench)
    standing = {entry.sha256 for entry in gone if _stands(entry, read_back, bench) is not None}
    ledger = bench.accounts.current()
    return sorted(
        {
            entry.name
            for entry in gone
            if entry.sha256 not in standing and ledger.is_unsettled(entry.sha256)
        }
    )


def _is_gone(entry: JournalEntry, bench: Workbench) -> bool:
    try:
        bench.raw.get(entry.name, entry.version)
    except NotFound:
        return True
    except CredentialsExpired:
        raise
    except StoreError:  # there, and not to be read
        return False
    return False


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
