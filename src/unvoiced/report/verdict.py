"""What to know first: whether every recording is accounted for, and what needs a look. Pure.

`bad` is what may be a loss, or evidence that does not hold; `look` is what somebody should do or
decide about, and whatever the page cannot tell. Neither depends on how long the page looks back,
but for what happened then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from unvoiced.ingest.status import Status
from unvoiced.report.access import Access
from unvoiced.report.facts import Report, Runs, Unread
from unvoiced.report.keys import standings
from unvoiced.report.measured import measure
from unvoiced.report.words import counted, day, duration, minute

FINE_STATES = frozenset({"Completed", "CompletedWithQuarantine"})
# The watch looks every five minutes.
_WATCH_SILENT = timedelta(hours=6)
_PARTS = {
    "status": "What stands in the stores",
    "runs": "The records of runs, and with them how long recordings stood",
    "access": "Who read features",
    "watched": "What the watch raised",
    "reviewed": "Whether somebody reviewed who can reach what",
}


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
    evidence = [*_of_unread(report), *_of_the_log(report), *_of_the_watchs_state(report)]
    found = [
        *evidence,
        *_of_stores(report),
        *_of_runs(report),
        *_of_exposure(report),
        *_of_keys(report),
        *_of_access(report),
    ]
    found.sort(key=lambda one: one.level is not Level.BAD)
    status = report.status
    broken = any(one.level is Level.BAD for one in evidence)
    if isinstance(status, Unread) or status.may_be_unread:
        holds = "Evidence does not hold" if broken else "The log’s accounts hold"
        headline = f"{holds}; not checked whether anything is missing"
    elif status.missing:
        headline = f"{counted(len(status.missing), 'recording is', 'recordings are')} missing"
    elif broken:
        headline = "Evidence does not hold"
    elif not report.story.ledger.accepted:
        headline = "No recording was taken over yet"
        if waiting := _not_taken_over(report):
            waits = counted(waiting, "recording waits", "recordings wait")
            headline += f"; {waits} in the raw store"
    else:
        headline = "Every recording is accounted for"
    return Verdict(headline, tuple(found))


def _of_unread(report: Report) -> Iterator[Finding]:
    for part, what in _PARTS.items():
        unread = getattr(report, part)
        if not isinstance(unread, Unread):
            continue
        missing = " Not checked whether anything is missing." if part == "status" else ""
        if unread.tampered:
            yield Finding(
                Level.BAD,
                f"{what}: not read, as {unread.why}.{missing}",
                "Somebody put or changed something there: docs/incident.md.",
            )
        else:
            yield Finding(
                Level.LOOK,
                f"{what}: not read, as {unread.why}.{missing}",
                "Have somebody make the page who may read it: docs/roles.md.",
            )


def _of_the_log(report: Report) -> Iterator[Finding]:
    runs = report.runs
    if isinstance(runs, Unread):
        return
    size = report.checkpoint.size
    if runs.beyond:
        yield Finding(
            Level.BAD,
            f"The log has {counted(size, 'entry', 'entries')}; by a run’s record, which its key "
            f"signed, it had {runs.beyond:,}.",
            "An older state of the log was put back. Keep both as they are: docs/incident.md.",
        )
    if runs.forked:
        yield Finding(
            Level.BAD,
            f"{counted(runs.forked, 'record')} of runs that the log’s key signed know another log "
            "than this one, of the same size.",
            "Entries were exchanged, or it is another history. Keep both: docs/incident.md.",
        )


def _of_the_watchs_state(report: Report) -> Iterator[Finding]:
    if not isinstance(report.watched, Unread) and report.watched.trouble:
        yield Finding(
            Level.BAD,
            f"Of the watch: {report.watched.trouble}.",
            "See who wrote to the audit store, under watch/: docs/incident.md.",
        )


def _of_stores(report: Report) -> Iterator[Finding]:
    status = report.status
    if isinstance(status, Unread):
        return
    if status.may_be_unread:
        yield Finding(
            Level.LOOK,
            f"{counted(len(status.missing), 'recording was', 'recordings were')} not seen, and "
            f"{counted(status.unread, 'object')} of the raw store could not be read.",
            "Have somebody make the page who may read raw: docs/roles.md. What nobody can read may "
            "be in a cold storage class, or over [ingest] max_recording_bytes.",
        )
    elif status.missing:
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
    if runs.found.unread:
        yield Finding(
            Level.LOOK,
            f"{counted(runs.found.unread, 'record')} of runs could not be read.",
            "Make the page again. Where that does not help, look at the journal store.",
        )
    if runs.found.repeated:
        yield Finding(
            Level.LOOK,
            f"{counted(runs.found.repeated, 'object')} among the records of runs "
            "only repeat or replace another; they count for nothing.",
            "See who put them into the journal store, under runs/.",
        )
    if runs.found.not_believed:
        yield Finding(
            Level.LOOK,
            f"{counted(runs.found.not_believed, 'object')} among the records of runs that the "
            "log’s key did not sign, or of a time to come.",
            "See who put them into the journal store, under runs/.",
        )
    if runs.last is None:
        if report.story.ledger.accepted or _not_taken_over(report):
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


def _not_taken_over(report: Report) -> int:
    """Recordings in the raw store that the log does not know; 0 where that was not read."""
    return report.status.not_accepted if isinstance(report.status, Status) else 0


def _of_exposure(report: Report) -> Iterator[Finding]:
    runs = report.runs
    if not isinstance(runs, Runs):
        return
    measured = measure(report, runs)
    if measured.gap:
        yield Finding(
            Level.LOOK,
            f"How long {measured.unmeasured:,} of {counted(measured.receipts, 'recording')} stood "
            f"is not known: destroyed since {day(report.window.start)}, and in no record of a run.",
            "A run that is killed leaves no record; one that is under way, soon. Where it was "
            "neither, see who deleted records under runs/ in the journal store.",
        )
    if measured.excess:
        yield Finding(
            Level.LOOK,
            f"Records of runs have {counted(measured.excess, 'recording')} more than the log has "
            "receipts.",
            "Hold the log against a copy of it: `unvoiced log verify --remember`.",
        )
    if measured.vague:
        found = runs.exposure
        yield Finding(
            Level.LOOK,
            f"Of {measured.not_known:,} of {counted(measured.recorded, 'recording')} in records "
            f"it is not known how long they stood: {found.unknown:,} of unknown upload, "
            f"{found.skewed:,} gone before they came, by the clocks of two machines.",
            "Hold the clocks of workers and stores against each other: times of other recordings "
            "may be too short or too long by as much.",
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
        read = isinstance(report.access, Access) and report.access.objects
        looked = report.watched.looked
        if (read or report.story.ledger.accepted) and (
            looked is None or report.made - looked > _WATCH_SILENT
        ):
            yield Finding(
                Level.LOOK,
                "The watch never looked at who reads."
                if looked is None
                else f"The watch looked last on {minute(looked)} UTC.",
                "Is its schedule on? `unvoiced watch --once` runs it.",
            )
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
