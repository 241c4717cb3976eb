"""Epochs: the next intake key is there ahead of time, and those of epochs that are over go.

Run it from the root of a checkout or image: `python -m flows.epochs path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.epochs import (
    EpochsReport,
    retire_intake_keys,
    rotate_intake_keys,
    short_run_name,
    start_key_keeper,
    start_retirer,
)
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError


@flow(
    name="epochs",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def epochs(config: Config = "", rotate: bool = True, retire: bool = True) -> State[None]:
    """Rotate and retire. On AWS the key keeper's runs do the one, the ingest worker's the other.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
        rotate: make the keys that are missing
        retire: retire the keys of epochs that are over
    """
    report = EpochsReport()
    try:
        if rotate:
            with start_key_keeper(config) as keeper:
                report.rotation = rotate_intake_keys(keeper)
        if retire:
            with start_retirer(config) as worker:
                report.retirements = retire_intake_keys(worker)
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return report.publish(config)


if __name__ == "__main__":
    parser = parser_of("epochs", __doc__)
    parser.add_argument("--no-rotate", action="store_true", help="only retire")
    parser.add_argument("--no-retire", action="store_true", help="only rotate")
    given = parse(parser)
    end(epochs(given.config, not given.no_rotate, not given.no_retire, return_state=True))
