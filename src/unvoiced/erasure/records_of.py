"""What the journal store holds of one contributor: pages, quarantine records, intents, holds.

A journal page that names them is never the erasure's to remove, settled or not: the run of ingest
that wrote it may be about to put features and a locked copy. Ingest removes its pages when they are
settled and nothing more is to be put; those of a run that died, the next run does. A version that
is not the current one is acted upon by nobody, and goes whatever it says.
"""

from collections.abc import Iterable, Iterator

from unvoiced.erasure.work import Work
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.runs.kept import RUNS
from unvoiced.stores import Entry

# Suppressions name by digest, and are to stay; records of runs hold ids, times and numbers.
_NOTHING_OF_THEIRS = ("suppressed/", RUNS)
# Disposals are finished first, quarantined recordings destroyed; a hold is told by itself.
_SEEN_TO = ("quarantine", "intents", "holds")


def naming(work: Work) -> Iterator[Entry]:
    """Every version in the journal store that names the contributor, but for the request itself."""
    journal, sought = work.eraser.journal, work.pseudonym.encode()
    for entry in list(journal.versions()):
        if entry.name.startswith(_NOTHING_OF_THEIRS):
            continue
        if work.records.is_own(entry.name, work.record.id):
            continue
        if work.pseudonym in entry.name:
            yield entry
        elif not entry.delete_marker:
            place = (entry.name, entry.version)
            try:
                if place not in work.names_them:
                    work.names_them[place] = sought in journal.get(*place).data
            except NotFound:  # settled and removed meanwhile
                continue
            if work.names_them[place]:
                yield entry


def destroy_records(work: Work) -> None:
    """Remove what is settled of all that names them; what is not, the erasure waits for."""
    journal = work.eraser.journal
    recordings = any(True for _ in work.eraser.raw.versions(f"{work.pseudonym}/"))
    destroyed = 0
    for entry in list(naming(work)):
        current = journal.head(entry.name)
        stands = current is not None and current.version == entry.version
        if stands and (why := _needed(entry.name, recordings=recordings)):
            work.pending(f"journal: {why}")
            continue
        work.unless_held()
        try:
            journal.delete(entry.name, entry.version)
        except CredentialsExpired:
            raise
        except StoreError as error:
            work.pending(f"journal: {str(error).replace(entry.name, 'a record')}")
        else:
            destroyed += not entry.delete_marker
    work.count("journal", destroyed)


def why_it_would_wait(work: Work, entries: Iterable[Entry]) -> list[str]:
    """Of what names them: what an erasure would wait for, and does not see to itself."""
    journal = work.eraser.journal
    reasons = set[str]()
    for entry in entries:
        if entry.name.partition("/")[0] in _SEEN_TO:
            continue
        current = journal.head(entry.name)
        if current is not None and current.version == entry.version:
            reasons.add(f"journal: {_needed(entry.name, recordings=False)}")
    return sorted(reasons)


def _needed(name: str, *, recordings: bool) -> str:
    """Why a record that stands has to stay, or nothing."""
    match name.partition("/")[0]:
        case "quarantine":
            return "a record of a quarantined recording that is still there" if recordings else ""
        case "pages":
            return "a run of ingest holds recordings of theirs; the next run lets go of them"
        case "intents":  # what is finished, `Undertaker.finish` has removed
            return "disposals that are not finished"
        case "holds":
            return "a legal hold"
        case _:
            return f"{name} names them, and is nothing that this version knows"
