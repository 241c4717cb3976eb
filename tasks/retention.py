"""The steps of retention. What Prefect sees is rules, stores, counts, object names and reasons."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks import telemetry
from tasks.artifacts import Bar, show
from tasks.ingest import STEP
from tasks.measures import Instrument, Measured
from tasks.object_names import shown_quoted
from tasks.receipts import LogAfter
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
            get_run_logger().error("left %s: %s", _shown(row, name), why)
    return rows


def _shown(row: Row, name: str) -> str:
    """A name as Prefect may see it; in stores that only we write to, every name is ours."""
    return shown_quoted(name) if row.store in ("raw", "archive") else name


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
        # The rules, the look at the buckets, and what comes before where something is destroyed.
        self._bar = Bar("retention", "rules", len(Rule) + (1 if dry_run else 3))

    def take(self, step: PrefectFuture[list[Row]]) -> None:
        """Wait for a step and take in its rows; one that failed stops no other."""
        outcome = step.result(raise_on_failure=False)
        if isinstance(outcome, list):
            self._report.add(outcome)
        else:
            self._failures.append(str(outcome))
        self._bar.step()

    def drift(self, step: PrefectFuture[list[BucketRules]]) -> None:
        """Wait for the look at the buckets' own rules."""
        outcome = step.result(raise_on_failure=False)
        if isinstance(outcome, list):
            self._buckets = outcome
        else:
            self._failures.append(str(outcome))
        self._bar.step()

    def publish(self, config: str) -> State[None]:
        """Write the artifacts; returns how the run ended. `config` is where the settings are."""
        show(
            "retention",
            "What was due by [retention], and what became of it",
            f"{self._summary()}\n{LogAfter.look(config).markdown()}",
            [*self._left(), *self._drift()],
        )
        if not self._dry_run:
            telemetry.note(self._measured())
        return self._end_state()

    def _measured(self) -> list[Measured]:
        left: dict[str, int] = {}
        for row in self._report.rows:
            left[row.rule] = left.get(row.rule, 0) + len(row.left)
        return [
            *(Measured(Instrument.RETENTION_DESTROYED, row.destroyed, {"rule": row.rule})
              for row in self._report.rows),
            *(Measured(Instrument.RETENTION_LEFT, count, {"rule": rule})
              for rule, count in left.items()),
        ]  # fmt: skip

    def _headline(self) -> str:
        report = self._report
        if self._dry_run:
            return (
                f"**{report.due:,} objects are due; a dry run: nothing was destroyed.** Without "
                "`dry_run` they are."
            )
        said = f"**{report.destroyed:,} objects destroyed that were due.**"
        if self._failures or report.left:
            return (
                f"{said} {report.left:,} are due and still there, {len(self._failures):,} steps "
                "failed: the table of exceptions says why. The next run tries again."
            )
        if self._drift():
            return f"{said} Buckets' own rules are not as [retention] has it: see the exceptions."
        return f"{said} Nothing is to be done."

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
            self._headline(),
            "",
            "| rule | store | due | destroyed | held | left | next |",
            "|---|---|---:|---:|---:|---:|---|",
            *rows,
            *(["", "Held back:", "", *held] if held else []),
        ]
        return "\n".join(lines) + "\n"

    def _left(self) -> list[dict[str, str]]:
        again = "the next run tries again"
        left = [
            {"object": _shown(row, name), "outcome": f"due by {row.rule}, left", "reason": why,
             "what to do": again}
            for row in self._report.rows
            for name, why in sorted(row.left.items())
        ]  # fmt: skip
        failed = [
            {"object": "a step", "outcome": "failed", "reason": why, "what to do": again}
            for why in self._failures
        ]
        return [*left, *failed]

    def _drift(self) -> list[dict[str, str]]:
        rows = [
            {"object": one.bucket, "outcome": "other rules of its own", "reason": what,
             "what to do": "unvoiced retention lifecycle --apply"}
            for one in self._buckets
            for what in one.drift
        ]  # fmt: skip
        unknown = [
            {"object": one.bucket, "outcome": "rules not read", "reason": str(one.unknown),
             "what to do": "unvoiced posture"}
            for one in self._buckets
            if one.unknown
        ]  # fmt: skip
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
