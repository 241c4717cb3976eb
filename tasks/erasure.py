"""The steps of the erasure flow. What Prefect sees is digests of requests, counts and reasons."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from tasks.ingest import STEP
from unvoiced.eraser import open_eraser
from unvoiced.erasure import Outcome, Preview, awaiting, find_request, go_on, pending, preview
from unvoiced.erasure import reapply as erase_what_came_back
from unvoiced.erasure.inventory import Held
from unvoiced.ingest.worker import WorkerPool

_DIGITS = 12  # of a request, as `unvoiced erasure ls` shows it
_MOST_ROWS = 500  # of one table; the rest is counted


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC; kept on resuming."""
    began = str(flow_run.name or "")
    return began if began.startswith("erasure ") else f"erasure {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_worker(config: str) -> WorkerPool:
    """The process that destroys: it holds the log's key, this one does not."""
    return WorkerPool(Path(config), str(flow_run.id), open_eraser, processes=1)


@task(name="list-requests", task_run_name="list the requests", **STEP)
def list_requests(worker: WorkerPool, request: str) -> list[str]:
    """The request whose id begins as given, or all that are not finished and need no approval."""
    found = worker.call(pending)
    return [worker.call(find_request, request)] if request else found


@task(name="look", task_run_name="look what there is", **STEP)
def look(worker: WorkerPool, request: str) -> list[Preview]:
    """What the request whose id begins as given would do, or all that are not finished would."""
    found = worker.call(pending) + worker.call(awaiting)
    chosen = [worker.call(find_request, request)] if request else found
    return [worker.call(preview, one) for one in chosen]


@task(name="erase", task_run_name="erase {request:.12}", **STEP)
def erase(worker: WorkerPool, request: str) -> Outcome:
    """Take one erasure as far as it will go, in the worker process."""
    return worker.call(go_on, request)


@task(name="reapply", task_run_name="erase again what came back", **STEP)
def reapply(worker: WorkerPool) -> list[Outcome]:
    """Erase again whatever has come back of contributors who were erased."""
    return worker.call(erase_what_came_back)


@task(name="list-awaiting", task_run_name="list what awaits approval", **STEP)
def list_awaiting(worker: WorkerPool) -> list[str]:
    """The requests that are not touched before somebody approves them."""
    return worker.call(awaiting)


def publish(outcomes: Sequence[Outcome], unapproved: Sequence[str]) -> State[None]:
    """Write the report; returns how the run ended."""
    waiting = [one for one in outcomes if not one.complete]
    held = [one for one in waiting if one.held]
    complete = len(outcomes) - len(waiting)
    message = f"{complete:,} of {len(outcomes):,} erasures complete"
    if held:
        message += f", {len(held):,} under a legal hold"
    destroyed = Counter[str]()
    for one in outcomes:
        destroyed.update(one.destroyed or {})
    counts = {
        "erasures gone through": len(outcomes),
        "complete": complete,
        "pending": len(waiting) - len(held),
        "under a legal hold": len(held),
        **{
            f"versions destroyed in all runs, {store}": count
            for store, count in sorted(destroyed.items())
        },
        "not touched: awaiting approval": len(unapproved),
    }
    reasons = Counter(reason for one in waiting for reason in one.pending)
    parts = [
        f"**{message}.**",
        _table(("erasures", ""), [(what, f"{count:,}") for what, count in counts.items()]),
        _table(("what is waited for", ""), [(why, f"{n:,}") for why, n in sorted(reasons.items())]),
        _table(
            ("complete", "certificate, SHA-256 in the log"),
            [(one.id[:_DIGITS], one.certificate or "-") for one in outcomes if one.complete],
        ),
        "The certificate itself names the contributor, so it is not here: `unvoiced erase WHO -o "
        "FILE` looks again and writes one." if complete else "",
        _table(("awaits approval", ""), [(one[:_DIGITS], "") for one in unapproved]),
        "To have one approved: run this deployment with its digits as `request` and `dry_run` off; "
        "that run shows what it would destroy, and asks." if unapproved else "",
    ]  # fmt: skip
    _report("erasure-report", "What became of the requests of erasure", parts)
    if held:
        return Completed(name="LegalHold", message=message)
    if waiting:
        return Completed(name="ErasurePending", message=message)
    return Completed(message=message)


def publish_dry_run(found: Sequence[Preview]) -> State[None]:
    """Write what the requests would do; returns how the run ended."""
    versions = sum(one.versions for one in found)
    of_whom = "1 request" if len(found) == 1 else f"{len(found):,} requests"
    message = f"{versions:,} versions of {of_whom} would be destroyed; nothing was changed"
    parts = [f"**{message}.**"]
    for one in found[:_MOST_ROWS]:
        parts += [*_of_one(one), _how_to_go_on(one)]
    if len(found) > _MOST_ROWS:
        parts.append(f"And {len(found) - _MOST_ROWS:,} more requests.")
    _report("erasure-report", "What erasures would destroy", parts)
    return Completed(name="DryRun", message=message)


def publish_preview(shown: Preview, said: str) -> None:
    """Write what a request would do that awaits approval, and what there is to say of it."""
    headline = f"**{shown.versions:,} versions would be destroyed.** {said}"
    _report("erasure-preview", "What this erasure would destroy", [headline, *_of_one(shown)])


def _of_one(one: Preview) -> list[str]:
    own = [held for held in one.stores if not held.shared]
    total = Held(
        "in all",
        objects=sum(held.objects for held in own),
        versions=one.versions,
        bytes=sum(held.bytes for held in own),
    )
    besides = [replace(held, what=f"besides: {held.what}") for held in one.stores if held.shared]
    rows = [
        (held.what, f"{held.objects:,}", f"{held.versions:,}", f"{held.bytes:,}")
        for held in (*own, total, *besides)
    ]
    return [
        f"### Request {one.id[:_DIGITS]}\n\nMade {one.requested}; {one.stage}.",
        _table(("", "objects", "versions", "bytes"), rows) if own else "",
        _table(("it would wait for",), [(why,) for why in one.waits_for]),
    ]


def _how_to_go_on(one: Preview) -> str:
    if one.awaits_approval:
        return (
            "Nothing is destroyed before it is approved. To ask for that, run this deployment with "
            f"`request` {one.id[:_DIGITS]} and `dry_run` off (⋮, *Copy to new run*)."
        )
    return (
        "The next run without `dry_run`, the daily one too, goes on with it." if one.stores else ""
    )


def _report(key: str, description: str, parts: Sequence[str]) -> None:
    create_markdown_artifact(
        key=key, description=description, markdown="\n\n".join(part for part in parts if part)
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; nothing where there are no rows."""
    if not rows:
        return ""
    marks = "|".join(["---", *(["---:"] * (len(head) - 1))])
    shown = [f"| {' | '.join(row)} |" for row in rows[:_MOST_ROWS]]
    more = [f"| and {len(rows) - _MOST_ROWS:,} more |"] if len(rows) > _MOST_ROWS else []
    return "\n".join([f"| {' | '.join(head)} |", f"|{marks}|", *shown, *more])
