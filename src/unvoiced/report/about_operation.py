"""The sections on keys, readers, leakage and runs. Pure."""

from datetime import timedelta
from itertools import pairwise

from unvoiced.report.access import Access, Alarm, Reviewed, Watched
from unvoiced.report.charts import Series, stacked
from unvoiced.report.facts import Report, Unread
from unvoiced.report.html import (
    Cell,
    Section,
    bullets,
    figure,
    legend,
    number,
    paragraph,
    table,
)
from unvoiced.report.keys import Standing, standings
from unvoiced.report.rows import Life, Rate, lives, rates
from unvoiced.report.verdict import FINE_STATES
from unvoiced.report.words import counted, day, duration, minute, size
from unvoiced.runs import RunRecord

_KEYS, _RUNS, _READERS, _ALARMS = 14, 15, 20, 20  # rows that are shown
_PURPOSES = {"training": "c1", "evaluation": "c2", "inspection": "c3", "erasure": "c5"}
_STATES = {"Completed": "c1", "CompletedWithQuarantine": "c2", "DisposalBlocked": "c3"}
_NOT_ANONYMOUS = (
    "Features are not anonymous. They are pseudonymous biometric data: encryption and deletion "
    "protect them, the transform does not."
)


def keys(report: Report) -> Section:
    """Intake keys: what each still protects or exposes."""
    found = standings(report)
    shown = found[-_KEYS:]
    body = paragraph(
        "Each week’s recordings are sealed to a key of their own. Once it is retired, no copy of "
        "them opens any more, wherever it is. Until then a copy that was stolen does, for whoever "
        "gets the key too.",
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


def access(report: Report) -> Section:
    """Who read features, what the watch raised, when it was last reviewed."""
    body = _reads(report, report.access) + _alarms(report, report.watched)
    return Section("access", "Who read features", "for the privacy officer", body + _review(report))


def _reads(report: Report, found: Access | Unread) -> str:
    if isinstance(found, Unread):
        return paragraph(f"The audit trail is not shown: {found.why}.")
    since = day(report.window.start)
    if not found.readers:
        return paragraph(f"Nobody read a feature through the reader since {since}.")
    shown = [
        Series(purpose, _PURPOSES.get(purpose, "c6"), found.by_step[purpose])
        for purpose in sorted(found.by_step, key=lambda one: -sum(found.by_step[one].values()))
    ]
    per = "hour" if report.window.hourly else "day"
    picture = figure(
        f"Feature objects read each {per}, by purpose",
        lambda width: stacked(
            report.window, shown, width, "Reads over time",
            f"{found.objects:,} reads in this time. The table below adds them up by requester.",
        ),
        legend([(one.kind, one.name) for one in shown]),
    )  # fmt: skip
    rows = [
        (
            Cell(reader.requester, "wide"),
            number(reader.objects),
            number(len(reader.days)),
            reader.last,
            ", ".join(f"{purpose} {n:,}" for purpose, n in reader.purposes.most_common()),
        )
        for reader in found.readers[:_READERS]
    ]
    others = len(found.readers) - _READERS
    return (
        paragraph(
            f"{counted(found.objects, 'feature object')} read since {since} by "
            f"{counted(len(found.readers), 'requester')}, as the names of their records say.",
            "soft",
        )
        + picture
        + table(("requester", "objects", "days", "last", "for"), rows)
        + (paragraph(f"And {others:,} more: `unvoiced audit ls`.", "note") if others > 0 else "")
    )


def _alarms(report: Report, found: Watched | Unread) -> str:
    head = "<h3>Alerts</h3>"
    if isinstance(found, Unread):
        return head + paragraph(f"What the watch raised is not shown: {found.why}.")
    looked = (
        f"The watch looked last at {minute(found.looked)} UTC."
        if found.looked
        else "The watch never looked, by what it remembers: `unvoiced watch`."
    )
    if not found.alarms:
        return head + paragraph(f"None since {day(report.window.start)}. {looked}")
    others = len(found.alarms) - _ALARMS
    more = f" And {others:,} before these: `unvoiced watch ls`." if others > 0 else ""
    return (
        head
        + table(
            ("raised (UTC)", "level", "what", "of whom", "told", "accepted"),
            [_alarm_row(one) for one in found.alarms[:_ALARMS]],
        )
        + paragraph(looked + more, "note")
    )


def _alarm_row(one: Alarm) -> tuple[str | Cell, ...]:
    loud = "" if one.accepted else {"critical": "bad", "high": "look"}.get(one.level, "")
    return (
        minute(one.raised),
        Cell(one.level, f"state {loud}"),
        one.kind,
        Cell(one.who or "–", "wide"),
        "yes" if one.told else "no",
        "yes" if one.accepted else "stands",
    )


def _review(report: Report) -> str:
    found, head = report.reviewed, "<h3>Who could reach what</h3>"
    if isinstance(found, Unread):
        return head + paragraph(f"Reviews are not shown: {found.why}.")
    return head + paragraph(
        _review_said(found, overdue=bool(found.due and found.due < report.made))
    )


def _review_said(found: Reviewed, *, overdue: bool) -> str:
    if found.last is None:
        return "Never reviewed. `unvoiced review` proposes what to end; somebody signs."
    was = "was" if overdue else "is"
    return (
        f"Last reviewed on {day(found.last)} by {found.by}, with "
        f"{counted(found.findings, 'finding')}. The next {was} due on {day(found.due)}."
    )


def leakage(report: Report) -> Section:
    """What features give away, by the file that was given."""
    found = report.leakage
    if found is None:
        body = paragraph(_NOT_ANONYMOUS) + paragraph(
            "How much each feature set gives away of who speaks was not given to this page: "
            "`unvoiced leakage` measures it, `unvoiced report --leakage FILE` shows it.",
            "soft",
        )
        return Section("leakage", "What features give away", "for the privacy officer", body)
    corpus = found.corpus
    body = paragraph(_NOT_ANONYMOUS) + paragraph(
        "How often an attacker who knows a voice is wrong about whether it is the same person "
        "again. The shorter the bar, the better the person is recognised; at chance, not at all. "
        f"Measured {found.measured} on {counted(corpus.speakers, 'speaker')}, "
        f"{counted(corpus.recordings, 'recording')}: {corpus.kind}.",
        "soft",
    )
    if found.attacker_too_weak:
        weak = paragraph(
            "The attacker was too weak: on features that protect nothing it did not come near the "
            "recording’s own figure. These numbers prove nothing."
        )
        body += f'<div class="warn">{weak}</div>'
    raw = found.raw_interval or (None, None)
    bars = [Rate("recording itself", found.raw_eer, "c6", *raw)]
    bars += [
        Rate(one.feature_set, one.eer, "c1", *(one.interval or (None, None))) for one in found.sets
    ]
    body += figure(
        "Equal error rate of the strongest attacker tried",
        lambda width: rates(
            bars,
            found.chance,
            width,
            "Equal error rate by feature set",
            "One bar a feature set, from 0 % (always recognised) to chance. The table below has "
            "the numbers.",
        ),
    )
    body += table(
        ("feature set", "error rate", "attacker", "knows a recording",
         "speech made from it: likeness", "found among the speakers"),
        [
            (
                one.feature_set,
                number(f"{one.eer:.1f} %"),
                one.attacker,
                number("–" if one.outside_eer is None else f"{one.outside_eer:.1f} %"),
                number(
                    "–"
                    if one.reconstruction_cosine is None
                    else f"{one.reconstruction_cosine:.2f}"
                ),
                number(
                    "–"
                    if one.reconstruction_rank1 is None
                    else f"{one.reconstruction_rank1:.0f} %"
                ),
            )
            for one in found.sets
        ],
    )  # fmt: skip
    if found.not_measured:
        body += "<h3>Not measured</h3>" + bullets(found.not_measured)
    return Section("leakage", "What features give away", "for the privacy officer", body)


def runs(report: Report) -> Section:
    """The last runs of ingest and how they ended."""
    found, title = report.runs, "Runs of ingest"
    if isinstance(found, Unread):
        body = paragraph(f"The records of runs are not shown: {found.why}.")
        return Section("runs", title, "for who runs it", body)
    records = found.found.records
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
    last = [one for one in reversed(records) if not one.idle][:_RUNS]
    body += table(
        ("began (UTC)", "ended as", "took", "found", "gone", "quarantined", "left", "sealed",
         "95 % stood"),
        [_run_row(one) for one in last],
    )  # fmt: skip
    troubled = [one for one in records if one.state not in FINE_STATES]
    gaps = [(later.begun - earlier.ended, earlier.ended) for earlier, later in pairwise(records)]
    longest = max(gaps, default=None)
    notes = []
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
