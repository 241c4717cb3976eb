"""Ingest: sealed recordings in, sealed features out, recordings gone with proof.

Run it from the root of a checkout or image: `python -m flows.ingest path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.ingest import (
    AT_ONCE,
    finish_interrupted,
    keeping_record,
    list_and_ingest,
    start_workers,
    sweep_journal,
)
from tasks.report import RunReport, short_run_name
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError
from unvoiced.ingest.part import Part


@flow(
    name="ingest",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
    task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE),  # type: ignore[arg-type]  # Prefect's own types
)
def ingest(config: Config = "", part: int = 1, of: int = 1) -> State[None]:
    """Ingest everything that is in the raw store now, or one part of it.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
        part: which part of the raw store, from 1
        of: how many parts there are; see docs/scale.md
    """
    try:
        ours = Part(part, of)
        with (
            start_workers(config) as workers,
            RunReport(ours) as report,
            keeping_record(workers, report),
        ):
            finished = report.finished(finish_interrupted.submit(workers, ours).result())
            for outcome in list_and_ingest(workers, ours, finished.tried):
                report.take(outcome)
            sweep_journal.submit(workers).result()
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return report.publish(config)


if __name__ == "__main__":
    parser = parser_of("ingest", __doc__)
    parser.add_argument("--part", type=int, default=1, help="which part of the raw store, from 1")
    parser.add_argument("--of", type=int, default=1, help="how many parts there are")
    given = parse(parser)
    end(ingest(given.config, given.part, given.of, return_state=True))
