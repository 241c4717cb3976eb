"""From a journalled recording to its receipt: read back, destroy, observe, receipt.

INV-3 what is not read back as journalled is not destroyed.
INV-4 what was not seen to be gone has no receipt.
INV-5 what a run journalled and could not finish, the next one does.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from unvoiced.disposal import Cause, JournalEntry, Page, Receipt, clear, destroy
from unvoiced.errors import CredentialsExpired, NotDisposed, NotFound, StoreError
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.workbench import Workbench


def finish_interrupted(bench: Workbench) -> BatchReport:
    """Finish what a run that is no more had journalled.

    Where features do not stand and the recording does, there is nothing to finish: it is ingested
    like any other. Where neither does, the recording is lost, and is reported.
    """
    report = BatchReport()
    intended = bench.undertaker.finish()
    report.erased += intended.disposed
    report.left |= intended.left
    ledger = bench.accounts.current()
    pages = list(bench.journal.pages())
    entries = {
        entry for page in pages for entry in page.entries if ledger.is_unsettled(entry.sha256)
    }
    read_back = read_back_of(entries, bench)
    standing = [entry for entry in entries if _stands(entry, read_back)]
    settle(standing, read_back, bench, report)
    finished = {entry.sha256 for entry in standing}
    report.lost = _lost([one for one in entries if one.sha256 not in finished], bench)
    report.tried = [(e.name, e.version) for e in standing if e.name in report.left]
    report.gone = 0  # another run is finishing the same; it counts them
    remove_settled(pages, bench)
    bench.accounts.remember()
    return report


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
    receipts: list[bytes] = []
    held = bench.holds.held()
    expired: CredentialsExpired | None = None
    for entry in sorted(entries, key=lambda one: one.sha256):
        try:
            kept = None
            if entry.archived is not None and bench.archive is not None:
                kept = bench.archive.kept(entry.archived)
            clearance = clear(entry, read_back, held, kept)
            observed = destroy(bench.raw, clearance, bench.now)
            receipt = Receipt(
                sha256=entry.sha256,
                media_type=f"object in a {bench.raw.url.partition('://')[0]} store",
                features=entry.features,
                observed=observed,
                performed_by=bench.performed_by,
                cause=Cause.ARCHIVED if entry.archived else Cause.FEATURES,
                archived=entry.archived,
                kept=kept,
            )
        except CredentialsExpired as error:
            expired = error
            break
        except (NotDisposed, StoreError) as error:
            report.left[entry.name] = str(error)
        else:
            receipts.append(receipt.leaf())
    logged = len(bench.accounts.append(receipts))
    report.disposed += logged
    report.gone += len(receipts) - logged
    if expired is not None:  # what is gone has its receipt; the rest stays journalled
        raise expired


def read_back_of(entries: Iterable[JournalEntry], bench: Workbench) -> dict[str, str]:
    """The digests of what the training store returns now for all that these entries need."""
    needed = {placed.name for entry in entries for placed in entry.features}
    needed |= {entry.key_name for entry in entries}
    digests = {}
    for name in needed:
        try:
            digests[name] = hashlib.sha256(bench.training.get(name).data).hexdigest()
        except CredentialsExpired:
            raise
        except StoreError:  # what cannot be read was not read back
            continue
    return digests


def _stands(entry: JournalEntry, read_back: Mapping[str, str]) -> bool:
    if entry.archived is not None and not entry.archived.version:
        return False  # it was not put yet, or nobody wrote down that it was
    return read_back.get(entry.key_name) == entry.key_sha256 and all(
        read_back.get(placed.name) == placed.sha256 for placed in entry.features
    )


def _lost(entries: Iterable[JournalEntry], bench: Workbench) -> list[str]:
    """The recordings of which neither the object nor the features are there.

    Asked in this order: a run that is at work meanwhile places before it destroys, and logs last.
    """
    gone = [entry for entry in entries if _is_gone(entry, bench)]
    read_back = read_back_of(gone, bench)
    ledger = bench.accounts.current()
    return sorted(
        {
            entry.name
            for entry in gone
            if not _stands(entry, read_back) and ledger.is_unsettled(entry.sha256)
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
    """Remove those of these pages on which the log has settled every recording."""
    ledger = bench.accounts.current()
    for page in pages:
        if not any(ledger.is_unsettled(entry.sha256) for entry in page.entries):
            bench.journal.remove(page)
