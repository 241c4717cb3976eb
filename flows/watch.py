"""Watch: who reads features, and does the provider's log show what the audit trail does not?

Run it from the root of a checkout or image: `python -m flows.watch path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.telemetry import send
from tasks.watch import (
    blind,
    end_state,
    look_at_reads,
    publish,
    short_run_name,
    start_watcher,
    tell_of_alerts,
)
from unvoiced.errors import UnvoicedError


@flow(
    name="watch",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def watch(config: Config = "") -> State[None]:
    """Look once at all that was read since the last look; run it every five minutes.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
    """
    try:
        with start_watcher(config) as watcher:
            report = look_at_reads(watcher)
            try:
                told = tell_of_alerts(watcher)
            except UnvoicedError as error:
                return Failed(name="AlertsNotTold", message=error.diagnostics())
            finally:
                publish(report)
    except Exception as error:  # whatever ended the look, it has to be told
        return blind(config, error)
    return end_state(report, told)


if __name__ == "__main__":
    given = parse(parser_of("watch", __doc__))
    end(watch(given.config, return_state=True))
