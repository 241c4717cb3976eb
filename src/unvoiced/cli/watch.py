"""Command of who watches: who reads features, and what was noticed."""

import json
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unvoiced.audit.requester import requester_of
from unvoiced.cli.display import complain, err, out, table
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.errors import InputError, UnvoicedError
from unvoiced.watch import run, tell
from unvoiced.watch.alert import cut
from unvoiced.watch.report import WHAT_TO_DO, Report
from unvoiced.watch.watcher import Watcher, open_watcher
from unvoiced.watch.windows import WINDOW_SECONDS

EXIT_CODE = 8


def watch(
    config: Config = Path(FILE_NAME),
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report as a page, too.")
    ] = None,
    accept: Annotated[
        str,
        typer.Option(metavar="REQUESTER", help="What was noticed of them is normal from now on."),
    ] = "",
) -> None:
    """Look who read features since the last look, now and every five minutes; tell of alerts.

    With --once: exit status 0 where nothing was noticed, 8 where something was. Without, it goes on
    until it is stopped; a look that fails, for whatever reason, is told of, and the next one comes
    in its time.
    """
    settings = load_settings(config)
    if accept:
        watcher = _watcher(settings)
        run.accept(watcher, accept, requester_of(watcher.audit.url))
        out.print(f"{accept}: what was read is learned as usual", soft_wrap=True, markup=False)
        return
    if once:
        report = _look(settings)
        _publish(report, as_json, html)
        raise typer.Exit(EXIT_CODE if report.alerts else 0)
    while True:
        began = time.monotonic()
        try:
            _publish(_look(settings), as_json, html)
        except Exception as error:  # whoever plants what nobody foresaw ends no watch
            if isinstance(error, UnvoicedError):
                complain(error)
            else:
                err.print(f"error: the watch could not look: {type(error).__name__}")
            with suppress(Exception):
                tell.publish(settings, [tell.could_not_look(error, utc_now())])
        time.sleep(max(0.0, WINDOW_SECONDS - (time.monotonic() - began)))


def _watcher(settings: Settings) -> Watcher:
    return open_watcher(settings, f"watch-{secrets.token_hex(4)}")


def _look(settings: Settings) -> Report:
    watcher = _watcher(settings)
    report = run.watch(watcher)
    tell.tell(watcher, tell.untold(watcher))
    return report


def _publish(report: Report, as_json: bool, html: Path | None) -> None:
    if as_json:
        text = json.dumps(report.as_json())
        out.print(text, soft_wrap=True, markup=False, highlight=False)
    else:
        _show(report)
    if html is not None:
        try:
            html.write_text(report.html(), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{html}: {error.strerror}") from None


def _show(report: Report) -> None:
    if report.rows:
        columns = {
            "requester": "left",
            "role": "left",
            "log": "left",
            "in a day": "right",
            "in five minutes": "right",
            "hour by hour": "left",
        }
        rows = [
            (
                escape(cut(row.requester)),
                row.role,
                row.origin,
                f"{row.reads:,}",
                f"{row.peak:,}",
                row.line,
            )
            for row in report.rows
        ]
        table("Reads of features", columns, rows)
    for alert in report.alerts:
        who = cut(" from ".join(each for each in (alert.requester, alert.source) if each))
        text = f"{alert.level}: {alert.kind}: {who}: {alert.what}"
        out.print(text, soft_wrap=True, markup=False, highlight=False)
        out.print(f"    {WHAT_TO_DO[alert.kind]}", soft_wrap=True, markup=False, highlight=False)
    out.print(
        f"{report.recorded:,} reads recorded since the last look, {report.tied:,} records tied, "
        f"{len(report.alerts):,} alerts"
    )
