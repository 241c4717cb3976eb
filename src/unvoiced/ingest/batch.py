"""The life of a sample, for a batch of them, in one worker process.

    accept -> open -> extract -> seal -> journal -> put if absent -> read back -> destroy -> observe
    -> receipt

An original that is kept is re-sealed with its features, put into the archive after them, journalled
once more, and seen there before it is destroyed.

Every step may be the last one this process takes. What was not journalled is begun again by the
next run; what was is finished by it (`interrupted.finish_interrupted`). No step is undone.
"""

from collections.abc import Iterator, Sequence

from unvoiced.errors import StoreError
from unvoiced.features import make_ready
from unvoiced.ingest.accepting import accept
from unvoiced.ingest.contributors import with_keys
from unvoiced.ingest.late_uploads import contributor, less_erased
from unvoiced.ingest.outcome import BatchReport, Item, oldest
from unvoiced.ingest.portion import Ready, place_and_dispose
from unvoiced.ingest.recording import Refused, SealedRecording, to_sealed_features
from unvoiced.ingest.refusals import Refuse, quarantining
from unvoiced.ingest.workbench import Workbench


def ingest_batch(bench: Workbench, items: Sequence[Item]) -> BatchReport:
    """Take a batch through its whole life. Raises `StoreError` when a store fails; then the
    recordings not yet disposed of are still in the raw store.
    """
    make_ready(bench.feature_sets)
    report = BatchReport(recordings=len(items))
    for group in _by_bytes(items, bench.batch_bytes):
        recordings = less_erased(accept(group, bench, report), bench, report)
        with quarantining(bench, report) as refuse:
            openable = with_keys(recordings, bench, refuse, report)
            name_taken: list[SealedRecording] = []
            for portion in _portions(_make_features(openable, bench, refuse), bench.batch_bytes):
                name_taken += place_and_dispose(portion, bench, report)
            again = _make_features(name_taken, bench, refuse, apart=True)
            for portion in _portions(again, bench.batch_bytes):
                for recording in place_and_dispose(portion, bench, report):
                    report.left[recording.name] = "another recording holds both its names"
    if report.left:
        left = [item.uploaded for item in items if item.name in report.left]
        report.oldest_left = oldest(*left)
    if items and len(report.left) == len(items) and not report.sealed_bytes:
        raise StoreError(f"nothing of this batch could be read: {report.left[items[0].name]}")
    bench.accounts.remember()
    return report


def quarantine_unopened(bench: Workbench, item: Item, reason: str) -> BatchReport:
    """Quarantine a recording without opening it (it killed whoever tried)."""
    report = BatchReport(recordings=1)
    recordings = less_erased(accept([item], bench, report), bench, report)
    with quarantining(bench, report) as refuse:
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


def _portions(ready: Iterator[Ready], limit: int) -> Iterator[list[Ready]]:
    """Features may be larger than what they came from (compressed audio): bounded on their own."""
    portion: list[Ready] = []
    size = 0
    for one in ready:
        portion.append(one)
        size += one.made.size
        if size > limit:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _make_features(
    recordings: Sequence[SealedRecording],
    bench: Workbench,
    refuse: Refuse,
    *,
    apart: bool = False,
) -> Iterator[Ready]:
    for recording in recordings:
        key = bench.contributor_keys[contributor(recording.name)]
        try:
            made = to_sealed_features(recording, key, bench, apart=apart)
        except Refused as refused:
            refuse(recording, refused.reason)
        else:
            yield Ready(recording, key, made)
