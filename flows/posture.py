"""Posture: is this account, or this machine, configured as it must be? Nothing is ever changed.

Run it from the root of a checkout or image: `python -m flows.posture path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.posture import end_state, look, publish, short_run_name
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError


@flow(
    name="posture",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def posture(config: Config = "") -> State[None]:
    """Check everything that the settings name.

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
    given = parse(parser_of("posture", __doc__))
    end(posture(given.config, return_state=True))
