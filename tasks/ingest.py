"""The steps of ingest. What Prefect sees of a recording is its name, version and size."""

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from unvoiced.errors import StoreError, StoreRefused
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.plan import Plan
from unvoiced.ingest.worker import WorkerPool


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


def start_workers(config: str) -> WorkerPool:
    """The run's worker processes: they hold the keys, this process does not."""
    return WorkerPool(Path(config), run_id=str(flow_run.id))


@task(name="finish-interrupted", task_run_name="finish interrupted runs", **STEP)
def finish_interrupted(workers: WorkerPool) -> BatchReport:
    """Finish what a run that is no more had journalled."""
    report = workers.finish_interrupted()
    if report.disposed:
        get_run_logger().info("finished %d disposals of an interrupted run", report.disposed)
    return report


@task(name="list-backlog", task_run_name="list the raw store", **STEP)
def list_backlog(workers: WorkerPool, tried: list[tuple[str, str]]) -> Plan:
    """List what there is to ingest, less what was tried in this run, cut into batches."""
    plan = workers.plan(tried)
    get_run_logger().info(
        "%d recordings (%.1f MB) in %d batches",
        plan.recordings,
        plan.sealed_bytes / 1e6,
        len(plan.batches),
    )
    return plan


@task(name="ingest-batch", task_run_name="batch {number}", **STEP)
def ingest_batch(workers: WorkerPool, number: str, batch: list[Item]) -> BatchReport:
    """Take a batch of recordings through its whole life, in a worker process."""
    report = workers.ingest(batch)
    for name, reason in report.quarantined.items():
        get_run_logger().warning("quarantined %s: %s", name, reason)
    for name, why in report.left.items():
        get_run_logger().error("left %s: %s", name, why)
    return report


@task(name="sweep-journal", task_run_name="sweep the journal", **STEP)
def sweep_journal(workers: WorkerPool) -> None:
    """Remove what the log has settled from the journal."""
    workers.sweep()
