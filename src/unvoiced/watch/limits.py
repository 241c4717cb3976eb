"""What is far from usual, of a number that was counted on other days. Pure arithmetic.

All of it is on a log scale, log(1 + count): reading varies by factors. What is usual is a median,
how it varies the median absolute deviation: a few strange days move neither. Days without reads
count for nothing, so who reads on Fridays is held against Fridays.

The level follows its median by `FOLLOWS` a day at most, 50 % in four weeks: who reads a little more
every day leaves the baseline behind.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from unvoiced.watch.alert import Kind

FEWEST_DAYS = 3  # before a habit may speak
DRIP_DAYS = 7  # before its small deviations may
FOLLOWS = math.log(1.5) / 28
_NORMAL = 1.4826  # median absolute deviation to standard deviation, for a normal distribution
SPREADS = 3.5
_WIDEST = 1.0  # of a spread: a factor of e
_EARLY = 2.0  # limits are wider by this, divided by the days there are
# The sum of small deviations (CUSUM: E. S. Page, Biometrika 41, 1954), in spreads a day.
_ALLOWED = 0.35
_MOST = 3.0  # of one day, so that it takes more than two of them
_LEAST = -1.0  # so that a quiet weekend does not undo a week
_NARROWEST = 0.3
DRIP_LIMIT = 6.0


@dataclass(frozen=True)
class Metric:
    """A number that is counted for a day, and how far from usual it may be."""

    kind: Kind
    what: str  # in an alert's sentence
    factor: float  # times the usual, at least, is not far
    slack: float  # nor are so many more
    early: bool = True  # whether limits are wider while there are few days


@dataclass(frozen=True)
class Usual:
    """What is usual of one number."""

    days: int
    level: float  # log(1 + count)
    spread: float

    def limit(self, metric: Metric, spreads: float = SPREADS) -> float:
        """The largest count that is not far from usual."""
        early = 1 + _EARLY / self.days if metric.early else 1.0
        spread = math.expm1(self.level + early * spreads * self.spread)
        return max(spread, early * metric.factor * math.expm1(self.level)) + metric.slack

    def deviation(self, count: int, metric: Metric) -> float:
        """What a day adds to the sum of small deviations; below 0 it takes from it."""
        level = max(self.level, math.log1p(metric.slack / 4))
        spreads = (math.log1p(count) - level) / max(self.spread, _NARROWEST)
        return max(_LEAST, min(spreads, _MOST)) - _ALLOWED


@lru_cache(4096)
def usual(counts: tuple[int, ...], anchor: float | None) -> Usual | None:
    """What is usual, by the counts of some days; None where they are too few."""
    if len(counts) < FEWEST_DAYS:
        return None
    logs = [math.log1p(count) for count in counts]
    middle = median(logs)
    spread = _NORMAL * median(abs(each - middle) for each in logs)
    level = middle if anchor is None else anchor
    return Usual(len(counts), level, min(spread, _WIDEST))


def follow(counts: Sequence[int], anchor: float | None) -> float | None:
    """Where the level is after one more day; None before there are enough."""
    if len(counts) < DRIP_DAYS:
        return None
    middle = median(math.log1p(count) for count in counts)
    if anchor is None:
        return middle
    return anchor + max(-FOLLOWS, min(FOLLOWS, middle - anchor))
