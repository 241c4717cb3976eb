"""The sections on recordings: exposure, backlog and receipts. Pure."""

from unvoiced.disposal import Cause
from unvoiced.ingest.exposure import Exposure, bucket_end
from unvoiced.log.note import encode_base64
from unvoiced.report.charts import Series, Spread, ages, spreads, stacked
from unvoiced.report.facts import Report, Runs, Unread
from unvoiced.report.html import (
    Cell,
    Section,
    behind,
    commands,
    definitions,
    figure,
    legend,
    number,
    paragraph,
    table,
    text,
)
from unvoiced.report.rows import histogram
from unvoiced.report.words import counted, day, duration

WITH_FEATURES = frozenset({Cause.FEATURES.value, Cause.ARCHIVED.value})
_NOTHING = "Nothing was disposed of in this time."
# A cause's colour, and what it says of whom.
_COLOURS = {
    Cause.FEATURES.value: "c1",
    Cause.ARCHIVED.value: "c2",
    Cause.ERASURE.value: "c5",
    Cause.MISSING.value: "late",
}


def exposure(report: Report) -> Section:
    """From upload to observed disposal: the number that matters most."""
    runs, body = report.runs, ""
    if isinstance(runs, Unread):
        body = paragraph(f"The records of runs, in the journal store, are not shown: {runs.why}.")
    else:
        body = _windows(report, runs)
    return Section(
        "exposure",
        "How long a recording stands before it is destroyed",
        "for everybody",
        paragraph(
            "From the moment the store had it to the moment it was seen to be gone. While a "
            "recording stands, whoever gets into the store and has the intake key can hear it.",
            "soft",
        )
        + body
        + _standing(report),
    )


def _windows(report: Report, runs: Runs) -> str:
    found, limit = runs.exposure, report.limits.backlog.total_seconds()
    covered = sum(
        sum(by_step.values())
        for cause, by_step in report.story.receipts.items()
        if cause in WITH_FEATURES
    )
    of = (
        f"{counted(found.count, 'recording')} since {day(report.window.start)}, by the records of "
        f"{counted(len(runs.found.records), 'run')}; the log has {counted(covered, 'receipt')} "
        "for recordings that left features in this time."
    )
    notes = [
        said
        for said in (
            f"Of {found.unknown:,} more it is not known when they were uploaded."
            if found.unknown
            else "",
            f"{found.skewed:,} were gone before they were uploaded, by the clocks of two machines; "
            "they count as none."
            if found.skewed
            else "",
            f"{counted(runs.found.unread, 'record')} could not be read." if runs.found.unread
            else "",
        )
        if said
    ]  # fmt: skip
    if not found.count:
        return paragraph(" ".join([_NOTHING, *notes]))
    numbers = "".join(
        f"<div><b{' class=over' if seconds > limit else ''}>{text(duration(seconds))}</b>"
        f"<small>{text(said)}</small></div>"
        for seconds, said in (
            (found.quantile(0.5) or 0, "or less, for half of them"),
            (found.quantile(0.95) or 0, "or less, for 95 %"),
            (found.longest, "the longest"),
        )
    )
    values = {step: _spread(one) for step, one in runs.exposures.items() if one.count}
    per = "hour" if report.window.hourly else "day"
    picture = figure(
        f"Each {per}: half were gone within the lower end of the bar, 95 % within its upper end",
        lambda width: spreads(
            report.window,
            values,
            limit,
            width,
            "Time from upload to disposal",
            f"For each {per}, half and 95 % of recordings, and the longest. Over all: half within "
            f"{duration(found.quantile(0.5))}, 95 % within {duration(found.quantile(0.95))}, "
            f"longest {duration(found.longest)}. The table below has the numbers.",
        ),
        legend([("c1", "from half to 95 % of the recordings"), ("c1d", "the longest"),
                ("late", "longest, over the limit")]),
    )  # fmt: skip
    rows = [
        (
            _step(report, step),
            number(one.count),
            number(duration(one.median)),
            number(duration(one.most)),
            number(duration(one.longest)),
        )
        for step, one in sorted(values.items(), reverse=True)
    ]
    spread = figure(
        "All of them, by how long they stood",
        lambda width: histogram(
            found.buckets,
            width,
            120,
            "How many recordings stood how long",
            "A histogram on a logarithmic scale of time; the three numbers above sum it up.",
        ),
        behind(
            table(
                ("within", "recordings"),
                [(duration(bucket_end(n)), number(count)) for n, count in
                 sorted(found.buckets.items())],
            )
        ),
    )  # fmt: skip
    return (
        f'<div class="big">{numbers}</div>'
        + paragraph(" ".join([of, *notes]), "note")
        + picture
        + behind(table((per, "recordings", "half within", "95 % within", "longest"), rows))
        + spread
    )


def _spread(one: Exposure) -> Spread:
    return Spread(one.quantile(0.5) or 0, one.quantile(0.95) or 0, one.longest, one.count)


def _standing(report: Report) -> str:
    status = report.status
    if isinstance(status, Unread):
        return paragraph(f"What stands in the raw store now is not shown: {status.why}.")
    if not status.raw_objects:
        return paragraph("In the raw store now: nothing.")
    since = [
        f"{what} has stood for {duration((report.made - uploaded).total_seconds())}"
        for what, uploaded in (
            ("the oldest that waits", status.oldest_waiting),
            ("the oldest in quarantine", status.oldest_quarantined),
        )
        if uploaded is not None
    ]
    if status.held:
        since.append(f"{status.held:,} under a legal hold")
    objects = counted(status.raw_objects, "object")
    return paragraph(
        f"In the raw store now: {', '.join([objects, *since])}. What still stands is in none of "
        "the numbers above."
    )


def backlog(report: Report) -> Section:
    """What waits, over time, and for how long."""
    window, story, runs = report.window, report.story, report.runs
    points = [(step, point) for step, point in enumerate(story.points) if point is not None]
    waiting = Series("in the backlog", "c1", {step: one.backlog for step, one in points})
    held = Series("in quarantine", "c3", {step: one.quarantined for step, one in points})
    per = "hour" if window.hourly else "day"
    found = (
        Series("found waiting by one run, at most", "c4", runs.most_found)
        if isinstance(runs, Runs) and runs.most_found
        else None
    )
    ledger = story.ledger
    body = paragraph(
        f"{counted(len(ledger.backlog), 'recording')} taken over and not settled, "
        f"{len(ledger.quarantined):,} in quarantine, by the log. What was uploaded and no run has "
        "seen is not in the log: the line is what runs found.",
        "soft",
    )
    if ledger.accepted or found:
        body += figure(
            f"Not settled at the end of each {per}",
            lambda width: stacked(
                window, (waiting, held), width, "Backlog over time",
                f"At the end {len(ledger.backlog):,} in the backlog and "
                f"{len(ledger.quarantined):,} in quarantine. The table below has the numbers.",
                found,
            ),
            legend([("c1", "backlog, by the log"), ("c3", "quarantine, by the log"),
                    ("c4", "found waiting by one run, the most")]),
        )  # fmt: skip
        most = found.values if found else {}
        rows = [
            (
                _step(report, step),
                number(point.backlog),
                number(point.quarantined),
                number(int(most.get(step, 0))),
                number(
                    duration(_end_of(report, step) - point.oldest) if point.oldest else "–"
                ),
            )
            for step, point in reversed(points)
        ]  # fmt: skip
        body += behind(
            table((per, "backlog", "quarantine", "found by one run", "oldest of the backlog"), rows)
        )
    if isinstance(runs, Unread):
        body += paragraph(f"What runs found waiting is not shown: {runs.why}.")
    elif runs.oldest_found:
        limit = report.limits.backlog.total_seconds()
        body += figure(
            f"Age of the oldest that a run found waiting, the worst of each {per}",
            lambda width: ages(
                window, (Series("the oldest waited", "c4", runs.oldest_found),), limit, width,
                "Age of the oldest recording waiting",
                f"The worst in this time: {duration(max(runs.oldest_found.values()))}.",
            ),
            behind(table((per, "oldest"), [(_step(report, step), number(duration(age)))
                         for step, age in sorted(runs.oldest_found.items(), reverse=True)])),
        )  # fmt: skip
    return Section("backlog", "What waits", "for who runs it", body)


def _end_of(report: Report, step: int) -> float:
    end = report.window.steps[step] + report.window.step
    return min(end, report.made).timestamp()


def receipts(report: Report) -> Section:
    """What was destroyed, why, and how anybody can check that."""
    story, window = report.story, report.window
    causes = sorted(story.causes, key=lambda one: (-story.causes[one], one))
    shown = [Series(cause, _colour(cause), story.receipts.get(cause, {})) for cause in causes]
    per = "hour" if window.hourly else "day"
    in_window = sum(sum(one.values.values()) for one in shown)
    body = paragraph(
        f"{counted(story.ledger.disposed, 'receipt')} in the log, {in_window:,} of them since "
        f"{day(window.start)}. Each says what was seen after the delete; none can be changed or "
        "withdrawn unseen.",
        "soft",
    )
    if in_window:
        body += figure(
            f"Receipts each {per}, by cause",
            lambda width: stacked(
                window, shown, width, "Receipts over time",
                f"{in_window:,} receipts in this time. The table below has the numbers.",
            ),
            legend([(one.kind, one.name) for one in shown if one.values]),
        )  # fmt: skip
    if causes:
        steps = sorted({step for one in shown for step in one.values}, reverse=True)
        rows: list[tuple[str | Cell, ...]] = [
            (_step(report, step), *(number(int(one.values.get(step, 0))) for one in shown))
            for step in steps
        ]
        totals = table(
            ("cause", "all receipts", f"since {day(window.start)}"),
            [
                (cause, number(story.causes[cause]), number(int(sum(one.values.values()))))
                for cause, one in zip(causes, shown, strict=True)
            ],
        )
        body += totals + behind(table((per, *causes), rows), f"By {per}")
    checkpoint = report.checkpoint
    log = report.log_url or "LOG_COPY"
    body += (
        "<h3>The log when this page was made</h3>"
        + definitions(
            [
                ("entries", f"{checkpoint.size:,}"),
                ("root hash", f"`{encode_base64(checkpoint.root)}`"),
                ("key", f"`{report.log_key}`"),
                ("first entry", story.first or "–"),
                ("last entry", story.last or "–"),
                *([("published at", report.log_url)] if report.log_url else []),
            ]
        )
        + paragraph("Anybody can check it, offline, and hold what they see next time against it:")
        + commands(
            [
                f"unvoiced log verify --log {log} --key '{report.log_key}' --remember last-visit",
                "unvoiced log proof RECEIPT.json   # of one recording, by its contributor",
            ]
        )
    )
    return Section("receipts", "What was destroyed, with proof", "for auditors", body)


def _colour(cause: str) -> str:
    return _COLOURS.get(cause, "c3")


def _step(report: Report, step: int) -> str:
    at = report.window.steps[step]
    return f"{at:%Y-%m-%d %H:00}" if report.window.hourly else f"{at:%Y-%m-%d}"
