"""What an ingest run shows: a progress bar, one report, a table of exceptions, an end state.

What it says of the backlog goes out as the event `unvoiced.backlog` too, at the end of every run.

Object names (pseudonyms and sample ids), counts and reasons only; of names that no upload gives,
digits of a digest. Everything is counted; of names the first of each kind are kept, so that a
report does not grow with the backlog.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tasks import ingest_summary as summary
from tasks import telemetry
from tasks.artifacts import show
from tasks.backlog import Backlog, tell_of_backlog
from tasks.counts import as_table
from tasks.ingest import StepFailed
from tasks.ingest_measures import measured_of
from tasks.measures import Measured
from tasks.object_names import shown, without
from tasks.receipts import LogAfter
from unvoiced.config import load_settings
from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.outcome import BatchReport, oldest
from unvoiced.ingest.part import Part
from unvoiced.ingest.plan import Plan
from unvoiced.ingest.recording import QUARANTINE_REASONS
from unvoiced.runs import RunRecord

# Names of one kind that a report holds; the others are counted.
MOST_NAMED = 1_000
# What the rows of the counts are in the record of a run; its `STANDING` ones are what an idle run
# finds too.
_RECORDED = {
    "found": summary.FOUND,
    "finished": summary.FINISHED,
    "disposed": summary.DISPOSED,
    "archived": "of these, original archived",
    "erased": summary.ERASED,
    "quarantined": summary.QUARANTINED,
    "quarantined earlier": "quarantined earlier",
    "gone": summary.GONE,
    "left": summary.LEFT,
    "not reported": summary.NOT_REPORTED,
    "held": summary.HELD,
    "lost": summary.LOST,
    "oversized": summary.OVERSIZED,
    "foreign": "under foreign names, not read",
    "planted": "quarantine records that are not ours",
    "batches failed": "batches failed",
}


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"ingest {datetime.now(UTC):%m-%d %H:%M:%S}"


class Named:
    """How many objects something is said of; the names of the first, and what is said of each."""

    def __init__(self) -> None:
        self.count = 0
        self.first: dict[str, str] = {}

    def add(self, found: Mapping[str, str]) -> None:
        """Take in names, with what is said of each."""
        self.count += len(found)
        for name, what in found.items():
            if len(self.first) == MOST_NAMED:
                break
            self.first[name] = what

    def name(self, found: Iterable[str]) -> None:
        """Take in names of which there is nothing more to say."""
        self.add(dict.fromkeys(found, ""))

    def others(self) -> int:
        """How many are not among the first."""
        return self.count - len(self.first)


class RunReport:
    """Gathers what became of the run's recordings; shows it while it runs and when it ends."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._interrupted = BatchReport()  # what was finished for an interrupted run
        self._reasons = Counter[str]()  # of quarantine, in this run
        self._oldest: float | None = None  # upload of the first that was planned
        self._took = Exposure()  # the batches: times of any kind, counted in a fixed size
        self._begun, self._started = time.time(), time.monotonic()
        self._counts = BatchReport()  # its numbers; what it names stands below
        self._finished = 0
        self._to_do = self._tried = self._quarantined_earlier = 0
        self._held: dict[str, int] = {}
        self._quarantined, self._left, self._lost = Named(), Named(), Named()
        self._oversized, self._foreign, self._planted = Named(), Named(), Named()
        self._failed = Named()
        self._not_listed = ""  # why the listing ended early
        self._artifact: UUID | None = None
        self._bar = Progress(
            TextColumn("[bold]ingest"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[listed]}"),
            TimeRemainingColumn(),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("ingest", total=None, listed="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def finished(self, batch: BatchReport) -> BatchReport:
        """Take in what was finished for an interrupted run; returns it."""
        self._add(batch)
        self._interrupted = batch
        self._finished = batch.disposed
        return batch

    def take(self, outcome: Plan | BatchReport | StepFailed) -> None:
        """Take in a window that was listed or a batch that was run, or why it was not."""
        match outcome:
            case Plan():
                self._expect(outcome)
            case BatchReport():
                self._add(outcome)
                self._took.add(outcome.seconds)
                self._show()
            case StepFailed(listing=True):
                self._not_listed = outcome.why
            case StepFailed():
                self._failed.add({f"{self._failed.count + 1}": outcome.why})

    def _add(self, batch: BatchReport) -> None:
        self._quarantined.add(batch.quarantined)
        self._reasons.update(batch.quarantined.values())
        self._left.add(batch.left)
        self._lost.name(batch.lost)
        self._counts.count(batch)

    def _expect(self, plan: Plan) -> None:
        self._to_do += plan.recordings
        self._tried += plan.tried
        self._quarantined_earlier += plan.quarantined
        self._oldest = oldest(self._oldest, plan.oldest)
        for whose, count in plan.held.items():
            self._held[whose] = self._held.get(whose, 0) + count
        self._oversized.name(plan.oversized)
        self._foreign.name(plan.foreign)
        self._planted.name(plan.planted)
        so_far = " so far" if plan.after is not None else ""
        shown = f"{self._to_do:,} recordings{so_far}"
        total = None if so_far else self._to_do
        self._bar.update(self._task, total=total, listed=f"{shown} listed" if so_far else "")
        if self._artifact is None:
            self._artifact = create_progress_artifact(  # type: ignore[assignment]  # sync in a flow
                0.0, key="ingest-progress", description=shown
            )
        else:
            update_progress_artifact(self._artifact, self._percent(), description=shown)

    def _show(self) -> None:
        self._bar.update(self._task, completed=self._counts.recordings)
        if self._artifact is not None:
            update_progress_artifact(self._artifact, self._percent())

    def _percent(self) -> float:
        """Of what is listed so far."""
        return 100.0 * self._counts.recordings / max(self._to_do, 1)

    def backlog(self) -> Backlog:
        """What stands in the raw store after this run, as it was planned.

        Of what was left it is known when it was uploaded. Of what was in a batch that failed, or is
        too large, no more than that it was not before the first of all that was found.
        """
        rows = self._rows()
        unknown = rows[summary.NOT_REPORTED] + rows[summary.OVERSIZED]
        recordings = rows[summary.LEFT] + unknown
        if not recordings:
            return Backlog(0, None)
        known = self._counts.oldest_left
        return Backlog(recordings, oldest(known, self._oldest) if unknown or not known else known)

    def record(self, run_id: str) -> RunRecord:
        """What is kept of the run: ids and numbers only."""
        rows, counts, backlog = self._rows(), self._counts, self.backlog()
        return RunRecord(
            run_id=run_id,
            flow="ingest",
            begun=self._begun,
            ended=max(time.time(), self._begun),  # a clock may be set back
            state=str(self._end_state().name),
            counts={name: rows[row] for name, row in _RECORDED.items() if rows[row]},
            sealed_bytes=counts.sealed_bytes,
            feature_bytes=counts.feature_bytes,
            exposure=counts.exposure,
            oldest_found=self._oldest,
            left=backlog.recordings,
            oldest_left=backlog.oldest,
        )

    def publish(self, config: str) -> State[None]:
        """Write the artifacts, emit the event, note what was measured; returns how the run ended.

        `config` is where the settings are.
        """
        exceptions = list(self._exceptions())
        show(
            "ingest",
            "What became of the recordings of this run",
            self._summary(LogAfter.look(config)),
            exceptions,
        )
        backlog, now = self.backlog(), time.time()
        limit = load_settings(Path(config)).ingest.backlog_alert_hours * 3_600
        tell_of_backlog(backlog, self._part, now, limit)
        telemetry.note(self.measured(now))
        return self._end_state()

    def _rows(self) -> dict[str, int]:
        """The counts; of what is found, each recording is in one row."""
        counts, before = self._counts, self._interrupted
        # What is about to be destroyed without features, and still stands, is in no plan.
        doomed = before.left.keys() - {name for name, _ in before.tried}
        return {
            summary.FINISHED: self._finished + before.erased,
            summary.FOUND: self._to_do + self._tried + len(doomed),
            summary.DISPOSED: counts.disposed - self._finished,
            "of these, original archived": counts.archived,
            summary.ERASED: counts.erased - before.erased,
            summary.QUARANTINED: self._quarantined.count,
            "quarantined earlier": self._quarantined_earlier,
            summary.GONE: counts.gone,
            summary.LEFT: self._left.count,
            summary.NOT_REPORTED: max(0, self._to_do - counts.recordings),
            summary.HELD: sum(self._held.values()),
            summary.LOST: self._lost.count,
            summary.OVERSIZED: self._oversized.count,
            "under foreign names, not read": self._foreign.count,
            "quarantine records that are not ours": self._planted.count,
            "batches failed": self._failed.count,
        }

    def _summary(self, log: LogAfter | None = None) -> str:
        counts, rows = self._counts, self._rows()
        parts = [
            f"Part {self._part.number} of {self._part.of}." if self._part.of > 1 else "",
            summary.headline(rows, self._not_listed),
            as_table(summary.shown(rows)),
            summary.sum_line(rows),
            summary.speed_line(
                counts.recordings,
                counts.sealed_bytes,
                counts.feature_bytes,
                time.monotonic() - self._started,
            ),
            summary.exposure_section(counts.exposure),
            summary.quarantine_section(self._reasons),
            log.markdown() if log else "",
        ]
        return "\n\n".join(part for part in parts if part)

    def measured(self, now: float) -> list[Measured]:
        """The run's metrics, but for how long it took."""
        return measured_of(
            self._rows(), self._counts, self._reasons, self._took, self.backlog(), self._part, now
        )

    def _exceptions(self) -> Iterator[dict[str, str]]:
        for name, reason in sorted(self._quarantined.first.items()):
            yield _row(shown(name), "quarantined", reason, QUARANTINE_REASONS.get(reason, ""))
        yield from _others(self._quarantined, "quarantined", "`unvoiced quarantine ls`")
        for name, why in sorted(self._left.first.items()):
            yield _row(shown(name), "left", without(name, why), "the next run tries again")
        yield from _others(self._left, "left", "the next run tries again")
        for whose, count in sorted(self._held.items())[:MOST_NAMED]:
            yield _row(
                whose, "held", f"{count:,} under a legal hold", "`unvoiced hold lift`, in time"
            )
        if self._counts.erased:  # their names are not to be kept here either
            since = f"{self._counts.erased:,} sent since"
            yield _row("of erased contributors", "erased", since, "nothing")
        for names, outcome, reason, remedy in (
            (self._lost, "lost", "neither it nor its features are there", "find out who deleted"),
            (self._oversized, "too large", "over [ingest] max_recording_bytes", "raise the limit"),
            (self._foreign, "not read", "no name that an upload gives",
             "`unvoiced status` shows its name; see who put it there"),
            (self._planted, "not believed", "no quarantine record of ours",
             "`unvoiced quarantine ls` shows its name; see who put it there"),
        ):  # fmt: skip
            for name in names.first:
                yield _row(shown(name), outcome, reason, remedy)
            yield from _others(names, outcome, remedy)
        for why in self._failed.first.values():
            yield _row("a batch", "failed", why, "nothing is lost; the next run takes it")
        yield from _others(self._failed, "failed", "nothing is lost; the next run takes it")
        if self._not_listed:
            yield _row("the raw store", "not listed to its end", self._not_listed, "run again")

    def _end_state(self) -> State[None]:
        disposed = self._counts.disposed
        recordings = "recording" if disposed == 1 else "recordings"
        message = f"{disposed:,} {recordings} disposed of with receipt"
        if self._quarantined.count:
            message += f", {self._quarantined.count:,} quarantined"
        if self._counts.erased:
            message += f", {self._counts.erased:,} of erased contributors"
        if held := sum(self._held.values()):
            message += f", {held:,} under a legal hold"
        if failed := self._failed.count:
            message += f"; {'1 batch' if failed == 1 else f'{failed:,} batches'} failed"
        if self._not_listed:
            message += f"; the raw store was not listed to its end: {self._not_listed}"
        if failed or self._not_listed:
            return Failed(message=message)
        if lost := self._lost.count:
            return Failed(name="RecordingsLost", message=f"{message}, {lost:,} lost")
        if left := self._left.count:
            return Failed(name="DisposalBlocked", message=f"{message}, {left:,} left")
        if self._quarantined.count:
            return Completed(name="CompletedWithQuarantine", message=message)
        return Completed(message=message)


def _row(what: str, outcome: str, reason: str, remedy: str) -> dict[str, str]:
    return {"object": what, "outcome": outcome, "reason": reason, "what to do": remedy}


def _others(names: Named, outcome: str, remedy: str) -> Iterator[dict[str, str]]:
    if others := names.others():
        yield _row(f"{others:,} others", outcome, "not named here", remedy)
