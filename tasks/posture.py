"""The steps of the posture flow: look, then show. Names, settings and commands only."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from tasks.artifacts import show
from unvoiced.config import load_settings
from unvoiced.posture.finding import Report, Severity
from unvoiced.posture.look import take_posture

# Whoever does not answer is asked again by boto3; what is then still not answered is a finding.
STEP: Any = {"cache_policy": NO_CACHE, "persist_result": False}


def short_run_name() -> str:
    """A run's name in the list of runs: when it began, to the second, in UTC."""
    return f"posture {datetime.now(UTC):%m-%d %H:%M:%S}"


@task(name="look", task_run_name="look at the account", **STEP)
def look(config: str) -> Report:
    """Read what is configured, and run every check on it; nothing is changed."""
    return take_posture(load_settings(Path(config)), datetime.now(UTC))


@task(name="publish", task_run_name="write the report", **STEP)
def publish(report: Report) -> None:
    """Write the counts, and the table of what is not as it must be or could not be checked."""
    rows = "\n".join(f"| {what} | {count:,} |" for what, count in report.counts().items())
    found = [
        {
            "severity": one.severity.value,
            "check": one.name,
            "where": one.subject,
            "what": one.what,
            "why": one.why,
            "fix": one.fix,
        }
        for one in report.findings
    ]
    parts = [_headline(report), f"| checks | |\n|---|---:|\n{rows}", *report.notes]
    show("posture", "How many checks passed, and how many did not", "\n\n".join(parts), found)


def _headline(report: Report) -> str:
    high = report.counts()[Severity.HIGH]
    if high:
        return f"**Findings of high severity: {high:,}.** Each has its command under `fix`."
    if report.findings:
        return "**Nothing of high severity.** What else was found has its command under `fix`."
    return "**Everything that was checked is as it must be.** Nothing is to be done."


def end_state(report: Report) -> State[None]:
    """How the run ended: failed where anything is of high severity."""
    counts = report.counts()
    found = [f"{counts[severity]:,} {severity.value}" for severity in Severity if counts[severity]]
    message = f"{', '.join(found) or 'no findings'}; {report.passed:,} checks passed"
    if counts[Severity.HIGH]:
        return Failed(message=message)
    if found:
        return Completed(name="CompletedWithFindings", message=message)
    return Completed(message=message)
