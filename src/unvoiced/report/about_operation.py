"""The sections on intake keys and on runs. Pure."""

from datetime import timedelta
from itertools import pairwise

from unvoiced.report.charts import Series, stacked
from unvoiced.report.facts import Report, Unread
from unvoiced.report.html import (
    Cell,
    Section,
    figure,
    legend,
    number,
    paragraph,
    table,
)
from unvoiced.report.keys import Standing, standings
from unvoiced.report.rows import Life, lives
from unvoiced.report.verdict import FINE_STATES
from unvoiced.report.words import counted, day, duration, minute, size
from unvoiced.runs import RunRecord

_KEYS, _RUNS = 14, 15  # rows that are shown
_STATES = {"Completed": "c1", "CompletedWithQuarantine": "c2", "DisposalBlocked": "c3"}


def keys(report: Report) -> Section:
    """Intake keys: what each still protects or exposes."""
    found = standings(report)
    shown = found[-_KEYS:]
    body = paragraph(
        "Each week’s recordings are sealed to a key of their own. Once it is retired, no copy of "
        "them opens any more; what that takes for backups of each kind of vault, docs/keys.md "
        "says. Until then a copy that was stolen opens, for whoever gets the key too.",
        "soft",
    )
    if not shown:
        return Section("keys", "Intake keys", "for auditors", body + paragraph("There is none."))
    start = min(one.key.begins for one in shown) - timedelta(hours=12)
    rows = [
        Life(
            one.key.epoch,
            one.key.begins,
            one.closed,
            one.key.retired,
            f"{one.key.epoch}, {one.state}: {one.means}",
        )
        for one in shown
    ]
    live = [one for one in found if one.key.retired is None]
    exposed = sum(one.key.disposed for one in live)
    body += paragraph(
        f"{counted(len(live), 'key')} not retired: copies of {counted(exposed, 'recording')} "
        "already destroyed here could still be opened with them. "
        f"{counted(len(found) - len(live), 'key')} retired."
    )
    body += figure(
        "From the first seal to the end"
        + (f"; the last {_KEYS} of {len(found):,}" if len(found) > _KEYS else ""),
        lambda width: lives(
            rows,
            start,
            report.made,
            width,
            "Intake keys over time",
            "One row a key: when it was in use, when the next took over, when it was retired. The "
            "table below says what each means.",
        ),
        legend([("c1", "contributors seal to it"), ("c3", "closed, and still opens copies"),
                ("c6", "announced for a week that is to come")]),
    )  # fmt: skip
    body += table(
        ("key", "state", "in use from", "closed", "retired", "what that means"),
        [_key_row(one) for one in reversed(shown)],
    )
    if report.story.unsettled_under_no_key:
        waits = counted(report.story.unsettled_under_no_key, "recording")
        body += paragraph(f"Not settled, and sealed to no key of this log: {waits}.", "note")
    return Section("keys", "Intake keys", "for auditors", body)


def _key_row(one: Standing) -> tuple[str | Cell, ...]:
    colour = {
        "retired": "good",
        "closed": "look" if one.overdue else "",
        "open": "good",
        "coming": "",
    }
    retired = day(one.key.retired) if one.key.retired else ""
    if not retired and one.may_go is not None:
        retired = f"may be, from {day(one.may_go)}"
    return (
        one.key.epoch,
        Cell(one.state, f"state {colour[one.state]}"),
        day(one.key.begins),
        day(one.closed),
        retired or "–",
        Cell(one.means, "wide"),
    )


def runs(report: Report) -> Section:
    """The last runs of ingest and how they ended."""
    found, title = report.runs, "Runs of ingest"
    if isinstance(found, Unread):
        body = paragraph(f"The records of runs are not shown: {found.why}.")
        return Section("runs", title, "for who runs it", body)
    records = found.shown
    since = day(report.window.start)
    if not records:
        body = paragraph(f"No run left a record since {since}.")
        return Section("runs", title, "for who runs it", body)
    shown = [
        Series(state, _STATES.get(state, "late"), found.states[state])
        for state in sorted(found.states, key=lambda one: (_STATES.get(one, "z"), one))
    ]
    per = "hour" if report.window.hourly else "day"
    ended = {state: sum(by_step.values()) for state, by_step in found.states.items()}
    body = paragraph(
        f"{counted(len(records), 'run')} since {since} with a record: "
        + ", ".join(f"{state} {n:,}" for state, n in sorted(ended.items()))
        + ". Of runs that find nothing to do, one an hour leaves one; a run that is killed leaves "
        "none.",
        "soft",
    )
    body += figure(
        f"Runs each {per}, by how they ended",
        lambda width: stacked(
            report.window, shown, width, "Runs over time",
            f"{len(records):,} runs with a record in this time, by end state.",
        ),
        legend([(one.kind, one.name) for one in shown]),
    )  # fmt: skip
    busy = [one for one in reversed(records) if not one.idle]
    last = busy[:_RUNS]
    body += table(
        ("began (UTC)", "ended as", "took", "found", "gone", "quarantined", "left", "sealed",
         "95 % stood"),
        [_run_row(one) for one in last],
    )  # fmt: skip
    troubled = [one for one in records if one.state not in FINE_STATES]
    gaps = [(later.begun - earlier.ended, earlier.ended) for earlier, later in pairwise(records)]
    longest = max(gaps, default=None)
    notes = []
    if idle := len(records) - len(busy):
        notes.append(f"Not in the table: {counted(idle, 'run')} with nothing to do.")
    if len(busy) > len(last):
        notes.append(f"The table has the last {len(last):,} of {len(busy):,} that had.")
    if troubled:
        notes.append(
            f"{counted(len(troubled), 'run')} ended otherwise than completed, the last on "
            f"{minute(troubled[-1].ended)} UTC; a run’s own report says what it left and why."
        )
    if longest is not None and longest[0] > report.limits.backlog.total_seconds():
        notes.append(
            f"The longest time without a run that left a record: {duration(longest[0])}, from "
            f"{minute(longest[1])} UTC."
        )
    return Section("runs", title, "for who runs it", body + paragraph(" ".join(notes), "note"))


def _run_row(one: RunRecord) -> tuple[str | Cell, ...]:
    colour = "good" if one.state in FINE_STATES else "look"
    if one.state in {"Failed", "RecordingsLost"}:
        colour = "bad"
    counts = one.counts
    gone = sum(counts.get(name, 0) for name in ("disposed", "finished", "erased"))
    return (
        minute(one.begun),
        Cell(one.state, f"state {colour}"),
        number(duration(one.ended - one.begun)),
        number(counts.get("found", 0)),
        number(gone),
        number(counts.get("quarantined", 0)),
        number(one.left),
        number(size(one.sealed_bytes)),
        number(duration(one.exposure.quantile(0.95))),
    )
