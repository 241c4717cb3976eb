"""Recordings that go to quarantine: the record of each, then one append for all of their leaves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unvoiced.disposal import QuarantineRecord
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.recording import SealedRecording
from unvoiced.ingest.workbench import Workbench
from unvoiced.log.leaves import encode_leaf, rfc3339

Refuse = Callable[[SealedRecording, str], None]


@contextmanager
def quarantining(bench: Workbench, report: BatchReport) -> Iterator[Refuse]:
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
