"""Erasure: everything of one contributor destroyed, their key first, and seen to be gone.

Run it from the root of a checkout or image: `python -m flows.erasure path/to/unvoiced.toml`.
"""

import re

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.approval import get_approved
from tasks.artifacts import tag
from tasks.dead_runs import mark_dead_runs
from tasks.erasure import (
    erase,
    list_awaiting,
    list_requests,
    look,
    publish,
    publish_dry_run,
    reapply,
    short_run_name,
    start_worker,
)
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError

_REQUEST = "^[0-9a-f]{0,64}$"


class Erasure(BaseModel):
    """Which requests of erasure, and whether only to look."""

    model_config = ConfigDict(extra="forbid")

    request: str = Field(
        default="",
        title="Request",
        pattern=_REQUEST,
        description="The first digits of a request, as `unvoiced erasure ls` shows them; never a "
        "name. If it awaits approval, the run asks for it. Empty: all that are not finished and "
        "await none",
    )
    dry_run: bool = Field(
        default=True,
        title="Dry run",
        description="Only show what there is to destroy, and what that would wait for",
    )


_LOOK_AT_ALL = Erasure()


@flow(
    name="erasure",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def erasure(what: Erasure = _LOOK_AT_ALL, config: Config = "") -> State[None]:
    """Go on with one request of erasure, or with all; erase again what came back.

    Args:
        what: which requests, and whether only to look
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
    """
    try:
        mark_dead_runs()
        with start_worker(config) as worker:
            if what.dry_run:
                return publish_dry_run(look(worker, what.request))
            if what.request and (not_approved := get_approved(worker, what.request)):
                return not_approved
            outcomes = [erase(worker, one) for one in list_requests(worker, what.request)]
            outcomes += reapply(worker)
            return publish(outcomes, list_awaiting(worker))
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())


if __name__ == "__main__":
    parser = parser_of("erasure", __doc__)
    about = "the first digits of one, as `unvoiced erasure ls` shows it (default: all)"
    parser.add_argument("request", nargs="?", default="", help=about)
    parser.add_argument("--dry-run", action="store_true", help="only show what there is to destroy")
    given = parse(parser)
    if not re.fullmatch(_REQUEST, given.request):
        parser.error("a request is named by the first hex digits of its id, never by a name")
    asked = Erasure(request=given.request, dry_run=given.dry_run)
    end(erasure(asked, given.config, return_state=True))
