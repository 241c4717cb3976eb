"""A portion of a batch, from sealed features in memory to receipts in the log.

    journal -> put if absent -> (archive -> journal) -> read back -> destroy -> observe -> receipt

Each step is taken for all of the portion before the next is for any, so that requests to a remote
store can be under way together. Everything is journalled before the first put.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unvoiced.disposal import ArchivedOriginal, JournalEntry
from unvoiced.errors import NotDisposed
from unvoiced.ingest.archive import Archive, ArchiveNameTaken, SealedOriginal
from unvoiced.ingest.late_uploads import contributor, less_erased
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.placement import NameTaken, Placed, place
from unvoiced.ingest.recording import Extracted, SealedRecording
from unvoiced.ingest.settle import features_read_back, remove_settled, settle
from unvoiced.ingest.workbench import Workbench
from unvoiced.keys.contributor import ContributorKey


@dataclass(frozen=True)
class Ready:
    """A recording whose features are sealed and in memory."""

    recording: SealedRecording
    key: ContributorKey
    made: Extracted

    def entry(self) -> JournalEntry:
        """What is about to be placed, and destroyed for it."""
        return JournalEntry(
            name=self.recording.name,
            version=self.recording.version,
            sha256=self.recording.sha256,
            features=tuple(features.placed for features in self.made.features),
            key_name=self.key.object_name,
            key_sha256=self.key.object_digest,
            archived=self.made.original.planned if self.made.original else None,
            uploaded=self.recording.uploaded,
        )


class ErasedMeanwhile(Exception):
    """The contributor is suppressed by now."""


@dataclass
class _Placing:
    """How far one recording has come."""

    ready: Ready
    entry: JournalEntry
    features: Placed = ()
    archived: ArchivedOriginal | None = None
    stopped: NameTaken | ArchiveNameTaken | ErasedMeanwhile | NotDisposed | None = None

    @property
    def original(self) -> SealedOriginal | None:
        """What is to be archived of it."""
        return self.ready.made.original


def place_and_dispose(
    portion: Sequence[Ready], bench: Workbench, report: BatchReport
) -> list[SealedRecording]:
    """Journal, place, settle. Returns the recordings whose name another one's features hold."""
    journalled = [_Placing(ready, ready.entry()) for ready in portion]
    entries = [one.entry for one in journalled]
    pages = [bench.journal.write(entries)]
    theirs = {(one.name, one.version) for one in less_erased(entries, bench, report)}
    placing = [one for one in journalled if (one.entry.name, one.entry.version) in theirs]
    _place(placing, bench)
    erased = [one.entry for one in placing if isinstance(one.stopped, ErasedMeanwhile)]
    less_erased(erased, bench, report)
    standing: list[JournalEntry] = []
    # What was adopted, and which version of the archive it became: a run that finishes this one's
    # work goes by it.
    changed: list[JournalEntry] = []
    for one in placing:
        if isinstance(one.stopped, NotDisposed):
            report.left[one.entry.name] = str(one.stopped)
        if one.stopped is not None:
            continue
        report.feature_bytes += sum(len(features.data) for features in one.ready.made.features)
        entry = one.entry
        if (one.features, one.archived) != (entry.features, entry.archived):
            entry = replace(entry, features=one.features, archived=one.archived)
            changed.append(entry)
        standing.append(entry)
    if changed:
        pages.append(bench.journal.write(changed))
    settle(standing, features_read_back(standing, bench), bench, report)
    remove_settled(pages, bench)
    taken = (NameTaken, ArchiveNameTaken)
    return [one.ready.recording for one in placing if isinstance(one.stopped, taken)]


def _place(placing: Sequence[_Placing], bench: Workbench) -> None:
    """Put what is to outlive each recording, unless something speaks against it."""
    if bench.archive is not None:
        # Looked at first: features are not to stand under a name that the original cannot have.
        _look_in_archive(placing, bench.archive)
    going = [one for one in placing if one.stopped is None]
    stood = place([one.ready.made.features for one in going], bench)
    for one, found in zip(going, stood, strict=True):
        if isinstance(found, tuple):
            one.features = found
        else:
            one.stopped = found
    if bench.archive is not None:
        _put_originals(placing, bench.archive, bench)


def _look_in_archive(placing: Sequence[_Placing], archive: Archive) -> None:
    wanting = [(one, one.original) for one in placing if one.original is not None]
    found = archive.standing([original for _, original in wanting])
    for (one, _), there in zip(wanting, found, strict=True):
        if there is None or isinstance(there, ArchivedOriginal):
            one.archived = there
        else:
            one.stopped = there


def _put_originals(placing: Sequence[_Placing], archive: Archive, bench: Workbench) -> None:
    """Put the originals that stand nowhere yet.

    Under its lock one would stay, whoever is to be erased: so it is asked again before each handful
    that is put together, one where the archive takes one at a time.
    """
    wanting = [
        (one, one.original)
        for one in placing
        if one.original is not None and one.archived is None and one.stopped is None
    ]
    at_once = archive.store.together
    for start in range(0, len(wanting), at_once):
        suppressed = bench.suppression.now()
        due: list[tuple[_Placing, SealedOriginal]] = []
        for one, original in wanting[start : start + at_once]:
            if contributor(original.planned.name) in suppressed:
                one.stopped = ErasedMeanwhile()
            else:
                due.append((one, original))
        for (one, _), put in zip(
            due, archive.place([original for _, original in due]), strict=True
        ):
            if isinstance(put, ArchivedOriginal):
                one.archived = put
            else:
                one.stopped = put
