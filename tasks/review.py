"""The steps of the review flow: look, then show. Principals, rights, numbers and commands only.

What it shows is a draft. It signs nothing: a review is what a person looked at.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.artifacts import show
from unvoiced.config import load_settings
from unvoiced.review.plain import command, in_markdown, plain
from unvoiced.review.report import Report
from unvoiced.review.take import take_review

STEP: Any = {"cache_policy": NO_CACHE, "persist_result": False}


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"review {datetime.now(UTC):%m-%d %H:%M:%S}"


@task(name="look", task_run_name="look at who can reach what", **STEP)
def look(config: str) -> Report:
    """Read who can reach what and who used it; nothing is changed."""
    return take_review(load_settings(Path(config)), datetime.now(UTC))


@task(name="publish", task_run_name="write the draft", **STEP)
def publish(report: Report) -> None:
    """Write the report, and the table of what should end: its commands want a look first."""
    found = [
        {
            "id": one.identity,
            "severity": one.severity.value,
            "finding": one.name,
            "who": plain(one.who),
            "what": plain(one.what),
            "by the table": plain(one.right),
            "fix": command(one.fix),
        }
        for one in report.findings
    ]
    about = "A draft of the access review: a person signs it, or nobody did"
    show("review", about, _markdown(report), found)


def _markdown(report: Report) -> str:
    beyond: dict[str, list[str]] = {}
    for one in report.reaches:
        if not one.in_table:
            beyond.setdefault(one.who, []).append(f"{one.ability} {one.target}")
    rows = "\n".join(f"| {what} | {count:,} |" for what, count in report.counts().items())
    wide = "\n".join(
        f"| {in_markdown(who)} | {in_markdown(', '.join(what[:12]))} |"
        for who, what in beyond.items()
    )
    gaps = "\n".join(f"| {in_markdown(gap.what)} | {in_markdown(gap.why)} |" for gap in report.gaps)
    return "\n\n".join(
        [
            f"**Findings: {len(report.findings):,}.** A draft. `unvoiced review --sign` is a "
            "review.",
            f"| | |\n|---|---:|\n{rows}",
            f"| who | beyond the table |\n|---|---|\n{wide}" if wide else "",
            f"| could not be decided | why |\n|---|---|\n{gaps}" if gaps else "",
            *report.limits,
        ]
    )


def end_state(report: Report) -> State[None]:
    """How the run ended, and when a person signed last."""
    counts = report.counts()
    found = [f"{count:,} {what}" for what, count in counts.items() if count]
    message = f"{', '.join(found) or 'no findings'}; {_last(report)}"
    if found:
        return Completed(name="CompletedWithFindings", message=message)
    return Completed(message=message)


def _last(report: Report) -> str:
    if report.last is None:
        return "never reviewed by a person"
    moment = report.last.review.moment
    due = moment + timedelta(days=report.every_days)
    return f"last review {moment:%Y-%m-%d}, next due {due:%Y-%m-%d}"
