"""A whole run: what it ties, reads, judges, puts and remembers."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ingest.hooked_store import HookedStore, once
from tests.watch.lookout import (
    ANNA,
    ELSEWHERE,
    START,
    WORKER,
    Hands,
    Lookout,
    Session,
    feature,
    get_event,
    log_line,
)
from unvoiced.errors import StoreError
from unvoiced.stores import Entry
from unvoiced.stores.memory import MemoryStore
from unvoiced.watch import cloudtrail, raised, remembered, run
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.event import Origin
from unvoiced.watch.state import NAME, State

MINUTE = timedelta(minutes=1)


def kinds(alerts: list[Alert] | tuple[Alert, ...]) -> set[Kind]:
    """What kinds they are."""
    return {alert.kind for alert in alerts}


def test_an_ordinary_day_is_quiet_and_tied(tmp_path: Path) -> None:
    """Reads that are recorded and shown by the provider raise nothing but that somebody is new."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    home.look()
    session = Session()
    for turn in range(6):
        at = START + turn * 5 * MINUTE
        numbers = range(turn * 20, turn * 20 + 20)
        home.record(numbers, at, session)
        home.deliver([get_event(feature(one), at) for one in numbers], at + 6 * MINUTE)
        home.clock.now = at + 5 * MINUTE
        report = home.look()
        assert kinds(report.alerts) <= {Kind.STRANGER}
        assert report.recorded == 20
    home.at(minutes=45)
    report = home.look()
    assert report.alerts == ()
    assert len(home.home.leaves("audited")) >= 6
    (row,) = report.rows
    assert (row.requester, row.reads, row.role) == (ANNA, 120, "data scientist")


def test_the_dump_is_told_in_its_first_window(tmp_path: Path) -> None:
    """More than the threshold in five minutes: the next run tells, once."""
    home = Lookout.create(tmp_path / "home", objects_per_window=500)
    home.record(range(600), START + MINUTE)
    home.at(minutes=5)
    assert Kind.VOLUME in kinds(home.look().alerts)
    told = home.told()
    assert Kind.VOLUME in kinds(told)
    assert home.told() == []
    home.record(range(600, 1200), START + 6 * MINUTE)
    home.at(minutes=10)
    home.look()
    assert Kind.VOLUME not in kinds(home.told())  # the same thing, on the same day


def test_a_late_run_judges_every_window(tmp_path: Path) -> None:
    """An hour later the dump is in its own window; spread over the hour it is no dump."""
    home = Lookout.create(
        tmp_path / "home", objects_per_window=5_000, contributors_per_window=5_000
    )
    spread = Lookout.create(
        tmp_path / "spread", objects_per_window=5_000, contributors_per_window=5_000
    )
    home.record(range(600), START + 7 * MINUTE)
    session = Session()
    for turn in range(12):
        numbers = range(turn * 50, turn * 50 + 50)
        spread.record(numbers, START + (5 * turn + 1) * MINUTE, session)
    for one, alarmed in ((home, True), (spread, False)):
        one.at(minutes=60)
        volume = [alert for alert in one.look().alerts if alert.kind is Kind.VOLUME]
        assert bool(volume) is alarmed
    assert volume == []
    (alert,) = [alert for alert in home.told() if alert.kind is Kind.VOLUME]
    assert alert.start == START + 5 * MINUTE
    assert alert.end == START + 10 * MINUTE


@pytest.mark.parametrize("origin", [Origin.CLOUDTRAIL, Origin.ACCESS_LOG])
def test_reads_outside_of_the_reader_are_told(tmp_path: Path, origin: Origin) -> None:
    """By either of the provider's logs; the alert names nobody's object."""
    home = Lookout.create(tmp_path / "home", origin)
    home.record(range(20), START)
    numbers = range(40)
    if origin is Origin.CLOUDTRAIL:
        events = [get_event(feature(one), START + MINUTE) for one in numbers]
        home.deliver(events, START + 6 * MINUTE)
    else:
        lines = [log_line(feature(one), START + MINUTE) for one in numbers]
        home.deliver_lines(lines, START + 50 * MINUTE)
    home.at(minutes=55)
    (alert,) = [one for one in home.look().alerts if one.kind is Kind.UNRECORDED]
    assert alert.numbers["objects"] == 20
    text = json.dumps([raised.encode_alert(one).decode() for one in home.told()])
    assert all(part not in text for part in feature(30).split("/")[1:])
    assert home.look().alerts == ()  # judged once


def test_what_is_too_new_is_judged_later_and_once(tmp_path: Path) -> None:
    """The record of a read may still come: a file waits, and is then judged with the record."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    home.deliver([get_event(feature(1), START)], START + 5 * MINUTE)
    home.at(minutes=5)
    report = home.look()
    assert report.sources[Origin.CLOUDTRAIL]["too new"] == 1
    assert report.alerts == ()
    home.record([1], START + 4 * MINUTE)
    home.at(minutes=11)
    report = home.look()
    assert report.sources[Origin.CLOUDTRAIL] == {"files": 1, "too new": 0, "reads": 1}
    assert Kind.UNRECORDED not in kinds(report.alerts)
    home.at(minutes=16)
    assert home.look().sources[Origin.CLOUDTRAIL]["files"] == 0


def test_a_file_that_comes_hours_late_is_judged(tmp_path: Path) -> None:
    """Delivered out of order, into yesterday's folder: seen by its name, judged by its times."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    home.record(range(5), START - timedelta(hours=13))
    home.at(minutes=0)
    home.look()
    then = START - timedelta(hours=13)
    home.at(minutes=30)
    events = [get_event(feature(one), then + MINUTE) for one in range(6)]
    name = home.deliver(events, then)
    assert "/2026/11/22/" in name
    (alert,) = [one for one in home.look().alerts if one.kind is Kind.UNRECORDED]
    assert alert.numbers["objects"] == 1


def test_the_worker_in_bulk_is_shown(tmp_path: Path) -> None:
    """It needs no record, and reading more than the threshold is told all the same."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL, objects_per_window=500)
    events = [get_event(feature(one), START, WORKER) for one in range(600)]
    home.deliver(events, START + 6 * MINUTE)
    home.at(minutes=15)
    report = home.look()
    assert {Kind.VOLUME} <= kinds(report.alerts)
    assert Kind.UNRECORDED not in kinds(report.alerts)
    assert [(row.requester, row.role) for row in report.rows] == [(WORKER, "ingest worker")]


@pytest.mark.inv("INV-12")
@pytest.mark.parametrize("how", ["deleted", "edited"])
def test_a_record_that_was_tied_and_is_gone_or_another_is_told(tmp_path: Path, how: str) -> None:
    """Within the next run where it is gone, within the hour where it is another one."""
    home = Lookout.create(tmp_path / "home")
    session = Session()
    name = home.record(range(10), START, session)
    home.record(range(10, 20), START, session)
    home.at(minutes=5)
    home.look()
    stored = home.audit.get(name)
    if how == "deleted":
        home.audit.delete(name, stored.version)
    else:
        home.audit.replace(name, stored.data.replace(b"laptop", b"toptap"), version=stored.version)
    home.at(minutes=10 if how == "deleted" else 66)
    found = [one for one in home.look().alerts if one.kind is Kind.TRAIL_DAMAGED]
    (alert,) = [one for one in found if one.level is Level.CRITICAL]
    assert alert.numbers["missing or changed"] >= 1


@pytest.mark.inv("INV-12")
@pytest.mark.parametrize("how", ["deleted", "edited", "garbage"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_page_that_was_tied_and_is_gone_or_another_is_told(
    tmp_path: Path, how: str, which: int
) -> None:
    """In the next run and as damage, not as planted; what it named is not counted again."""
    home = Lookout.create(tmp_path / "home")
    session = Session()
    for turn in range(2):
        home.record(range(turn * 10, turn * 10 + 10), START + turn * 5 * MINUTE, session)
        home.at(minutes=4 + 5 * turn)
        assert home.look().recorded == 10
    names = [entry.name for entry in home.audit.list(f"pages/{START:%Y-%m-%d}/")]
    stored = home.audit.get(names[which])
    changed = {"edited": stored.data.replace(b'"sha256":"', b'"sha256":"0', 1), "garbage": b"{}\n"}
    home.at(minutes=12)
    if how == "deleted":
        home.audit.delete(names[which], stored.version)
    else:
        home.audit.replace(names[which], changed[how], version=stored.version)
    home.record(range(20, 23), START + 12 * MINUTE, session)
    home.at(minutes=14)
    report = home.look()
    (alert,) = [one for one in report.alerts if one.kind is Kind.TRAIL_DAMAGED]
    assert (alert.level, alert.numbers) == (Level.CRITICAL, {"missing or changed": 1})
    assert report.recorded == 3
    home.at(minutes=19)
    again = home.look()
    assert (again.recorded, again.rows[0].reads) == (0, 23)
    assert [one.alert.level for one in again.standing if not one.alert.requester] == [
        Level.CRITICAL
    ]


def test_what_is_planted_in_the_trail_is_told(tmp_path: Path) -> None:
    """An object that bears a record's name and is none."""
    home = Lookout.create(tmp_path / "home")
    home.look()
    name = home.record(range(3), START)
    home.audit.put_if_absent(name.replace("-3.json", "-4.json"), b"{}\n")
    home.at(minutes=5)
    (alert,) = [one for one in home.look().alerts if one.kind is Kind.TRAIL_DAMAGED]
    assert alert.numbers["planted"] >= 1


def test_a_clock_that_is_wrong_is_told_and_excuses_nothing(tmp_path: Path) -> None:
    """Records dated to spread a dump over a day count for when the store received them."""
    home = Lookout.create(tmp_path / "home", objects_per_window=400)
    session = Session()
    for turn in range(10):
        numbers = range(turn * 50, turn * 50 + 50)
        home.record(numbers, START, session, dated=START - turn * 30 * MINUTE)
    home.at(minutes=5)
    found = kinds(home.look().alerts)
    assert {Kind.CLOCK, Kind.VOLUME} <= found


def test_a_record_put_for_another_day_is_seen(tmp_path: Path) -> None:
    """Under a folder that nobody looks at any more, by name: read in the next run all the same."""
    home = Lookout.create(tmp_path / "home", objects_per_window=400)
    home.record(range(2), START - timedelta(days=9))
    home.record(range(2), START - timedelta(days=3))
    home.record(range(2), START - timedelta(days=2))
    home.look()
    home.record(range(500), START, dated=START - timedelta(days=9))
    home.at(days=1, minutes=5)
    assert {Kind.CLOCK, Kind.VOLUME} <= kinds(home.look().alerts)


def test_the_first_run_learns_from_the_past_and_raises_nothing_of_it(tmp_path: Path) -> None:
    """Whoever sets the watch up on a trail of weeks is not told of all of it."""
    home = Lookout.create(tmp_path / "home", objects_per_window=100)
    for day in range(20, 2, -1):
        home.record(range(500), START - timedelta(days=day))
    report = home.look()
    assert report.recorded == 18 * 500
    assert report.alerts == ()
    home.record(range(50), START + MINUTE)
    home.at(minutes=5)
    assert home.look().alerts == ()


class Refuses(MemoryStore):
    """A store that does not answer."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Does not."""
        raise StoreError("the store does not answer")

    def folders(self, prefix: str = "") -> Iterator[str]:
        """Does not."""
        raise StoreError("the store does not answer")


@pytest.mark.parametrize("origin", [Origin.CLOUDTRAIL, Origin.ACCESS_LOG])
def test_a_log_that_cannot_be_read_is_told(tmp_path: Path, origin: Origin) -> None:
    """The trail is judged all the same, and what could not be read is read when it can be."""
    home = Lookout.create(tmp_path / "home", origin, objects_per_window=400)
    home.record(range(500), START)
    home.at(minutes=5)
    blind = replace(home.watcher(), provider={origin: Refuses()})
    report = home.look(blind)
    assert {Kind.BLIND, Kind.VOLUME} <= kinds(report.alerts)
    assert report.blind[0].requester == origin
    home.deliver([], START) if origin is Origin.CLOUDTRAIL else home.deliver_lines([], START)
    home.at(minutes=10)
    assert home.look().blind == ()


def test_a_log_that_was_not_opened_is_told(tmp_path: Path) -> None:
    """A place that is not there does not stop the watch."""
    home = Lookout.create(tmp_path / "home", cloudtrail="file:///there/is/no/such/folder")
    watcher = replace(home.watcher(), provider={})
    assert watcher.unopened == {Origin.CLOUDTRAIL: "StoreError"}
    assert kinds(home.look(watcher).alerts) == {Kind.BLIND}


def test_a_place_without_cloudtrails_folder_is_told(tmp_path: Path) -> None:
    """An empty or wrong place is not the same as a quiet day."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    assert kinds(home.look().alerts) == {Kind.BLIND}


def test_entries_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    """Broken files and lines, by their number; what is left of a file is judged."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL, Origin.ACCESS_LOG)
    home.deliver([get_event(feature(1), START), {"eventName": "GetObject"}], START + 5 * MINUTE)
    home.deliver_lines([log_line(feature(1), START), "nonsense"], START + 5 * MINUTE)
    home.at(minutes=15)
    report = home.look()
    assert [alert.numbers for alert in report.blind] == [{"entries": 1}, {"entries": 1}]
    assert Kind.UNRECORDED in kinds(report.alerts)


@pytest.mark.parametrize(
    ("origin", "minutes"), [(Origin.CLOUDTRAIL, 70), (Origin.ACCESS_LOG, 25 * 60)]
)
def test_a_log_that_fell_silent_is_told(tmp_path: Path, origin: Origin, minutes: int) -> None:
    """The trail shows reads and the log none of them: it was turned off, or is far behind."""
    home = Lookout.create(tmp_path / "home", origin)
    home.deliver([], START) if origin is Origin.CLOUDTRAIL else home.deliver_lines([], START)
    home.record(range(5), START)
    home.at(minutes=minutes // 2)
    assert home.look().blind == ()
    home.at(minutes=minutes)
    (alert,) = home.look().blind
    assert alert.numbers["seconds behind"] >= (minutes - 10) * 60


def test_a_quiet_log_beside_a_quiet_trail_is_no_alarm(tmp_path: Path) -> None:
    """Nobody reads at night."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    home.record([1], START)
    home.deliver([get_event(feature(1), START)], START + 6 * MINUTE)
    for hours in (1, 2, 9):
        home.at(hours=hours)
        assert home.look().blind == ()


def test_an_alert_that_could_not_be_told_is_told_next_time(tmp_path: Path) -> None:
    """Between being put and being told, whatever happens; and once it was, never again."""
    home = Lookout.create(tmp_path / "home", objects_per_window=400)
    home.record(range(500), START)
    home.at(minutes=5)
    home.look()

    def fails() -> None:
        raise StoreError("nobody could be told")

    waiting = home.untold(home.watcher())
    assert {Kind.VOLUME, Kind.STRANGER} <= kinds(waiting)
    deaf = home.watcher(audit=HookedStore(home.audit, once("put_if_absent", raised.TOLD, fails)))
    with pytest.raises(StoreError):
        home.told(deaf)
    (again,) = home.told()  # the others were told, after it
    assert again.level is min((one.level for one in waiting), key=list(Level).index)
    assert home.told() == []


def test_ten_times_as_much_is_told_again(tmp_path: Path) -> None:
    """A small theft in the morning does not hide a large one in the evening, nor many small ones:
    what counts is the sum of the day.
    """
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    for hour, count, told in ((0, 3, 3), (1, 4, 0), (2, 40, 47), (3, 41, 0), (4, 212, 300)):
        at = START + timedelta(hours=hour)
        events = [get_event(feature(one), at, ANNA, ELSEWHERE) for one in range(count)]
        home.deliver(events, at + 5 * MINUTE)
        home.clock.now = at + 15 * MINUTE
        home.look()
        unrecorded = [one for one in home.told() if one.kind is Kind.UNRECORDED]
        assert [one.numbers["objects"] for one in unrecorded] == ([told] if told else [])


def test_what_it_remembers_survives_and_garbage_is_told(tmp_path: Path) -> None:
    """The state reads back as it was written; one that does not is an alert and a new beginning."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    home.record(range(5), START)
    home.deliver([get_event(feature(1), START)], START)
    home.at(minutes=15)
    home.look()
    stored = home.audit.get(NAME)
    state = home.state()
    assert State.decode(state.encode()).encode() == state.encode()
    assert remembered.seal(state, home.watcher().signer) == stored.data
    assert state.looked == home.clock.now
    home.audit.replace(NAME, b"garbage", version=stored.version)
    home.at(minutes=20)
    assert Kind.BLIND in kinds(home.look().alerts)
    home.at(minutes=25)
    assert home.look().alerts == ()


def test_two_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    """A run within a run, at each of its puts: every alert stands, and the next run is quiet."""
    changes = ("put_if_absent", NAME), ("put_if_absent", "pages/")
    more = ("put_if_absent", raised.ALERTS), ("replace", NAME)
    for number, (operation, prefix) in enumerate((*changes, *more)):
        home = Lookout.create(tmp_path / str(number), objects_per_window=400)
        home.record(range(500), START)
        home.at(minutes=5)
        reports = []
        act = once(operation, prefix, lambda: reports.append(home.look()))  # noqa: B023
        reports.append(home.look(home.watcher(audit=HookedStore(home.audit, act))))
        found = kinds([alert for report in reports for alert in report.alerts])
        assert {Kind.VOLUME, Kind.STRANGER} <= found
        told = home.told()
        assert len(told) == len(kinds(told))
        assert kinds(told) == found
        home.at(minutes=10)
        assert home.look().alerts == ()
        assert home.told() == []


def test_the_trail_out_of_reach_is_for_the_caller_to_tell(tmp_path: Path) -> None:
    """Nothing can be put then, and the run says so by failing."""
    home = Lookout.create(tmp_path / "home")
    home.record(range(5), START)
    audit = Refuses("audit", versioned=True, now=Hands())
    with pytest.raises(StoreError):
        run.watch(home.watcher(audit=audit))


def test_a_state_of_many_reads_stays_small(tmp_path: Path) -> None:
    """Reads of the provider's log are forgotten after hours, and take about 100 bytes each."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL, objects_per_window=100_000)
    home.record(range(2_000), START)
    home.deliver([get_event(feature(one), START) for one in range(2_000)], START + 5 * MINUTE)
    home.at(minutes=15)
    report = home.look()
    assert Kind.UNRECORDED not in kinds(report.alerts)
    assert report.sources[Origin.CLOUDTRAIL]["reads"] == 2_000
    assert len(home.audit.get(NAME).data) < 300_000
    home.at(hours=6)
    home.look()
    assert home.state().judged[Origin.CLOUDTRAIL] == ()


def test_an_enormous_file_cannot_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that unpacks to more than CloudTrail's ever do is told and not unpacked further."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    monkeypatch.setattr(cloudtrail, "_MOST_BYTES", 2**20)
    bomb = gzip.compress(json.dumps({"Records": [], "x": " " * 2**21}).encode())
    name = f"AWSLogs/111122223333/CloudTrail/us-east-1/{START:%Y/%m/%d}/bomb.json.gz"
    home.provider[Origin.CLOUDTRAIL].put_if_absent(name, bomb)
    assert kinds(home.look().alerts) == {Kind.BLIND}
