"""What a run shows of itself: a progress bar, one report, one table of exceptions, an end state.

Object names (pseudonyms and sample ids), counts and reasons only.
"""

import sys
import time
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
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unvoiced.ingest.outcome import BatchReport
from unvoiced.ingest.plan import Plan
from unvoiced.ingest.recording import QUARANTINE_REASONS


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"ingest {datetime.now(UTC):%m-%d %H:%M:%S}"


class RunReport:
    """Gathers what became of the run's recordings; shows it while it runs and when it ends."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._total = BatchReport()
        self._finished = 0
        self._plan = Plan()
        self._failures: list[str] = []
        self._done = 0
        self._artifact: UUID | None = None
        self._bar = Progress(
            TextColumn("[bold]ingest"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("ingest", total=None)

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
        self._total.add(batch)
        self._finished = batch.disposed
        return batch

    def expect(self, plan: Plan) -> Plan:
        """Take note of what there is to do; returns it."""
        self._plan = plan
        self._bar.update(self._task, total=plan.recordings)
        self._artifact = create_progress_artifact(  # type: ignore[assignment]  # sync in a flow
            0.0, key="ingest-progress", description=f"{plan.recordings:,} recordings"
        )
        return plan

    def numbers(self) -> list[str]:
        """The names of the batches' tasks."""
        count = len(self._plan.batches)
        return [f"{number} of {count}" for number in range(1, count + 1)]

    def take(self, future: PrefectFuture[BatchReport]) -> None:
        """Take in a batch that has ended, well or not."""
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, BatchReport):
            self._total.add(outcome)
            self._done += outcome.recordings
        else:
            self._failures.append(str(outcome))
        self._bar.update(self._task, completed=self._done)
        if self._artifact is not None:
            update_progress_artifact(
                self._artifact, 100.0 * self._done / max(self._plan.recordings, 1)
            )

    def publish(self) -> State[None]:
        """Write the artifacts; returns how the run ended."""
        create_markdown_artifact(
            key="ingest-report",
            description="What became of the recordings of this run",
            markdown=self._summary(),
        )
        if exceptions := self._exceptions():
            create_table_artifact(
                key="ingest-exceptions",
                description="Recordings that did not become features in this run",
                table=exceptions,
            )
        return self._end_state()

    def _summary(self) -> str:
        total, plan = self._total, self._plan
        rows = {
            "finished for an interrupted run": self._finished,
            "found in the raw store": plan.recordings,
            "disposed of, with receipt": total.disposed - self._finished,
            "of these, original archived": total.archived,
            "of erased contributors, destroyed unopened": total.erased,
            "quarantined now": len(total.quarantined),
            "quarantined earlier": plan.quarantined,
            "taken by another run": total.gone,
            "left": len(total.left),
            "under a legal hold, not touched": sum(plan.held.values()),
            "lost": len(total.lost),
            "too large to read": len(plan.oversized),
            "under foreign names, not read": len(plan.foreign),
            "quarantine records that are not ours": len(plan.planted),
            "batches failed": len(self._failures),
        }
        table = "\n".join(f"| {what} | {count:,} |" for what, count in rows.items())
        return (
            f"| recordings | |\n|---|---:|\n{table}\n\n"
            f"{total.sealed_bytes / 1e6:,.1f} MB of recordings became "
            f"{total.feature_bytes / 1e6:,.1f} MB of sealed features in "
            f"{time.monotonic() - self._started:,.1f} s."
        )

    def _exceptions(self) -> list[dict[str, str]]:
        def row(what: str, outcome: str, reason: str, remedy: str) -> dict[str, str]:
            return {"object": what, "outcome": outcome, "reason": reason, "what to do": remedy}

        total = self._total
        return [
            *(
                row(name, "quarantined", reason, QUARANTINE_REASONS.get(reason, ""))
                for name, reason in sorted(total.quarantined.items())
            ),
            *(
                row(name, "left", why, "the next run tries again")
                for name, why in sorted(total.left.items())
            ),
            *(
                row(whose, "held", f"{count:,} under a legal hold", "`unvoiced hold lift`, in time")
                for whose, count in sorted(self._plan.held.items())
            ),
            *(
                # Their names are not to be kept here either.
                row("of erased contributors", "erased", f"{count:,} sent since", "nothing")
                for count in [total.erased]
                if count
            ),
            *(
                row(name, "lost", "neither it nor its features are there", "find out who deleted")
                for name in total.lost
            ),
            *(
                row(name, "too large", "over [ingest] max_recording_bytes", "raise the limit")
                for name in self._plan.oversized
            ),
            *(
                row(ascii(name), "not read", "no name that an upload gives", "see who put it there")
                for name in self._plan.foreign
            ),
            *(
                row(name, "not believed", "no quarantine record of ours", "see who put it there")
                for name in self._plan.planted
            ),
            *(
                row("a batch", "failed", why, "nothing is lost; the next run takes it")
                for why in self._failures
            ),
        ]

    def _end_state(self) -> State[None]:
        total = self._total
        recordings = "recording" if total.disposed == 1 else "recordings"
        message = f"{total.disposed:,} {recordings} disposed of with receipt"
        if total.quarantined:
            message += f", {len(total.quarantined):,} quarantined"
        if total.erased:
            message += f", {total.erased:,} of erased contributors"
        if held := sum(self._plan.held.values()):
            message += f", {held:,} under a legal hold"
        if self._failures:
            count = len(self._failures)
            failed = "1 batch" if count == 1 else f"{count:,} batches"
            return Failed(message=f"{message}; {failed} failed")
        if total.lost:
            return Failed(name="RecordingsLost", message=f"{message}, {len(total.lost):,} lost")
        if total.left:
            return Failed(name="DisposalBlocked", message=f"{message}, {len(total.left):,} left")
        if total.quarantined:
            return Completed(name="CompletedWithQuarantine", message=message)
        return Completed(message=message)
