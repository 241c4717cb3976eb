"""Erasure: everything of one contributor destroyed, their key first, and seen to be gone.

Run it from the root of a checkout or image: `python -m flows.erasure path/to/unvoiced.toml`.
"""

import sys
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import Field

from tasks.erasure import erase, list_requests, publish, reapply, short_run_name, start_worker
from unvoiced.errors import UnvoicedError


@flow(
    name="erasure",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
)
def erasure(
    config: Annotated[
        str, Field(description="Path of `unvoiced.toml` on the machine that runs the flow.")
    ] = "unvoiced.toml",
    request: Annotated[
        str,
        Field(
            pattern="^([0-9a-f]{64})?$",
            description="A request, as `unvoiced erasure ls` shows it: 64 hex digits, never a "
            "name. Empty: go on with all that are not finished.",
        ),
    ] = "",
) -> State[None]:
    """Go on with one request of erasure, or with all; erase again what came back.

    Args:
        config: path of `unvoiced.toml` on the machine that runs the flow
        request: a request's id; empty for all
    """
    try:
        with start_worker(config) as worker:
            outcomes = [erase(worker, one) for one in list_requests(worker, request)]
            outcomes += reapply(worker)
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return publish(outcomes)


if __name__ == "__main__":
    state = erasure(*sys.argv[1:3], return_state=True)
    sys.exit(0 if state.is_completed() else 1)
