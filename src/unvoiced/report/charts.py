"""The pictures: time from left to right, or one row a thing. Pure.

Each is drawn for a given width: a page has one for screens and one for phones, as text that is
scaled down cannot be read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unvoiced.report.svg import Drawing, evenly, ticks
from unvoiced.report.window import Window
from unvoiced.report.words import duration

# Marks of a scale of times, in seconds.
_MARKS = {
    1: "1 s",
    10: "10 s",
    60: "1 min",
    600: "10 min",
    3600: "1 h",
    6 * 3600: "6 h",
    86_400: "1 day",
    7 * 86_400: "1 week",
    30 * 86_400: "1 month",
    365 * 86_400: "1 year",
    3650 * 86_400: "10 years",
}
_TOP, _BOTTOM, _LINE = 18.0, 24.0, 15.0
_PHONE = 600  # narrower than this it is one


@dataclass(frozen=True)
class Series:
    """One thing that is counted: its name, its colour's class, and numbers by step."""

    name: str
    kind: str
    values: Mapping[int, float]


@dataclass(frozen=True)
class Spread:
    """How some times are spread, in seconds: half within, 95 % within, the longest."""

    median: float
    most: float
    longest: float
    count: int


@dataclass(frozen=True)
class _Area:
    """Where values are drawn, and the time below them."""

    drawing: Drawing
    window: Window
    left: float

    @property
    def right(self) -> float:
        return self.drawing.width - 4

    @property
    def base(self) -> float:
        return self.drawing.height - _BOTTOM

    @property
    def step(self) -> float:
        return (self.right - self.left) / len(self.window.steps)

    def x(self, step: float) -> float:
        return self.left + step * self.step

    def grid(self, y: float, said: str) -> None:
        self.drawing.line(self.left, y, self.right, y, "grid")
        self.drawing.text(self.left - 6, y + 4, said, "t", "end")

    def calendar(self) -> None:
        """Days, or hours, below."""
        steps = self.window.steps
        most = max(3, int(self.drawing.width // 120))
        for number in evenly(range(len(steps)), most):
            at = steps[number]
            said = f"{at:%H}:00" if self.window.hourly and at.hour else f"{at.day} {at:%b}"
            x = self.x(number + 0.5)
            anchor = "end" if x > self.right - 24 else "middle"
            self.drawing.text(min(x, self.right), self.base + 17, said, "t", anchor)
        self.drawing.line(self.left, self.base, self.right, self.base, "axis")

    def label(self, step: int) -> str:
        return self.window.said(step)


class _Times:
    """A logarithmic scale of times, from a mark below the shortest to one above the longest."""

    def __init__(self, area: _Area, times: Sequence[float]) -> None:
        shortest, longest = max(min(times, default=1.0), 1.0), max([*times, 60.0])
        self._area = area
        self.low = max(at for at in _MARKS if at <= shortest)
        # Never the same one: where all times are one mark, there is a scale too.
        above = (at for at in _MARKS if at >= longest and at > self.low)
        self.high = min(above, default=max(longest, 2 * self.low))

    def y(self, seconds: float) -> float:
        """Where a time stands."""
        along = math.log(max(seconds, self.low) / self.low) / math.log(self.high / self.low)
        return self._area.base - (self._area.base - _TOP) * min(along, 1.0)

    def grid(self) -> None:
        """The marks, those that have room."""
        above = math.inf
        for at, said in _MARKS.items():
            if self.low <= at <= self.high and above - self.y(at) >= _LINE:
                above = self.y(at)
                self._area.grid(above, said)

    def limit(self, limit: float) -> None:
        """A line that nothing should be above."""
        if self.low <= limit <= self.high:
            area, y = self._area, self.y(limit)
            area.drawing.line(area.left, y, area.right, y, "limit")
            area.drawing.text(area.right, y - 5, f"limit {duration(limit)}", "t limit-t", "end")


def spreads(
    window: Window,
    values: Mapping[int, Spread],
    limit: float,
    width: float,
    title: str,
    described: str,
) -> Drawing:
    """Times by step: a bar from half to 95 %, a mark at half, and a dot at the longest."""
    drawing = Drawing(width, 300 if width > _PHONE else 240, title, described)
    area = _Area(drawing, window, 58)
    scale = _Times(area, [t for one in values.values() for t in (one.median, one.longest)])
    scale.grid()
    scale.limit(limit)
    bar = max(2.0, min(area.step * 0.56, 22.0))
    for number, one in sorted(values.items()):
        x, top, bottom = area.x(number + 0.5), scale.y(one.most), scale.y(one.median)
        says = (
            f"{area.label(number)}: {one.count:,} gone, half within {duration(one.median)}, 95 % "
            f"within {duration(one.most)}, longest {duration(one.longest)}"
        )
        drawing.line(x, scale.y(one.longest), x, bottom, "whisker")
        drawing.rect(x - bar / 2, top, bar, max(bottom - top, 3.0), "c1", says)
        drawing.rect(x - bar / 2, bottom - 1.5, bar, 3, "c1d")
        late = "late" if one.longest > limit else "c1d"
        drawing.dot(x, scale.y(one.longest), max(1.8, min(bar / 4, 3.5)), late, says)
    area.calendar()
    return drawing


def ages(
    window: Window,
    series: Sequence[Series],
    limit: float,
    width: float,
    title: str,
    described: str,
) -> Drawing:
    """Ages by step, as dots on a logarithmic scale; those above the limit stand out."""
    drawing = Drawing(width, 180, title, described)
    area = _Area(drawing, window, 58)
    scale = _Times(area, [value for one in series for value in one.values.values()])
    scale.grid()
    scale.limit(limit)
    for one in series:
        for step, value in sorted(one.values.items()):
            says = f"{area.label(step)}: {one.name} {duration(value)}"
            kind = "late" if value > limit else one.kind
            drawing.dot(area.x(step + 0.5), scale.y(value), 3 if width > _PHONE else 2, kind, says)
    area.calendar()
    return drawing


def stacked(
    window: Window,
    series: Sequence[Series],
    width: float,
    title: str,
    described: str,
    line: Series | None = None,
) -> Drawing:
    """Bars of counts on top of each other, one a step; a line over them where one is given."""
    drawing = Drawing(width, 220 if width > _PHONE else 190, title, described)
    area = _Area(drawing, window, 46)
    steps = range(len(window.steps))
    totals = [sum(one.values.get(step, 0) for one in series) for step in steps]
    most = float(max([*totals, *(line.values.values() if line else ()), 1]))
    marks = ticks(most)

    def y(value: float) -> float:
        return area.base - (area.base - _TOP) * value / most

    for mark in marks:
        area.grid(y(mark), f"{mark:,.0f}" if mark < 10_000 else f"{mark / 1000:,.0f} k")
    bar = max(1.0, area.step * 0.72)
    for step in steps:
        below = 0.0
        for one in series:
            value = one.values.get(step, 0)
            if value:
                says = f"{area.label(step)}: {value:,.0f} {one.name}"
                top = y(below + value)
                drawing.rect(area.x(step + 0.5) - bar / 2, top, bar, y(below) - top, one.kind, says)
                below += value
    if line is not None:
        points = [(area.x(step + 0.5), y(value)) for step, value in sorted(line.values.items())]
        drawing.path(points, f"line {line.kind}")
        for (x, at), (step, value) in zip(points, sorted(line.values.items()), strict=True):
            if value or len(points) < 32:
                says = f"{area.label(step)}: {value:,.0f} {line.name}"
                drawing.dot(x, at, 2.2, f"{line.kind} mark", says)
    area.calendar()
    return drawing
