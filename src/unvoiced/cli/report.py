"""The command `report`: the state of a deployment, as a page to look at."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unvoiced import report as page
from unvoiced.audit.texts import printable
from unvoiced.cli.display import err, out
from unvoiced.cli.files import write_anew
from unvoiced.cli.operator import Config
from unvoiced.clock import utc_now
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.leakage.result import read
from unvoiced.report.facts import Runs
from unvoiced.report.measured import measure
from unvoiced.report.words import counted, known


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
        write_anew(output, page.as_html(taken).encode())
    if as_json:
        typer.echo(json.dumps(page.as_json(taken)))
        return
    verdict = page.judge(taken)
    _print(verdict.headline)
    if line := exposure_line(taken, days):
        _print(line)
    for one in verdict.findings:
        _print(f"{one.level}: {one.what} {one.remedy}")
    if output is None:
        err.print("for the page: unvoiced report -o report.html", markup=False, highlight=False)


def exposure_line(taken: page.Report, days: int) -> str:
    """How long recordings stood, and of how many that is not known; "" where none was destroyed."""
    if not isinstance(taken.runs, Runs):
        return "Exposure: not known"
    found, measured = taken.runs.exposure, measure(taken, taken.runs)
    if not found.count and measured.complete:
        return ""
    half, most = (found.quantile(share, measured.unmeasured) for share in (0.5, 0.95))
    longest = found.longest if found.count else None
    at_least = "" if measured.complete or longest is None else "at least "
    others = [
        f"{count:,} {what}"
        for count, what in (
            (measured.unmeasured, "unmeasured"),
            (found.unknown, "of unknown upload"),
            (found.skewed, "by clocks that differ"),
        )
        if count
    ]
    of = "; ".join([f"{counted(found.count, 'recording')} in {days:,} days", *others])
    return (
        f"Exposure: half within {known(half)}, 95 % within {known(most)}, longest "
        f"{at_least}{known(longest)} ({of})"
    )


def _print(text: str) -> None:
    out.print(printable(text), soft_wrap=True, markup=False, highlight=False)
