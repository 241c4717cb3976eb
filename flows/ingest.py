"""Ingest: sealed recordings in, sealed features out, recordings gone with proof.

Run it from the root of a checkout or image: `python -m flows.ingest path/to/unvoiced.toml`.
"""

from prefect import flow, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import as_completed
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.command_line import end, parse, parser_of
from tasks.ingest import (
    finish_interrupted,
    ingest_batch,
    list_backlog,
    start_workers,
    sweep_journal,
)
from tasks.report import RunReport, short_run_name
from unvoiced.errors import UnvoicedError


@flow(
    name="ingest",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]  # Prefect's own types
)
def ingest(config: str = "unvoiced.toml") -> State[None]:
    """Ingest everything that is in the raw store now.

    Args:
        config: path of `unvoiced.toml` on the machine that runs the flow
    """
    try:
        with start_workers(config) as workers, RunReport() as report:
            finished = report.finished(finish_interrupted(workers))
            plan = report.expect(list_backlog(workers, tried=finished.tried))
            batches = ingest_batch.map(unmapped(workers), report.numbers(), plan.batches)
            for batch in as_completed(list(batches)):
                report.take(batch)
            sweep_journal(workers)
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return report.publish()


if __name__ == "__main__":
    given = parse(parser_of("ingest", __doc__))
    end(ingest(given.config, return_state=True))
