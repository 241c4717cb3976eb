"""Commands of who answers for access: look at who can reach what, sign it, verify it."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich import markup

from unvoiced.audit.reviews import (
    SignedReview,
    kept_reviews,
    open_review,
    why_it_does_not_count,
)
from unvoiced.cli.display import counted, out, table
from unvoiced.cli.files import refuse_to_replace, write_new
from unvoiced.cli.log import LogKey, LogUrl, log_key, open_log
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, VerificationError
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader
from unvoiced.posture.finding import Severity
from unvoiced.review.page import as_html
from unvoiced.review.plain import command, plain
from unvoiced.review.report import Report
from unvoiced.review.take import sign_and_record, take_review

EXIT_CODE = 7


def review(
    context: typer.Context,
    config: Config = Path(FILE_NAME),
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign it as who you are, keep it, and log its digest.")
    ] = False,
    note: Annotated[str, typer.Option(help="With --sign: what the reviewer has to say.")] = "",
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=REASON",
            help="With --sign: a finding that stays, and why. May be given several times.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a picture to this new file.")
    ] = None,
) -> None:
    """Who can reach what, who used it, what is wider than the role table; changes nothing.

    Exit status 0 where nothing should end, 7 with findings or with anything that could not be
    decided; 0 once it is signed.
    """
    if context.invoked_subcommand is not None:
        return
    kept = _kept(keep or [])
    if not sign and (note or kept):
        raise InputError("--note and --keep go with --sign")
    refuse_to_replace(html)
    settings = load_settings(config)
    report = take_review(settings, utc_now())
    if as_json:
        text = json.dumps(report.as_json(), indent=2)
        out.print(text, soft_wrap=True, markup=False, highlight=False)
    else:
        _show(report)
        if not sign:
            _show_last(report.last)
    signed = None
    if sign:
        if sys.stdin is not None and sys.stdin.isatty():
            typer.confirm("You have looked at all of it, and sign for it?", abort=True)
        signed = sign_and_record(settings, report, utc_now(), note=note, kept=kept)
        if not as_json:
            due = signed.review.moment + timedelta(days=settings.review.every_days)
            out.print(
                f"Signed by {plain(signed.review.reviewer)}: {signed.name}, "
                f"in the log as {signed.digest}\nThe next review is due on {due:%Y-%m-%d}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
    if html is not None:
        write_new(html, as_html(report, signed).encode())
    if not sign and (report.findings or report.gaps):
        raise typer.Exit(EXIT_CODE)


def _kept(given: list[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        identity, equals, why = text.partition("=")
        if not equals or not why.strip():
            raise InputError(f"--keep {text!r}: ID=REASON, the ID of a finding")
        pairs[identity] = why
    return pairs


def _show(report: Report) -> None:
    if report.findings:
        rows = [
            (one.identity, one.severity.value, escape(one.who), escape(f"{one.name}: {one.what}"),
             escape(one.right) + _again(report, one.identity))
            for one in report.findings
        ]  # fmt: skip
        table(
            "What should end",
            {"id": "left", "": "left", "who": "left", "what": "left", "by the table": "left"},
            rows,
        )
        for one in report.findings:
            text = f"{one.identity}  {command(one.fix)}"
            out.print(text, soft_wrap=True, markup=False, highlight=False)
        out.print()
    if report.gaps:
        table(
            "What could not be decided",
            {"what": "left", "why": "left", "by hand": "left"},
            [
                (escape(gap.what), escape(gap.why), escape(command(gap.command)))
                for gap in report.gaps
            ],
        )
    if report.uses:
        table(
            "Who read features",
            {"who": "left", "objects": "right", "days": "right", "last": "left", "for": "left"},
            [
                (escape(str(use["who"])), f"{use['objects']:,}", f"{use['days']:,}",
                 str(use["last"]), ", ".join(use["purposes"]))
                for use in report.uses
            ],
        )  # fmt: skip
    beyond = {one.who for one in report.reaches if not one.in_table}
    everybody = {one.who for one in report.reaches}
    out.print(
        f"{counted(len(everybody), 'principal reaches', 'principals reach')} something, "
        f"{len(beyond):,} of them beyond the table; "
        f"{counted(len(report.findings), 'finding')}, {len(report.gaps):,} not decided; what no "
        "review can tell: --json, --html",
        soft_wrap=True,
    )


def _show_last(signed: SignedReview | None) -> None:
    last = signed.review if signed else None
    out.print(
        f"Last review: {last.time} by {plain(last.reviewer)}" if last else "Never reviewed",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def escape(text: str) -> str:
    """For a terminal: neither rich's markup nor control characters."""
    return markup.escape(plain(text))


def _again(report: Report, identity: str) -> str:
    return f"\nkept last time: {escape(report.kept[identity])}" if identity in report.kept else ""


def ls(config: Config = Path(FILE_NAME)) -> None:
    """List the reviews that were signed, newest first, and what stands there and counts for none.

    Exit status 5 where anything is not what the log knows.
    """
    settings = load_settings(config)
    verifier = Verifier.parse(settings.log_vkey)
    rows, wrong = [], 0
    reader = settings.log_reader()
    for kept in kept_reviews(settings.store("audit"), reader, verifier, utc_now()):
        if kept.signed is None:
            wrong += 1
            rows.append((escape(kept.name), "", "", "", escape(kept.why)))
            continue
        one = kept.signed.review
        rows.append(
            (kept.name, one.time, escape(one.reviewer), f"{one.findings:,}", escape(one.note))
        )
    columns = {"file": "left", "signed": "left", "by": "left", "findings": "right", "note": "left"}
    table(counted(len(rows) - wrong, "review"), columns, rows)
    if wrong:
        raise VerificationError(f"{wrong:,} under reviews/ count for nothing")


def verify(
    file: Annotated[Path, typer.Argument(help="A signed review, as reviews/ holds it.")],
    log: LogUrl = None,
    key: LogKey = None,
    config: Config = Path(FILE_NAME),
) -> None:
    """Verify a signed review offline: with --key its signature, with --log too that it is logged.

    Without --key the settings say which key and which log.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    alone = key is not None and log is None
    if alone:
        signed = open_review(data, log_key(key, config))
    else:
        store, verifier = open_log(log, key, config)
        signed = open_review(data, verifier)
        if why := why_it_does_not_count(LogReader(store, verifier), signed, utc_now()):
            raise VerificationError(f"the signature holds, and the review does not count: {why}")
    one = signed.review
    high = sum(
        finding.get("severity") == Severity.HIGH.value for finding in signed.report["findings"]
    )
    out.print(
        f"Signed {one.time} by {plain(one.reviewer)} ({plain(one.source)}): "
        f"{counted(one.findings, 'finding')}, {high:,} of them high, {len(one.kept):,} kept",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    if one.note:
        out.print(plain(one.note), markup=False, highlight=False, soft_wrap=True)
    known = "not looked up in the log" if alone else "the log has it"
    out.print(f"{signed.digest} ({known})", soft_wrap=True, markup=False, highlight=False)
