"""Pictures with one row a thing: intake keys over time, rates of feature sets, a spread. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from unvoiced.ingest.exposure import bucket_end
from unvoiced.report.svg import Drawing, evenly
from unvoiced.report.words import duration

_ROW, _HEAD, _BASE = 30.0, 6.0, 24.0


@dataclass(frozen=True)
class Life:
    """One key's life: made, taken over by the next, retired; None where that is to come."""

    name: str
    begun: datetime
    closed: datetime | None
    retired: datetime | None
    says: str


@dataclass(frozen=True)
class Rate:
    """One bar of rates in percent; `low` and `high` are of the interval, where there is one."""

    name: str
    value: float
    kind: str
    low: float | None = None
    high: float | None = None


def lives(
    rows: Sequence[Life], start: datetime, now: datetime, width: float, title: str, described: str
) -> Drawing:
    """Keys under each other: solid while in use, hatched while they still open copies."""
    drawing = Drawing(width, _HEAD + _ROW * len(rows) + _BASE, title, described)
    left, right, base = 76.0, width - 12, _HEAD + _ROW * len(rows)
    ends = max([now, *(row.begun for row in rows)])
    span = max((ends - start).total_seconds() * 1.02, 1.0)

    def x(moment: datetime) -> float:
        along = (moment - start).total_seconds() / span
        return left + (right - left) * min(max(along, 0.0), 1.0)

    days = int(span // 86_400) + 1
    for number in evenly(range(days), max(3, int(width // 130))):
        at = datetime.fromtimestamp(start.timestamp() + number * 86_400, start.tzinfo)
        if x(at) < right - 8:
            drawing.line(x(at), _HEAD, x(at), base, "grid")
            drawing.text(x(at), base + 17, f"{at.day} {at:%b}", "t", "middle")
    for number, row in enumerate(rows):
        y = _HEAD + number * _ROW
        drawing.text(left - 8, y + _ROW / 2 + 4, row.name, "t", "end")
        end = row.retired or now
        closed = min(row.closed or end, end)
        begun = min(row.begun, ends)
        if begun > now:  # of a week that is to come
            drawing.rect(x(begun) - 4, y + 7, 8, _ROW - 14, "coming", row.says)
            continue
        drawing.rect(x(begun), y + 7, x(closed) - x(begun), _ROW - 14, "c1", row.says)
        if closed < end:
            drawing.rect(x(closed), y + 7, x(end) - x(closed), _ROW - 14, "c3", row.says)
        if row.retired:
            drawing.line(x(end), y + 3, x(end), y + _ROW - 3, "gone")
    drawing.line(x(now), _HEAD - 4, x(now), base, "now")
    drawing.line(left, base, right, base, "axis")
    return drawing


def rates(rows: Sequence[Rate], chance: float, width: float, title: str, described: str) -> Drawing:
    """Rates from 0 to a little over chance, which is a line."""
    drawing = Drawing(width, 22 + _ROW * len(rows) + _BASE, title, described)
    left = 150.0 if width > 600 else 104.0
    right, base, most = width - 46, 22 + _ROW * len(rows), max(chance * 1.04, 1.0)

    def x(value: float) -> float:
        return left + (right - left) * min(value, most) / most

    for mark in (0, 10, 20, 30, 40):
        drawing.line(x(mark), 22, x(mark), base, "grid")
        drawing.text(x(mark), base + 17, f"{mark} %", "t", "middle")
    drawing.line(x(chance), 14, x(chance), base, "limit")
    drawing.text(x(chance), 10, f"chance, {chance:g} %", "t limit-t", "end")
    for number, row in enumerate(rows):
        y = 22 + number * _ROW
        drawing.text(left - 8, y + _ROW / 2 + 4, row.name, "t", "end")
        drawing.rect(left, y + 7, x(row.value) - left, _ROW - 14, row.kind)
        if row.low is not None and row.high is not None:
            middle = y + _ROW / 2
            drawing.line(x(row.low), middle, x(row.high), middle, "whisker")
        beyond = max(x(row.value), x(row.high) if row.high is not None else 0)
        drawing.text(beyond + 6, y + _ROW / 2 + 4, f"{row.value:.1f} %", "t strong")
    drawing.line(left, 22, left, base, "axis")
    return drawing


def histogram(
    buckets: Mapping[int, int], width: float, height: float, title: str, described: str
) -> Drawing:
    """How many took how long: buckets of equal width on a logarithmic scale of time."""
    drawing = Drawing(width, height, title, described)
    base = height - _BASE
    low, high = min(buckets, default=0), max(buckets, default=0)
    low, high = max(0, low - 2), high + 2
    step = (width - 8) / (high - low + 1)
    most = max(buckets.values(), default=1)
    for number, found in sorted(buckets.items()):
        tall = (base - 8) * found / most
        says = f"{found:,} within {duration(bucket_end(number))}"
        drawing.rect(4 + (number - low) * step, base - tall, step * 0.84, tall, "c1", says)
    for number in evenly(range(low, high + 1), max(3, int(width // 110))):
        if number < high:
            x = 4 + (number - low + 1) * step
            drawing.text(x, base + 17, duration(bucket_end(number)), "t", "middle")
    drawing.line(4, base, width - 4, base, "axis")
    return drawing
