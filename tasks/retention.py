"""The steps of retention. What Prefect sees is rules, stores, counts, object names and reasons."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks.ingest import STEP
from unvoiced.config import load_settings
from unvoiced.eraser import open_eraser
from unvoiced.ingest.worker import WorkerPool
from unvoiced.retention import keep, lifecycle
from unvoiced.retention.keep import Report, Row
from unvoiced.retention.lifecycle import BucketRules
from unvoiced.retention.look import check_settings
from unvoiced.retention.rules import Rule


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"retention {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_erasers(config: str) -> WorkerPool:
    """The run's one worker process: it may destroy, and holds the log's key; this one does not."""
    check_settings(load_settings(Path(config)))
    return WorkerPool(Path(config), str(flow_run.id), open_eraser, processes=1)


@task(name="finish-interrupted", task_run_name="finish interrupted runs", **STEP)
def finish_interrupted(erasers: WorkerPool) -> list[Row]:
    """Finish what a run that is no more had begun to destroy."""
    return erasers.call(keep.finish_interrupted)


@task(name="reapply-suppressions", task_run_name="erase again what came back", **STEP)
def reapply_suppressions(erasers: WorkerPool) -> list[Row]:
    """Erase again what has come back of contributors who were erased."""
    return erasers.call(keep.reapply_suppressions)


@task(name="keep-rule", task_run_name="{rule}", **STEP)
def keep_rule(erasers: WorkerPool, rule: str, dry_run: bool) -> list[Row]:
    """Destroy what one rule of [retention] makes due, in every store it is about."""
    rows = erasers.call(keep.keep_rule, Rule(rule), dry_run)
    for row in rows:
        for name, why in row.left.items():
            get_run_logger().error("left %s: %s", name, why)
    return rows


@task(name="look-at-lifecycle", task_run_name="look at the buckets' own rules", **STEP)
def look_at_lifecycle(config: str) -> list[BucketRules]:
    """Compare the buckets' lifecycle rules with [retention]; changes nothing."""
    return lifecycle.look_at_rules(load_settings(Path(config)), datetime.now(UTC))


class RetentionReport:
    """Gathers what became of what was due; shows it when the run ends."""

    def __init__(self, dry_run: bool) -> None:
        self._dry_run = dry_run
        self._report = Report()
        self._buckets: list[BucketRules] = []
        self._failures: list[str] = []

    def take(self, step: PrefectFuture[list[Row]]) -> None:
        """Wait for a step and take in its rows; one that failed stops no other."""
        outcome = step.result(raise_on_failure=False)
        if isinstance(outcome, list):
            self._report.add(outcome)
        else:
            self._failures.append(str(outcome))

    def drift(self, step: PrefectFuture[list[BucketRules]]) -> None:
        """Wait for the look at the buckets' own rules."""
        outcome = step.result(raise_on_failure=False)
        if isinstance(outcome, list):
            self._buckets = outcome
        else:
            self._failures.append(str(outcome))

    def publish(self) -> State[None]:
        """Write the artifacts; returns how the run ended."""
        create_markdown_artifact(
            key="retention-report",
            description="What was due by [retention], and what became of it",
            markdown=self._summary(),
        )
        if left := self._left():
            create_table_artifact(
                key="retention-left", description="What is due and still there", table=left
            )
        if drift := self._drift():
            create_table_artifact(
                key="retention-drift",
                description="Buckets whose own lifecycle rules are not as [retention] has it",
                table=drift,
            )
        return self._end_state()

    def _summary(self) -> str:
        rows = [
            f"| {row.rule} | {row.store} | {row.due:,} | {row.destroyed:,} "
            f"| {sum(row.held.values()):,} | {len(row.left):,} "
            f"| {f'{row.next:%Y-%m-%d}' if row.next else ''} |"
            for row in self._report.rows
        ]
        held = [
            f"- {row.rule}: {count:,} objects {why}"
            for row in self._report.rows
            for why, count in row.held.items()
        ]
        lines = [
            "| rule | store | due | destroyed | held | left | next |",
            "|---|---|---:|---:|---:|---:|---|",
            *rows,
            *(["", "Held back:", "", *held] if held else []),
            *(["", "A dry run: nothing was destroyed."] if self._dry_run else []),
        ]
        return "\n".join(lines) + "\n"

    def _left(self) -> list[dict[str, str]]:
        left = [
            {"object": name, "rule": row.rule, "why": why}
            for row in self._report.rows
            for name, why in sorted(row.left.items())
        ]
        return [*left, *({"object": "a step", "rule": "", "why": why} for why in self._failures)]

    def _drift(self) -> list[dict[str, str]]:
        rows = [
            {"bucket": one.bucket, "what": what, "remedy": "unvoiced retention lifecycle --apply"}
            for one in self._buckets
            for what in one.drift
        ]
        unknown = [
            {"bucket": one.bucket, "what": f"not read: {one.unknown}", "remedy": "unvoiced posture"}
            for one in self._buckets
            if one.unknown
        ]
        return [*rows, *unknown]

    def _end_state(self) -> State[None]:
        report = self._report
        message = f"{report.destroyed:,} objects destroyed"
        if self._dry_run:
            message = f"{report.due:,} objects are due; nothing was destroyed"
        if report.held:
            message += f", {report.held:,} held"
        if self._failures:
            return Failed(message=f"{message}; {len(self._failures)} steps failed")
        if report.left and not self._dry_run:
            return Failed(name="RetentionBlocked", message=f"{message}, {report.left:,} left")
        drifted = sum(bool(one.drift) for one in self._buckets)
        unread = sum(bool(one.unknown) for one in self._buckets)
        if unread:
            message += f"; the own rules of {unread} buckets could not be read"
        if drifted:
            message += f"; {drifted} buckets have other rules of their own"
        if drifted or unread:  # what was not read is not known to be right
            return Completed(name="CompletedWithDrift", message=message)
        return Completed(message=message)
