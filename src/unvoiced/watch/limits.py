"""What is far from usual, of a number that was counted on other days. Pure arithmetic.

All of it is on a log scale, log(1 + count): reading varies by factors. What is usual is a median,
how it varies the median absolute deviation: a few strange days move neither. Days without reads
count for nothing, so who reads on Fridays is held against Fridays.

Once there are enough days, level and spread follow them by `FOLLOWS` a day at most, the level by
50 % in four weeks: who reads a little more every day leaves the baseline behind.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

from unvoiced.watch.alert import Kind

FEWEST_DAYS = 3  # before a habit may speak
DRIP_DAYS = 7  # before its small deviations may
_ANCHORED_DAYS = 14  # before its level only follows
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
        # Small counts vary by chance alone (Poisson): by 1/sqrt(n) on a log scale.
        spread = max(self.spread, _NARROWEST, math.exp(-level / 2))
        return max(_LEAST, min((math.log1p(count) - level) / spread, _MOST)) - _ALLOWED


@lru_cache(4096)
def usual(counts: tuple[int, ...], anchor: Usual | None) -> Usual | None:
    """What is usual, by the counts of some days and where it was; None where they are too few."""
    if len(counts) < FEWEST_DAYS:
        return None
    if anchor is not None:
        return anchor
    logs = [math.log1p(count) for count in counts]
    level = median(logs)
    spread = _NORMAL * median(abs(each - level) for each in logs)
    return Usual(len(counts), level, min(spread, _WIDEST))


def follow(counts: tuple[int, ...], anchor: Usual | None) -> Usual | None:
    """What is usual after one more day, where it only follows; None before there are enough."""
    if len(counts) < _ANCHORED_DAYS:
        return None
    now = usual(counts, None)
    if now is None or anchor is None:
        return now
    return Usual(
        now.days,
        anchor.level + _step(now.level - anchor.level),
        anchor.spread + _step(now.spread - anchor.spread),
    )


def _step(wanted: float) -> float:
    return max(-FOLLOWS, min(FOLLOWS, wanted))
