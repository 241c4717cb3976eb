"""The page: one HTML file, no script, nothing fetched from anywhere. Pure.

It may be shown to people who may see none of the data: counts, times and digests of the log, and of
people those alone who work with the data. It is no publication, though: of a quiet day it tells
when somebody uploaded something.
"""

from unvoiced.ingest.status import Status
from unvoiced.report import (
    about_endings,
    about_exposure,
    about_operation,
    about_people,
    about_recordings,
)
from unvoiced.report.facts import Report
from unvoiced.report.html import text
from unvoiced.report.style import STYLE
from unvoiced.report.verdict import Verdict, judge
from unvoiced.report.words import counted, day, minute

_SEALS = {"good": "✓", "look": "!", "bad": "!"}


def as_html(report: Report) -> str:
    """The page."""
    verdict = judge(report)
    name = report.checkpoint.origin
    sections = (
        about_exposure.exposure(report),
        about_recordings.backlog(report),
        about_recordings.receipts(report),
        about_operation.keys(report),
        about_people.access(report),
        about_people.leakage(report),
        about_operation.runs(report),
        about_endings.quarantine(report),
        about_endings.endings(report),
        about_endings.limits(report),
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{text(verdict.headline)}: {text(name)}</title>
<style>{STYLE}</style>
</head>
<body>
<header class="{verdict.level}"><div class="in">
<p class="kicker">{text(name)}, {text(minute(report.made))} UTC, looking back to
 {text(day(report.window.start))}</p>
<h1><span class="seal" aria-hidden="true">{_SEALS[verdict.level]}</span>
{text(verdict.headline)}</h1>
{_equation(report)}
</div></header>
<main class="in">
{_findings(verdict)}
{chr(10).join(map(str, sections))}
</main>
<footer class="in">Made by <code>unvoiced report</code> from the log and the stores.</footer>
</body>
</html>
"""


def _equation(report: Report) -> str:
    """accepted = disposed + quarantined + backlog, in boxes."""
    ledger = report.story.ledger
    boxes = (
        ("accepted", ledger.accepted, "taken over, by the log", "="),
        ("disposed", ledger.disposed, "gone, with receipt", "+"),
        ("quarantined", len(ledger.quarantined), "could not become features", "+"),
        ("backlog", len(ledger.backlog), "not settled yet", ""),
    )
    drawn = "".join(
        f"<div><small>{name}</small><b>{count:,}</b><small>{said}</small></div>"
        + (
            f'<span aria-label="{"equals" if sign == "=" else "plus"}">{sign}</span>'
            if sign
            else ""
        )
        for name, count, said, sign in boxes
    )
    status = report.status
    if not isinstance(status, Status):
        looked = (
            "Not checked whether anything is missing: this is what the log says alone, not held "
            "against the stores."
        )
    elif status.may_be_unread:
        looked = (
            f"{counted(len(status.missing), 'recording')} of these not seen; not checked whether "
            f"missing, as {counted(status.unread, 'object')} of the raw store could not be read."
        )
    elif status.missing:
        looked = f"{counted(len(status.missing), 'recording')} of these stand nowhere."
    else:
        looked = (
            f"Held against the stores: {status.waiting:,} of the backlog found in the raw store, "
            f"{status.finishing:,} being finished, none missing."
        )
        if status.not_accepted:
            looked += f" {status.not_accepted:,} more stand there that no run has taken over."
    return f'<div class="sum">{drawn}</div><p class="counts">{text(looked)}</p>'


def _findings(verdict: Verdict) -> str:
    if not verdict.findings:
        return ""
    items = "".join(
        f'<li class="{one.level}"><b>{text(one.what)}</b><span>{text(one.remedy)}</span></li>'
        for one in verdict.findings
    )
    needs = counted(len(verdict.findings), "thing needs", "things need")
    return f'<div class="findings {verdict.level}"><h2>{needs} a look</h2><ul>{items}</ul></div>'
