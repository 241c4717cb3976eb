"""Finishing what runs that are no more had journalled.

INV-5 what a run journalled and could not finish, the next one does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from unvoiced.disposal import JournalEntry
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.ingest.archived_copy import standing_copy
from unvoiced.ingest.late_uploads import less_erased
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import WHOLE, Part
from unvoiced.ingest.settle import read_back_of, remove_settled, settle
from unvoiced.ingest.workbench import Workbench


def finish_interrupted(bench: Workbench, part: Part = WHOLE) -> BatchReport:
    """Finish what a run that is no more had journalled, of the names of one part.

    Where features do not stand and the recording does, there is nothing to finish: it is ingested
    like any other. Where neither does, the recording is lost, and is reported. What retention or an
    erasure intended is finished with the first part.
    """
    report = BatchReport()
    if part.is_first:
        intended = bench.undertaker.finish()
        report.disposed += intended.disposed
        report.left |= intended.left
    ledger = bench.accounts.current()
    pages = list(bench.journal.pages())
    entries = {
        entry
        for page in pages
        for entry in page.entries
        if entry.features and part.has(entry.name) and ledger.is_unsettled(entry.sha256)
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
    tried = [*standing, *entries.difference(theirs)]
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
