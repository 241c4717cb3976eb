"""Catalog: bring the list of what is in the training store up to date; derived, never the truth.

Run it from the root of a checkout or image: `python -m flows.catalog path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.catalog import build_shards, list_feature_sets, publish, short_run_name
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError


@flow(
    name="catalog",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def catalog(config: Config = "", anew: bool = False) -> State[None]:
    """Build the catalog of every feature set; run it after ingest.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
        anew: read every object again, and take no row from before
    """
    try:
        sets = list_feature_sets(config)
        reports = [build_shards(config, feature_set, anew) for feature_set in sets]
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return publish(reports)


if __name__ == "__main__":
    parser = parser_of("catalog", __doc__)
    parser.add_argument("--anew", action="store_true", help="take no row from before")
    given = parse(parser)
    end(catalog(given.config, given.anew, return_state=True))
