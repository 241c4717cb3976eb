"""Backfill: a new feature set from originals that are kept. The originals stay as they are.

Run it from the root of a checkout or image, `python -m flows.backfill '{"feature_set": "mfcc-13"}'`
and a path of `unvoiced.toml`; `unvoiced backfill` does the same without Prefect.
"""

from datetime import date
from typing import Annotated, Any, Literal

from prefect import flow, unmapped
from prefect.client.schemas.objects import State
from prefect.futures import as_completed
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from flows.command_line import end, parse, parser_of
from flows.parameters import Config
from tasks.artifacts import tag
from tasks.backfill import (
    BackfillReport,
    backfill_batch,
    plan_backfill,
    restore,
    short_run_name,
    start_workers,
)
from tasks.telemetry import send
from unvoiced.backfill.request import LEAST_RESTORE_DAYS, Request, Selection
from unvoiced.errors import UnvoicedError
from unvoiced.features import builtin_names

# The server refuses an id that somebody types here before it keeps it.
Pseudonym = Annotated[str, Field(pattern="^[a-z2-7]{26}$")]


def _everybodys(given: Any) -> Any:
    return [] if given == "all" else given


class Backfill(BaseModel):
    """What to make, of which originals, and how those in cold storage are restored."""

    model_config = ConfigDict(extra="forbid")

    feature_set: str = Field(
        title="Feature set",
        description=f"{', '.join(f'`{one}`' for one in builtin_names())}; or the path of a TOML "
        "file, from the folder of `unvoiced.toml`",
    )
    dry_run: bool = Field(
        True,
        title="Dry run",
        description="Only count and estimate; change and restore nothing. Its report says how to "
        "go on",
    )
    source: Literal["archive", "raw"] = Field(
        "archive",
        title="Originals from",
        description="`archive`: what ingest has archived. `raw`: recordings that it has not "
        "disposed of yet",
    )
    contributors: Annotated[list[Pseudonym], BeforeValidator(_everybodys)] = Field(
        [], title="Whose", description="Pseudonyms, never ids; none: everybody's"
    )
    since: date | None = Field(
        None, title="Since", description="Archived or uploaded on this day or later (UTC)"
    )
    until: date | None = Field(None, title="Until", description="On this day or earlier (UTC)")
    restore_tier: Literal["Bulk", "Standard", "Expedited"] = Field(
        "Bulk",
        title="Cold storage: how fast",
        description="How fast, and how dear, originals in cold storage are restored: `Bulk` up to "
        "two days and cheapest; `Expedited` in minutes, not from DEEP_ARCHIVE",
    )
    restore_days: int = Field(
        7,
        ge=LEAST_RESTORE_DAYS,
        title="Cold storage: for how many days",
        description="Days for which restored copies are kept and paid for",
    )
    batch_samples: int = Field(
        256, ge=1, title="Batch", description="Originals in one task; seldom changed"
    )

    def request(self) -> Request:
        """The same, as the library has it. Raises `InputError`."""
        selection = Selection(tuple(self.contributors), self.since, self.until)
        return Request(
            self.feature_set, self.source, selection,
            self.batch_samples, self.restore_tier, self.restore_days,
        )  # fmt: skip


@flow(
    name="backfill",
    flow_run_name=short_run_name,
    description=__doc__,
    persist_result=False,
    on_running=[tag],
    on_completion=[send],
    on_failure=[send],
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
    return report.publish()


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
