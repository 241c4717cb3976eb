"""The exposure window: how long a recording stood in the raw store, from upload to disposal.

- What counts is the time between the store's own modification time of a version and the
  observation that it is gone, as its receipt has it. Two clocks: less than nothing is no time, and
  is counted apart, as skewed.
- A recording that left no features (erased, or destroyed by retention) is not in it: the log counts
  those, by cause. One finished for an interrupted run is, from its upload on; where that is not
  known, it is counted as such. One whose original is archived is: what was uploaded is gone.
- Every quantile is an upper bound: so long or less, for that share of all of them, those counted
  apart as longer than any; at most 19 % more than the time itself, or one second. Where too many
  are counted apart for that, there is none.
- Numbers only, of a size that does not grow with the recordings: none is named (INV-1).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

# Four buckets to each doubling, from a second on: the one numbered n ends at 2**(n / 4) seconds.
_PER_DOUBLING = 4
_LAST = 120  # 2**30 seconds, 34 years; what took longer is in it too
_MOST = 2**53  # recordings, and seconds: more is no measurement
# So much of a sum of floats may be the order in which they were added.
_ROUNDED = 1e-6


@dataclass
class Exposure:
    """Exposure windows of some recordings, in seconds."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    skewed: int = 0  # not in `count`: gone before they were uploaded, by two clocks
    unknown: int = 0  # not in `count`: nobody knows when they were uploaded
    buckets: dict[int, int] = field(default_factory=dict)  # number of the bucket -> recordings

    def add(self, seconds: float) -> None:
        """Take in one recording's."""
        if seconds < 0:
            self.skewed += 1
            return
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        number = bucket_of(seconds)
        self.buckets[number] = self.buckets.get(number, 0) + 1

    def observe(self, uploaded: float, gone: float) -> None:
        """Take in one recording's, from two POSIX times; `uploaded` is 0.0 where it is unknown."""
        if uploaded:
            self.add(gone - uploaded)
        else:
            self.unknown += 1

    def merge(self, other: Self) -> None:
        """Take in other recordings'."""
        self.count += other.count
        self.total += other.total
        self.longest = max(self.longest, other.longest)
        self.skewed += other.skewed
        self.unknown += other.unknown
        for number, found in other.buckets.items():
            self.buckets[number] = self.buckets.get(number, 0) + found

    @property
    def not_known(self) -> int:
        """How many there are of which no time is known."""
        return self.skewed + self.unknown

    def quantile(self, share: float, others: int = 0) -> float | None:
        """So many seconds or fewer, for this share (0 to 1) of all; None where it is not known.

        Those of which no time is known, and so many `others`, count as longer than any.
        """
        wanted, seen = share * (self.count + self.not_known + others), 0
        for number in sorted(self.buckets):
            seen += self.buckets[number]
            if seen >= wanted:
                return min(bucket_end(number), self.longest)
        return None

    @property
    def mean(self) -> float | None:
        """The arithmetic mean, exact; None where there are none."""
        return self.total / self.count if self.count else None

    def as_json(self) -> dict[str, Any]:
        """It as JSON; `of_json` reads it."""
        return {**vars(self), "buckets": {str(n): self.buckets[n] for n in sorted(self.buckets)}}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Self:
        """What `as_json` wrote.

        Raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for anything else.
        """
        buckets = {int(number): _count(found) for number, found in value["buckets"].items()}
        exposure = cls(
            _count(value["count"]),
            _seconds(value["total"]),
            _seconds(value["longest"]),
            _count(value["skewed"]),
            _count(value["unknown"]),
            buckets,
        )
        if not exposure._adds_up():
            raise ValueError("no exposure windows")
        return exposure

    def _adds_up(self) -> bool:
        """Whether there may be times of which all this is so."""
        if not self.count:
            return not (self.buckets or self.total or self.longest)
        return (
            sum(self.buckets.values()) == self.count
            and min(self.buckets) >= 0
            and min(self.buckets.values()) > 0
            and max(self.buckets) == bucket_of(self.longest)
            and self.longest * (1 - _ROUNDED) <= self.total
            and self.total <= self.count * self.longest * (1 + _ROUNDED)
        )


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError("no count")
    return value


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value <= _MOST:  # type: ignore[operator]  # just seen
        raise ValueError("no time")
    return float(value)  # type: ignore[arg-type]  # just seen


def bucket_of(seconds: float) -> int:
    """The number of the bucket that a time falls into."""
    if seconds <= 1:
        return 0
    return min(math.ceil(_PER_DOUBLING * math.log2(seconds) - 1e-9), _LAST)


def bucket_end(number: int) -> float:
    """The longest time, in seconds, that falls into a bucket (of the last: not the longest)."""
    return math.inf if number == _LAST else 2.0 ** (number / _PER_DOUBLING)
