"""The life of a sample, for a batch of them, in one worker process.

    accept -> open -> extract -> seal -> journal -> put if absent -> read back -> destroy -> observe
    -> receipt

An original that is kept is re-sealed with its features, put into the archive after them, journalled
once more, and seen there before it is destroyed.

Every step may be the last one this process takes. What was not journalled is begun again by the
next run; what was is finished by it (`settle.finish_interrupted`). No step is undone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from unvoiced.disposal import ArchivedOriginal, JournalEntry, PlacedFeatures, QuarantineRecord
from unvoiced.errors import CredentialsExpired, NotDisposed, NotFound, StoreError
from unvoiced.ingest.archive import ArchiveNameTaken
from unvoiced.ingest.late_uploads import ErasedMeanwhile, contributor, less_erased, unless_erased
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.placement import NameTaken, place
from unvoiced.ingest.recording import (
    Extracted,
    KeyNotHere,
    Refused,
    SealedRecording,
    check_opens,
    identify,
    to_sealed_features,
)
from unvoiced.ingest.settle import read_back_of, remove_settled, settle
from unvoiced.ingest.workbench import Workbench
from unvoiced.keys.contributor import ContributorKey, contradiction, key_object_name
from unvoiced.log.acceptance import accepted_leaf, intake_key_of
from unvoiced.log.leaves import encode_leaf, rfc3339

Refuse = Callable[[SealedRecording, str], None]


@dataclass(frozen=True)
class _Ready:
    """A recording whose features are sealed and in memory."""

    recording: SealedRecording
    key: ContributorKey
    made: Extracted


def ingest_batch(bench: Workbench, items: Sequence[Item]) -> BatchReport:
    """Take a batch through its whole life. Raises `StoreError` when a store fails; then the
    recordings not yet disposed of are still in the raw store.
    """
    report = BatchReport(recordings=len(items))
    for group in _by_bytes(items, bench.batch_bytes):
        recordings = less_erased(accept(group, bench, report), bench, report)
        with _quarantining(bench, report) as refuse:
            openable = _with_keys(recordings, bench, refuse, report)
            name_taken: list[SealedRecording] = []
            for portion in _portions(_make_features(openable, bench, refuse), bench.batch_bytes):
                name_taken += _place_and_dispose(portion, bench, report)
            again = _make_features(name_taken, bench, refuse, apart=True)
            for portion in _portions(again, bench.batch_bytes):
                for recording in _place_and_dispose(portion, bench, report):
                    report.left[recording.name] = "another recording holds both its names"
    if items and len(report.left) == len(items) and not report.sealed_bytes:
        raise StoreError(f"nothing of this batch could be read: {report.left[items[0].name]}")
    bench.accounts.remember()
    return report


def quarantine_unopened(bench: Workbench, item: Item, reason: str) -> BatchReport:
    """Quarantine a recording without opening it (it killed whoever tried)."""
    report = BatchReport(recordings=1)
    recordings = less_erased(accept([item], bench, report), bench, report)
    with _quarantining(bench, report) as refuse:
        for recording in recordings:
            refuse(recording, reason)
    return report


def _by_bytes(items: Sequence[Item], limit: int) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    for item in items:
        if group and size + item.size > limit:
            yield group
            group, size = [], 0
        group.append(item)
        size += item.size
    if group:
        yield group


def _portions(ready: Iterator[_Ready], limit: int) -> Iterator[list[_Ready]]:
    """Features may be larger than what they came from (compressed audio): bounded on their own."""
    portion: list[_Ready] = []
    size = 0
    for one in ready:
        portion.append(one)
        size += one.made.size
        if size > limit:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _read(items: Sequence[Item], bench: Workbench, report: BatchReport) -> list[SealedRecording]:
    """Read what can be read; one object that cannot must not hold up its neighbours."""
    recordings = []
    for item in items:
        try:
            stored = bench.raw.get(item.name, item.version)
        except NotFound:
            report.gone += 1
        except CredentialsExpired:
            raise  # for every other recording too
        except StoreError as error:
            report.left[item.name] = str(error)
        else:
            recordings.append(SealedRecording.of(item.name, item.version, stored.data))
            report.sealed_bytes += len(stored.data)
    return recordings


def accept(items: Sequence[Item], bench: Workbench, report: BatchReport) -> list[SealedRecording]:
    """Read recordings and log that they were taken over; returns those that are in our hands.

    In order of digest, as everything that is logged: a listing's order is by contributor.
    """
    ledger = bench.accounts.current()
    as_of = ledger.size
    recordings = _read(items, bench, report)
    leaves = [
        accepted_leaf(recording.sha256, intake_key_of(recording.data, ledger), bench.now())
        for recording in sorted(recordings, key=lambda one: one.sha256)
    ]
    bench.accounts.append(leaves, as_of=as_of)
    ledger = bench.accounts.current()
    ours = [recording for recording in recordings if ledger.is_unsettled(recording.sha256)]
    report.gone += len(recordings) - len(ours)
    return ours


@contextmanager
def _quarantining(bench: Workbench, report: BatchReport) -> Iterator[Refuse]:
    """Collects refusals and logs them together, the record of each first.

    The plan of the next run mends a record without its leaf; it could not mend the reverse.
    """
    leaves: list[bytes] = []

    def refuse(recording: SealedRecording, reason: str) -> None:
        now = bench.now()
        bench.quarantine.add(
            QuarantineRecord(
                recording.name,
                recording.version,
                recording.sha256,
                len(recording.data),
                reason,
                rfc3339(now),
                log_size=bench.accounts.current().size,
            ),
            bench.signer,
        )
        leaves.append(encode_leaf("quarantined", recording.sha256, now, reason=reason))
        report.quarantined[recording.name] = reason

    yield refuse
    bench.accounts.append(sorted(leaves))


def _with_keys(
    recordings: Sequence[SealedRecording], bench: Workbench, refuse: Refuse, report: BatchReport
) -> list[SealedRecording]:
    """The recordings worth opening, each of a contributor who has a key by now.

    A key is made only for who sent something that opens: names and headers are anyone's to write.
    """
    openable = []
    ledger = bench.accounts.current()
    for recording in recordings:
        try:
            identify(recording, bench)
            if intake_key_of(recording.data, ledger) in ledger.retired_intake_keys:
                # This process may still hold the key: it was started before.
                raise Refused("retired-intake-key")
        except Refused as refused:
            refuse(recording, refused.reason)
        except KeyNotHere as why:
            report.left[recording.name] = str(why)
        else:
            openable.append(recording)
    missing = bench.contributor_keys.find(contributor(recording.name) for recording in openable)
    openable = _without_contradicted(openable, missing, bench, report)
    deserving: set[str] = set()
    for recording in list(openable):
        if contributor(recording.name) in missing - deserving:
            try:
                check_opens(recording, bench)
                deserving.add(contributor(recording.name))
            except Refused as refused:
                refuse(recording, refused.reason)
                openable.remove(recording)
    if deserving:
        # A key made for somebody who was erased meanwhile would stay. So it is asked again, under a
        # page: an erasure that begins now waits until that is removed.
        theirs = [one for one in openable if contributor(one.name) in deserving]
        page = bench.journal.write([_before_key(one) for one in theirs])
        openable = less_erased(openable, bench, report)
        bench.contributor_keys.create(deserving & {contributor(one.name) for one in openable})
        bench.journal.remove(page)
    return openable


def _without_contradicted(
    recordings: Sequence[SealedRecording], missing: set[str], bench: Workbench, report: BatchReport
) -> list[SealedRecording]:
    """Without those of a contributor whose key stands though the log calls it destroyed."""
    contradicted = bench.contributor_keys.contradicted(missing)
    for recording in recordings:
        if (whose := contributor(recording.name)) in contradicted:
            report.left[recording.name] = contradiction(whose)
    return [one for one in recordings if contributor(one.name) not in contradicted]


def _make_features(
    recordings: Sequence[SealedRecording],
    bench: Workbench,
    refuse: Refuse,
    *,
    apart: bool = False,
) -> Iterator[_Ready]:
    for recording in recordings:
        key = bench.contributor_keys[contributor(recording.name)]
        try:
            made = to_sealed_features(recording, key, bench, apart=apart)
        except Refused as refused:
            refuse(recording, refused.reason)
        else:
            yield _Ready(recording, key, made)


def _place_and_dispose(
    portion: Sequence[_Ready], bench: Workbench, report: BatchReport
) -> list[SealedRecording]:
    """Journal, place, settle. Returns the recordings whose name another one's features hold."""
    entries = [_entry(ready) for ready in portion]
    pages = [bench.journal.write(entries)]
    still_theirs = set(less_erased(entries, bench, report))
    standing: list[JournalEntry] = []
    name_taken: list[SealedRecording] = []
    for ready, entry in zip(portion, entries, strict=True):
        if entry not in still_theirs:
            continue
        try:
            features, archived = _place(ready, bench)
        except (NameTaken, ArchiveNameTaken):
            name_taken.append(ready.recording)
        except ErasedMeanwhile:
            less_erased([entry], bench, report)
        except NotDisposed as error:
            report.left[ready.recording.name] = str(error)
        else:
            report.feature_bytes += sum(len(features.data) for features in ready.made.features)
            standing.append(replace(entry, features=features, archived=archived))
    # What was adopted, and which version of the archive it became: a run that finishes this one's
    # work goes by it.
    changed = [entry for entry in standing if entry not in entries]
    if changed:
        pages.append(bench.journal.write(changed))
    settle(standing, read_back_of(standing, bench), bench, report)
    remove_settled(pages, bench)
    return name_taken


def _place(
    ready: _Ready, bench: Workbench
) -> tuple[tuple[PlacedFeatures, ...], ArchivedOriginal | None]:
    archive, original = bench.archive, ready.made.original
    if archive is None or original is None:
        return place(ready.made.features, bench), None
    # Looked at first: features are not to stand under a name that the original cannot have.
    archived = archive.standing(original)
    features = place(ready.made.features, bench)
    if archived is None:
        # Under its lock it would stay, whoever is to be erased.
        unless_erased(original.planned.name, bench)
        archived = archive.place(original)
    return features, archived


def _before_key(recording: SealedRecording) -> JournalEntry:
    """Of a recording that nothing was made of yet: it names whose it is, and clears nothing."""
    key = key_object_name(contributor(recording.name))
    return JournalEntry(recording.name, recording.version, recording.sha256, (), key, "")


def _entry(ready: _Ready) -> JournalEntry:
    return JournalEntry(
        name=ready.recording.name,
        version=ready.recording.version,
        sha256=ready.recording.sha256,
        features=tuple(features.placed for features in ready.made.features),
        key_name=ready.key.object_name,
        key_sha256=ready.key.object_digest,
        archived=ready.made.original.planned if ready.made.original else None,
    )
