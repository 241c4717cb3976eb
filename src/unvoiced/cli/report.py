"""The command `report`: the state of a deployment, as a page to look at."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unvoiced import report as page
from unvoiced.audit.texts import printable
from unvoiced.cli.display import err, out
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError
from unvoiced.leakage.result import read
from unvoiced.report.facts import Runs
from unvoiced.report.words import duration


def report(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the page goes: HTML. Written anew each time."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How far to look back.")] = 90,
    leakage: Annotated[
        Path | None, typer.Option(help="What `unvoiced leakage` measured, to be shown too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    config: Config = Path(FILE_NAME),
) -> None:
    """How things stand, for a minute's look: exposure, backlog, receipts, keys, access, leakage.

    Reads the log, verifying it, and of the stores what these credentials may; changes nothing and
    needs no key. Holds counts, times and digests: no pseudonym. Exits 0 whatever it finds; `status`
    is what exits 5.
    """
    measured = read(leakage) if leakage else None
    taken = page.take_report(load_settings(config), utc_now(), days, measured)
    if output is not None:
        _write_anew(output, page.as_html(taken))
    if as_json:
        typer.echo(json.dumps(page.as_json(taken)))
        return
    verdict = page.judge(taken)
    _print(verdict.headline)
    if isinstance(taken.runs, Runs) and (found := taken.runs.exposure).count:
        _print(
            f"Exposure: half within {duration(found.quantile(0.5))}, 95 % within "
            f"{duration(found.quantile(0.95))}, longest {duration(found.longest)} "
            f"({found.count:,} recordings in {days:,} days)"
        )
    for one in verdict.findings:
        _print(f"{one.level}: {one.what} {one.remedy}")
    if output is None:
        err.print("for the page: unvoiced report -o report.html", markup=False, highlight=False)


def _write_anew(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from None


def _print(text: str) -> None:
    out.print(printable(text), soft_wrap=True, markup=False, highlight=False)
