"""Command of who watches: who reads features, and what was noticed."""

import json
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Annotated

import typer
from rich import markup

from unvoiced.audit.requester import requester_of
from unvoiced.cli.audit import AsJson, Since
from unvoiced.cli.display import complain, counted, err, out, table
from unvoiced.cli.files import refuse_to_replace, write_new
from unvoiced.cli.operator import Config
from unvoiced.cli.since import day_of
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, Settings, load_settings
from unvoiced.errors import InputError, UnvoicedError
from unvoiced.log.note import Verifier
from unvoiced.review.plain import plain
from unvoiced.watch import raised, remembered, run, tell
from unvoiced.watch.alert import Alert, cut
from unvoiced.watch.raised import Raised
from unvoiced.watch.report import STILL, WHAT_TO_DO, Report, alert_fields
from unvoiced.watch.watcher import Watcher, open_watcher
from unvoiced.watch.windows import WINDOW_SECONDS

EXIT_CODE = 8
_LAST_DAYS = timedelta(days=7)


def watch(
    context: typer.Context,
    config: Config = Path(FILE_NAME),
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page, too, to this new file; every look anew."),
    ] = None,
    accept: Annotated[
        str,
        typer.Option(
            metavar="REQUESTER",
            help="What was noticed of them, or of all sessions of a role, is usual from now on.",
        ),
    ] = "",
) -> None:
    """Look who read features since the last look, now and every five minutes; tell of alerts.

    With --once: exit status 0 where there is no alert, 8 where something was noticed or an alert of
    today or yesterday (UTC) stands that nobody accepted. Without, it goes on until it is stopped; a
    look that fails, for whatever reason, is told of, and the next one comes in its time.
    """
    if context.invoked_subcommand is not None:
        return
    refuse_to_replace(html)
    settings = load_settings(config)
    if accept:
        _accept(_watcher(settings), accept)
        return
    if once:
        report = _look(settings)
        _publish(report, as_json)
        if html is not None:
            write_new(html, report.html().encode())
        raise typer.Exit(EXIT_CODE if report.alerts or report.standing else 0)
    if html is not None:
        write_new(html, b"")  # ours from here on
    while True:
        began = time.monotonic()
        try:
            report = _look(settings)
            _publish(report, as_json)
            if html is not None:
                _write_anew(html, report.html())
        except Exception as error:  # whoever plants what nobody foresaw ends no watch
            if isinstance(error, UnvoicedError):
                complain(error)
            else:
                err.print(f"error: the watch could not look: {type(error).__name__}")
            with suppress(Exception):
                tell.publish(settings, [tell.could_not_look(error, utc_now())])
        time.sleep(max(0.0, WINDOW_SECONDS - (time.monotonic() - began)))


def ls(since: Since = "", as_json: AsJson = False, config: Config = Path(FILE_NAME)) -> None:
    """List the alerts that were raised, newest first: which were told, and who accepted which."""
    settings = load_settings(config)
    audit = settings.store("audit")
    recalled = remembered.recall(audit, Verifier.parse(settings.log_vkey))
    accepted = recalled.state.accepted if recalled.state else ()
    start = datetime.combine(day_of(since, (utc_now() - _LAST_DAYS).date()), time_of_day(), UTC)
    kept = raised.kept(audit, start, accepted)
    if as_json:
        for one in kept:
            _print(json.dumps(_fields(one)))
        return
    rows = [
        (
            f"{one.time.astimezone(UTC):%Y-%m-%d %H:%M}",
            str(one.alert.level),
            str(one.alert.kind),
            _escape(one.alert.who),
            _escape(f"{one.alert.when}: {cut(one.alert.what)}"),
            "yes" if one.told else "no",
            _escape(cut(one.accepted.by)) if one.accepted else "stands",
        )
        for one in kept
    ]
    columns = {"raised (UTC)": "left", "": "left", "alert": "left", "of whom": "left"}
    columns |= {"what": "left", "told": "left", "accepted by": "left"}
    standing = sum(one.accepted is None for one in kept)
    since_when = f"since {start:%Y-%m-%d}"
    if rows:
        alerts = counted(len(rows), "alert")
        table(f"{alerts} {since_when}, {standing:,} of them standing", columns, rows)
    else:
        out.print(f"No alerts {since_when}.", highlight=False)
    if recalled.trouble:
        err.print(f"{recalled.trouble}: what was accepted is not all known")


def _fields(one: Raised) -> dict[str, object]:
    word = one.accepted
    said = {"by": word.by, "time": word.time.isoformat()} if word else None
    return {
        **alert_fields(one.alert),
        "raised": one.time.isoformat(),
        "told": one.told,
        "accepted": said,
    }


def _accept(watcher: Watcher, requester: str) -> None:
    by = requester_of(watcher.audit.url)
    earlier = run.accept(watcher, requester, by)
    days = sorted({f"{one.alert.start:%Y-%m-%d}" for one in earlier})
    what = (
        f"with {counted(len(earlier), 'alert')} of {', '.join(days)}"
        if earlier
        else "no alert stood"
    )
    _print(
        f"{plain(requester)}: accepted by {plain(by)}; what was read is usual from now on, {what}"
    )
    for one in earlier:
        _print(f"    {plain(one.alert.line)}")


def _watcher(settings: Settings) -> Watcher:
    return open_watcher(settings, f"watch-{secrets.token_hex(4)}")


def _look(settings: Settings) -> Report:
    watcher = _watcher(settings)
    report = run.watch(watcher)
    tell.tell(watcher, tell.untold(watcher))
    return report


def _publish(report: Report, as_json: bool) -> None:
    if as_json:
        _print(json.dumps(report.as_json()))
    else:
        _show(report)


def _write_anew(html: Path, text: str) -> None:
    try:
        html.write_text(text, encoding="utf-8")
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
                _escape(cut(row.requester)),
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
        _show_alert(alert)
    if report.standing:
        _print(f"{STILL}:")
        for one in report.standing:
            _show_alert(one.alert)
    standing = f", {len(report.standing):,} from before" if report.standing else ""
    out.print(
        f"{counted(report.recorded, 'read')} recorded since the last look, "
        f"{counted(report.tied, 'record')} tied, {counted(len(report.alerts), 'alert')}{standing}"
    )


def _show_alert(alert: Alert) -> None:
    _print(plain(alert.line))
    _print(f"    {WHAT_TO_DO[alert.kind]}")


def _print(text: str) -> None:
    out.print(text, soft_wrap=True, markup=False, highlight=False)


def _escape(text: str) -> str:
    return markup.escape(plain(text))
