"""The sections on who read features, and on what features give away of who speaks. Pure."""

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
from unvoiced.report.rows import Rate, rates
from unvoiced.report.words import counted, day, minute

_READERS, _ALARMS = 20, 20  # rows that are shown
_PURPOSES = {"training": "c1", "evaluation": "c2", "inspection": "c3", "erasure": "c5"}
_NOT_ANONYMOUS = (
    "Features are not anonymous. They are pseudonymous biometric data: encryption and deletion "
    "protect them, the transform does not."
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
        else "The watch never looked, by what it remembers: `unvoiced watch --once`."
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
