"""Command of data scientists: a new feature set from originals that are kept."""

import secrets
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unvoiced.backfill.batch import backfill_batch, report_killed
from unvoiced.backfill.nothing import why_none
from unvoiced.backfill.outcome import Original
from unvoiced.backfill.plan import cut, make_plan
from unvoiced.backfill.request import LEAST_RESTORE_DAYS, Request, Selection
from unvoiced.backfill.restore import ask_restores
from unvoiced.backfill.summary import (
    Ending,
    Row,
    Run,
    dry_ending,
    ending,
    exceptions,
    next_run,
    plan_rows,
    result_rows,
)
from unvoiced.backfill.workers import start_workers
from unvoiced.cli.display import err, table
from unvoiced.cli.operator import Config
from unvoiced.cli.whose import pseudonym_of
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import UnvoicedError
from unvoiced.ingest.worker import WorkerPool


class From(StrEnum):
    """Where originals are read."""

    ARCHIVE = "archive"
    RAW = "raw"


class RestoreTier(StrEnum):
    """How fast, and how dear, originals come out of cold storage."""

    BULK = "Bulk"
    STANDARD = "Standard"
    EXPEDITED = "Expedited"


def _day(which: str) -> Any:
    return typer.Option(
        metavar="YYYY-MM-DD",
        formats=["%Y-%m-%d"],
        help=f"Only what was archived, or uploaded, on this day or {which} (UTC).",
    )


def backfill(
    feature_set: Annotated[
        str, typer.Argument(help="A built-in feature set, or the path of a TOML file.")
    ],
    source: Annotated[
        From, typer.Option(help="The archive, or recordings not disposed of yet.")
    ] = From.ARCHIVE,
    contributor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PSEUDONYM",
            help="Only this one's; may be given several times. An id too, where the inviter's "
            "vault can be opened.",
        ),
    ] = None,
    since: Annotated[datetime | None, _day("later")] = None,
    until: Annotated[datetime | None, _day("earlier")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run/--go", help="Only count and estimate, or do it.")
    ] = True,
    tier: Annotated[
        RestoreTier, typer.Option(help="How cold originals are restored.")
    ] = RestoreTier.BULK,
    restore_days: Annotated[
        int, typer.Option(min=LEAST_RESTORE_DAYS, help="Days that restored copies are kept.")
    ] = 7,
    config: Config = Path(FILE_NAME),
) -> None:
    """Make a feature set of originals that are kept; they stay as they are.

    Without --go it only counts and estimates: nothing is changed, and nothing restored. Killed at
    any point, it is finished by running it again.
    """
    settings = load_settings(config)
    request = Request(
        feature_set=_named(feature_set),
        source="archive" if source is From.ARCHIVE else "raw",
        selection=Selection(
            tuple(pseudonym_of(settings, one) for one in contributor or ()),
            since.date() if since else None,
            until.date() if until else None,
        ),
        tier=tier.value,
        restore_days=restore_days,
    )
    with start_workers(config, f"command {secrets.token_hex(4)}", request) as workers:
        run = Run(request, workers.call(make_plan, request.selection))
        _show("Plan", plan_rows(request, run.plan, workers.processes))
        if not run.plan.selected:
            err.print(why_none(settings, request), markup=False, highlight=False, soft_wrap=True)
        if dry_run:
            _end(dry_ending(run.plan), run)
            if run.plan.todo or run.plan.cold:
                err.print("Add --go to do it.")
            return
        cold = run.plan.cold
        run.asked = workers.call(ask_restores, cold, request.restore_days, request.tier)
        readable = [*run.plan.todo, *run.asked.readable]
        _make(workers, cut(readable, request.batch_samples, settings.ingest.batch_bytes), run)
    _show("Result", result_rows(run))
    _end(ending(run, next_run(run, utc_now()), scheduled=False), run)


def _named(feature_set: str) -> str:
    """A path means what it does in the shell; elsewhere it is relative to the settings file."""
    is_path = feature_set.endswith(".toml")
    return str(Path(feature_set).resolve()) if is_path else feature_set


def _make(workers: WorkerPool, batches: list[list[Original]], run: Run) -> None:
    """All batches, a few at a time, behind a progress bar."""
    columns = (TextColumn("backfill"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=err, disable=not err.is_terminal) as bar,
        ThreadPoolExecutor(workers.processes) as several,
    ):
        shown = bar.add_task("backfill", total=sum(map(len, batches)))
        batch_runs = [
            several.submit(workers.batch, batch, backfill_batch, report_killed) for batch in batches
        ]
        for finished in as_completed(batch_runs):
            try:
                run.done.add(finished.result())
            except UnvoicedError as error:
                run.failures.append(error.diagnostics())
            bar.update(shown, completed=run.done.objects)


def _show(title: str, rows: list[Row]) -> None:
    table(title, {"": "left", "count": "right"}, rows)


def _end(ended: Ending, run: Run) -> None:
    if rows := exceptions(run):
        columns = ("object", "outcome", "reason", "what to do")
        table(
            f"{len(rows):,} without features",
            dict.fromkeys(columns, "left"),
            [tuple(row[column] for column in columns) for row in rows],
        )
    err.print(f"{ended.name}: {ended.message}", markup=False, highlight=False)
    if ended.failed:
        raise typer.Exit(UnvoicedError.exit_code)
