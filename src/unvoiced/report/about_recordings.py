"""The sections on what waits, and on what was destroyed, with receipt. Pure."""

from unvoiced.disposal import Cause
from unvoiced.log.note import encode_base64
from unvoiced.report.charts import Series, ages, stacked
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
)
from unvoiced.report.words import counted, day, duration

# A cause's colour, and what it says of whom.
_COLOURS = {
    Cause.FEATURES.value: "c1",
    Cause.ARCHIVED.value: "c2",
    Cause.ERASURE.value: "c5",
    Cause.MISSING.value: "late",
}


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
                window.said(step),
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
            behind(table((per, "oldest"), [(window.said(step), number(duration(age)))
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
            (window.said(step), *(number(int(one.values.get(step, 0))) for one in shown))
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
        + paragraph(
            "Anybody can check it, offline, and hold what they see next time against it"
            + ("" if report.log_url else " (of a deployment in a folder: deployment/stores/log)")
            + ":"
        )
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
