"""One requester's reading, as one log shows it: days that are not over, and what is usual.

Pure; nothing here is ever changed, only made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from unvoiced.watch import limits
from unvoiced.watch.alert import Kind
from unvoiced.watch.limits import Metric, Usual
from unvoiced.watch.sketch import Sketch
from unvoiced.watch.windows import WINDOWS_PER_DAY, Reading

OBJECTS, CONTRIBUTORS, SOURCES = 2048, 1024, 64  # hashes held
_LATE_WINDOWS = WINDOWS_PER_DAY // 4  # a day is over this long after its end
_OPEN_DAYS = 3
_RECENT = 3  # windows whose contributors are held
_HOURS_FROM = 10  # days before hours of the day say anything
_SETTLED = 14  # days learned before somebody is no longer new
_NOBODY, _NOTHING = Sketch(CONTRIBUTORS), Sketch(OBJECTS)

METRICS: Mapping[str, Metric] = {
    "objects": Metric(Kind.UNUSUAL, "reads", 4, 50),  # of each purpose
    "peak": Metric(Kind.UNUSUAL, "reads in five minutes", 4, 50),  # of each purpose
    "distinct": Metric(Kind.UNUSUAL, "different objects", 3, 50),
    "contributors": Metric(Kind.CONTRIBUTORS, "contributors", 3, 10),
    "new objects": Metric(Kind.UNUSUAL, "objects that it never read before", 4, 30),
    "new contributors": Metric(Kind.CONTRIBUTORS, "contributors whom it never read before", 4, 8),
    "sources": Metric(Kind.ELSEWHERE, "sources", 3, 3, early=False),
    "new sources": Metric(Kind.ELSEWHERE, "sources it never read from before", 3, 0.9, early=False),
}
AT_ODD_HOURS = Metric(
    Kind.UNUSUAL, "objects that it never read before, in hours in which it never read", 2, 30
)
DRIPS = ("new objects", "new contributors")  # whose small deviations are added up


def metric_of(name: str) -> Metric:
    """The metric of a name; those of a purpose are called `objects training`."""
    return METRICS[name] if name in METRICS else METRICS[name.partition(" ")[0]]


@dataclass(frozen=True)
class Day:
    """What one requester read on a day that is not over yet."""

    number: int  # days since 1970
    counts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # purpose -> window -> n
    recent: Mapping[int, Sketch] = field(default_factory=dict)  # window -> contributors
    objects: Sketch = field(default_factory=lambda: Sketch(OBJECTS))
    odd: Sketch = field(default_factory=lambda: Sketch(OBJECTS))  # read in hours never worked in
    contributors: Sketch = field(default_factory=lambda: Sketch(CONTRIBUTORS))
    sources: Sketch = field(default_factory=lambda: Sketch(SOURCES))
    doubted: bool = False
    approved: Mapping[str, int] = field(default_factory=dict)  # purpose -> reads that may be
    # What was read for those purposes.
    approved_objects: Sketch = field(default_factory=lambda: Sketch(OBJECTS))
    approved_contributors: Sketch = field(default_factory=lambda: Sketch(CONTRIBUTORS))

    def holds(self, window: int) -> bool:
        """Whether reads in a window count for this day."""
        return any(window in windows for windows in self.counts.values())

    def with_reading(self, reading: Reading, odd: bool, approved: int) -> "Day":
        """With some reads more; `approved`: how many reads for their purpose are, on this day."""
        of_purpose = dict(self.counts.get(reading.purpose, {}))
        of_purpose[reading.window] = of_purpose.get(reading.window, 0) + reading.count
        before = self.recent.get(reading.window, Sketch(CONTRIBUTORS))
        recent = {**self.recent, reading.window: before.add(reading.contributors)}
        day = self
        if approved:
            most = max(approved, self.approved.get(reading.purpose, 0))
            day = replace(
                self,
                approved={**self.approved, reading.purpose: most},
                approved_objects=self.approved_objects.add(reading.objects),
                approved_contributors=self.approved_contributors.add(reading.contributors),
            )
        return replace(
            day,
            counts={**self.counts, reading.purpose: of_purpose},
            recent={window: recent[window] for window in sorted(recent)[-_RECENT:]},
            objects=self.objects.add(reading.objects),
            odd=self.odd.add(reading.objects) if odd else self.odd,
            contributors=self.contributors.add(reading.contributors),
            sources=self.sources.add(np.array([reading.source], np.uint32)),
        )

    @property
    def counted(self) -> Mapping[str, Mapping[int, int]]:
        """`counts`, without the purposes for which no more was read than is approved."""
        return {
            purpose: windows
            for purpose, windows in self.counts.items()
            if purpose not in self.approved or sum(windows.values()) > self.approved[purpose]
        }

    @property
    def excused(self) -> tuple[Sketch, Sketch]:
        """Objects and contributors that need not be counted: none, where more was read for some
        purpose than is approved for it.
        """
        if self.approved.keys() & self.counted.keys():
            return _NOTHING, _NOBODY
        return self.approved_objects, self.approved_contributors


@dataclass(frozen=True)
class Doubt:
    """What was seen on days with alerts that nobody has accepted yet."""

    counts: Mapping[str, int] = field(default_factory=dict)  # metric -> the highest
    purposes: frozenset[str] = frozenset()
    objects: Sketch = field(default_factory=lambda: Sketch(OBJECTS))
    contributors: Sketch = field(default_factory=lambda: Sketch(CONTRIBUTORS))
    sources: Sketch = field(default_factory=lambda: Sketch(SOURCES))


@dataclass(frozen=True)
class Track:
    """One requester's habits, as one log shows them."""

    last: int  # the day of the newest read
    days: tuple[Day, ...] = ()  # not over yet, in order
    history: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    anchors: Mapping[str, Usual] = field(default_factory=dict)  # metric -> where it only follows
    sums: Mapping[str, float] = field(default_factory=dict)  # of small deviations
    objects: Sketch = field(default_factory=lambda: Sketch(OBJECTS))  # ever read
    contributors: Sketch = field(default_factory=lambda: Sketch(CONTRIBUTORS))
    sources: Sketch = field(default_factory=lambda: Sketch(SOURCES))
    purposes: frozenset[str] = frozenset()
    hours: tuple[int, ...] = (0,) * 48  # days on which it read then; at the weekend, from 24
    learned: int = 0  # days
    over: int = -1  # the newest day that is over; what comes later still counts for the next
    doubt: Doubt = field(default_factory=Doubt)
    accepted: bool = False  # a person said once that this requester's reading is normal

    @property
    def settled(self) -> bool:
        """Whether this requester is no longer new, and has habits."""
        known = self.accepted or self.learned >= _SETTLED
        return known and self.usual("distinct") is not None

    @property
    def all_objects(self) -> Sketch:
        """All that it is known to have read: learned, doubted, or on a day that is not over and of
        which not all is approved.
        """
        found = self.objects.union(self.doubt.objects)
        for day in self.days:
            if day.counted:
                found = found.union(day.objects)
        return found

    def usual(self, name: str) -> Usual | None:
        """What is usual of one metric; None where too little is known."""
        counts = tuple(count for _, count in self.history.get(name, ()))
        return limits.usual(counts, self.anchors.get(name))

    def measure(self, day: Day) -> dict[str, int]:
        """The metrics of a day, as far as it has come, without what is approved."""
        objects, contributors = day.excused
        found = {
            "distinct": day.objects.new(objects),
            "contributors": day.contributors.new(contributors),
            "new objects": day.objects.new(self.objects.union(objects)),
            "new contributors": day.contributors.new(self.contributors.union(contributors)),
            "sources": day.sources.count,
            "new sources": day.sources.new(self.sources),
        }
        for purpose, windows in day.counted.items():
            found[f"objects {purpose}"] = sum(windows.values())
            found[f"peak {purpose}"] = max(windows.values())
        return found

    def is_odd(self, window: int) -> bool:
        """Whether a window is at an hour at which this requester never reads, give or take one."""
        if self.learned < _HOURS_FROM:
            return False
        here = _hour(window)
        base = here // 24 * 24
        return not any(self.hours[base + (here + near) % 24] for near in (-1, 0, 1))

    def with_reading(self, reading: Reading, approved: int = 0) -> "Track":
        """With some reads more, on the day that they are of, or the oldest that is not over.

        `approved`: how many reads for their purpose are, on their day.
        """
        number = max(reading.window // WINDOWS_PER_DAY, self.over + 1)
        days = {day.number: day for day in self.days}
        if number not in days and len(days) == _OPEN_DAYS:
            number = min(days) if number < min(days) else max(days)
        odd = self.is_odd(reading.window)
        days[number] = days.get(number, Day(number)).with_reading(reading, odd, approved)
        ordered = tuple(days[each] for each in sorted(days))
        return replace(self, days=ordered, last=max(self.last, number))

    def close(self, now_window: int, baseline_days: int) -> "Track":
        """With the days that are over learned or doubted."""
        track = self
        for day in self.days:
            if now_window >= (day.number + 1) * WINDOWS_PER_DAY + _LATE_WINDOWS:
                track = track._over(day, baseline_days)
        return track

    def _over(self, day: Day, baseline_days: int) -> "Track":
        days = tuple(each for each in self.days if each is not day)
        rest = replace(self, days=days, over=max(self.over, day.number))
        counts = self.measure(day)
        if day.doubted:
            return replace(
                rest, sums=self.sums_after(counts), doubt=_doubt(self.doubt, day, counts)
            )
        seen = replace(
            rest,
            objects=self.objects.union(day.objects),
            contributors=self.contributors.union(day.contributors),
            sources=self.sources.union(day.sources),
            purposes=self.purposes.union(day.counts),
            hours=_worked(self.hours, day),
            learned=self.learned + 1,
        )
        if day.approved and not counts["distinct"]:  # how much was approved is no habit
            return seen
        history, anchors = dict(self.history), dict(self.anchors)
        for name, count in counts.items():
            kept = [pair for pair in history.get(name, ()) if pair[0] > day.number - baseline_days]
            if self.learned < _SETTLED and len(kept) > 1 and kept[0][0] == kept[1][0]:
                del kept[0]  # a newcomer's accepted day stands in for others until there are some
            history[name] = (*kept, (day.number, count))
            anchor = limits.follow(tuple(each for _, each in history[name]), anchors.get(name))
            if anchor is not None:
                anchors[name] = anchor
        return replace(seen, history=history, anchors=anchors, sums=self.sums_after(counts))

    def sums_after(self, counts: Mapping[str, int]) -> dict[str, float]:
        """The sums of small deviations, with a day of these counts."""
        sums = dict(self.sums)
        for name in DRIPS:
            usual = self.usual(name)
            if usual is not None and usual.days >= limits.DRIP_DAYS:
                deviation = usual.deviation(counts.get(name, 0), METRICS[name])
                sums[name] = max(0.0, min(sums.get(name, 0.0) + deviation, 2 * limits.DRIP_LIMIT))
        return sums

    def accept(self) -> "Track":
        """With everything that was doubted taken for normal; its open days too."""
        doubt = self.doubt
        for day in self.days:
            if day.doubted:
                doubt = _doubt(doubt, day, self.measure(day))
        history, anchors = dict(self.history), dict(self.anchors)
        for name, count in doubt.counts.items():
            usual = self.usual(name)
            if usual is None or usual.deviation(count, metric_of(name)) > 0:
                # The habit begins anew, with what was accepted in the place of the fewest days.
                history[name] = ((self.last, count),) * limits.FEWEST_DAYS
                anchors.pop(name, None)
        return replace(
            self,
            days=tuple(replace(day, doubted=False) for day in self.days),
            history=history,
            anchors=anchors,
            sums={},
            objects=self.objects.union(doubt.objects),
            contributors=self.contributors.union(doubt.contributors),
            sources=self.sources.union(doubt.sources),
            purposes=self.purposes | doubt.purposes,
            doubt=Doubt(),
            accepted=True,
        )


def _doubt(doubt: Doubt, day: Day, counts: Mapping[str, int]) -> Doubt:
    return Doubt(
        {name: max(count, doubt.counts.get(name, 0)) for name, count in counts.items()},
        doubt.purposes.union(day.counts),
        doubt.objects.union(day.objects),
        doubt.contributors.union(day.contributors),
        doubt.sources.union(day.sources),
    )


def _hour(window: int) -> int:
    hour = window % WINDOWS_PER_DAY * 24 // WINDOWS_PER_DAY
    weekend = (window // WINDOWS_PER_DAY + 3) % 7 >= 5
    return hour + 24 * weekend


def _worked(hours: tuple[int, ...], day: Day) -> tuple[int, ...]:
    worked = {_hour(window) for windows in day.counts.values() for window in windows}
    return tuple(days + (hour in worked) for hour, days in enumerate(hours))
