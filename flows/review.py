"""Access review: who can reach what, who used it, what should end. A draft; nothing is changed.

A person signs: `unvoiced review --sign`. Run it from the root of a checkout or image:
`python -m flows.review path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.review import end_state, look, publish, short_run_name
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError


@flow(
    name="review",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def review(config: Config = "") -> State[None]:
    """Make the report that a person then looks at and signs.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
    """
    try:
        report = look(config)
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    publish(report)
    return end_state(report)


if __name__ == "__main__":
    given = parse(parser_of("review", __doc__))
    end(review(given.config, return_state=True))
