"""The section on exposure: how long recordings stood, and of how many that is not known. Pure."""

from unvoiced.ingest.exposure import Exposure, bucket_end
from unvoiced.report.charts import Spread, spreads
from unvoiced.report.facts import Report, Runs, Unread
from unvoiced.report.html import (
    Cell,
    Section,
    behind,
    figure,
    legend,
    number,
    paragraph,
    table,
    text,
)
from unvoiced.report.measured import Measured, measure
from unvoiced.report.rows import histogram
from unvoiced.report.story import WITH_FEATURES
from unvoiced.report.words import counted, day, duration, known

_NOTHING = "Nothing was disposed of in this time."


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
    found, measured = runs.exposure, measure(report, runs)
    said = _coverage(report, runs, measured)
    if not found.count and measured.complete:
        return paragraph(" ".join([_NOTHING, said]))
    limit = report.limits.backlog.total_seconds()
    times = [found.quantile(share, measured.unmeasured) for share in (0.5, 0.95)]
    longest = found.longest if found.count else None
    at_least = "" if measured.complete or longest is None else "at least "
    numbers = "".join(
        f"<div><b{' class=over' if seconds is None or seconds > limit else ''}>"
        f"{text(before + known(seconds))}</b><small>{text(what)}</small></div>"
        for before, seconds, what in (
            ("", times[0], "or less, for half of them" if times[0] is not None else "half of them"),
            ("", times[1], "or less, for 95 %" if times[1] is not None else "95 % of them"),
            (at_least, longest, "the longest"),
        )
    )
    values = {
        step: spread for step, one in runs.exposures.items() if (spread := _spread(one)) is not None
    }
    per = "hour" if report.window.hourly else "day"
    picture = figure(
        f"Each {per}, by what was measured: half were gone within the lower end of the bar, 95 % "
        "within its upper end",
        lambda width: spreads(
            report.window,
            values,
            limit,
            width,
            "Time from upload to disposal",
            f"For each {per}, half and 95 % of recordings, and the longest. Over all: half within "
            f"{known(times[0])}, 95 % within {known(times[1])}, longest {at_least}{known(longest)}."
            " The table below has the numbers.",
        ),
        legend([("c1", "from half to 95 % of the recordings"), ("c1d", "the longest"),
                ("late", "longest, over the limit")]),
    )  # fmt: skip
    all_of_them = figure(
        "All that were measured, by how long they stood",
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
        + paragraph(said, "note")
        + (picture if values else "")
        + behind(_by_step(report, runs, per))
        + (all_of_them if found.count else "")
    )


def _coverage(report: Report, runs: Runs, measured: Measured) -> str:
    """Of how many the times are, and what is known of the others."""
    found = runs.exposure
    missing = counted(measured.unmeasured, "recording")
    notes = [
        f"{counted(found.count, 'recording')} since {day(report.window.start)}, by the records of "
        f"{counted(len(runs.shown), 'run')}; the log has {counted(measured.receipts, 'receipt')} "
        "for recordings that left features in this time.",
        f"How long {missing} stood is unmeasured: no record of a run has them. The numbers take "
        "them as longer than any."
        if measured.unmeasured
        else "",
        f"{measured.later:,} of these came after the last record: of a run under way, or killed."
        if measured.later
        else "",
        f"Of {found.unknown:,} more it is not known when they were uploaded." if found.unknown
        else "",
        f"{found.skewed:,} more were gone before they were uploaded, by the clocks of two "
        "machines: how long they stood is not known."
        if found.skewed
        else "",
        f"{counted(runs.found.unread, 'record')} could not be read." if runs.found.unread else "",
    ]  # fmt: skip
    return " ".join(one for one in notes if one)


def _by_step(report: Report, runs: Runs, per: str) -> str:
    receipts: dict[int, int] = {}
    for cause in WITH_FEATURES:
        for step, count in report.story.receipts.get(cause, {}).items():
            receipts[step] = receipts.get(step, 0) + count
    rows: list[tuple[str | Cell, ...]] = []
    for step in sorted(receipts.keys() | runs.exposures.keys(), reverse=True):
        one = runs.exposures.get(step, Exposure())
        if step in receipts or one.count or one.not_known:
            times = (one.quantile(0.5), one.quantile(0.95), one.longest if one.count else None)
            rows.append(
                (
                    report.window.said(step),
                    number(receipts.get(step, 0)),
                    number(one.count),
                    *(number(known(seconds)) for seconds in times),
                )
            )
    return table((per, "receipts", "measured", "half within", "95 % within", "longest"), rows)


def _spread(one: Exposure) -> Spread | None:
    """None where there is nothing to draw, or too few times are known."""
    median, most = one.quantile(0.5), one.quantile(0.95)
    if median is None or most is None:
        return None
    return Spread(median, most, one.longest, one.count)


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
