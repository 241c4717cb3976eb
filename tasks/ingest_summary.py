"""The text of an ingest run's report. Pure: counts, times and reasons in, markdown out."""

from collections.abc import Mapping

from unvoiced.ingest.exposure import Exposure
from unvoiced.ingest.recording import QUARANTINE_REASONS

# What the rows of the counts are called; `tasks.spread` sums them over parts.
FINISHED = "finished for an interrupted run"
FOUND = "found in the raw store"
DISPOSED = "disposed of, with receipt"
ERASED = "of erased contributors, destroyed unopened"
QUARANTINED = "quarantined now"
GONE = "taken by another run"
LEFT = "left"
NOT_REPORTED = "in batches that failed"
HELD = "under a legal hold, not touched"
LOST = "lost"
OVERSIZED = "too large to read"
# What is found becomes one of these: their sum is what was found.
BECAME = (DISPOSED, ERASED, QUARANTINED, GONE, LEFT, NOT_REPORTED)
# Shown though they are 0: a report that says nothing of them could be one that does not count them.
_ALWAYS = {FOUND, DISPOSED, QUARANTINED, LEFT}


def shown(rows: Mapping[str, int]) -> dict[str, int]:
    """The rows that say something."""
    return {what: count for what, count in rows.items() if count or what in _ALWAYS}


def headline(rows: Mapping[str, int], not_listed: str = "") -> str:
    """What happened, in a sentence or two; and what to do next, if anything is to be done."""
    if rows[LOST]:
        return (
            f"**{_recordings(rows[LOST])} lost: neither the recording nor its features are "
            "there.** Find out who deleted them: docs/incident.md. Until then run no retention "
            "or erasure that you do not have to."
        )
    if not_listed:
        return (
            f"**The raw store was not listed to its end**: {not_listed}. What was listed was "
            "done; the next run takes the rest. Look at the store if this comes again."
        )
    if rows[NOT_REPORTED] or rows["batches failed"]:
        return (
            f"**{rows['batches failed']:,} of the batches failed**, with "
            f"{_recordings(rows[NOT_REPORTED])} in them. Nothing is lost: the next run takes what "
            "is left of them. Look at the reason if it comes again."
        )
    if rows[LEFT]:
        return (
            f"**{_recordings(rows[LEFT])} still in the raw store**: not seen to be gone, so "
            "without a receipt. The next run tries again. If the same ones stay, something keeps "
            "them (a lock, a legal hold of the store, a lost right): the table of exceptions says "
            "what."
        )
    done = rows[DISPOSED] + rows[FINISHED] + rows[ERASED]
    said = []
    if done:
        said.append(
            f"**{_recordings(done)} {'is' if done == 1 else 'are'} gone from the raw store, each "
            "with a receipt.**"
        )
    if rows[QUARANTINED]:
        said.append(
            f"**{_recordings(rows[QUARANTINED])} could not become features**: what to do stands "
            "below."
        )
    elif done:
        said.append("Nothing is to be done.")
    elif rows[GONE]:
        said.append("**Another run took what there was.**")
    return " ".join(said) or "**Nothing was to be done**: no recording waits in the raw store."


def sum_line(rows: Mapping[str, int]) -> str:
    """Whether what was found is what became of it."""
    terms = {what: rows.get(what, 0) for what in BECAME}
    total, found = sum(terms.values()), rows.get(FOUND, 0)
    said = " + ".join(f"{count:,} {what}" for what, count in terms.items() if count) or "0"
    if total == found:
        return f"The sum holds: {found:,} found = {said}."
    return (
        f"**The sum does not hold**: {found:,} found, and {total:,} = {said}. Of a name with "
        "several versions one is counted where it is left or quarantined; `unvoiced status` "
        "counts every recording, against the stores."
    )


def speed_line(recordings: int, sealed_bytes: int, feature_bytes: int, seconds: float) -> str:
    """Bytes, time, and how fast that was."""
    line = (
        f"{sealed_bytes / 1e6:,.1f} MB of recordings became {feature_bytes / 1e6:,.1f} MB of "
        f"sealed features in {seconds:,.1f} s"
    )
    if not recordings:
        return f"{line}."
    took = max(seconds, 1e-3)
    return f"{line}: {recordings / took:,.1f} recordings/s, {sealed_bytes / took / 1e6:,.1f} MB/s."


def exposure_section(exposure: Exposure) -> str:
    """How long the recordings of this run stood, from upload to observed disposal."""
    if not exposure.count and not exposure.not_known:
        return "### Time from upload to disposal\n\nNothing was disposed of."
    times = " | ".join(
        "not known" if value is None else duration(value)
        for value in (exposure.quantile(0.5), exposure.quantile(0.95))
    )
    longest = duration(exposure.longest) if exposure.count else "not known"
    if exposure.count and exposure.not_known:
        longest = f"at least {longest}"
    notes = [
        f"{count:,} {what}."
        for count, what in (
            (exposure.unknown, "not in it, as nobody knows when they were uploaded"),
            (exposure.skewed, "not in it, as two clocks say they were gone before they came"),
        )
        if count
    ]
    return "\n".join(
        [
            "### Time from upload to disposal",
            "",
            "| | half within | 95 % within | longest |",
            "|---|---:|---:|---:|",
            f"| {_recordings(exposure.count)} | {times} | {longest} |",
            *(["", *notes] if notes else []),
        ]
    )


def quarantine_section(reasons: Mapping[str, int]) -> str:
    """Reasons, most frequent first, and what to do about each."""
    if not reasons:
        return ""
    rows = [
        f"| {reason} | {count:,} | {QUARANTINE_REASONS.get(reason, '`unvoiced quarantine ls`')} |"
        for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    ]
    return "\n".join(
        [
            "### Quarantined now",
            "",
            "| reason | recordings | what it means, and what to do |",
            "|---|---:|---|",
            *rows,
            "",
            "Once the cause is gone: `unvoiced quarantine release NAME`. What stays is destroyed "
            "by [retention] quarantine_days.",
        ]
    )


def duration(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "?"
    for limit, divisor, unit in ((90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            digits = 0 if divisor == 1 and seconds >= 10 else 1
            return f"{seconds / divisor:,.{digits}f} {unit}"
    return f"{seconds / 86_400:,.1f} days"


def _recordings(count: int) -> str:
    return f"{count:,} {'recording' if count == 1 else 'recordings'}"
