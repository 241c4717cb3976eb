"""Parts of a run, each a run of the deployment `ingest/part`: started, waited for, summed up.

What the parent run sees of a part is how it ended and the counts of its report. Those are for who
looks on: what became of a recording stands in the log.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import FlowRunWaitTimeout, ObjectNotFound
from prefect.flow_runs import wait_for_flow_run
from prefect.states import Completed, Failed

from tasks.artifacts import show
from tasks.counts import as_table, read_table
from tasks.ingest_summary import sum_line
from unvoiced.errors import InputError
from unvoiced.ingest.part import Part
from unvoiced.review.plain import in_markdown

# The server tells of the end of a part. Should that get lost, it is asked this often, in seconds.
_ASKED_EVERY = 60
_BLOCKED, _LOST, _QUARANTINED = "DisposalBlocked", "RecordingsLost", "CompletedWithQuarantine"


@dataclass(frozen=True)
class PartRun:
    """A part that has ended: how, and what its report counts (nothing where it has none)."""

    part: Part
    state: str  # the name of its end state
    completed: bool
    message: str
    counts: Counter[str]

    @property
    def ended_itself(self) -> bool:
        """Whether it came to its own end, good or bad: it was neither killed nor cancelled."""
        return self.completed or self.state in {_BLOCKED, _LOST}


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"ingest-spread {datetime.now(UTC):%m-%d %H:%M:%S}"


def start_parts(deployment: str, config: str, parts: int) -> list[tuple[Part, UUID]]:
    """Ask the server for a run of each part; whichever workers are free take them.

    Raises `InputError` where there is no such deployment, or are no so many parts.
    """
    try:
        return [
            (part, _start(deployment, config, part))
            for part in [Part(number, parts) for number in range(1, parts + 1)]
        ]
    except ObjectNotFound:
        raise InputError(f"this server has no deployment {deployment} (docs/scale.md)") from None


def _start(deployment: str, config: str, part: Part) -> UUID:
    run = run_deployment(
        deployment,
        parameters={"config": config, "part": part.number, "of": part.of},
        flow_run_name=f"part {part.number} of {part.of}",
        timeout=0,  # do not wait for it here
        as_subflow=True,
    )
    return run.id  # type: ignore[union-attr]  # sync in a flow


def wait_for_parts(parts: Sequence[tuple[Part, UUID]]) -> list[PartRun]:
    """Wait until each has ended, however it did."""
    return asyncio.run(_wait(parts))


async def _wait(parts: Sequence[tuple[Part, UUID]]) -> list[PartRun]:
    return await asyncio.gather(*(_ended(part, run) for part, run in parts))


async def _ended(part: Part, run_id: UUID) -> PartRun:
    run: FlowRun | None = None
    while run is None:
        try:
            run = await wait_for_flow_run(run_id, timeout=_ASKED_EVERY)
        except FlowRunWaitTimeout:
            continue  # it asks for the state when it begins to wait
    async with get_client() as client:
        reports = await client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]),
                key=ArtifactFilterKey(any_=["ingest-report"]),
            )
        )
    counts = Counter(read_table(str(reports[0].data)) if reports else {})
    state = run.state
    if state is None:
        return PartRun(part, "Unknown", completed=False, message="", counts=counts)
    return PartRun(part, state.name or "", state.is_completed(), state.message or "", counts)


def publish(parts: Sequence[PartRun]) -> State[None]:
    """Write the sums and the table of parts; returns how the whole run ended."""
    sums: dict[str, int] = {}
    for part in parts:
        for what, count in part.counts.items():
            sums[what] = sums.get(what, 0) + count
    ended = end_state(parts)
    show(
        "ingest-spread",
        "What became of the recordings of all parts that have reported",
        "\n\n".join([f"**{ended.message}.**", as_table(sums), sum_line(sums), _table(parts)]),
        [_row(one) for one in parts if one.state != "Completed"],
    )
    return ended


def _table(parts: Sequence[PartRun]) -> str:
    rows = [f"| {one.part.number} | {one.state} | {in_markdown(one.message)} |" for one in parts]
    return "\n".join(["| part | ended as | what it said |", "|---:|---|---|", *rows])


def _row(one: PartRun) -> dict[str, str]:
    remedy = f"its own run, `part {one.part.number} of {one.part.of}`, says more"
    return {"object": f"part {one.part.number}", "outcome": one.state, "reason": one.message,
            "what to do": remedy}  # fmt: skip


def end_state(parts: Sequence[PartRun]) -> State[None]:
    """How the whole run ended: as the part that ended worst."""
    disposed = _sum(parts, "disposed of, with receipt", "finished for an interrupted run")
    message = f"{disposed:,} disposed of with receipt in {len(parts)} parts"
    if quarantined := _sum(parts, "quarantined now"):
        message += f", {quarantined:,} quarantined"
    if left := _sum(parts, "left"):
        message += f", {left:,} left"
    if lost := _sum(parts, "lost"):
        message += f", {lost:,} lost"
    ends = {one.state for one in parts}
    if unfinished := [one for one in parts if not one.ended_itself]:
        which = ", ".join(f"part {one.part.number} ({one.state})" for one in unfinished)
        return Failed(message=f"{message}; not finished: {which}; the next run finishes it")
    for name in (_LOST, _BLOCKED):
        if name in ends:
            return Failed(name=name, message=message)
    if _QUARANTINED in ends:
        return Completed(name=_QUARANTINED, message=message)
    return Completed(message=message)


def _sum(parts: Iterable[PartRun], *rows: str) -> int:
    return sum(one.counts[row] for one in parts for row in rows)
