"""Command of an auditor: is this account configured as it must be? Nothing is changed."""

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from unvoiced.cli.display import counted, out, table
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.posture.finding import Finding, Report, Severity
from unvoiced.posture.look import take_posture

EXIT_CODE = 7
_TITLES = {
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.UNKNOWN: "could not be checked",
}


class Threshold(StrEnum):
    """From which severity on findings fail the command."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def posture(
    config: Config = Path(FILE_NAME),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    fail_on: Annotated[
        Threshold, typer.Option(help="Findings from this severity on give exit status 7.")
    ] = Threshold.LOW,
) -> None:
    """Check the account, or the machine, against what must be; changes nothing.

    Exit status 0 where all is as it must be, 7 with findings at or above the threshold or with
    anything that could not be checked.
    """
    report = take_posture(load_settings(config), utc_now())
    if as_json:
        text = json.dumps(report.as_json(), indent=2)
        out.print(text, soft_wrap=True, markup=False, highlight=False)
    else:
        _show(report)
    if report.at_least(Severity(fail_on.value)):
        raise typer.Exit(EXIT_CODE)


def _show(report: Report) -> None:
    number = 0
    for severity, title in _TITLES.items():
        found = report.of(severity)
        if found:
            _group(f"{title} ({len(found)})", found, number)
            number += len(found)
    for note in report.notes:
        out.print(note, markup=False, highlight=False, soft_wrap=True)
    counts = report.counts()
    wrong = sum(counts[severity] for severity in (Severity.HIGH, Severity.MEDIUM, Severity.LOW))
    out.print(
        f"{counted(report.passed, 'check')} passed, {counted(wrong, 'finding')}, "
        f"{counts[Severity.UNKNOWN]:,} could not be checked"
    )


def _group(title: str, found: Iterable[Finding], before: int) -> None:
    """A table, and below it the commands, whole, so that each can be copied."""
    numbered = list(enumerate(found, before + 1))
    columns = {"": "right", "where": "left", "what": "left", "why it matters": "left"}
    rows = [
        (str(number), escape(one.subject), escape(f"{one.name}: {one.what}"), escape(one.why))
        for number, one in numbered
    ]
    table(title, columns, rows)
    for number, one in numbered:
        if one.fix:
            text = f"{number:>3}  {one.fix}"
            out.print(text, soft_wrap=True, markup=False, highlight=False)
    out.print()
