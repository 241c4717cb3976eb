"""`unvoiced watch`: what it prints, how it ends, and a person's word that all is well."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.ingest.home import Home
from tests.watch.lookout import ANNA, START, Lookout, Session
from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.cli.app import app
from unvoiced.clock import utc_now
from unvoiced.log.note import Verifier
from unvoiced.watch import raised, remembered, run
from unvoiced.watch.alert import Alert, Kind, Level
from unvoiced.watch.state import NAME, State


def read(home: Home, count: int) -> str:
    """Record so many reads; returns who reads."""
    trail = AuditTrail(home.store("audit"), "train")
    digests = [f"{number:064x}" for number in range(count)]
    for at in range(0, count, 2_000):
        portion = digests[at : at + 2_000]
        trail.record([Read(one, one, one, 160_000) for one in portion], Purpose.TRAINING)
    return trail.requester


def listed(home: Home, *options: str) -> list[dict[str, Any]]:
    """What `unvoiced watch ls` has."""
    command = ["watch", "ls", "--config", str(home.settings.path), "--json", *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def loud_line(home: Home) -> str:
    """The line of the alert about bulk reads, as it is kept."""
    audit = home.store("audit")
    (found,) = [
        one.alert
        for one in raised.kept(audit, datetime.min.replace(tzinfo=UTC), ())
        if one.alert.level is Level.CRITICAL
    ]
    return found.line


def test_it_says_who_read_and_ends_with_8_where_something_was_noticed(tmp_path: Path) -> None:
    """Quiet, then a dump, which stands until it is accepted; as JSON and as a page too."""
    home = Home.create(tmp_path / "home")
    where = ["watch", "--config", str(home.settings.path), "--once"]
    quiet = CliRunner().invoke(app, where)
    assert (quiet.exit_code, "0 alerts" in quiet.stdout) == (0, True)
    who = read(home, 30_000)
    page = tmp_path / "watch.html"
    loud = CliRunner().invoke(app, [*where, "--json", "--html", str(page)])
    assert loud.exit_code == 8
    said = json.loads(loud.stdout)
    assert "bulk reads" in {alert["kind"] for alert in said["alerts"]}
    assert said["requesters"][0]["reads"] == 30_000
    assert "<svg" in page.read_text()
    assert "http" not in page.read_text().replace("http://www.w3.org/2000/svg", "")
    assert f"{who}: 20" in loud_line(home)
    taken = CliRunner().invoke(app, [*where, "--html", str(page)])
    assert "is not overwritten" in str(taken.exception)
    again = CliRunner().invoke(app, where)
    assert again.exit_code == 8
    assert ("Raised today or yesterday" in again.stdout, who in again.stdout) == (True, True)
    assert "0 alerts, " in again.stdout
    said = json.loads(CliRunner().invoke(app, [*where, "--json"]).stdout)
    assert said["alerts"] == []
    assert {"bulk reads", "unknown requester"} <= {each["kind"] for each in said["standing"]}
    assert all(each["told"] for each in said["standing"])
    ends = tmp_path / "again.html"
    CliRunner().invoke(app, [*where, "--html", str(ends)])
    assert "not accepted" in ends.read_text()
    assert "bulk reads" in ends.read_text()

    def state() -> State:
        verifier = Verifier.parse(home.settings.log_vkey)
        return remembered.unseal(home.store("audit").get(NAME).data, verifier)

    def doubted() -> list[bool]:
        tracks = state().habits.tracks.values()
        return [day.doubted for track in tracks for day in track.days]

    assert doubted() == [True]
    accepted = CliRunner().invoke(app, [*where[:3], "--accept", who])
    assert accepted.exit_code == 0
    assert f"{who}: accepted by {who}" in accepted.stdout
    assert f"alerts of {utc_now():%Y-%m-%d}" in accepted.stdout
    assert "critical: bulk reads" in accepted.stdout
    assert doubted() == [False]
    assert CliRunner().invoke(app, where).exit_code == 0
    rows = listed(home)
    assert {row["accepted"]["by"] for row in rows} == {who}
    assert "0 of them standing" in CliRunner().invoke(app, ["watch", "ls", *where[1:3]]).stdout
    assert [(one.requester, one.by) for one in state().accepted] == [(who, who)]


def test_nobody_is_accepted_whom_it_has_not_seen(tmp_path: Path) -> None:
    """A slip of the pen is refused."""
    home = Home.create(tmp_path / "home")
    assert (
        CliRunner().invoke(app, ["watch", "--config", str(home.settings.path), "--once"]).exit_code
        == 0
    )
    result = CliRunner().invoke(
        app, ["watch", "--config", str(home.settings.path), "--accept", "nobody"]
    )
    assert result.exit_code != 0
    assert "has seen nothing of" in str(result.exception)
    found = CliRunner().invoke(app, ["watch", "ls", "--config", str(home.settings.path)])
    assert re.fullmatch(r"No alerts since [\d-]+\.\n", found.stdout)


def test_its_help_says_how_it_ends() -> None:
    """A scheduled job goes by the exit status."""
    shown = CliRunner().invoke(app, ["watch", "--help"]).stdout
    assert "8 where something was noticed" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        ((9, 0), (9, 5), "2026-11-23 09:00 to 09:05 UTC"),
        ((9, 7), (9, 7), "2026-11-23 09:05 to 09:10 UTC"),
        ((9, 5), (9, 5), "2026-11-23 09:05 to 09:10 UTC"),
        ((23, 51), (23, 56), "2026-11-23 23:50 to 2026-11-24 00:00 UTC"),
    ],
)
def test_an_alert_says_from_when_to_when(
    begins: tuple[int, int], ends: tuple[int, int], said: str
) -> None:
    """In five minutes that hold all of it, and with no empty place where it is about nobody."""
    start, end = (datetime(2026, 11, 23, *each, tzinfo=UTC) for each in (begins, ends))
    alert = Alert(Kind.TRAIL_DAMAGED, Level.HIGH, "", "gone", start, end)
    assert alert.line == f"high: audit trail damaged: {said}: gone"
    elsewhere = alert.start.astimezone(timezone(timedelta(hours=5)))
    assert replace(alert, requester="anna", source="192.0.2.3", start=elsewhere).line == (
        f"high: audit trail damaged: anna from 192.0.2.3: {said}: gone"
    )


def test_what_was_made_up_among_the_alerts_stops_nobody(tmp_path: Path) -> None:
    """Whoever may write there may put anything: nothing fails of it or breaks out."""
    home = Home.create(tmp_path / "home")
    now = utc_now()
    alert = Alert(Kind.CLOCK, Level.HIGH, "\x1b[2Janna|`", "<b>|", now, now, {"n": 1})
    fields = json.loads(raised.encode_alert(alert))
    wrong: list[dict[str, Any]] = [
        {"requester": 7},
        {"numbers": {"n": "many"}},
        {"numbers": {"n": 10**400}},
        {"end": "9999-12-31T23:59:00+00:00"},
        {"what": "\ud800"},
        {"more": 1},
    ]
    for number, each in enumerate([{}, *wrong]):
        data = json.dumps(fields | each).encode()
        home.store("audit").put_if_absent(f"{raised.ALERTS}{number}.json", data)
    assert [row["requester"] for row in listed(home)] == [alert.requester]
    assert listed(home, "--since", f"{now + timedelta(days=1):%Y-%m-%d}") == []
    page = tmp_path / "page.html"
    command = ["watch", "--config", str(home.settings.path), "--once", "--html", str(page)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 8
    assert "\x1b" not in result.stdout
    assert "<b>" not in page.read_text()


def test_a_role_is_accepted_with_all_its_sessions(tmp_path: Path) -> None:
    """What names the role, as new sessions' alerts do, and what names one of them, is accepted."""
    home = Lookout.create(tmp_path / "home", objects_per_window=400)
    role = ANNA.rpartition("/")[0]
    for number in range(2):
        home.record(range(number * 40, number * 40 + 40), START, Session(f"{role}/{number}"))
    home.at(minutes=5)
    report = home.look()
    assert {alert.requester for alert in report.alerts} == {role, f"{role}/0", f"{role}/1"}
    home.at(minutes=10)
    assert len(home.look().standing) == len(report.alerts)
    assert len(run.accept(home.watcher(), role, "anna's lead")) == len(report.alerts)
    home.at(minutes=15)
    assert home.look().standing == ()
    assert run.accept(home.watcher(), role, "anna's lead") == []


def test_what_comes_after_the_word_stands(tmp_path: Path) -> None:
    """A person accepts what was raised by then; ten times as much on the same day is not that."""
    home = Lookout.create(tmp_path / "home", objects_per_window=400)
    home.record(range(500), START)
    home.at(minutes=5)
    home.look()
    run.accept(home.watcher(), ANNA, "anna's lead")
    home.record(range(6000), START + timedelta(minutes=6))
    home.at(minutes=15)
    assert Kind.VOLUME in {alert.kind for alert in home.look().alerts}
    home.at(minutes=20)
    assert Kind.VOLUME in {one.alert.kind for one in home.look().standing}
    home.at(days=2, minutes=20)
    assert home.look().standing == ()
