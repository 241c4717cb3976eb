"""What the watch remembers: complete, bounded, and not to be taught by what raised an alarm."""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.watch.readers import ANNA, MONDAY, SETTINGS, idle, inspector, reads, step
from unvoiced.errors import VerificationError
from unvoiced.watch import limits
from unvoiced.watch.alert import Kind
from unvoiced.watch.event import Origin
from unvoiced.watch.habits import Habits
from unvoiced.watch.track import METRICS


def test_a_run_needs_nothing_but_the_encoded_state() -> None:
    """Going on from its bytes gives the same alerts and the same bytes as going on in memory."""
    kept = inspector(9)
    told = Habits.decode(kept.encode())
    assert told.encode() == kept.encode()
    for day in range(9, 16):
        events = reads(day, range(100 * day, 100 * day + 90), source=f"anna@{day // 12}")
        alerts, kept = step(kept, events)
        again, told = step(Habits.decode(told.encode()), events)
        assert again == alerts
        assert told.encode() == kept.encode()


def test_learning_leaves_the_habits_it_began_with_as_they_were() -> None:
    """So that a run that dies afterwards has changed nothing."""
    habits = inspector(4)
    encoded = habits.encode()
    step(habits, reads(4, range(3000)))
    habits.accept(ANNA)
    assert habits.encode() == encoded


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.update(format="unvoiced-habits/0"),
        lambda said: said.pop("salt"),
        lambda said: said["tracks"][0].pop("history"),
        lambda said: said["tracks"][0].update(origin="hearsay"),
        lambda said: said["tracks"][0].update(objects=[2048, 0, "AAAA"]),
        lambda said: said["tracks"][0].update(objects=[1, 0, "AAAAAQAAAAI="]),
        lambda said: said["tracks"][0].update(more=1),
    ],
)
def test_what_is_not_habits_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    """A damaged state is an error, not a watch without memory."""
    said = json.loads(inspector(2).encode())
    spoil(said)
    with pytest.raises(VerificationError):
        Habits.decode(json.dumps(said).encode())
    with pytest.raises(VerificationError):
        Habits.decode(b"[]")


def test_the_state_is_bounded() -> None:
    """However many requesters there are, and however much one of them reads."""
    habits = Habits.new(bytes(16))
    for number in range(140):
        events = reads(0, [number], requester=f"os-user:{number}", hour=number / 20)
        habits = habits.learn(events, (), SETTINGS, events[0].moment)
    assert len(habits.tracks) == 128
    known = inspector(4)
    for number in range(140):
        events = reads(4, [number], requester=f"os-user:{number}", hour=number / 20)
        _, known = step(known, events)
    known = idle(known, 5)
    assert known.tracks[Origin.TRAIL, ANNA].learned == 3, "invented names push nobody out"
    events = reads(4, range(50), requester="os-user:140", hour=22)
    _, known = step(known, events)
    for number in range(141, 280):
        _, known = step(known, reads(4, [number], requester=f"os-user:{number}", hour=23))
    assert (Origin.TRAIL, "os-user:140") in known.tracks, "nor a newcomer who read more"
    one = Habits.new(bytes(16))
    for day in range(32):
        events = reads(day, range(9000 * day, 9000 * (day + 1), 9), a_person=9)
        one = idle(one.learn(events, (), SETTINGS, events[0].moment), day + 1)
    assert len(one.encode()) < 50_000


def test_a_day_with_an_alarm_teaches_nothing_until_a_person_accepts_it() -> None:
    """The alarm comes back every day; once accepted, never again for the same."""
    habits = inspector(10)
    for day in (10, 11, 12):
        alerts, habits = step(habits, reads(day, range(5000, 5600)))
        assert Kind.UNUSUAL in {alert.kind for alert in alerts}
        habits = idle(habits, day + 1)
    assert not any(len(days) < limits.FEWEST_DAYS for days in only(habits).history.values())
    habits = habits.accept(ANNA)
    for day in (13, 14, 15):
        alerts, habits = step(habits, reads(day, range(5000, 5600)))
        assert alerts == []
        habits = idle(habits, day + 1)
    alerts, _ = step(habits, reads(16, range(6000, 9900)))
    assert Kind.UNUSUAL in {alert.kind for alert in alerts}, "it was not a licence for anything"


def test_a_newcomer_s_first_day_counts_for_one_once_there_are_others() -> None:
    """Accepted, it lets the habit speak at once; it does not stay three days of it."""
    _, habits = step(Habits.new(bytes(16)), reads(0, range(5)))
    habits = habits.accept(ANNA)
    assert only(habits).usual("distinct") is not None
    for day in range(1, 5):
        _, habits = step(habits, reads(day, range(60)))
        habits = idle(habits, day + 1)
    assert [count for _, count in only(habits).history["distinct"]] == [5, 60, 60, 60, 60]


def only(habits: Habits) -> Any:  # a track
    """The one requester's."""
    (track,) = habits.tracks.values()
    return track


def test_a_drip_that_grows_slowly_leaves_the_baseline_behind() -> None:
    """The level follows its days by half as much again in four weeks, however they grow."""
    counts = (90, 110) * 14
    usual = limits.follow(counts, None)
    for day in range(28):
        counts = (*counts[1:], int(100 * 1.2**day))
        usual = limits.follow(counts, usual)
    assert usual is not None
    assert math.expm1(usual.level) < 160
    assert usual.deviation(counts[-1], METRICS["new objects"]) > 0
    assert usual.deviation(200, METRICS["new objects"]) > 0, "nor does it widen what is usual"


def test_late_reads_count_for_their_own_day_and_those_of_a_day_that_is_over_for_the_next() -> None:
    """A provider's log that comes late neither escapes nor changes what was learned."""
    habits = inspector(5)
    late = reads(4, range(8000, 8040), hour=11, origin=Origin.CLOUDTRAIL)
    after = habits.learn(late, (), SETTINGS, MONDAY.replace(day=7))
    (day,) = after.tracks[Origin.CLOUDTRAIL, ANNA].days
    assert day.objects.count == 40
    trail = only(habits)
    over = habits.learn(reads(2, range(8000, 8040)), (), SETTINGS, MONDAY.replace(day=7))
    assert [day.number for day in only(over).days] == [trail.over + 1]
    assert only(over).history == trail.history
