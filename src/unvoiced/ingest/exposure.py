"""The exposure window: how long a recording stood in the raw store, from upload to disposal.

- What counts is the time between the store's own modification time of a version and the
  observation that it is gone, as its receipt has it. Two clocks: less than nothing counts as none,
  and is counted as skewed.
- A recording that left no features (erased, or destroyed by retention) is not in it: the log counts
  those, by cause. One finished for an interrupted run is, from its upload on; where that is not
  known, it is counted as such. One whose original is archived is: what was uploaded is gone.
- Every quantile is an upper bound: so long or less, for that share of them; at most 19 % more than
  the time itself, or one second.
- Numbers only, of a size that does not grow with the recordings: none is named (INV-1).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

# Four buckets to each doubling, from a second on: the one numbered n ends at 2**(n / 4) seconds.
_PER_DOUBLING = 4
_LAST = 120  # 2**30 seconds, 34 years; what took longer is in it too


@dataclass
class Exposure:
    """Exposure windows of some recordings, in seconds."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    skewed: int = 0  # of `count`: gone before they were uploaded, by two clocks; counted as 0
    unknown: int = 0  # not in `count`: nobody knows when they were uploaded
    buckets: dict[int, int] = field(default_factory=dict)  # number of the bucket -> recordings

    def add(self, seconds: float) -> None:
        """Take in one recording's."""
        if seconds < 0:
            self.skewed += 1
            seconds = 0.0
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

    def quantile(self, share: float) -> float | None:
        """So many seconds or fewer, for this share (0 to 1) of them; None where there are none."""
        wanted, seen = share * self.count, 0
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
        buckets = {int(number): int(found) for number, found in value["buckets"].items()}
        exposure = cls(
            int(value["count"]),
            float(value["total"]),
            float(value["longest"]),
            int(value["skewed"]),
            int(value["unknown"]),
            buckets,
        )
        if sum(buckets.values()) != exposure.count or not math.isfinite(exposure.longest):
            raise ValueError
        return exposure


def bucket_of(seconds: float) -> int:
    """The number of the bucket that a time falls into."""
    if seconds <= 1:
        return 0
    return min(math.ceil(_PER_DOUBLING * math.log2(seconds) - 1e-9), _LAST)


def bucket_end(number: int) -> float:
    """The longest time, in seconds, that falls into a bucket (of the last: not the longest)."""
    return math.inf if number == _LAST else 2.0 ** (number / _PER_DOUBLING)
