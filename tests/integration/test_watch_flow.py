"""The watch on a real Prefect server: how a run ends, what it shows, what its event sets off."""

import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import httpx
import pytest

from tests.ingest.home import Home
from tests.integration.prefect_server import (
    ROOT,
    FlowProcess,
    FlowRun,
    PrefectServer,
    environment,
    until,
)
from unvoiced.audit import AuditTrail, Purpose, Read

pytestmark = [pytest.mark.server, pytest.mark.slow]


def run_watch(server: PrefectServer, home: Home, folder: Path) -> FlowRun:
    """The flow once, to its end."""
    folder.mkdir(exist_ok=True)
    return FlowProcess(server, home.settings.path, folder, ("flows.watch",)).finish()


def read(home: Home, count: int) -> None:
    """Record so many reads, as the reader does."""
    trail = AuditTrail(home.store("audit"), "train")
    digests = [f"{number:064x}" for number in range(count)]
    for at in range(0, count, 2_000):
        portion = digests[at : at + 2_000]
        trail.record([Read(one, one, one, 160_000) for one in portion], Purpose.TRAINING)


def post(server: PrefectServer, path: str, body: dict[str, object]) -> str:
    """Create something by the server's own API; returns its id."""
    answer = httpx.post(f"{server.url}/{path}/", json=body).raise_for_status()
    return str(answer.json()["id"])


def apply(server: PrefectServer, folder: Path, *arguments: str) -> str:
    """`python -m deployments.automations`."""
    done = subprocess.run(
        [sys.executable, "-m", "deployments.automations", *arguments],
        env=environment(folder) | {"PREFECT_API_URL": server.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_alert_sets_an_automation_off(server: PrefectServer, home: Home, tmp_path: Path) -> None:
    """Applied twice it is one; on every alert the deployment runs, with what the alert says."""
    flow = post(server, "flows", {"name": "lock-down"})
    deployment = post(server, "deployments", {"name": "now", "flow_id": flow})
    said = apply(server, tmp_path / "apply", "--run", "lock-down/now")
    assert said.startswith("unvoiced: bulk access: created\n")
    said = apply(server, tmp_path / "apply", "--run", "lock-down/now")
    assert said.startswith("unvoiced: bulk access: unchanged\n")
    standing = [one["name"] for one in server.find("automations")]
    assert standing.count("unvoiced: bulk access") == 1

    quiet = run_watch(server, home, tmp_path / "quiet")
    assert quiet.state == ("COMPLETED", "Completed"), quiet.output
    read(home, 30_000)
    loud = run_watch(server, home, tmp_path / "loud")
    assert loud.state == ("COMPLETED", "CompletedWithAlerts"), loud.output
    assert "30,000 recorded reads" in loud.message
    report = loud.artifact("watch-report")
    assert "bulk reads" in report
    picture = report.partition("data:image/svg+xml;base64,")[2].partition(")")[0]
    assert b64decode(picture).startswith(b"<svg")

    def started() -> list[dict[str, dict[str, object]]]:
        runs = server.find("flow_runs")
        return [run["parameters"] for run in runs if run["deployment_id"] == deployment]

    until(lambda: any(one["alert"]["kind"] == "bulk reads" for one in started()), "it runs", 60)
    alert = next(one["alert"] for one in started() if one["alert"]["kind"] == "bulk reads")
    assert alert["level"] == "critical"
    assert str(alert["requester"]).endswith(f":{os.getuid()}")


def test_a_log_that_is_not_there_makes_the_run_blind(
    server: PrefectServer, home: Home, tmp_path: Path
) -> None:
    """It fails by name, and still does what it can."""
    with home.settings.path.open("a") as settings:
        settings.write('\n[watch]\ncloudtrail = "file:///there/is/no/such/folder"\n')
    read(home, 10)
    run = run_watch(server, home, tmp_path / "run")
    assert run.state == ("FAILED", "Blind"), run.output
    assert "10 recorded reads" in run.message


def test_a_trail_out_of_reach_makes_the_run_blind(
    server: PrefectServer, home: Home, tmp_path: Path
) -> None:
    """Nothing can be looked at, nor put: the run says so."""
    (home.settings.folder / "stores" / "audit").rename(tmp_path / "gone")
    run = run_watch(server, home, tmp_path / "run")
    assert run.state == ("FAILED", "Blind"), run.output
