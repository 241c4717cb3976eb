"""Ask every run that is said to be under way for a sign of life.

The server counts a run's silence from an event on. Of a run that had its last before the automation
stood, or before it was changed, there is none: here is one, so that no run is under way for ever.
"""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.events import Event, RelatedResource, Resource
from prefect.events.clients import get_events_client

RUNS = "unvoiced"  # the tag of the deployments
EVENTS: Mapping[StateType, str] = {
    StateType.RUNNING: "unvoiced.said-to-run",
    StateType.PENDING: "unvoiced.said-to-wait",
    StateType.CANCELLING: "unvoiced.said-to-be-cancelled",
}
_AT_ONCE = 200


def ask(client: SyncPrefectClient) -> int:
    """Emit an event of each; returns how many there are."""
    events: list[Event] = []
    for kind, name in EVENTS.items():
        events += [
            event(name, run, client.read_flow(flow).name) for run, flow in _runs(client, kind)
        ]
    asyncio.run(_emit(events))
    return len(events)


def _runs(client: SyncPrefectClient, kind: StateType) -> list[tuple[UUID, UUID]]:
    wanted = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[RUNS]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[kind])),
    )
    found: list[tuple[UUID, UUID]] = []  # of a run, and of its flow
    while page := client.read_flow_runs(flow_run_filter=wanted, limit=_AT_ONCE, offset=len(found)):
        found += [(run.id, run.flow_id) for run in page]
    return found


def event(name: str, run: UUID, flow: str) -> Event:
    """What begins the count of the silence of a run, `flow` being its flow's name."""
    tag = {"prefect.resource.id": f"prefect.tag.{RUNS}", "prefect.resource.role": "tag"}
    of = {
        "prefect.resource.id": f"prefect.flow.{flow}",
        "prefect.resource.role": "flow",
        "prefect.resource.name": flow,
    }
    return Event(
        event=name,
        resource=Resource({"prefect.resource.id": f"prefect.flow-run.{run}"}),
        related=[RelatedResource(tag), RelatedResource(of)],
    )


async def _emit(events: Sequence[Event]) -> None:
    async with get_events_client() as client:
        for one in events:
            await client.emit(one)
