"""Exfiltrations, put into a simulated month: what is taken, by whom, how, and when it is noticed.

Who takes something knows the habits of whom they take it as: they read in the hours and from the
machine of that requester (but where they are said to come from elsewhere), for the same purpose,
beside what is read anyway, and of what that requester never read they take as much as they can.
An alarm that the same month raises without the theft is not counted: it was somebody else's.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.random import Generator

from tests.watch import month
from tests.watch.month import FIRST, HOUR, LEARNED, OBJECTS, TWIN, Objects, Raised, World
from unvoiced.access.roles import Place
from unvoiced.audit.record import name_tag
from unvoiced.watch.alert import Kind
from unvoiced.watch.compare import SETTLED, Recorded, compare
from unvoiced.watch.event import Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.provider import ProviderRead
from unvoiced.watch.standing import Standing
from unvoiced.watch.windows import WINDOWS_PER_DAY, Reading

STOLEN = 29  # another machine


@dataclass(frozen=True)
class Before:
    """A month without a theft: the habits when it begins, and which alerts it raises."""

    world: World
    habits: Habits
    raised: tuple[Raised, ...]  # in the month; not those while habits were learned


@dataclass(frozen=True)
class Theft:
    """What is taken, window by window, as whom."""

    requester: str
    readings: Sequence[Reading]
    taken: Sequence[tuple[int, Objects]]  # window, objects; in order


@dataclass(frozen=True)
class Noticed:
    """How a theft was noticed; `delay` is None where it was not."""

    delay: float | None  # minutes from the first window's beginning to the alarm
    share: float  # of the data set that was gone by then, or in the end
    kind: str = ""


Make = Callable[[Before, Generator], Theft]


def before(seed: int) -> Before:
    """The month of a seed, without a theft."""
    world = month.world(seed)
    split = FIRST + LEARNED * WINDOWS_PER_DAY
    everything = [reading for of_one in world.readings.values() for reading in of_one]
    learning = [reading for reading in everything if reading.window < split]
    *_, (_, habits) = month.watch(learning, Habits.new(bytes(16)), world.approvals)
    watched = [reading for reading in everything if reading.window >= split]
    alarms = month.watch(watched, habits, world.approvals)
    return Before(world, habits, tuple(raised for raised, _ in alarms if raised is not None))


def notice(clean: Before, theft: Theft) -> Noticed:
    """Put a theft into the month, and watch until it is noticed."""
    split = FIRST + LEARNED * WINDOWS_PER_DAY
    theirs = clean.world.readings.get(theft.requester, [])
    own = [reading for reading in theirs if reading.window >= split]
    without = {raised.alert.identity for raised in clean.raised}
    first = theft.taken[0][0]
    for raised, _ in month.watch(
        [*own, *theft.readings],
        clean.habits,
        clean.world.approvals,
        lambda raised: raised.alert.identity in without,
    ):
        if raised and raised.window >= first and raised.alert.identity not in without:
            minutes = (raised.window + 1 - first) * 5.0
            return Noticed(minutes, _gone(theft, raised.window), raised.alert.kind.name)
    return Noticed(None, _gone(theft, theft.taken[-1][0]))


def _gone(theft: Theft, until: int) -> float:
    taken = [objects for window, objects in theft.taken if window <= until]
    return np.unique(np.concatenate(taken)).size / OBJECTS


def _theft(
    clean: Before,
    requester: str,
    purpose: str,
    parts: Sequence[tuple[int, Objects]],
    source: int | None = None,
) -> Theft:
    """The reads of a theft; from the machine that the requester uses where no source is given."""
    world = clean.world
    own = world.readings.get(requester, [])
    windows = [reading.window for reading in own]
    parts = [(window, objects) for window, objects in parts if objects.size]
    readings = []
    for window, objects in parts:
        machine = source or own[max(bisect_right(windows, window) - 1, 0)].source
        readings.append(world.reading(requester, purpose, machine, window, objects))
    return Theft(requester, readings, parts)


def _working(random: Generator, first: int = 1, last: int = 24) -> int:
    """A window in working hours, on some working day of the month."""
    days = [day for day in range(first, last) if day % 7 < 5]
    day = LEARNED + int(random.choice(days))
    return FIRST + day * WINDOWS_PER_DAY + int(random.integers(10 * HOUR, 16 * HOUR))


def _everything(clean: Before, random: Generator) -> Objects:
    return random.permutation(OBJECTS)


def dump(requester: str, purpose: str) -> Make:
    """The whole data set, in five minutes."""

    def make(clean: Before, random: Generator) -> Theft:
        parts = [(_working(random), _everything(clean, random))]
        return _theft(clean, requester, purpose, parts)

    return make


def dump_by_nobody(clean: Before, random: Generator) -> Theft:
    """The whole data set, in five minutes, by somebody who was never seen."""
    parts = [(_working(random), _everything(clean, random))]
    return _theft(clean, "nobody", "training", parts, STOLEN)


def overnight(requester: str, purpose: str) -> Make:
    """The whole data set, evenly over eight hours of a night."""

    def make(clean: Before, random: Generator) -> Theft:
        first = _working(random) // WINDOWS_PER_DAY * WINDOWS_PER_DAY + 20 * HOUR
        split = np.array_split(_everything(clean, random), 8 * HOUR)
        parts = [(first + index, objects) for index, objects in enumerate(split)]
        return _theft(clean, requester, purpose, parts)

    return make


def drip(
    requester: str, purpose: str, a_day: float, twin: bool = False, growth: float = 1.0
) -> Make:
    """A share of the data set on each working day of the month, over the working hours.

    One contributor after another, as many contributors on a day would be noticed. `twin`: of the
    feature set that this requester never reads. `growth`: of the share, from one day to the next.
    """

    def make(clean: Before, random: Generator) -> Theft:
        people = random.permutation(clean.world.of.max() + 1)[clean.world.of[:OBJECTS]]
        left = np.argsort(people, kind="stable") + (TWIN if twin else 0)
        parts: list[tuple[int, Objects]] = []
        for day in range(28):
            if day % 7 >= 5:
                continue
            count = int(random.poisson(a_day * growth**day * OBJECTS))
            today, left = left[:count], left[count:]
            start = FIRST + (LEARNED + day) * WINDOWS_PER_DAY + 9 * HOUR
            windows = np.sort(random.choice(8 * HOUR, min(6, 8 * HOUR), replace=False))
            split = np.array_split(today, windows.size)
            parts += [(start + int(at), part) for at, part in zip(windows, split, strict=True)]
        if not any(objects.size for _, objects in parts):
            parts.append((FIRST + LEARNED * WINDOWS_PER_DAY, left[:1]))
        return _theft(clean, requester, purpose, parts)

    return make


def stolen(requester: str, purpose: str) -> Make:
    """A requester's credentials, used from elsewhere: 50 objects an hour, beside their own use."""

    def make(clean: Before, random: Generator) -> Theft:
        first = _working(random)
        split = np.array_split(_everything(clean, random)[:400], 8)
        parts = [(first + index * HOUR, objects) for index, objects in enumerate(split)]
        return _theft(clean, requester, purpose, parts, int(random.integers(1, 2**31)))

    return make


def around_the_reader(random: Generator, objects: int, minutes: float) -> Noticed:
    """Reads that only the provider's log shows, beside others that were recorded.

    A log file is taken to come 5 to 15 minutes after what it shows. The watch looks every five
    minutes, by `compare`, at reads that are old enough to be judged.
    """
    start = datetime(2026, 10, 5, 9, tzinfo=UTC) + timedelta(seconds=int(random.integers(0, 300)))
    names = [f"features/speech-16k-00000000/{number}/sample.unv" for number in range(OBJECTS)]
    moments = np.sort(random.uniform(0, minutes * 60, objects))
    moments -= moments[0]
    taken = [
        _request(f"theft {at}", start + timedelta(seconds=float(second)), names[at - 4000])
        for at, second in enumerate(moments)
    ]
    open_ones = [
        _request(f"own {at}", start + timedelta(seconds=at), names[at]) for at in range(200)
    ]
    recorded = [
        Recorded(one.requester, name_tag(one.name), one.moment - timedelta(seconds=1))
        for one in open_ones
    ]
    late = {one.id: timedelta(minutes=float(random.uniform(5, 15))) for one in taken}
    now = start.replace(minute=0, second=0)
    while now < start + timedelta(hours=3):
        now += timedelta(minutes=5)
        shown = [
            one
            for one in (*taken, *open_ones)
            if one.moment + late.get(one.id, timedelta(minutes=5)) <= now
            and one.moment <= now - SETTLED
        ]
        alerts = compare(shown, recorded, (), Standing({})).alerts
        if any(alert.kind is Kind.UNRECORDED for alert in alerts):
            gone = sum(one.moment <= now for one in taken) / OBJECTS
            return Noticed((now - start) / timedelta(minutes=1), gone, Kind.UNRECORDED.name)
    return Noticed(None, objects / OBJECTS)


def _request(number: str, moment: datetime, name: str) -> ProviderRead:
    who = "arn:aws:sts::111122223333:assumed-role/science/anna"
    place = Place.TRAINING
    return ProviderRead(Origin.CLOUDTRAIL, number, moment, who, "", "192.0.2.7", place, name, 1)
