"""Erasure: everything of one contributor destroyed, their key first, and seen to be gone.

Run it from the root of a checkout or image: `python -m flows.erasure path/to/unvoiced.toml`.
"""

import re
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import Field

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.erasure import erase, list_requests, publish, reapply, short_run_name, start_worker
from unvoiced.errors import UnvoicedError

_REQUEST = "^[0-9a-f]{0,64}$"


@flow(
    name="erasure",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
)
def erasure(
    config: Config = "", request: Annotated[str, Field(pattern=_REQUEST)] = ""
) -> State[None]:
    """Go on with one request of erasure, or with all; erase again what came back.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
        request: a request, as `unvoiced erasure ls` shows it: the first hex digits of its id,
            never a name; empty: go on with all that are not finished
    """
    try:
        with start_worker(config) as worker:
            outcomes = [erase(worker, one) for one in list_requests(worker, request)]
            outcomes += reapply(worker)
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return publish(outcomes)


if __name__ == "__main__":
    parser = parser_of("erasure", __doc__)
    about = "the first digits of one, as `unvoiced erasure ls` shows it (default: all)"
    parser.add_argument("request", nargs="?", default="", help=about)
    given = parse(parser)
    if not re.fullmatch(_REQUEST, given.request):
        parser.error("a request is named by the first hex digits of its id, never by a name")
    end(erasure(given.config, given.request, return_state=True))
