"""What a run shows of itself: a progress bar, one report, one table of exceptions, an end state.

Object names (pseudonyms and sample ids), counts and reasons only. Everything is counted; of names
the first of each kind are kept, so that a report does not grow with the backlog.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tasks.counts import as_table
from tasks.ingest import StepFailed
from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.part import Part
from unvoiced.ingest.plan import Plan
from unvoiced.ingest.recording import QUARANTINE_REASONS

# Names of one kind that a report holds; the others are counted.
MOST_NAMED = 1_000


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
        self._started = time.monotonic()
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
        self._finished = batch.disposed
        return batch

    def take(self, outcome: Plan | BatchReport | StepFailed) -> None:
        """Take in a window that was listed or a batch that was run, or why it was not."""
        match outcome:
            case Plan():
                self._expect(outcome)
            case BatchReport():
                self._add(outcome)
                self._show()
            case StepFailed(listing=True):
                self._not_listed = outcome.why
            case StepFailed():
                self._failed.add({f"{self._failed.count + 1}": outcome.why})

    def _add(self, batch: BatchReport) -> None:
        self._quarantined.add(batch.quarantined)
        self._left.add(batch.left)
        self._lost.name(batch.lost)
        self._counts.count(batch)

    def _expect(self, plan: Plan) -> None:
        self._to_do += plan.recordings
        self._tried += plan.tried
        self._quarantined_earlier += plan.quarantined
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

    def publish(self) -> State[None]:
        """Write the artifacts; returns how the run ended."""
        create_markdown_artifact(
            key="ingest-report",
            description="What became of the recordings of this run",
            markdown=self._summary(),
        )
        if exceptions := list(self._exceptions()):
            create_table_artifact(
                key="ingest-exceptions",
                description="Recordings that did not become features in this run",
                table=exceptions,
            )
        return self._end_state()

    def _summary(self) -> str:
        counts = self._counts
        rows = {
            "finished for an interrupted run": self._finished,
            "found in the raw store": self._to_do + self._tried,
            "disposed of, with receipt": counts.disposed - self._finished,
            "of these, original archived": counts.archived,
            "of erased contributors, destroyed unopened": counts.erased,
            "quarantined now": self._quarantined.count,
            "quarantined earlier": self._quarantined_earlier,
            "taken by another run": counts.gone,
            "left": self._left.count,
            "under a legal hold, not touched": sum(self._held.values()),
            "lost": self._lost.count,
            "too large to read": self._oversized.count,
            "under foreign names, not read": self._foreign.count,
            "quarantine records that are not ours": self._planted.count,
            "batches failed": self._failed.count,
        }
        part = f"Part {self._part.number} of {self._part.of}.\n\n" if self._part.of > 1 else ""
        return (
            f"{part}{as_table(rows)}\n\n"
            f"{counts.sealed_bytes / 1e6:,.1f} MB of recordings became "
            f"{counts.feature_bytes / 1e6:,.1f} MB of sealed features in "
            f"{time.monotonic() - self._started:,.1f} s."
        )

    def _exceptions(self) -> Iterator[dict[str, str]]:
        for name, reason in sorted(self._quarantined.first.items()):
            yield _row(name, "quarantined", reason, QUARANTINE_REASONS.get(reason, ""))
        yield from _others(self._quarantined, "quarantined", "`unvoiced quarantine ls`")
        for name, why in sorted(self._left.first.items()):
            yield _row(name, "left", why, "the next run tries again")
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
            (self._foreign, "not read", "no name that an upload gives", "see who put it there"),
            (self._planted, "not believed", "no quarantine record of ours", "see who put it there"),
        ):
            for name in names.first:
                yield _row(ascii(name) if names is self._foreign else name, outcome, reason, remedy)
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
