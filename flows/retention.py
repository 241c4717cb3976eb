"""Retention: destroy what is due, with receipts, rule by rule; report what is held or left.

Run it from the root of a checkout or image: `python -m flows.retention path/to/unvoiced.toml`.
"""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.retention import (
    RetentionReport,
    finish_interrupted,
    keep_rule,
    look_at_lifecycle,
    reapply_suppressions,
    short_run_name,
    start_erasers,
)
from tasks.telemetry import send
from unvoiced.errors import UnvoicedError
from unvoiced.retention.rules import Rule


@flow(
    name="retention",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
)
def retention(config: Config = "", dry_run: bool = False) -> State[None]:
    """Keep every rule of [retention] as of now.

    Args:
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
        dry_run: only report what is due; destroy nothing
    """
    report = RetentionReport(dry_run)
    try:
        with start_erasers(config) as erasers:
            if not dry_run:
                report.take(finish_interrupted.submit(erasers))
                report.take(reapply_suppressions.submit(erasers))
            for rule in Rule:
                report.take(keep_rule.submit(erasers, rule.value, dry_run))
        report.drift(look_at_lifecycle.submit(config))
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return report.publish(config)


if __name__ == "__main__":
    parser = parser_of("retention", __doc__)
    parser.add_argument("--dry-run", action="store_true", help="only report what is due")
    given = parse(parser)
    end(retention(given.config, given.dry_run, return_state=True))
