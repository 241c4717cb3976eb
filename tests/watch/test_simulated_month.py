"""Whole months of reading, with thefts put into them. `benchmarks/exfiltration.py` has the numbers.

The seeds here are neither those that limits were tuned on nor those of the table.
"""

from functools import cache

import numpy as np
import pytest

from tests.watch import month, theft
from tests.watch.month import DAILY, HEAVY, LIGHT, SCALED, TRAINER, WEEKLY, cause
from tests.watch.theft import Before, Noticed
from unvoiced.watch.habits import Habits

FIRST = 500
SEEDS = (FIRST, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(501, 506)))
PURPOSES = {
    TRAINER: "training",
    SCALED: "training",
    WEEKLY: "evaluation",
    DAILY: "evaluation",
    LIGHT: "inspection",
    HEAVY: "inspection",
}


@cache
def clean(seed: int) -> Before:
    """The month without a theft."""
    return theft.before(seed)


def noticed(seed: int, make: theft.Make) -> Noticed:
    """What becomes of a theft in the month of this seed."""
    return theft.notice(clean(seed), make(clean(seed), np.random.default_rng([seed, 4])))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_month_of_normal_work_raises_alarms_only_about_what_is_new(seed: int) -> None:
    """A colleague, a machine, a project: a few questions a month, and at most one for nothing.

    Not about training over everything every night, holidays, crashes, retries, a job at an odd
    hour, 400 objects that came in a day, or the approved reading of everything.
    """
    causes = [cause(raised) for raised in clean(seed).raised]
    assert causes.count("") <= 1
    assert causes.count("a new colleague") == 1
    assert len(causes) <= 10


@pytest.mark.parametrize("seed", SEEDS)
def test_the_five_minute_dump_is_caught_in_its_first_window(seed: int) -> None:
    """Whoever makes it: who has any habit, who reads everything every night, who is not known."""
    for requester, purpose in PURPOSES.items():
        assert noticed(seed, theft.dump(requester, purpose)).delay == 5, requester
    assert noticed(seed, theft.dump_by_nobody).delay == 5


@pytest.mark.parametrize("seed", SEEDS)
def test_stolen_credentials_are_caught_within_hours(seed: int) -> None:
    """Where the requester has a machine of their own, and the thief another."""
    for requester in (TRAINER, WEEKLY, DAILY, LIGHT, HEAVY):
        found = noticed(seed, theft.stolen(requester, PURPOSES[requester]))
        assert found.delay is not None, requester
        assert found.delay <= 120


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dump_over_a_night_is_caught_before_half_is_gone(seed: int) -> None:
    """By those who inspect."""
    for requester in (LIGHT, HEAVY):
        found = noticed(seed, theft.overnight(requester, "inspection"))
        assert found.delay is not None
        assert found.share < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drip_of_two_percent_a_day_is_caught_before_a_fifth_is_gone(seed: int) -> None:
    """As who reads the same every day, or trains on everything else."""
    for requester, twin in ((DAILY, False), (TRAINER, True), (SCALED, True)):
        found = noticed(seed, theft.drip(requester, PURPOSES[requester], 0.02, twin))
        assert found.delay is not None, requester
        assert found.share < 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_trainer_who_copies_what_is_trained_on_is_not_seen(seed: int) -> None:
    """The limit that docs/watch.md states: reads within the habit look like the habit.

    An alarm long after is chance: new objects that came just then.
    """
    found = noticed(seed, theft.drip(TRAINER, "training", 0.02))
    assert found.delay is None or found.share > 0.15


@pytest.mark.parametrize("objects", [1, 6000])
def test_reads_around_the_reader_are_caught_when_the_provider_s_log_is_there(objects: int) -> None:
    """One object is as loud as all; later than in the trail by what the log takes to come."""
    for seed in range(2):
        found = theft.around_the_reader(np.random.default_rng(seed), objects, 5)
        assert found.delay is not None
        assert found.delay <= 30


def test_the_state_in_between_changes_nothing() -> None:
    """A week of it, run from encoded habits after each day, raises what it raises in memory."""
    world = month.world(FIRST)
    week = month.FIRST + 7 * month.WINDOWS_PER_DAY
    readings = [
        reading for of_one in world.readings.values() for reading in of_one if reading.window < week
    ]
    habits, found = Habits.new(bytes(16)), []
    for day in range(7):
        first = month.FIRST + day * month.WINDOWS_PER_DAY
        until = first + month.WINDOWS_PER_DAY
        today = [reading for reading in readings if first <= reading.window < until]
        steps = list(month.watch(today, habits, accepts=lambda _raised: False))
        found += [raised.alert for raised, _ in steps if raised]
        habits = Habits.decode(steps[-1][1].encode())
    whole = month.watch(readings, Habits.new(bytes(16)), accepts=lambda _raised: False)
    assert found == [raised.alert for raised, _ in whole if raised]
    assert found
