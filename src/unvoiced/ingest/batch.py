"""The life of a sample, for a batch of them, in one worker process.

    accept -> open -> extract -> seal -> journal -> put if absent -> read back -> destroy -> observe
    -> receipt

Every step may be the last one this process takes. What was not journalled is begun again by the
next run; what was is finished by it (`finish_interrupted`). No step is undone.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from unvoiced.disposal import (
    JournalEntry,
    Page,
    QuarantineRecord,
    Receipt,
    clear,
    destroy,
)
from unvoiced.errors import InputError, NotDisposed, NotFound, StoreError
from unvoiced.ingest.placement import NameTaken, place
from unvoiced.ingest.recording import (
    Refused,
    SealedFeatures,
    SealedRecording,
    identify,
    to_sealed_features,
)
from unvoiced.ingest.workbench import Workbench
from unvoiced.keys.contributor import ContributorKey
from unvoiced.log.leaves import encode_leaf, rfc3339
from unvoiced.sealing import parse_header


@dataclass(frozen=True)
class Item:
    """One version of one object of the raw store, as it was listed."""

    name: str
    version: str
    size: int


@dataclass
class BatchReport:
    """What became of a batch: names, digests and counts, nothing else (INV-1)."""

    recordings: int = 0
    disposed: int = 0
    sealed_bytes: int = 0
    feature_bytes: int = 0
    gone: int = 0  # another run was faster, or the uploader took it back
    quarantined: dict[str, str] = field(default_factory=dict)  # object name -> reason
    left: dict[str, str] = field(default_factory=dict)  # object name -> why it is still there

    def add(self, other: "BatchReport") -> None:
        """Take in another batch's report."""
        self.recordings += other.recordings
        self.disposed += other.disposed
        self.sealed_bytes += other.sealed_bytes
        self.feature_bytes += other.feature_bytes
        self.gone += other.gone
        self.quarantined |= other.quarantined
        self.left |= other.left


@dataclass(frozen=True)
class _Ready:
    """A recording whose features are sealed and in memory."""

    recording: SealedRecording
    key: ContributorKey
    features: list[SealedFeatures]


def ingest_batch(bench: Workbench, items: Sequence[Item]) -> BatchReport:
    """Take a batch through its whole life. Raises `StoreError` when a store fails; then the
    recordings not yet disposed of are still in the raw store.
    """
    report = BatchReport(recordings=len(items))
    for group in _by_bytes(items, bench.batch_bytes):
        recordings = _read(group, bench, report)
        _accept(recordings, bench)
        openable = [r for r in recordings if _identified(r, bench, report)]
        bench.contributor_keys.ensure(r.name.partition("/")[0] for r in openable)
        name_taken: list[SealedRecording] = []
        for portion in _portions(_make_features(openable, bench, report), bench.batch_bytes):
            name_taken += _place_and_dispose(portion, bench, report)
        again = _make_features(name_taken, bench, report, apart=True)
        for portion in _portions(again, bench.batch_bytes):
            for recording in _place_and_dispose(portion, bench, report):
                report.left[recording.name] = "another recording holds both its names"
    return report


def finish_interrupted(bench: Workbench) -> BatchReport:
    """Finish what a run that is no more had journalled.

    Entries whose features do not stand are left alone: their recordings are still there, and are
    ingested like any other.
    """
    report = BatchReport()
    backlog = bench.accounts.current().backlog
    for page in bench.journal.pages():
        entries = [entry for entry in page.entries if entry.sha256 in backlog]
        _settle(entries, bench, report)
    report.left.clear()
    sweep_journal(bench)
    return report


def sweep_journal(bench: Workbench) -> None:
    """Remove the pages on which nothing is left to settle."""
    _remove_settled(list(bench.journal.pages()), bench)


def quarantine_unopened(bench: Workbench, item: Item, reason: str) -> BatchReport:
    """Quarantine a recording without opening it (it killed whoever tried)."""
    report = BatchReport()
    for recording in _read([item], bench, report):
        _accept([recording], bench)
        _quarantine(recording, reason, bench, report)
    return report


def _by_bytes(items: Sequence[Item], limit: int) -> Iterator[list[Item]]:
    group: list[Item] = []
    for item in items:
        if group and sum(other.size for other in group) + item.size > limit:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _portions(ready: Iterator[_Ready], limit: int) -> Iterator[list[_Ready]]:
    """Features may be larger than what they came from (compressed audio): bounded on their own."""
    portion: list[_Ready] = []
    size = 0
    for one in ready:
        portion.append(one)
        size += sum(len(features.data) for features in one.features)
        if size > limit:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _read(items: Sequence[Item], bench: Workbench, report: BatchReport) -> list[SealedRecording]:
    recordings = []
    for item in items:
        try:
            stored = bench.raw.get(item.name, item.version)
        except NotFound:
            report.gone += 1
            continue
        recordings.append(SealedRecording.of(item.name, stored.version, stored.data))
        report.sealed_bytes += len(stored.data)
    return recordings


def _accept(recordings: Sequence[SealedRecording], bench: Workbench) -> None:
    bench.accounts.append(
        [
            encode_leaf(
                "accepted",
                recording.sha256,
                bench.now(),
                size=len(recording.data),
                version=recording.version,
                intake_key=_key_id(recording.data),
            )
            for recording in recordings
        ]
    )


def _key_id(sealed: bytes) -> str | None:
    try:
        return parse_header(sealed).key_id.hex()
    except InputError:
        return None


def _identified(recording: SealedRecording, bench: Workbench, report: BatchReport) -> bool:
    try:
        identify(recording, bench)
    except Refused as refused:
        _quarantine(recording, refused.reason, bench, report)
        return False
    return True


def _make_features(
    recordings: Sequence[SealedRecording],
    bench: Workbench,
    report: BatchReport,
    *,
    apart: bool = False,
) -> Iterator[_Ready]:
    for recording in recordings:
        key = bench.contributor_keys[recording.name.partition("/")[0]]
        try:
            features = to_sealed_features(recording, key, bench, apart=apart)
        except Refused as refused:
            _quarantine(recording, refused.reason, bench, report)
        else:
            yield _Ready(recording, key, features)


def _quarantine(
    recording: SealedRecording, reason: str, bench: Workbench, report: BatchReport
) -> None:
    """The record first: the plan mends a record without its leaf, and cannot mend the reverse."""
    now = bench.now()
    bench.quarantine.add(
        QuarantineRecord(
            recording.name,
            recording.version,
            recording.sha256,
            len(recording.data),
            reason,
            rfc3339(now),
        )
    )
    bench.accounts.append([encode_leaf("quarantined", recording.sha256, now, reason=reason)])
    report.quarantined[recording.name] = reason


def _place_and_dispose(
    portion: Sequence[_Ready], bench: Workbench, report: BatchReport
) -> list[SealedRecording]:
    """Journal, place, settle. Returns the recordings whose name another one's features hold."""
    entries = [_entry(ready) for ready in portion]
    pages = [bench.journal.write(entries)]
    standing: list[JournalEntry] = []
    name_taken: list[SealedRecording] = []
    for ready, entry in zip(portion, entries, strict=True):
        try:
            placed = tuple(place(features, bench) for features in ready.features)
        except NameTaken:
            name_taken.append(ready.recording)
            continue
        report.feature_bytes += sum(len(features.data) for features in ready.features)
        standing.append(replace(entry, features=placed))
    adopted = [entry for entry in standing if entry not in entries]
    if adopted:
        pages.append(bench.journal.write(adopted))
    _settle(standing, bench, report)
    _remove_settled(pages, bench)
    return name_taken


def _entry(ready: _Ready) -> JournalEntry:
    return JournalEntry(
        name=ready.recording.name,
        version=ready.recording.version,
        sha256=ready.recording.sha256,
        size=len(ready.recording.data),
        features=tuple(features.placed for features in ready.features),
        key_name=ready.key.object_name,
        key_sha256=ready.key.object_digest,
    )


def _settle(entries: Sequence[JournalEntry], bench: Workbench, report: BatchReport) -> None:
    """Read back, destroy, observe, receipt. What cannot be settled is left, with the reason."""
    read_back = _read_back(entries, bench)
    receipts: list[bytes] = []
    for entry in entries:
        try:
            observed = destroy(bench.raw, clear(entry, read_back), bench.now())
            receipt = Receipt(
                sha256=entry.sha256,
                size=entry.size,
                media_type=f"object in a {bench.raw.url.partition('://')[0]} store",
                features=entry.features,
                observed=observed,
                performed_by=bench.performed_by,
            )
        except (NotDisposed, StoreError) as error:
            report.left[entry.name] = str(error)
        else:
            receipts.append(receipt.leaf())
    report.disposed += bench.accounts.append(receipts)


def _read_back(entries: Sequence[JournalEntry], bench: Workbench) -> dict[str, str]:
    """The digests of what the training store returns now for all that these entries need."""
    needed = {placed.name for entry in entries for placed in entry.features}
    needed |= {entry.key_name for entry in entries}
    digests = {}
    for name in needed:
        try:
            digests[name] = hashlib.sha256(bench.training.get(name).data).hexdigest()
        except NotFound:
            continue
    return digests


def _remove_settled(pages: Sequence[Page], bench: Workbench) -> None:
    backlog = bench.accounts.current().backlog
    for page in pages:
        if not any(entry.sha256 in backlog for entry in page.entries):
            bench.journal.remove(page)
