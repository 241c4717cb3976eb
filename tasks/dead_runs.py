"""Runs whose process is gone, and of which the server says that they are under way.

Only for a deployment that gives one run a place at a time: whoever has the place knows that nobody
else can have it. A run that is suspended has none and waits; it is no dead one.
"""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.logging import get_run_logger
from prefect.runtime import deployment, flow_run
from prefect.states import Crashed


def mark_dead_runs() -> None:
    """Mark other runs of this run's deployment that are said to be running as crashed.

    Their places were taken back by the server when nobody renewed them, or this one would not run.
    """
    if not deployment.id:
        return
    ours = UUID(str(deployment.id))
    with get_client(sync_client=True) as client:
        limit = client.read_deployment(ours).global_concurrency_limit
        if limit is None or limit.limit != 1:
            return
        running = FlowRunFilterStateType(any_=[StateType.RUNNING])
        for run in client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=running)),
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[ours])),
        ):
            if str(run.id) != str(flow_run.id):
                get_run_logger().warning("run %s was gone, and is marked so", run.name)
                message = "Its process was gone; the next run finishes what it began."
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
