"""The steps of the erasure flow. What Prefect sees is digests of requests, counts and reasons."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from tasks.ingest import STEP
from unvoiced.eraser import open_eraser
from unvoiced.erasure import Outcome, find_request, go_on, pending
from unvoiced.erasure import reapply as erase_what_came_back
from unvoiced.ingest.worker import WorkerPool


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"erasure {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_worker(config: str) -> WorkerPool:
    """The process that destroys: it holds the log's key, this one does not."""
    return WorkerPool(Path(config), str(flow_run.id), open_eraser, processes=1)


@task(name="list-requests", task_run_name="list the requests", **STEP)
def list_requests(worker: WorkerPool, request: str) -> list[str]:
    """The request whose id begins as given, or all that are not finished."""
    found = worker.call(pending)
    return [worker.call(find_request, request)] if request else found


@task(name="erase", task_run_name="erase {request}", **STEP)
def erase(worker: WorkerPool, request: str) -> Outcome:
    """Take one erasure as far as it will go, in the worker process."""
    return worker.call(go_on, request)


@task(name="reapply", task_run_name="erase again what came back", **STEP)
def reapply(worker: WorkerPool) -> list[Outcome]:
    """Erase again whatever has come back of contributors who were erased."""
    return worker.call(erase_what_came_back)


def publish(outcomes: list[Outcome]) -> State[None]:
    """Write the report, counts only; returns how the run ended."""
    waiting = [one for one in outcomes if not one.complete]
    held = [one for one in waiting if one.held]
    destroyed = Counter[str]()
    for one in outcomes:
        destroyed.update(one.destroyed or {})
    rows = {
        "erasures gone through": len(outcomes),
        "complete": len(outcomes) - len(waiting),
        "pending": len(waiting) - len(held),
        "under a legal hold": len(held),
        **{
            f"versions destroyed in all runs, {store}": count
            for store, count in sorted(destroyed.items())
        },
    }
    reasons = Counter(reason for one in waiting for reason in one.pending)
    create_markdown_artifact(
        key="erasure-report",
        description="What became of the requests of erasure",
        markdown="\n".join(
            [
                "| erasures | |\n|---|---:|",
                *(f"| {what} | {count:,} |" for what, count in rows.items()),
                *(["\n| what is waited for | |\n|---|---:|"] if reasons else []),
                *(f"| {reason} | {count:,} |" for reason, count in sorted(reasons.items())),
            ]
        ),
    )
    message = f"{len(outcomes) - len(waiting):,} of {len(outcomes):,} erasures complete"
    if held:
        return Completed(name="LegalHold", message=f"{message}, {len(held):,} under a legal hold")
    if waiting:
        return Completed(name="ErasurePending", message=message)
    return Completed(message=message)
