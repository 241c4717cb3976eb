"""The epochs flow on a real Prefect server: keys made and retired in worker processes, and said."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.epochs.test_false_leaves import say_retired
from tests.epochs.weeks import Calendar, Life
from tests.features.recordings import encoded, tone
from tests.ingest.home import Clock, Home
from tests.integration.prefect_server import ROOT, FlowRun, PrefectServer, environment
from unvoiced.announcements import create_intake_key
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.deployment import create_deployment
from unvoiced.keys.intake import Epoch
from unvoiced.sealing import PrivateKey

pytestmark = [pytest.mark.server, pytest.mark.slow]
NOW = utc_now()
PAST, LATER = NOW - timedelta(days=28), NOW - timedelta(days=21)
OLD, NEW = Epoch.of(PAST).name, Epoch.of(LATER).name


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A deployment of four weeks ago; its second key was made a week later."""
    settings = create_deployment(tmp_path / "home", PAST)
    create_intake_key(settings, settings.vault("worker"), LATER)
    return settings


def run_epochs(
    server: PrefectServer, settings: Settings, home: Path, **parameters: bool
) -> FlowRun:
    """The flow once, to its end, in a process of its own."""
    given = "".join(f", {name}={value}" for name, value in parameters.items())
    code = (
        f"from flows.epochs import epochs; epochs({str(settings.path)!r}{given}, return_state=True)"
    )
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(home) | {"PREFECT_API_URL": server.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = done.stdout + done.stderr
    named = re.search(r"/runs/flow-run/([0-9a-f-]{36})", output)
    assert named, output
    (record,) = [run for run in server.find("flow_runs") if run["id"] == named[1]]
    return FlowRun(server, record, done.returncode, output)


@pytest.mark.inv("INV-9")
def test_a_scheduled_run_makes_the_next_keys_and_retires_the_old_one(
    server: PrefectServer, settings: Settings, tmp_path: Path
) -> None:
    """Each half alone, as on AWS; then both, with nothing left to do but to say so."""
    week = Epoch.of(utc_now())
    run = run_epochs(server, settings, tmp_path / "one", retire=False)
    assert run.state == ("COMPLETED", "Completed")
    assert run.message == "2 intake keys made, 0 retired"
    run = run_epochs(server, settings, tmp_path / "two", rotate=False)
    assert run.state == ("COMPLETED", "Completed")
    assert run.message == "0 intake keys made, 1 retired, 1 held back"
    report = run.artifact("epochs-report")
    assert f"| {OLD} | retired |" in report
    assert f"| {NEW} | kept: until" in report
    run = run_epochs(server, settings, tmp_path / "three")
    assert run.message == "0 intake keys made, 0 retired, 1 held back"
    report = run.artifact("epochs-report")
    for epoch in (week, week.first_of_next_week):
        assert f"| {epoch.name} | has its key |" in report
    assert OLD not in set(settings.vault("worker").names("intake"))


@pytest.mark.inv("INV-9")
def test_a_lost_key_fails_the_run_by_name(
    server: PrefectServer, settings: Settings, tmp_path: Path
) -> None:
    """With its epoch in the message, and what is sealed to it in the report."""
    Home(settings, Clock()).send("anna", encoded(tone(0.1, 16_000, 200)))
    (settings.folder / "keys" / "worker" / "intake" / f"{OLD}.key").unlink()
    run = run_epochs(server, settings, tmp_path / "one", rotate=False)
    assert run.state == ("FAILED", "IntakeKeyLost")
    assert run.message == f"0 intake keys made, 0 retired; missing from the vault: {OLD}"
    assert "1 objects of the raw store are sealed to it" in run.artifact("epochs-report")


@pytest.mark.inv("INV-9")
def test_a_key_that_is_called_retired_and_still_needed_fails_the_run_by_name(
    server: PrefectServer, settings: Settings, tmp_path: Path
) -> None:
    """It stays in the vault, whoever signed the leaf."""
    life = Life(Home(settings, Clock()), Calendar())
    say_retired(life, NEW, PrivateKey(settings.vault("worker").get(f"intake/{NEW}")))
    run = run_epochs(server, settings, tmp_path / "one", rotate=False)
    assert run.state == ("FAILED", "RetirementDisputed")
    assert run.message.endswith(f"; retired by the log, in the vault and kept: {NEW}")
    assert f"| {NEW} | retired by the log, in the vault, kept: " in run.artifact("epochs-report")
    assert NEW in set(settings.vault("worker").names("intake"))
