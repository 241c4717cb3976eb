"""What the watch raises, and what it does not: one requester and one deed at a time."""

import random
from functools import cache

import pytest

from tests.watch.readers import ANNA, DESK, MONDAY, SETTINGS, idle, inspector, reads, step
from unvoiced.audit.approvals import Approval
from unvoiced.sections import WatchSettings
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.detect import look
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.habits import Habits


def kinds(alerts: list[Alert]) -> dict[Kind, Level]:
    """What was raised, and how loud."""
    return {alert.kind: alert.level for alert in alerts}


@cache
def trainer(days: int, objects: int = 600) -> Habits:
    """Anna, who trains on everything every day, and whose first day a person accepted."""
    habits = Habits.new(bytes(16))
    for day in range(days):
        for epoch in range(3):
            events = reads(day, range(objects), hour=10 + epoch, purpose="training")
            alerts, habits = step(habits, events)
            assert day == 0 or alerts == []
        habits = idle(habits, day + 1)
        habits = habits.accept(ANNA) if day == 0 else habits
    return habits


def test_a_threshold_speaks_at_once_without_any_history() -> None:
    """More than the settings allow in five minutes is critical on the first day."""
    alerts, _ = step(Habits.new(bytes(16)), reads(0, range(2001)))
    assert kinds(alerts)[Kind.VOLUME] is Level.CRITICAL
    assert alerts[0].kind is Kind.VOLUME
    alerts, _ = step(Habits.new(bytes(16)), reads(0, range(151), a_person=1))
    assert Kind.CONTRIBUTORS in kinds(alerts)
    a_day = WatchSettings(objects_per_day=100)
    alerts, _ = step(inspector(8), reads(8, range(101)), a_day)
    assert kinds(alerts)[Kind.VOLUME] is Level.CRITICAL


def test_a_window_is_added_up_over_runs() -> None:
    """A dump whose records come in two runs is the same dump."""
    events = reads(0, range(2001))
    alerts, habits = step(Habits.new(bytes(16)), events[:1000])
    assert Level.CRITICAL not in kinds(alerts).values()
    alerts, _ = step(habits, events[1000:])
    assert kinds(alerts)[Kind.VOLUME] is Level.CRITICAL


def test_somebody_new_is_told_once_and_has_a_tenth() -> None:
    """A stranger who reads little is a word; one who reads a tenth of everything is an alarm."""
    alerts, _ = step(Habits.new(bytes(16)), reads(0, range(201)))
    assert kinds(alerts)[Kind.VOLUME] is Level.HIGH
    alerts, _ = step(Habits.new(bytes(16)), reads(0, range(16), a_person=1))
    assert kinds(alerts)[Kind.CONTRIBUTORS] is Level.HIGH
    alerts, habits = step(inspector(20), reads(20, range(30), requester="os-user:bela:1001"))
    assert kinds(alerts) == {Kind.STRANGER: Level.MEDIUM}
    more = reads(20, range(30, 60), hour=11, requester="os-user:bela:1001")
    alerts, habits = step(habits, more)
    assert alerts == []
    more = reads(21, range(60, 100), requester="os-user:bela:1001")
    alerts, _ = step(idle(habits, 21), more)
    assert kinds(alerts) == {Kind.UNUSUAL: Level.HIGH}, "of yesterday and today"


def test_who_chooses_session_names_gains_none_by_it() -> None:
    """New sessions of a role have a tenth together, however many they are and however long they
    take; a person may accept one.
    """
    role = "arn:aws:sts::111122223333:assumed-role/science"
    habits = trainer(15, 2000)
    for day in range(15, 20):
        name, taken = f"{role}/eve-{day % 3}", range(60 * (day - 15), 60 * (day - 14))
        alerts, habits = step(habits, reads(day, taken, requester=name))
        loud = [alert for alert in alerts if alert.level is Level.HIGH]
        assert [alert.requester for alert in loud] == ([role] if day > 17 else [])
        assert len(alerts) == 1
        habits = idle(habits, day + 1)
    accepted = habits
    for number in range(3):
        accepted = accepted.accept(f"{role}/eve-{number}")
    assert step(accepted, reads(20, range(60), requester=f"{role}/eve-0"))[0] == []


def test_who_is_new_keeps_a_newcomer_s_limits_for_a_fortnight() -> None:
    """What they read on days that raised nothing does not widen them; the first day is no habit."""
    habits, bela = trainer(15, 2000), "os-user:bela:1001"
    for day in range(15, 24):
        _, habits = step(habits, reads(day, range(150), requester=bela))
        habits = idle(habits, day + 1)
        track = habits.tracks[Origin.TRAIL, bela]
        assert track.learned == day - 15
    alerts, _ = step(habits, reads(24, range(150, 201), requester=bela))
    assert any("by somebody who is new: 201" in alert.what for alert in alerts)
    assert step(habits, reads(24, range(150), requester=bela))[0] == []


def test_epochs_of_a_first_training_are_no_bulk() -> None:
    """25 epochs of 500 objects are 500 objects; the alert about more says whose limit it is."""
    settings = WatchSettings()
    alerts, _ = step(Habits.new(bytes(16)), [*reads(0, range(500))] * 25, settings)
    assert kinds(alerts) == {Kind.STRANGER: Level.MEDIUM}
    alerts, _ = step(Habits.new(bytes(16)), reads(0, range(2040)), settings)
    (volume,) = [alert for alert in alerts if alert.kind is Kind.VOLUME]
    assert "2,040, where 2,000 is the limit (a tenth of [watch] objects_per_window" in volume.what
    alerts, _ = step(Habits.new(bytes(16)), [*reads(0, range(500))] * 41, settings)
    assert kinds(alerts)[Kind.VOLUME] is Level.CRITICAL, "the threshold counts every read"


def test_many_who_are_new_are_one_alert() -> None:
    """Records in invented names are told as so many, and teach nothing."""
    events = [
        event for number in range(140) for event in reads(20, [1], requester=f"os-user:{number}")
    ]
    alerts, habits = step(inspector(20), events)
    (alert,) = alerts
    assert (alert.kind, alert.requester) == (Kind.STRANGER, "")
    assert alert.numbers == {"requesters": 140}
    tracks = idle(habits, 21).tracks.values()
    assert [track.learned for track in tracks if track.learned] == [19]
    assert any(track.doubt.objects.count for track in tracks)


def test_whoever_trains_on_everything_every_day_is_not_an_alarm() -> None:
    """But the same requester is, for what they never read, another purpose, or another host."""
    habits = trainer(12)
    alerts, _ = step(habits, reads(12, range(5000, 5600), purpose="training"))
    assert kinds(alerts)[Kind.UNUSUAL] is Level.HIGH
    assert any("never read before" in alert.what for alert in alerts)
    alerts, _ = step(habits, reads(12, range(20), purpose="evaluation"))
    assert kinds(alerts) == {Kind.UNUSUAL: Level.MEDIUM}
    alerts, _ = step(habits, reads(12, range(20), purpose="training", source="anna@cafe"))
    assert kinds(alerts) == {Kind.ELSEWHERE: Level.HIGH}


def test_who_reads_everything_reads_what_arrived() -> None:
    """A tenth more that is new is new recordings; more than that is something else."""
    habits = trainer(12)
    assert step(habits, reads(12, range(655), purpose="training"))[0] == []
    alerts, _ = step(habits, reads(12, range(690), purpose="training"))
    assert kinds(alerts) == {Kind.UNUSUAL: Level.MEDIUM}


def test_credentials_used_from_two_places_at_once_are_critical() -> None:
    """Louder than a new laptop."""
    own, theirs = reads(9, range(20)), reads(9, range(20), source="thief@cafe")
    alerts, _ = step(inspector(9), [*own, *theirs])
    assert kinds(alerts) == {Kind.ELSEWHERE: Level.CRITICAL}


def test_a_new_machine_every_day_is_a_habit() -> None:
    """Who trains on machines that come and go raises nothing by it; ten at once do."""
    habits = Habits.new(bytes(16))
    for day in range(12):
        events = reads(day, range(40), source=f"job@node-{day}")
        alerts, habits = step(habits, events)
        assert Kind.ELSEWHERE not in kinds(alerts) or day < 12
        habits = idle(habits, day + 1)
        habits = habits.accept(ANNA) if day == 3 else habits
    alerts, _ = step(habits, reads(12, range(40), source="job@node-12"))
    assert alerts == []
    many = [event for at in range(10) for event in reads(12, range(4), source=f"x@{at}")]
    alerts, _ = step(habits, many)
    assert Kind.ELSEWHERE in kinds(alerts)


def test_a_dump_is_caught_in_its_first_window_whoever_makes_it() -> None:
    """Half of all that is known in five minutes is bulk, below any threshold of the settings."""
    settings = WatchSettings()  # 20,000
    for habits, purpose in ((inspector(20), "inspection"), (trainer(8, 400), "training")):
        alerts, _ = step(habits, reads(20, range(1000), purpose=purpose), settings)
        assert Kind.VOLUME in kinds(alerts)


def test_a_drip_adds_up() -> None:
    """A little more every day, never read before, is noticed within two weeks; the usual is not."""
    habits, raised = inspector(20), None
    for day in range(20, 34):
        alerts, after = step(habits, reads(day, range(80 * day, 80 * day + 80)))
        if Kind.DRIP in kinds(alerts):
            raised = day
            break
        assert alerts == []
        habits = idle(after, day + 1)
    assert raised is not None
    habits = inspector(20)
    for day in range(20, 60):
        alerts, habits = step(habits, reads(day, range(40 * day, 40 * day + 40)))
        assert alerts == []
        habits = idle(habits, day + 1)


def test_quiet_weekends_do_not_undo_a_week_of_dripping() -> None:
    """Who reads something new on working days, and at weekends only what they know."""
    habits, raised = Habits.new(bytes(16)), 0
    for day in range(56):
        weekend, more = day % 7 >= 5, 17 if day >= 28 else 0
        new = range(0) if weekend else range(100 * day, 100 * day + 30 + day % 5 + more)
        alerts, habits = step(habits, [*reads(day, range(10)), *reads(day, new)])
        habits = idle(habits, day + 1)
        raised += Kind.DRIP in kinds(alerts)
        assert day >= 28 or raised == 0
    assert raised


def test_new_reads_in_hours_never_worked_in_are_told_sooner() -> None:
    """As many as pass at ten in the morning do not pass at three in the night."""
    at_day, at_night = (reads(11, range(900, 1070), hour=hour) for hour in (10, 3))
    habits = inspector(11)
    assert step(habits, at_day)[0] == []
    alerts, _ = step(habits, at_night)
    assert kinds(alerts) == {Kind.UNUSUAL: Level.MEDIUM}
    assert "hours" in alerts[0].what


def test_an_approval_lifts_limits_and_nothing_else() -> None:
    """It is for a requester, a purpose and a day; it excuses no other place."""
    day = f"{MONDAY.replace(day=14):%Y-%m-%d}"
    approval = Approval(ANNA, "inspection", 3000, day, day, "an audit", "os-user:boss:1", "")
    habits, bulk = inspector(12), reads(12, range(2500))

    def raised(events: list[AccessEvent], habits: Habits = habits) -> dict[Kind, Level]:
        now = events[-1].moment
        return kinds(look(events, habits, SETTINGS, now, [approval]))

    assert raised(bulk) == {}
    assert Kind.VOLUME in raised(reads(12, range(5600)))
    assert Kind.UNUSUAL in raised(reads(12, range(3001)))
    assert Kind.VOLUME in raised(reads(13, range(2500)))
    assert Kind.VOLUME in raised(reads(12, range(2500), requester="os-user:bela:1001"))
    assert Kind.UNUSUAL in raised(reads(12, range(2500), purpose="training"))
    assert Kind.ELSEWHERE in raised(reads(12, range(2500), source="thief@cafe"))
    now = bulk[-1].moment
    after = habits.learn(bulk, (), SETTINGS, now, [approval])
    (track,) = idle(after, 13).tracks.values()
    assert track.objects.count == pytest.approx(2500, rel=0.1), "what was read is known"
    assert {days[-1][1] for days in track.history.values()} <= {40, 2, 1, 0}, "it is no habit"


def test_an_approval_of_one_purpose_lifts_nothing_for_another() -> None:
    """Whatever its number is; and the reads that it covers hide none beside them."""
    first, until = "2026-11-01", "2026-12-31"
    approval = Approval(ANNA, "inspection", 9000, first, until, "an audit", "os-user:boss:1", "")
    habits = trainer(15)
    dump = reads(15, range(5000, 9000), purpose="training")
    now = dump[-1].moment
    without = look(dump, habits, SETTINGS, now)
    assert {Kind.VOLUME, Kind.CONTRIBUTORS, Kind.UNUSUAL} <= kinds(without).keys()
    assert look(dump, habits, SETTINGS, now, [approval]) == without
    beside = [*dump, *reads(15, range(20_000, 20_500))]
    assert kinds(look(beside, habits, SETTINGS, now, [approval])) == kinds(without)


def test_an_approval_does_not_switch_the_drip_off() -> None:
    """Of one object a day for a year; what is approved is no drip, what is beside it is one."""
    first, until = "2026-11-01", "2027-10-31"
    for purpose, objects, expected in (("training", 1, True), ("inspection", 500, False)):
        approvals = [Approval(ANNA, purpose, objects, first, until, "so", "os-user:boss:1", "")]
        habits, raised = inspector(20), False
        for day in range(20, 34):
            events = reads(day, range(80 * day, 80 * day + 80))
            now = events[-1].moment
            alerts = look(events, habits, SETTINGS, now, approvals)
            raised = raised or Kind.DRIP in kinds(alerts)
            habits = habits.learn(events, alerts, SETTINGS, now, approvals)
            habits = idle(habits, day + 1)
        assert raised is expected
    habits = inspector(8)
    approvals = [Approval(ANNA, "inspection", 1, first, until, "one", "os-user:boss:1", "")]
    days = []
    for day in (8, 9):
        events = reads(day, range(40 * day, 40 * day + 40))
        habits = idle(habits.learn(events, (), SETTINGS, events[0].moment, approvals), day + 1)
        days.append(len(habits.tracks[Origin.TRAIL, ANNA].history["distinct"]))
        approvals = [Approval(ANNA, "inspection", 40, first, until, "so", "os-user:boss:1", "")]
    assert (
        days[0] == days[1] == len(inspector(8).tracks[Origin.TRAIL, ANNA].history["distinct"]) + 1
    )


def test_contributors_are_lifted_by_no_number_of_objects() -> None:
    """People beside those of approved reads are counted as without an approval."""
    day = f"{MONDAY.replace(day=16):%Y-%m-%d}"
    approval = Approval(ANNA, "inspection", 3000, day, day, "an audit", "os-user:boss:1", "")
    habits = trainer(14)
    approved = reads(14, range(600))
    many = reads(14, range(100_000, 100_160), purpose="training", a_person=1)
    events = [*approved, *many]
    (alert,) = [
        alert
        for alert in look(events, habits, SETTINGS, events[-1].moment, [approval])
        if alert.kind is Kind.CONTRIBUTORS and "five minutes" in alert.what
    ]
    assert alert.numbers["contributors in five minutes"] == 160


def test_addresses_are_judged_as_sources_and_count_as_no_reads() -> None:
    """From where the provider saw a known requester read: a new network is told at once."""
    where = {"origin": Origin.ADDRESSES, "source": "192.0.2.3"}
    settings = WatchSettings(objects_per_day=1000)
    habits = Habits.new(bytes(16))
    for day in range(10):
        for hour in range(24):
            events = [*reads(day, [1, 2], hour=hour), *reads(day, [1], hour=hour, **where)]
            alerts, habits = step(habits, events, settings)
            assert alerts == [] or (day, hour) == (0, 0)
        habits = idle(habits, day + 1)
        assert habits.tracks[Origin.ADDRESSES, ANNA].learned == day
    where["source"] = "203.0.113.9"
    alerts, _ = step(habits, reads(10, [1], **where), settings)
    assert kinds(alerts) == {Kind.ELSEWHERE: Level.HIGH}
    track = habits.tracks[Origin.ADDRESSES, ANNA]
    assert {count for _, count in track.history["objects "]} == {0}


def test_a_log_that_comes_later_does_not_teach_what_raised_an_alert() -> None:
    """A day that one log raised an alert about is doubted in the others, whenever they come."""
    habits = inspector(10)
    alerts, habits = step(habits, reads(10, range(5000, 5600)))
    assert alerts
    _, habits = step(habits, reads(10, [1], hour=11, origin=Origin.ADDRESSES, source="192.0.2.3"))
    habits = idle(habits, 11)
    assert habits.tracks[Origin.ADDRESSES, ANNA].learned == 0


def test_a_log_that_is_switched_on_later_makes_nobody_new() -> None:
    """Who trains on everything by the trail raises nothing by being seen in another log as well."""
    events = reads(15, range(600), origin=Origin.CLOUDTRAIL, source="192.0.2.7")
    assert step(trainer(15), events)[0] == []


@pytest.mark.parametrize("origin", [Origin.CLOUDTRAIL, Origin.ACCESS_LOG])
def test_a_provider_s_log_is_watched_without_purposes_and_contributors(origin: Origin) -> None:
    """Volume, what was never read, and another network are seen there too."""
    habits = Habits.new(bytes(16))
    for day in range(10):
        events = reads(day, range(40), origin=origin, source=f"192.0.2.{day}")
        alerts, habits = step(habits, events)
        assert day == 0 or alerts == []
        habits = idle(habits, day + 1)
    usual = {"origin": origin, "source": "192.0.2.77"}
    alerts, _ = step(habits, reads(10, range(2001), **usual))
    assert kinds(alerts)[Kind.VOLUME] is Level.CRITICAL
    alerts, _ = step(habits, reads(10, range(300, 400), **usual))
    assert Kind.UNUSUAL in kinds(alerts)
    alerts, _ = step(habits, reads(10, range(5), origin=origin, source="198.51.100.1"))
    assert kinds(alerts) == {Kind.ELSEWHERE: Level.HIGH}
    alerts, _ = step(habits, reads(10, range(5), source=DESK))
    assert Kind.STRANGER not in kinds(alerts), "who is known from one log is no stranger in another"


def test_the_same_events_raise_the_same_alerts_in_any_order() -> None:
    """Nothing depends on the order in which logs are read."""
    habits = inspector(10)
    events = [
        *reads(10, range(700)),
        *reads(10, range(9), source="x@y", hour=11),
        *reads(10, range(60), requester="os-user:bela:1001", hour=3),
    ]
    mixed = random.Random(1).sample(events, len(events))  # noqa: S311
    now = MONDAY.replace(day=13)
    assert look(events, habits, SETTINGS, now) == look(mixed, habits, SETTINGS, now)


def test_an_alert_names_no_object_contributor_or_machine() -> None:
    """It goes to people and services that need not know."""
    events = [*reads(10, range(4700, 7000)), *reads(10, range(4700, 4800), source="thief@cafe")]
    alerts, _ = step(inspector(10), events)
    assert len(alerts) > 2
    shown = repr(alerts)
    assert not any(each in shown for each in ("o4700", "c235", "thief", "cafe", "desk"))
