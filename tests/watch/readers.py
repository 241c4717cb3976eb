"""A few requesters with plain habits, event by event, for tests of the watch."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from unvoiced.sections import WatchSettings
from unvoiced.watch.alert import Alert
from unvoiced.watch.detect import look
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.habits import Habits

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
ANNA, DESK = "os-user:anna:1000", "anna@desk"
SETTINGS = WatchSettings(objects_per_window=2000, contributors_per_window=150)


def reads(
    day: int,
    objects: Iterable[int],
    *,
    hour: float = 10,
    requester: str = ANNA,
    source: str = DESK,
    purpose: str = "inspection",
    origin: Origin = Origin.TRAIL,
    a_person: int = 20,
) -> list[AccessEvent]:
    """These objects at one moment; contributors have `a_person` objects each."""
    moment = MONDAY + timedelta(days=day, hours=hour)
    logged = origin is not Origin.TRAIL
    return [
        AccessEvent(
            origin=origin,
            moment=moment,
            requester=requester,
            source=source,
            object="" if origin is Origin.ADDRESSES else f"o{number}",
            contributor="" if logged else f"c{number // a_person}",
            size=1000,
            purpose="" if logged else purpose,
        )
        for number in objects
    ]


def step(
    habits: Habits, events: Sequence[AccessEvent], settings: WatchSettings = SETTINGS
) -> tuple[list[Alert], Habits]:
    """One run of the watch, a minute after the last of these."""
    now = max(event.moment for event in events) + timedelta(minutes=1)
    alerts = look(events, habits, settings, now)
    return alerts, habits.learn(events, alerts, settings, now)


def idle(habits: Habits, day: int) -> Habits:
    """A run at eight o'clock, with nothing to look at."""
    return habits.learn((), (), SETTINGS, MONDAY + timedelta(days=day, hours=8))


@cache
def inspector(days: int, a_day: int = 40) -> Habits:
    """Anna, who inspected so many objects a day that she had not read, from her desk; a person
    accepted that she is new.
    """
    habits = Habits.new(bytes(16))
    for day in range(days):
        _, habits = step(habits, reads(day, range(a_day * day, a_day * (day + 1))))
        habits = idle(habits, day + 1)
        habits = habits.accept(ANNA) if day == 0 else habits
    return habits
