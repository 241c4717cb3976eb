"""Commands of who answers for how long things are kept: show, run, schedule, lifecycle."""

import json
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unvoiced.cli.display import err, out, table
from unvoiced.cli.files import refuse_to_replace, write_new
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.eraser import open_eraser
from unvoiced.errors import InputError, NotDisposed, UnvoicedError
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader
from unvoiced.posture.facts import LifecycleRule
from unvoiced.retention.keep import Report, Row, keep_rules
from unvoiced.retention.keep import show as what_is_due
from unvoiced.retention.lifecycle import BucketRules, apply_rules, look_at_rules
from unvoiced.retention.schedule import make_schedule
from unvoiced.retention.schedule_page import as_html, as_markdown

DRIFTED = 7  # as `posture`: something is not as it must be


def show(config: Config = Path(FILE_NAME)) -> None:
    """Show what is due now, by rule and store, and when the next is; destroys nothing.

    "held" is due and kept by a legal hold or a lock; "left" is due and cannot be destroyed, for the
    reason shown; "next is due" is when the next object of those that are there now becomes due.
    Rules that nothing there falls under have no row.
    """
    report = what_is_due(load_settings(config), utc_now())
    _rows(f"{report.due:,} objects are due", report.rows, ("due", "held"))
    _reasons(report)


def run(config: Config = Path(FILE_NAME)) -> None:
    """Destroy what is due, with receipts; exit status 6 where something due is still there.

    "held" is due and kept by a legal hold or a lock; "left" is due and still there, for the reason
    shown; "next is due" is when the next object of those that are there becomes due. The
    `retention` flow does the same on a Prefect server, by schedule.
    """
    settings = load_settings(config)
    report = keep_rules(open_eraser(settings, f"command {secrets.token_hex(4)}"))
    _rows(f"{report.destroyed:,} objects destroyed", report.rows, ("due", "destroyed", "held"))
    _reasons(report)
    if report.left:
        raise NotDisposed(f"{report.left:,} objects that are due are still there")


def schedule(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write a page: PAGE.html, or PAGE.md."),
    ] = None,
    contact: Annotated[
        str, typer.Option(help="Who to ask, as it is to stand there: a name and an address.")
    ] = "",
    config: Config = Path(FILE_NAME),
) -> None:
    """Write the public retention schedule: what is kept, how long, why, how it is destroyed."""
    settings = load_settings(config)
    made = make_schedule(
        settings, utc_now().date(), contact, originals=_originals(settings.log_reader)
    )
    if output is None:
        out.print(as_markdown(made), soft_wrap=True, markup=False, highlight=False)
        return
    if output.suffix not in {".html", ".md"}:
        raise InputError(f"{output}: a page is PAGE.html or PAGE.md")
    refuse_to_replace(output)
    try:
        text = as_html(made) if output.suffix == ".html" else as_markdown(made)
        write_new(output, text.encode())
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from None
    out.print(f"{output}: the schedule of {config}; publish it", markup=False)


def _originals(log: Callable[[], LogReader]) -> int:
    """How many originals are archived by the log; 0, and a word of it, where it cannot be read."""
    try:
        reader, ledger = log(), Ledger()
        ledger.follow(reader.entries, reader.checkpoint().size)
    except UnvoicedError as error:
        err.print(f"the page follows the settings alone: {error}", markup=False)
        return 0
    return len(ledger.archived)


def lifecycle(
    config: Config = Path(FILE_NAME),
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Put the rules right; needs s3:PutLifecycleConfiguration."),
    ] = False,
) -> None:
    """Show the buckets' own lifecycle rules as they are and as they should be.

    Exit status 7 where they differ. With --apply, rules are put; others' rules stay.
    """
    settings, now = load_settings(config), utc_now()
    if apply:
        for before, after in apply_rules(settings, now):
            _bucket(before, "before", before.rules)
            _bucket(after, "after", after.rules)
    found = look_at_rules(settings, now)
    if not found:
        out.print("No store is in a bucket; a folder has no lifecycle rules.")
        return
    for one in found:
        if one.unknown:
            err.print(f"{one.bucket}: could not be read: {one.unknown}", markup=False)
        elif one.drift:
            _bucket(one, "as it is", one.rules)
            if one.should != one.rules:
                _bucket(one, "as it should be", one.should)
            for what in one.drift:
                remedy = "by hand: no rule can" if what in one.by_hand else "--apply puts it right"
                err.print(f"{one.bucket}: {what} ({remedy})", markup=False)
    right = sum(not one.drift and not one.unknown for one in found)
    out.print(f"{right:,} of {len(found):,} buckets have the rules they should have")
    if right < len(found):
        raise typer.Exit(DRIFTED)


def _bucket(one: BucketRules, which: str, rules: Iterable[LifecycleRule]) -> None:
    out.print(f"{one.bucket} ({', '.join(one.places)}), {which}:", markup=False)
    for rule in rules:
        text = json.dumps(rule, default=str, sort_keys=True)
        out.print(f"  {text}", soft_wrap=True, markup=False, highlight=False)
    if not list(rules):
        out.print("  no rules")


def _rows(title: str, rows: Iterable[Row], counts: Iterable[str]) -> None:
    numbers = {
        "due": lambda row: row.due,
        "destroyed": lambda row: row.destroyed,
        "held": lambda row: sum(row.held.values()),
    }
    chosen = list(counts)
    columns = {"rule": "left", "store": "left", **dict.fromkeys(chosen, "right")}
    columns |= {"left": "right", "next is due": "left"}
    table(
        title,
        columns,
        [
            (
                row.rule,
                row.store,
                *(f"{numbers[name](row):,}" for name in chosen),
                f"{len(row.left):,}",
                _moment(row.next),
            )
            for row in rows
            if row.due or row.destroyed or row.held or row.left or row.next
        ],
    )


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _reasons(report: Report) -> None:
    held = [(row, why, count) for row in report.rows for why, count in row.held.items()]
    left = [(row.rule, name, why) for row in report.rows for name, why in row.left.items()]
    if held:
        columns = {"held back by": "left", "rule": "left", "store": "left", "objects": "right"}
        rows = [(why, row.rule, row.store, f"{count:,}") for row, why, count in held]
        table("Held", columns, rows)
    if left:
        columns = {"object": "left", "rule": "left", "why it is still there": "left"}
        table("Left", columns, [(escape(name), rule, escape(why)) for rule, name, why in left])
