"""How much there is of each alert by now: what grew is told again, and a flood hides none. No I/O.

What an alert counts is added up from run to run, for its identity and so for its day: who takes the
same little again and again is told of when it is ten times as much as at first, and at each ten
times more. Of what is not new in each run (a day's reads so far), the highest counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import floor, log10

from unvoiced.watch.alert import Alert, Kind, Level

# Alerts that one run raises each by itself. What is beyond them goes into one, by numbers.
MOST = 50
KEPT = timedelta(days=4)  # late logs come within two
_MOST_KEPT = 5_000
_ADDED = frozenset({"requests", "objects", "bytes", "entries", "records"})
_WINDOWS = frozenset({Kind.VOLUME, Kind.CONTRIBUTORS})  # whose numbers in five minutes are added
_NOT_COUNTED = frozenset({"limit", "addresses"})
_UNRAISED = -1
_KINDS, _LEVELS = list(Kind), list(Level)


@dataclass(frozen=True)
class Tally:
    """What was counted of one alert."""

    level: Level
    seen: datetime  # when it was last
    counts: Mapping[str, float] = field(default_factory=dict)
    first: Mapping[str, float] = field(default_factory=dict)  # when it was raised
    fold: int = _UNRAISED  # how many times ten it had grown when it was raised last

    def plus(self, alert: Alert, now: datetime) -> "Tally":
        """With what a run found."""
        counts = dict(self.counts)
        for name, count in alert.numbers.items():
            if name in _NOT_COUNTED:
                continue
            before = counts.get(name, 0)
            counts[name] = before + count if _is_added(alert, name) else max(before, count)
        return replace(self, seen=now, counts=counts)

    def growth(self) -> int:
        """How many times ten as much as when it was raised."""
        factors = [
            self.counts[name] / first
            for name, first in self.first.items()
            if first > 0 and self.counts.get(name, 0) > 0
        ]
        return max(0, floor(log10(max(factors, default=1))))


Tallies = Mapping[str, Tally]  # by the identity of the alert


def _is_added(alert: Alert, name: str) -> bool:
    return name in _ADDED or (alert.kind in _WINDOWS and name.endswith("in five minutes"))


@dataclass(frozen=True)
class Due:
    """What is to be raised now, by the end of its name; and the tallies after it."""

    alerts: Sequence[tuple[Alert, str]]
    tallies: Tallies


def count(tallies: Tallies, alerts: Iterable[Alert], now: datetime) -> dict[str, Tally]:
    """With the alerts of a run, all of them; without what is over."""
    after = {identity: tally for identity, tally in tallies.items() if tally.seen > now - KEPT}
    for alert in alerts:
        tally = after.get(alert.identity) or Tally(alert.level, now)
        after[alert.identity] = tally.plus(alert, now)
    if len(after) > _MOST_KEPT:
        loud = sorted(after, key=lambda each: (_LEVELS.index(after[each].level), after[each].fold))
        after = {identity: after[identity] for identity in loud[:_MOST_KEPT]}
    return after


def once_each(alerts: Iterable[Alert]) -> list[Alert]:
    """The largest of each identity, loudest first.

    Of one level and kind, everybody's largest come before anybody's second: who is told of many
    times does not push others out.
    """
    largest: dict[str, Alert] = {}
    for alert in alerts:
        known = largest.get(alert.identity)
        if known is None or _size(alert) > _size(known):
            largest[alert.identity] = alert
    ranks: Counter[tuple[Level, Kind, str]] = Counter()
    ranked = []
    for alert in sorted(largest.values(), key=lambda one: (-_size(one), one.requester, one.source)):
        of_one = (alert.level, alert.kind, alert.requester)
        place = (_LEVELS.index(alert.level), _KINDS.index(alert.kind), ranks[of_one])
        ranks[of_one] += 1
        ranked.append((place, alert))
    return [alert for _, alert in sorted(ranked, key=lambda pair: pair[0])]


def due(tallies: Tallies, alerts: Sequence[Alert], now: datetime) -> Due:
    """What was never raised, or grew since, loudest first; `alerts` are `once_each`.

    Beyond `MOST` one alert stands for the rest, at the level of the loudest of them. They are not
    counted as raised: what is seen again is raised then.
    """
    after, raised, rest = dict(tallies), list[tuple[Alert, str]](), list[Alert]()
    for alert in alerts:
        tally = after.get(alert.identity)
        if tally is None:  # there were too many to keep
            rest.append(alert)
            continue
        fold = 0 if tally.fold == _UNRAISED else tally.growth()
        if fold <= tally.fold:
            continue
        if len(raised) == MOST:
            rest.append(alert)
            continue
        numbers = {**alert.numbers, **tally.counts}
        raised.append((replace(alert, numbers=numbers), f"-{10**fold}-fold" if fold else ""))
        first = tally.counts if tally.fold == _UNRAISED else tally.first
        after[alert.identity] = replace(tally, first=first, fold=fold)
    if rest:
        raised.append((_of_the_rest(rest, now), f"-{now:%H%M%S}"))
    return Due(raised, after)


def _of_the_rest(rest: Sequence[Alert], now: datetime) -> Alert:
    levels = Counter(str(alert.level) for alert in rest)
    said = ", ".join(f"{number:,} {level}" for level, number in sorted(levels.items()))
    what = f"and {len(rest):,} alerts more, which are told by their number alone: {said}"
    numbers = {level: float(number) for level, number in levels.items()}
    level = min((alert.level for alert in rest), key=_LEVELS.index)
    return Alert(Kind.MANY, level, "", what, start=now, end=now, numbers=numbers)


def _size(alert: Alert) -> float:
    return sum(alert.numbers.values())
