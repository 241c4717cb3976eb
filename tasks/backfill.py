"""The steps of a backfill.

What Prefect sees of an original is its name, version, size and storage class.
"""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from prefect import task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Completed, Failed

from tasks.ingest import STEP
from tasks.object_names import shown_quoted
from unvoiced.backfill import workers as library
from unvoiced.backfill.batch import backfill_batch as run_batch
from unvoiced.backfill.batch import report_killed
from unvoiced.backfill.nothing import why_none
from unvoiced.backfill.outcome import Backfilled, Original
from unvoiced.backfill.plan import Plan, cut, make_plan
from unvoiced.backfill.request import Request
from unvoiced.backfill.restore import Asked, ask_restores
from unvoiced.backfill.summary import (
    Ending,
    Row,
    Run,
    dry_ending,
    ending,
    exceptions,
    go_on,
    next_run,
    plan_rows,
    result_rows,
)
from unvoiced.config import load_settings
from unvoiced.ingest.worker import WorkerPool


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"backfill {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_workers(config: str, request: Request) -> WorkerPool:
    """The run's worker processes: they hold the keys, this process does not."""
    return library.start_workers(Path(config), str(flow_run.id), request)


@task(name="plan-backfill", task_run_name="list originals", **STEP)
def plan_backfill(workers: WorkerPool, request: Request) -> Plan:
    """List the originals, less what is done or cannot be; opens and changes nothing."""
    return workers.call(make_plan, request.selection)


@task(name="ask-restores", task_run_name="ask for restores", **STEP)
def restore(workers: WorkerPool, request: Request, plan: Plan) -> Asked:
    """Ask for all that is in cold storage; returns what can be read now, and what cannot."""
    return workers.call(ask_restores, plan.cold, request.restore_days, request.tier)


@task(name="backfill-batch", task_run_name="batch {number}", **STEP)
def backfill_batch(workers: WorkerPool, number: str, batch: list[Original]) -> Backfilled:
    """Make the features of a batch, in a worker process."""
    done = workers.batch(batch, run_batch, report_killed)
    for name, reason in done.skipped:
        get_run_logger().warning("skipped %s: %s", shown_quoted(name), reason)
    for name, why in done.left:
        get_run_logger().error("left %s: %s", shown_quoted(name), why)
    return done


@task(name="come-back", task_run_name="schedule the next run", **STEP)
def schedule_next(at: datetime) -> None:
    """Schedule a run of this run's own deployment, asked for as this one was; holds nothing.

    As it was asked for: which settings "the worker's" are is for the worker that takes it to say.
    """
    with get_client(sync_client=True) as client:
        asked = client.read_flow_run(UUID(str(flow_run.id))).parameters
    run_deployment(
        UUID(str(deployment.id)),
        parameters=asked,
        scheduled_time=at,
        timeout=0,
        as_subflow=False,
    )


class BackfillReport:
    """Gathers what became of the run's originals; shows it while it runs and when it ends."""

    def __init__(self, config: str, request: Request) -> None:
        self._run = Run(request)
        self._rows: list[Row] = []  # of the plan
        self._settings = load_settings(Path(config))
        self._count = 0
        self._artifact: UUID | None = None

    def expect(self, plan: Plan, processes: int) -> Plan:
        """Take note of what there is to do, and show it; returns it."""
        self._run.plan = plan
        self._rows = plan_rows(self._run.request, plan, processes)
        _table("backfill-plan", "What this backfill is to do, and an estimate of what it costs",
               self._rows)  # fmt: skip
        return plan

    def batches(self, asked: Asked) -> list[list[Original]]:
        """Take note of what is being restored; returns what can be read now, in batches."""
        self._run.asked = asked
        readable = [*self._run.plan.todo, *asked.readable]
        batches = cut(readable, self._run.request.batch_samples,
                      self._settings.ingest.batch_bytes)  # fmt: skip
        self._count = len(readable)
        self._artifact = create_progress_artifact(  # type: ignore[assignment]  # sync in a flow
            0.0, key="backfill-progress", description=f"{len(readable):,} originals"
        )
        return batches

    def numbers(self, batches: list[list[Original]]) -> list[str]:
        """The names of the batches' tasks."""
        return [f"{number} of {len(batches)}" for number in range(1, len(batches) + 1)]

    def take(self, future: PrefectFuture[Backfilled]) -> None:
        """Take in a batch that has ended, well or not."""
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, Backfilled):
            self._run.done.add(outcome)
        else:
            self._run.failures.append(str(outcome))
        if self._artifact is not None:
            update_progress_artifact(
                self._artifact, 100.0 * self._run.done.objects / max(self._count, 1)
            )

    def publish(self) -> State[None]:
        """Write the artifacts, see to the next run where one is needed; returns how it ended."""
        at = next_run(self._run, datetime.now(UTC))
        ended = ending(self._run, at, scheduled=bool(deployment.id))
        _table("backfill-report", "What became of the originals of this run",
               result_rows(self._run), ended.message)  # fmt: skip
        if rows := [
            {**row, "object": shown_quoted(row["object"])} if row["outcome"] != "failed" else row
            for row in exceptions(self._run)
        ]:
            create_table_artifact(
                key="backfill-exceptions",
                description="Originals that got no features in this run",
                table=[dict(row) for row in rows],
            )
        if ended.name == "WaitingForRestore" and deployment.id:
            schedule_next(at)
        return _state(ended)

    def dry(self) -> State[None]:
        """Write what a run would do, and how to have it done; returns how the dry run ended."""
        request, plan = self._run.request, self._run.plan
        ended = dry_ending(plan)
        why = "" if plan.selected else why_none(self._settings, request)
        _table("backfill-report", "What this backfill would do, and how to go on", self._rows,
               ended.message, *go_on(plan, request, why))  # fmt: skip
        return _state(ended)


def _table(key: str, description: str, rows: list[Row], headline: str = "", *after: str) -> None:
    lines = "\n".join(f"| {what} | {value} |" for what, value in rows)
    parts = [f"**{headline}.**"] if headline else []
    parts += [f"| | |\n|---|---:|\n{lines}\n", *after]
    create_markdown_artifact(key=key, description=description, markdown="\n\n".join(parts))


def _state(ended: Ending) -> State[None]:
    if ended.failed:
        return Failed(message=ended.message)
    return Completed(name=ended.name, message=ended.message)
