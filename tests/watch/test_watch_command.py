"""`unvoiced watch`: what it prints, how it ends, and a person's word that all is well."""

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.ingest.home import Home
from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.cli.app import app
from unvoiced.log.note import Verifier
from unvoiced.watch import remembered
from unvoiced.watch.state import NAME, State


def read(home: Home, count: int) -> str:
    """Record so many reads; returns who reads."""
    trail = AuditTrail(home.store("audit"), "train")
    digests = [f"{number:064x}" for number in range(count)]
    for at in range(0, count, 2_000):
        portion = digests[at : at + 2_000]
        trail.record([Read(one, one, one, 160_000) for one in portion], Purpose.TRAINING)
    return trail.requester


def test_it_says_who_read_and_ends_with_8_where_something_was_noticed(tmp_path: Path) -> None:
    """Quiet, then a dump, then quiet again; as JSON and as a page too; then it is accepted."""
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
    again = CliRunner().invoke(app, where)
    assert again.exit_code == 0
    assert who in again.stdout

    def state() -> State:
        verifier = Verifier.parse(home.settings.log_vkey)
        return remembered.unseal(home.store("audit").get(NAME).data, verifier)

    def doubted() -> list[bool]:
        tracks = state().habits.tracks.values()
        return [day.doubted for track in tracks for day in track.days]

    assert doubted() == [True]
    accepted = CliRunner().invoke(app, [*where[:3], "--accept", who])
    assert accepted.exit_code == 0
    assert doubted() == [False]
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
