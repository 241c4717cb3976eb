"""What is measured of a run of ingest. Pure: counts, times and reasons in, measurements out."""

from collections.abc import Mapping

from tasks import ingest_summary as summary
from tasks.backlog import Backlog
from tasks.measures import WAIT_BOUNDS, WORK_BOUNDS, Instrument, Measured, Spread
from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import Part

# What the rows of the counts are as the attribute `outcome` of `unvoiced.recordings`.
_OUTCOMES = {
    summary.DISPOSED: "disposed",
    summary.FINISHED: "finished",
    summary.ERASED: "erased",
    summary.QUARANTINED: "quarantined",
    summary.GONE: "gone",
    summary.LEFT: "left",
    summary.NOT_REPORTED: "not-reported",
    summary.LOST: "lost",
}


def measured_of(
    rows: Mapping[str, int],
    counts: BatchReport,
    reasons: Mapping[str, int],
    took: Exposure,
    backlog: Backlog,
    part: Part,
    now: float,
) -> list[Measured]:
    """All of it. `rows` are those of the report, `took` the times of the batches."""
    flow, which = {"flow": "ingest"}, {"part": f"{part.number} of {part.of}"}
    found = [
        *(Measured(Instrument.RECORDINGS, rows[row], {**flow, "outcome": outcome})
          for row, outcome in _OUTCOMES.items()),
        *(Measured(Instrument.QUARANTINED, count, {"reason": reason})
          for reason, count in reasons.items()),
        Measured(Instrument.ARCHIVED, counts.archived, flow),
        Measured(Instrument.SEALED_BYTES, counts.sealed_bytes, flow),
        Measured(Instrument.FEATURE_BYTES, counts.feature_bytes, flow),
        Measured(Instrument.BATCHES_FAILED, rows["batches failed"], flow),
        Measured(Instrument.BACKLOG, backlog.recordings, which),
        Measured(Instrument.BACKLOG_AGE, backlog.age(now) or 0.0, which),
    ]  # fmt: skip
    if counts.exposure.count:
        spread = Spread.of_exposure(counts.exposure, WAIT_BOUNDS)
        found.append(Measured(Instrument.EXPOSURE, spread))
    if took.count:
        spread = Spread.of_exposure(took, WORK_BOUNDS)
        found.append(Measured(Instrument.BATCH_DURATION, spread, flow))
    return found
