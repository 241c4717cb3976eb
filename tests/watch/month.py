"""Two simulated months of reading by eight requesters, from a seed: to learn from, and to watch.

The data set: 6,000 objects of 150 contributors, some with few and some with many, and the same
again as a second feature set that nobody reads at first; both grow by a few objects on working
days, and once by 400. Reads are made as the watch adds them up (`Reading`), so that years pass in
minutes; `tests/watch/test_windows.py` shows that single events come to the same.

Who reads: a trainer every night from one machine; another on working days, from a machine that is
new each time; a weekly evaluation; a daily one; two people who inspect, one a little, one more; one
who begins a new project on the second feature set in the third week; a new colleague in the second.
And what happens to them: holidays, jobs that crash and start again, requests that are retried, jobs
at odd hours, a new laptop now and then, and one reading of everything that was approved.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unvoiced.audit.approvals import Approval
from unvoiced.sections import WatchSettings
from unvoiced.watch.alert import Alert, Kind
from unvoiced.watch.detect import judge
from unvoiced.watch.event import Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.windows import WINDOWS_PER_DAY, Reading, start_of, window_of

START = datetime(2026, 8, 31, tzinfo=UTC)  # a Monday
FIRST = window_of(START)
LEARNED = 28  # days before the month that is watched
DAYS = 56
OBJECTS, CONTRIBUTORS = 6000, 150
SETTINGS = WatchSettings()  # the defaults
HOUR = WINDOWS_PER_DAY // 24
Objects = NDArray[np.int64]  # numbers of objects; those of the second feature set from `TWIN`
TWIN = 10_000

TRAINER, SCALED, WEEKLY, DAILY = "trainer", "trainer on new machines", "weekly", "daily"
LIGHT, HEAVY, PROJECT, COLLEAGUE = "inspects a little", "inspects more", "new project", "colleague"
REQUESTERS = (TRAINER, SCALED, WEEKLY, DAILY, LIGHT, HEAVY, PROJECT, COLLEAGUE)


@dataclass(frozen=True)
class World:
    """The data set, and what was read of it."""

    hashes: NDArray[np.uint32]  # of each object, by number
    people: NDArray[np.uint32]  # hash of its contributor
    of: NDArray[np.int64]  # number of its contributor
    there: NDArray[np.int64]  # objects of a feature set by day
    readings: dict[str, list[Reading]]  # by requester, in order of windows
    approvals: tuple[Approval, ...]

    def reading(
        self,
        requester: str,
        purpose: str,
        source: int,
        window: int,
        objects: Objects,
        extra: int = 0,
    ) -> Reading:
        """Some objects, read in one window; `extra` of them twice."""
        return Reading(
            Origin.TRAIL,
            requester,
            purpose,
            source,
            window,
            objects.size + extra,
            np.unique(self.hashes[objects]),
            np.unique(self.people[objects]),
        )


@dataclass
class _Making:
    """What the makers below add to."""

    world: World
    random: Generator
    requester: str
    laptop: int
    made: list[Reading] = field(default_factory=list)

    def read(
        self, purpose: str, start: float, objects: Objects, windows: int, source: int = 0
    ) -> None:
        """Read these in that order, evenly over so many windows; `start` in days."""
        first = FIRST + int(start * WINDOWS_PER_DAY)
        if not objects.size:
            return
        for index, part in enumerate(np.array_split(objects, min(windows, objects.size))):
            retried = int(self.random.binomial(part.size, 0.02))
            self.made.append(
                self.world.reading(
                    self.requester, purpose, source or self.laptop, first + index, part, retried
                )
            )

    def everything(self, day: int) -> Objects:
        """The first feature set, as of a day, in some order."""
        return self.random.permutation(int(self.world.there[day]))

    def some(self, day: int, count: int, people: int) -> Objects:
        """About so many objects of so many contributors."""
        there = int(self.world.there[day])
        chosen = self.random.choice(CONTRIBUTORS, people, replace=False)
        theirs = np.flatnonzero(np.isin(self.world.of[:there], chosen))
        return self.random.permutation(theirs)[:count]

    def works(self, day: int) -> bool:
        """Whether it is a working day."""
        return day % 7 < 5

    def at(self, hour: float, spread: float = 1.0) -> float:
        """A part of a day, about an hour."""
        return float(np.clip(self.random.normal(hour, spread), 0.2, 23)) / 24


def world(seed: int) -> World:
    """The readings of two months."""
    random = np.random.default_rng(seed)
    weights = random.lognormal(0, 0.7, CONTRIBUTORS)
    of = random.choice(CONTRIBUTORS, TWIN, p=weights / weights.sum())
    arrive = np.array([random.poisson(15) if day % 7 < 5 else 0 for day in range(DAYS)])
    arrive[int(random.integers(LEARNED, DAYS - 5))] += 400
    there = OBJECTS + np.cumsum(arrive)
    hashes = random.integers(0, 2**32, 2 * TWIN, dtype=np.uint32)
    names = random.integers(0, 2**32, CONTRIBUTORS, dtype=np.uint32)
    of = np.concatenate([of, of])
    made = World(hashes, names[of], of, there, {}, ())
    approvals: list[Approval] = []
    for requester, make in _MAKERS.items():
        making = _Making(made, random, requester, int(random.integers(1, 2**31)))
        holidays = _holidays(random)
        for day in range(DAYS):
            if random.random() < 0.01:
                making.laptop = int(random.integers(1, 2**31))  # a new one, every hundred days
            if requester in {TRAINER, WEEKLY, DAILY}:
                making.laptop = REQUESTERS.index(requester) + 1  # these run on a server
            if day not in holidays:
                make(making, day)
        made.readings[requester] = _merged(making.made)
    day = LEARNED + int(random.integers(3, 25))
    bulk = _Making(made, random, DAILY, REQUESTERS.index(DAILY) + 1)
    bulk.read("evaluation", day + 9 / 24, bulk.everything(day), 30)
    made.readings[DAILY] = _merged([*made.readings[DAILY], *bulk.made])
    name = f"{START + timedelta(day):%Y-%m-%d}"
    approvals.append(
        Approval(DAILY, "evaluation", 8000, name, name, "a new metric", "somebody else", "")
    )
    return replace(made, approvals=tuple(approvals))


def _holidays(random: Generator) -> range:
    if random.random() < 0.4:
        first = int(random.integers(0, DAYS))
        return range(first, first + int(random.integers(3, 12)))
    return range(0)


def _trainer(making: _Making, day: int) -> None:
    random = making.random
    if random.random() < 0.05:
        return
    start = day + making.at(19, 0.5)
    if random.random() < 0.06:  # it crashes, and is started again in the morning
        making.read("training", start, making.everything(day), 8)
        start = day + making.at(9) + 1 if day + 1 < DAYS else start
    for epoch in range(3):
        making.read("training", start + epoch * 8 / WINDOWS_PER_DAY, making.everything(day), 8)


def _scaled(making: _Making, day: int) -> None:
    random = making.random
    if not making.works(day) or random.random() < 0.1:
        return
    for _ in range(1 + int(random.integers(0, 3))):
        machine = int(random.integers(1, 2**31))
        start = day + making.at(14, 3)
        for epoch in range(int(random.integers(1, 4))):
            offset = epoch * 6 / WINDOWS_PER_DAY
            making.read("training", start + offset, making.everything(day), 6, machine)


def _weekly(making: _Making, day: int) -> None:
    if day % 7 == 5:
        there = int(making.world.there[day])
        held_out = np.flatnonzero(making.world.of[:there] % 10 == 0)
        making.read("evaluation", day + making.at(3, 0.5), held_out, 6)


def _daily(making: _Making, day: int) -> None:
    if making.random.random() < 0.95:
        validation = np.flatnonzero(making.world.of[:OBJECTS] % 10 == 1)[:400]
        for _ in range(int(making.random.choice([1, 1, 1, 2]))):
            making.read("evaluation", day + making.at(5), validation, 3)


def _inspector(usual: int, people: int, often: float) -> Callable[[_Making, int], None]:
    def make(making: _Making, day: int) -> None:
        random = making.random
        if random.random() > (often if making.works(day) else 0.03):
            return
        for _ in range(1 + int(random.integers(0, 3))):
            count = 1 + int(random.lognormal(np.log(usual / 2), 0.6))
            objects = making.some(day, count, 1 + int(random.integers(0, people)))
            making.read("inspection", day + making.at(13, 2.5), objects, int(random.integers(1, 6)))

    return make


def _project(making: _Making, day: int) -> None:
    _inspector(20, 3, 0.5)(making, day)
    if day >= LEARNED + 14 and making.works(day):
        there = int(making.world.there[day])
        third = np.flatnonzero(making.world.of[:there] % 3 == 0) + TWIN
        making.read("training", day + making.at(15), making.random.permutation(third), 5)


def _colleague(making: _Making, day: int) -> None:
    if day >= LEARNED + 7:
        _inspector(25, 4, 0.7)(making, day)


_MAKERS: dict[str, Callable[[_Making, int], None]] = {
    TRAINER: _trainer,
    SCALED: _scaled,
    WEEKLY: _weekly,
    DAILY: _daily,
    LIGHT: _inspector(30, 4, 0.7),
    HEAVY: _inspector(150, 8, 0.85),
    PROJECT: _project,
    COLLEAGUE: _colleague,
}


def _merged(readings: Sequence[Reading]) -> list[Reading]:
    return sorted(readings, key=lambda reading: (reading.window, reading.source, reading.purpose))


# -- The watch, in simulated time -----------------------------------------------------------------


@dataclass(frozen=True)
class Raised:
    """An alert, and the window at whose end it was raised."""

    window: int
    alert: Alert


def watch(
    readings: Sequence[Reading],
    habits: Habits,
    approvals: Sequence[Approval] = (),
    accepts: Callable[[Raised], bool] = lambda _raised: True,
) -> Iterator[tuple[Raised | None, Habits]]:
    """Run the watch after each five minutes in which there were reads.

    A person looks at alerts on the next working day at nine, and takes for normal what `accepts`.
    Yields each alert the first time it is raised, and at the end of each day the habits.
    """
    known: set[str] = set()
    answers: list[tuple[int, str]] = []  # when, about whom
    at = 0
    ordered = sorted(readings, key=lambda reading: reading.window)
    while at < len(ordered):
        window = ordered[at].window
        until = at
        while until < len(ordered) and ordered[until].window == window:
            until += 1
        now = start_of(window + 1)
        for when, requester in [answer for answer in answers if answer[0] <= window]:
            habits = habits.close((), SETTINGS, start_of(when)).accept(requester)
            answers.remove((when, requester))
        here = ordered[at:until]
        # What has ended by now is learned before what is new is judged, as the run before did.
        before = habits.close((), SETTINGS, start_of(window))
        after = before.fold(here, approvals)
        alerts = judge(here, before, after, SETTINGS, now)
        habits = after.close(alerts, SETTINGS, now)
        for alert in alerts:
            if alert.identity not in known:
                known.add(alert.identity)
                raised = Raised(window, alert)
                yield raised, habits
                answer = (_next_morning(window), alert.requester)
                if accepts(raised) and answer not in answers:
                    answers.append(answer)
        at = until
        day = window // WINDOWS_PER_DAY
        if at == len(ordered) or ordered[at].window // WINDOWS_PER_DAY != day:
            yield None, habits


def cause(raised: Raised) -> str:
    """What an alarm in a month without a theft was about; "" where nothing had changed."""
    alert = raised.alert
    day = (raised.window - FIRST) // WINDOWS_PER_DAY
    if alert.kind is Kind.STRANGER:
        return "a new colleague"
    if alert.kind is Kind.ELSEWHERE:
        return "a new machine"
    if alert.requester == PROJECT and day >= LEARNED + 14:
        return "a new project"
    return ""


def _next_morning(window: int) -> int:
    day = (window - FIRST) // WINDOWS_PER_DAY + 1
    while day % 7 >= 5:
        day += 1
    return FIRST + day * WINDOWS_PER_DAY + 9 * HOUR
