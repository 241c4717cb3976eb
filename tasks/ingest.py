"""The steps of ingest. What Prefect sees of a recording is its name, version and size."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.object_names import shown, without
from unvoiced.errors import StoreError, StoreRefused
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.own_pool import OwnPool, Workers
from unvoiced.ingest.part import Part
from unvoiced.ingest.plan import Plan
from unvoiced.ingest.worker import WorkerPool
from unvoiced.runs import RunRecord
from unvoiced.runs.keeping import keep_run_record

# Task runs under way at once, at most; each waits in a thread for its worker.
AT_ONCE = 64


def _store_failed(_: object, __: object, state: State) -> bool:
    """Only a store may do better the next time; a missing key, a bug or a lost right will not."""
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, StoreError) and not isinstance(failure, StoreRefused)


# Inputs and results stay out of Prefect's storage; every step is safe to run again.
STEP: Any = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 3,
    "retry_delay_seconds": [2, 10, 60],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _store_failed,
}


def start_workers(config: str) -> Workers:
    """The run's worker processes: they hold the keys, this process does not.

    One pool where tasks run in this process; where they run in others (Ray), each has its own.
    """
    run_id, context = str(flow_run.id), FlowRunContext.get()
    if context is None or isinstance(context.task_runner, ThreadPoolTaskRunner):
        return WorkerPool(Path(config), run_id)
    from tasks.on_ray import ray_processes  # an extra

    return OwnPool(str(Path(config).resolve()), run_id, ray_processes())


@task(name="finish-interrupted", task_run_name="finish interrupted runs", **STEP)
def finish_interrupted(workers: Workers, part: Part) -> BatchReport:
    """Finish what a run that is no more had journalled."""
    report = workers.here().finish_interrupted(part)
    if report.disposed:
        get_run_logger().info("finished %d disposals of an interrupted run", report.disposed)
    return report


@task(name="list-backlog", task_run_name="list the raw store, {number}", **STEP)
def list_backlog(
    workers: Workers, part: Part, tried: list[tuple[str, str]], number: int, after: str
) -> Plan:
    """List the next of what there is to ingest, less what was tried in this run, in batches."""
    plan = workers.here().plan(tried, part, after, window=_ahead(workers))
    get_run_logger().info(
        "%d recordings (%.1f MB) in %d batches%s",
        plan.recordings,
        plan.sealed_bytes / 1e6,
        len(plan.batches),
        "" if plan.after is None else ", and there are more",
    )
    return plan


@task(name="ingest-batch", task_run_name="batch {number}", **STEP)
def ingest_batch(workers: Workers, number: int, batch: list[Item]) -> BatchReport:
    """Take a batch of recordings through its whole life, in a worker process."""
    begun = time.monotonic()
    report = workers.here().ingest(batch)
    report.seconds = time.monotonic() - begun
    for name, reason in report.quarantined.items():
        get_run_logger().warning("quarantined %s: %s", shown(name), reason)
    for name, why in report.left.items():
        get_run_logger().error("left %s: %s", shown(name), without(name, why))
    return report


@task(name="sweep-journal", task_run_name="sweep the journal", **STEP)
def sweep_journal(workers: Workers) -> None:
    """Remove what the log has settled from the journal."""
    workers.here().sweep()


@task(name="keep-record", task_run_name="keep the run's record", **{**STEP, "retries": 1})
def keep_record(workers: Workers, record: RunRecord) -> None:
    """Keep what `unvoiced report` shows of the run: ids, counts and times."""
    workers.here().call(keep_run_record, record)


class Recorded(Protocol):
    """What gathers what became of a run."""

    def record(self, run_id: str) -> RunRecord:
        """What it came to by now."""


@contextmanager
def keeping_record(workers: Workers, report: Recorded) -> Iterator[None]:
    """Keep the run's record when it ends, failed or not. Where that fails, the run does not."""

    def keep(**changes: str) -> None:
        record = replace(report.record(str(flow_run.id)), **changes)  # type: ignore[arg-type]  # its state
        outcome = keep_record.submit(workers, record).result(raise_on_failure=False)
        if isinstance(outcome, Exception):
            get_run_logger().warning("the run's record was not kept: %s", outcome)

    try:
        yield
    except Exception:
        keep(state="Failed")
        raise
    keep()


@dataclass(frozen=True)
class StepFailed:
    """A step that has failed for good; `why` is what its error says."""

    listing: bool
    why: str


def list_and_ingest(
    workers: Workers, part: Part, tried: list[tuple[str, str]]
) -> Iterator[Plan | BatchReport | StepFailed]:
    """List window by window while batches of the last one run; what came of each step as it ends.

    Neither what waits to be run nor what has ended piles up, however much there is to do. What
    could not be listed leaves the rest undone; what runs by then is still waited for.
    """
    ended: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    waiting: deque[list[Item]] = deque()
    running: dict[PrefectFuture[BatchReport], list[Item]] = {}
    listing: PrefectFuture[Plan] | None = None
    after: str | None = ""
    windows = batches = 0
    while True:
        if listing is None and after is not None and len(waiting) < _ahead(workers) // 2:
            windows += 1
            listing = list_backlog.submit(workers, part, tried, windows, after)
            listing.add_done_callback(ended.put)
        while waiting and len(running) < _at_once(workers):
            batches += 1
            batch = waiting.popleft()
            begun = ingest_batch.submit(workers, batches, batch)
            running[begun] = batch
            begun.add_done_callback(ended.put)
        if listing is None and not running:
            return
        step = ended.get()
        outcome = step.result(raise_on_failure=False)
        if not isinstance(outcome, Plan | BatchReport):
            outcome = StepFailed(step is listing, str(outcome))
        if step is listing:
            listing, after = None, None
        else:
            # Prefect keeps many a task's arguments until the flow ends: of this, an empty list.
            running.pop(step).clear()
        if isinstance(outcome, Plan):
            waiting.extend(outcome.batches)
            after = outcome.after
        yield outcome


def _at_once(workers: Workers) -> int:
    """So that a worker which is done finds its next batch waiting."""
    return min(2 * workers.processes + 2, AT_ONCE - 1)


def _ahead(workers: Workers) -> int:
    """Batches in a window: half of them are left when the next window is asked for."""
    return max(2 * _at_once(workers), 8)
