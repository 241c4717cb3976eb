"""Which accepted recordings are worth opening, and that each of their contributors has a key.

What can be told from the public header alone is told before anything is opened. A key is made only
for who sent something that opens: names and headers are anyone's to write, and every key is a leaf
for ever.
"""

from collections.abc import Sequence

from unvoiced.disposal import JournalEntry
from unvoiced.ingest.late_uploads import contributor, less_erased
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.recording import (
    KeyNotHere,
    Refused,
    SealedRecording,
    check_opens,
    identify,
)
from unvoiced.ingest.refusals import Refuse
from unvoiced.ingest.workbench import Workbench
from unvoiced.keys.contributor import contradiction, key_object_name


def with_keys(
    recordings: Sequence[SealedRecording], bench: Workbench, refuse: Refuse, report: BatchReport
) -> list[SealedRecording]:
    """The recordings worth opening, each of a contributor who has a key by now."""
    openable = _identified(recordings, bench, refuse, report)
    missing = bench.contributor_keys.find(contributor(recording.name) for recording in openable)
    if not missing:
        return openable
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


def _identified(
    recordings: Sequence[SealedRecording], bench: Workbench, refuse: Refuse, report: BatchReport
) -> list[SealedRecording]:
    ledger = bench.accounts.current()
    # This process may still hold the key of one: it was started before.
    retired = {bytes.fromhex(digest[:32]) for digest in ledger.retired_intake_keys}
    openable = []
    for recording in recordings:
        try:
            identify(recording, bench)
            if recording.header is not None and recording.header.key_id in retired:
                raise Refused("retired-intake-key")
        except Refused as refused:
            refuse(recording, refused.reason)
        except KeyNotHere as why:
            report.left[recording.name] = str(why)
        else:
            openable.append(recording)
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


def _before_key(recording: SealedRecording) -> JournalEntry:
    """Of a recording that nothing was made of yet: it names whose it is, and clears nothing."""
    key = key_object_name(contributor(recording.name))
    return JournalEntry(recording.name, recording.version, recording.sha256, (), key, "")
