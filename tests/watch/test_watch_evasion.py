"""What somebody does who knows the watch: floods it, hides behind the known, forges its state."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.ingest.home import Home
from tests.watch.lookout import (
    ACCOUNT,
    ANNA,
    ELSEWHERE,
    START,
    WORKER,
    Lookout,
    Session,
    feature,
    get_event,
    log_line,
)
from unvoiced.cli.app import app
from unvoiced.errors import VerificationError
from unvoiced.log.note import Signer
from unvoiced.watch import raised, remembered, run, tally, tell
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.event import Origin
from unvoiced.watch.report import alert_fields
from unvoiced.watch.state import NAME, State

MINUTE = timedelta(minutes=1)


def unrecorded(alerts: list[Alert] | tuple[Alert, ...]) -> list[Alert]:
    """Those about reads around the reader."""
    return [one for one in alerts if one.kind is Kind.UNRECORDED]


def test_a_new_address_is_told_after_an_alert_that_is_known(tmp_path: Path) -> None:
    """Who waits until somebody has an explained alert, and reads from elsewhere, is told of."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    home.deliver([get_event(feature(one), START) for one in range(60)], START + 6 * MINUTE)
    home.at(minutes=15)
    home.look()
    assert len(unrecorded(home.told())) == 1
    at = START + 20 * MINUTE
    home.deliver([get_event(feature(99), at, source=ELSEWHERE)], at + 6 * MINUTE)
    home.at(minutes=35)
    home.look()
    (alert,) = unrecorded(home.told())
    assert (alert.source, alert.numbers["requests"]) == (ELSEWHERE, 1)


def test_requests_that_are_sent_again_are_counted_over_the_day(tmp_path: Path) -> None:
    """Five in every run are not five a day."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    session, told = Session(), []
    for turn in range(3):
        at = START + 5 * turn * MINUTE
        numbers = range(turn * 10, turn * 10 + 10)
        home.record(numbers, at, session)
        events = [get_event(feature(one), at) for one in numbers]
        events += [get_event(feature(one), at + MINUTE) for one in list(numbers)[:5]]
        home.deliver(events, at + 2 * MINUTE)
        home.clock.now = at + 15 * MINUTE
        home.look()
        told.append([(one.level, one.numbers["on the day"]) for one in unrecorded(home.told())])
    assert told == [[], [(Level.HIGH, 10)], []]


def test_an_address_that_is_new_is_told_though_records_cover_the_reads(tmp_path: Path) -> None:
    """Who steals credentials records too, and under the old machine's name: S3 has the address."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    told: list[list[Kind]] = []
    for day in range(6):
        at = START + timedelta(days=day)
        home.record(range(45), at, Session())
        source = ELSEWHERE if day == 5 else "192.0.2.3"
        home.deliver([get_event(feature(one), at, source=source) for one in range(45)], at)
        home.clock.now = at + 30 * MINUTE
        home.look()
        told.append([one.kind for one in home.told()])
    assert told == [[Kind.STRANGER], [], [], [], [], [Kind.ELSEWHERE]]


def _flooded(folder: Path, count: int) -> Lookout:
    home = Lookout.create(folder, Origin.CLOUDTRAIL)
    home.look()
    home.told()
    for number in range(count):
        home.record([number], START + MINUTE, Session(requester=f"made-up-{number:04}"))
    events = [
        get_event(feature(one), START + MINUTE, source=f"2001:db8::{one:x}") for one in range(70)
    ]
    bob = f"arn:aws:sts::{ACCOUNT}:assumed-role/unvoiced-data-scientist/zoe"
    home.deliver([*events, get_event(feature(7), START + MINUTE, bob)], START + 6 * MINUTE)
    home.at(minutes=15)
    return home


def test_a_flood_hides_nobody(tmp_path: Path) -> None:
    """Alerts by the hundred come as fifty and their number, loudest first and everybody's."""
    home = _flooded(tmp_path / "home", 30)
    home.look()
    told = home.told()
    assert len(told) == tally.MOST + 1
    (rest,) = [one for one in told if one.kind is Kind.MANY]
    assert rest.level is Level.CRITICAL
    assert rest.numbers["critical"] >= 20
    assert len({one.requester for one in unrecorded(told)}) == 2
    home.at(minutes=20)
    home.look()
    assert home.told() == []


def test_everybodys_first_comes_before_anybodys_second() -> None:
    """And the largest first."""
    one = Alert(Kind.UNRECORDED, Level.CRITICAL, "a", "", START, START, {"requests": 5})
    alerts = [replace(one, source=str(number)) for number in range(3)]
    alerts += [replace(one, requester="b", numbers={"requests": 1})]
    alerts += [replace(one, level=Level.MEDIUM, numbers={"requests": 100})]
    ordered = [(each.requester, each.level) for each in tally.once_each(alerts)]
    assert ordered[:2] == [("a", Level.CRITICAL), ("b", Level.CRITICAL)]
    assert ordered[-1] == ("a", Level.MEDIUM)


def test_what_was_told_by_number_alone_is_told_when_it_is_seen_again() -> None:
    """It does not count as raised."""
    one = Alert(Kind.UNUSUAL, Level.HIGH, "", "", START, START, {"reads": 5})
    alerts = [replace(one, requester=f"{number:03}") for number in range(tally.MOST + 1)]
    first = tally.due(tally.count({}, alerts, START), alerts, START)
    assert [alert.kind for alert, _ in first.alerts].count(Kind.MANY) == 1
    again = tally.due(tally.count(first.tallies, alerts, START), alerts, START)
    ((alert, _),) = again.alerts
    assert alert.requester == f"{tally.MOST:03}"


def test_a_message_stays_small() -> None:
    """Whatever somebody calls themselves."""
    alert = Alert(
        Kind.STRANGER, Level.MEDIUM, "\U0001f600" * 300_000, "", START, START, source="x" * 9_000
    )
    assert len(json.dumps(alert_fields(alert))) < 20_000


def test_the_name_of_an_alert_cannot_be_guessed(tmp_path: Path) -> None:
    """Who may list the store does not learn whether there is one about them."""
    names = []
    for turn in ("one", "two"):
        home = Lookout.create(tmp_path / turn)
        home.record([1], START)
        home.at(minutes=5)
        home.look()
        names.append({entry.name for entry in home.audit.list(raised.ALERTS)})
        stranger = Alert(Kind.STRANGER, Level.MEDIUM, ANNA, "", START, START)
        assert all(stranger.identity not in name for name in names[-1])
        assert raised.name_of(stranger, home.state().habits.salt) in names[-1]
    assert names[0].isdisjoint(names[1])


ODD: dict[str, Callable[[dict[str, Any]], None]] = {
    "infinite": lambda event: event["additionalEventData"].update(bytesTransferredOut=float("inf")),
    "negative": lambda event: event["additionalEventData"].update(bytesTransferredOut=-1),
    "enormous": lambda event: event["additionalEventData"].update(bytesTransferredOut=1e300),
    "year 9999": lambda event: event.update(eventTime="9999-12-31T23:59:59Z"),
    "year 1": lambda event: event.update(eventTime="0001-01-01T00:00:00Z"),
    "next year": lambda event: event.update(eventTime="2027-12-31T23:59:59Z"),
    "half a character": lambda event: event["userIdentity"].update(arn="arn:aws:\ud800"),
    "half a name": lambda event: event["requestParameters"].update(key="features/\udc00"),
}


@pytest.mark.parametrize("odd", list(ODD))
def test_an_odd_value_in_a_log_is_an_entry_that_cannot_be_read(tmp_path: Path, odd: str) -> None:
    """It is told and stops nothing: what stands beside it is judged."""
    home = Lookout.create(tmp_path / "home", Origin.CLOUDTRAIL)
    event = get_event(feature(1), START)
    ODD[odd](event)
    home.deliver([event, get_event(feature(2), START)], START + 5 * MINUTE)
    home.at(minutes=15)
    report = home.look()
    assert [one.numbers for one in report.blind] == [{"entries": 1}]
    assert unrecorded(report.alerts)[0].numbers["objects"] == 1


@pytest.mark.parametrize("year", ["9999", "0001", "0000"])
def test_an_odd_year_in_an_access_log_is_one_too(tmp_path: Path, year: str) -> None:
    """As in CloudTrail's files."""
    home = Lookout.create(tmp_path / "home", Origin.ACCESS_LOG)
    line = log_line(feature(1), START).replace("/2026:", f"/{year}:")
    home.deliver_lines([line], START + 5 * MINUTE)
    home.at(minutes=15)
    assert [one.numbers for one in home.look().blind] == [{"entries": 1}]


def _watched(folder: Path) -> Lookout:
    home = Lookout.create(folder)
    home.record(range(5), START)
    for minutes in (5, 10):
        home.at(minutes=minutes)
        home.look()
    home.told()
    home.at(minutes=15)
    return home


def _forged(home: Lookout) -> bytes:
    """With habits as somebody would like them, and signed by somebody else's key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    signer = Signer(home.watcher().signer.name, Ed25519PrivateKey.generate())
    return remembered.seal(replace(home.state(), pages={"2026-11-23": 999}), signer)


def _edited(home: Lookout) -> bytes:
    return home.audit.get(NAME).data.replace(b'"looked":"2026', b'"looked":"2027')


def _of_another_kind(home: Lookout) -> bytes:
    return State.first().encode() + home.audit.get(NAME).data.partition(b"\n")[2]


@pytest.mark.parametrize("how", [_forged, _edited, _of_another_kind, lambda _: b"garbage"])
def test_a_state_that_is_not_ours_is_told_and_an_earlier_one_taken(
    tmp_path: Path, how: Callable[[Lookout], bytes]
) -> None:
    """Who may write there and has not the log's key changes nothing that is remembered."""
    home = _watched(tmp_path / "home")
    before, version = home.state(), home.audit.get(NAME).version
    home.audit.replace(NAME, how(home), version=version)
    with pytest.raises(VerificationError):
        run.accept(home.watcher(), ANNA, "somebody")
    (alert,) = home.look().alerts
    assert (alert.kind, alert.level) == (Kind.BLIND, Level.CRITICAL)
    assert "an earlier one was taken" in alert.what
    assert home.state().habits.salt == before.habits.salt
    assert home.state().pages == before.pages
    assert [one.kind for one in home.told()] == [Kind.BLIND]


def test_a_state_that_is_gone_is_told(tmp_path: Path) -> None:
    """With no earlier one left, it begins anew and says so, though alerts are gone with it."""
    home = _watched(tmp_path / "home")
    for entry in list(home.audit.versions("watch/")):
        home.audit.delete(entry.name, entry.version)
    found = home.look().alerts
    assert [one.what for one in found if one.kind is Kind.BLIND] == [
        "what the watch remembered is gone: it begins anew"
    ]
    home.at(minutes=20)
    assert home.look().alerts == ()


def test_an_older_state_of_ours_has_reads_judged_again(tmp_path: Path) -> None:
    """Put back by somebody, it is taken; what it had not seen is judged once more."""
    home = _watched(tmp_path / "home")
    stored = home.audit.get(NAME)
    home.record(range(5, 9), START + 11 * MINUTE)
    assert home.look().recorded == 4
    home.audit.replace(NAME, stored.data, version=home.audit.get(NAME).version)
    home.at(minutes=20)
    assert home.look().recorded == 4


def test_who_accepted_is_kept(tmp_path: Path) -> None:
    """With the time; and it goes on being kept."""
    home = _watched(tmp_path / "home")
    run.accept(home.watcher(), ANNA, WORKER)
    home.look()
    (said,) = home.state().accepted
    assert (said.requester, said.by, said.time) == (ANNA, WORKER, START + 15 * MINUTE)


@pytest.mark.inv("INV-12")
def test_made_up_sessions_and_junk_do_not_stand_for_damage(tmp_path: Path) -> None:
    """Whoever may create records brings about quieter alerts; then a real one is told."""
    home = Lookout.create(tmp_path / "home")
    session = Session()
    name = home.record(range(5), START, session)
    home.look()
    made_up = Session(requester=WORKER)
    home.record([7], START, made_up)
    home.record([7], START, replace(made_up, sequence=9))
    home.audit.put_if_absent(name.replace("-5.json", "-4.json"), b"{}\n")
    home.at(minutes=70)
    home.look()
    quiet = {one.level for one in home.told() if one.kind is Kind.TRAIL_DAMAGED}
    assert quiet == {Level.HIGH, Level.MEDIUM}
    home.audit.delete(name, home.audit.get(name).version)
    home.at(minutes=75)
    home.look()
    (alert,) = [one for one in home.told() if one.kind is Kind.TRAIL_DAMAGED]
    assert (alert.level, alert.numbers) == (Level.CRITICAL, {"missing or changed": 1})


@pytest.mark.parametrize("error", [MemoryError, OverflowError, RecursionError])
def test_no_error_ends_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A look that ends in whatever nobody foresaw is told, and the next one comes in its time."""
    home = Home.create(tmp_path / "home")
    looks, told = [], list[Alert]()

    def looking(_: object) -> None:
        looks.append(1)
        raise error

    def sleeping(_: float) -> None:
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "watch", looking)
    monkeypatch.setattr(time, "sleep", sleeping)
    monkeypatch.setattr(tell, "publish", lambda _, alerts: told.extend(alerts))
    CliRunner().invoke(app, ["watch", "--config", str(home.settings.path)])
    assert len(looks) == 3
    assert [one.kind for one in told] == [Kind.BLIND] * 3
    assert error.__name__ in told[0].what
