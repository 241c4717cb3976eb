"""Ingest, spread: parts of the raw store at once, each a run of the deployment `ingest/part`.

Whichever workers of the deployment's work pool are free take the parts. Run it from the root of a
checkout or image: `python -m flows.ingest_spread --parts 4 path/to/unvoiced.toml`, the path being
that on the machines of the workers (docs/scale.md).
"""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import Field

from flows.command_line import end, parse, parser_of
from tasks.artifacts import tag
from tasks.spread import publish, short_run_name, start_parts, wait_for_parts
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError
from unvoiced.ingest.part import MOST_PARTS


@flow(
    name="ingest-spread",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def ingest_spread(
    config: str = "",
    parts: Annotated[int, Field(ge=1, le=MOST_PARTS)] = 2,
    deployment: str = "ingest/part",
) -> State[None]:
    """Ingest everything that is in the raw store now, in parts.

    Args:
        config: path of `unvoiced.toml` on the machines of the workers; empty: UNVOICED_CONFIG there
        parts: how many parts
        deployment: the deployment of the flow ingest that each part is a run of
    """
    try:
        return publish(wait_for_parts(start_parts(deployment, config, parts)))
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())


if __name__ == "__main__":
    parser = parser_of("ingest_spread", __doc__)
    parser.add_argument("--parts", type=int, default=2, help="how many (default: 2)")
    parser.add_argument("--deployment", default="ingest/part", help="default: ingest/part")
    given = parse(parser)
    end(ingest_spread(given.config, given.parts, given.deployment, return_state=True))
