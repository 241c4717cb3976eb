"""What to know first: whether every recording is accounted for, and what needs a look. Pure.

`bad` is what may be a loss, or a page that cannot tell; `look` is what somebody should do or decide
about; neither depends on how long the page looks back, but for what happened then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from unvoiced.ingest.status import Status
from unvoiced.report.facts import Report, Runs, Unread
from unvoiced.report.keys import standings
from unvoiced.report.words import counted, day, duration, minute

FINE_STATES = frozenset({"Completed", "CompletedWithQuarantine"})


class Level(StrEnum):
    """How a finding weighs."""

    BAD = "bad"
    LOOK = "look"


@dataclass(frozen=True)
class Finding:
    """One thing to know: what, and what to do."""

    level: Level
    what: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """The headline, and what it is made of, the worst first."""

    headline: str
    findings: tuple[Finding, ...]

    @property
    def level(self) -> str:
        """`bad`, `look`, or `good` where nothing was found."""
        return next((str(one.level) for one in self.findings), "good")


def judge(report: Report) -> Verdict:
    """The verdict on a report."""
    found = [*_of_stores(report), *_of_runs(report), *_of_keys(report), *_of_access(report)]
    found.sort(key=lambda one: one.level is not Level.BAD)
    missing = isinstance(report.status, Status) and report.status.missing
    if missing:
        headline = f"{counted(len(missing), 'recording is', 'recordings are')} missing"
    elif isinstance(report.status, Unread):
        headline = "The log’s accounts hold; the stores were not held against them"
    elif not report.story.ledger.accepted:
        headline = "No recording was taken over yet"
    else:
        headline = "Every recording is accounted for"
    return Verdict(headline, tuple(found))


def _of_stores(report: Report) -> Iterator[Finding]:
    status = report.status
    if isinstance(status, Unread):
        yield Finding(
            Level.LOOK,
            f"What the log says was not held against the stores: {status.why}.",
            "Have an operator run `unvoiced status`.",
        )
        return
    if status.missing:
        yield Finding(
            Level.BAD,
            f"{counted(len(status.missing), 'recording')} accepted, not disposed of, and nowhere.",
            "`unvoiced missing ls` names them. A backup may give them back; find out who deleted "
            "them before anything else.",
        )
    if status.oldest_waiting is not None:
        waited = report.made - status.oldest_waiting
        if waited > report.limits.backlog:
            yield Finding(
                Level.LOOK,
                f"A recording has waited in the raw store for {duration(waited.total_seconds())}; "
                f"the limit is {duration(report.limits.backlog.total_seconds())}.",
                "The runs below say why; so does the report of the last run of ingest.",
            )


def _of_runs(report: Report) -> Iterator[Finding]:
    runs = report.runs
    if not isinstance(runs, Runs):
        return
    if runs.last is None:
        if report.story.ledger.accepted:
            yield Finding(
                Level.LOOK,
                f"No run of ingest left a record since {day(report.window.start)}.",
                "Is the schedule on? `unvoiced ingest` runs it once.",
            )
        return
    since = report.made.timestamp() - runs.last.ended
    if since > report.limits.backlog.total_seconds():
        yield Finding(
            Level.LOOK,
            f"The last run of ingest that left a record ended {duration(since)} ago.",
            "Is the schedule on? `unvoiced ingest` runs it once.",
        )
    if runs.last.state not in FINE_STATES:
        yield Finding(
            Level.BAD if runs.last.state == "RecordingsLost" else Level.LOOK,
            f"The last run of ingest, of {minute(runs.last.ended)} UTC, ended as "
            f"{runs.last.state}.",
            "Its report says what is left and why.",
        )
    if runs.found.not_believed:
        yield Finding(
            Level.LOOK,
            f"{counted(runs.found.not_believed, 'object')} among the records of runs that the "
            "log’s key did not sign.",
            "See who put them into the journal store, under runs/.",
        )


def _of_keys(report: Report) -> Iterator[Finding]:
    overdue = [one for one in standings(report) if one.overdue]
    if overdue:
        names = ", ".join(one.key.epoch for one in overdue[:3])
        names += f" and {len(overdue) - 3:,} more" if len(overdue) > 3 else ""
        yield Finding(
            Level.LOOK,
            f"{counted(len(overdue), 'intake key')} could have been retired ({names}): until "
            "then stolen copies of old recordings can be opened with them.",
            "`unvoiced keys ls` says what holds them back; `unvoiced keys retire` retires them.",
        )


def _of_access(report: Report) -> Iterator[Finding]:
    if not isinstance(report.watched, Unread):
        standing = [one for one in report.watched.alarms if not one.accepted]
        loud = [one for one in standing if one.level in {"critical", "high"}]
        if loud:
            yield Finding(
                Level.LOOK,
                f"{counted(len(loud), 'alert')} of the watch that nobody accepted, critical or "
                "high.",
                "`unvoiced watch ls` says of whom and what; docs/watch.md what to do.",
            )
    if not isinstance(report.reviewed, Unread):
        due: datetime | None = report.reviewed.due
        if due is None and report.story.ledger.accepted:
            what = "Who can reach what was never reviewed."
        elif due is not None and due < report.made:
            what = f"The review of who can reach what was due on {day(due)}."
        else:
            return
        yield Finding(Level.LOOK, what, "`unvoiced review` proposes; somebody signs.")
