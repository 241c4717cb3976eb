"""Backfill: a new feature set from originals that are kept. The originals stay as they are.

Run it from the root of a checkout or image, `python -m flows.backfill '{"feature_set": "mfcc-13"}'`
and a path of `unvoiced.toml`; `unvoiced backfill` does the same without Prefect.
"""

from datetime import date
from typing import Literal

from prefect import flow, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import as_completed
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.backfill import (
    BackfillReport,
    backfill_batch,
    plan_backfill,
    restore,
    short_run_name,
    start_workers,
)
from unvoiced.backfill.request import LEAST_RESTORE_DAYS, Request, Selection
from unvoiced.errors import UnvoicedError


class Backfill(BaseModel):
    """What to make, of which originals, and how those in cold storage are restored."""

    model_config = ConfigDict(extra="forbid")

    feature_set: str = Field(
        description="A built-in feature set, or a TOML file's path beside unvoiced.toml"
    )
    source: Literal["archive", "raw"] = Field(
        "archive", description="The archive, or recordings that ingest has not disposed of yet"
    )
    contributors: Literal["all"] | list[str] = Field(
        "all", description="Everybody, or a list of pseudonyms"
    )
    since: date | None = Field(None, description="Archived or uploaded on this day or later (UTC)")
    until: date | None = Field(None, description="On this day or earlier (UTC)")
    dry_run: bool = Field(True, description="Only count and estimate; change and restore nothing")
    restore_tier: Literal["Bulk", "Standard", "Expedited"] = Field(
        "Bulk", description="How fast, and how dear, cold originals are restored"
    )
    restore_days: int = Field(
        7, ge=LEAST_RESTORE_DAYS, description="Days for which restored copies are kept and paid for"
    )
    batch_samples: int = Field(256, ge=1, description="Originals in one task")

    def request(self) -> Request:
        """The same, as the library has it. Raises `InputError`."""
        chosen = () if self.contributors == "all" else tuple(self.contributors)
        selection = Selection(chosen, self.since, self.until)
        return Request(
            self.feature_set, self.source, selection,
            self.batch_samples, self.restore_tier, self.restore_days,
        )  # fmt: skip


@flow(
    name="backfill",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]  # Prefect's own types
)
def backfill(what: Backfill, config: Config = "") -> State[None]:
    """Make a feature set from originals that are kept.

    Args:
        what: what to make, of which originals
        config: path of `unvoiced.toml` where the flow runs; empty: what UNVOICED_CONFIG names there
    """
    try:
        request = what.request()
        report = BackfillReport(config, request)
        with start_workers(config, request) as workers:
            plan = report.expect(plan_backfill(workers, request), workers.processes)
            if what.dry_run:
                return report.dry()
            batches = report.batches(restore(workers, request, plan))
            made = backfill_batch.map(unmapped(workers), report.numbers(batches), batches)
            for batch in as_completed(list(made)):
                report.take(batch)
    except UnvoicedError as error:
        return Failed(message=error.diagnostics())
    return report.publish({"what": what.model_dump(mode="json"), "config": config})


if __name__ == "__main__":
    fields = ", ".join(Backfill.model_fields)
    parser = parser_of("backfill", __doc__, what=f"JSON, of the fields {fields}: docs/backfill.md")
    given = parse(parser)
    try:
        asked = Backfill.model_validate_json(given.what)
        asked.request()
    except ValidationError as error:
        parser.error("; ".join(f"{'.'.join(map(str, one['loc'])) or 'what'}: {one['msg']}"
                               for one in error.errors()))  # fmt: skip
    except UnvoicedError as error:
        parser.error(error.diagnostics())
    end(backfill(asked, given.config, return_state=True))
