"""The backfill flow on a real Prefect server: how runs end, what they show, how they come back."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.backfill.archived import NEW, archiving, complete, everything
from tests.features.recordings import encoded, noise
from tests.ingest.home import Home
from tests.integration.prefect_server import ROOT, PrefectServer, environment
from tests.servers import ministack
from unvoiced.config import load_settings

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this module's own."""
    server = PrefectServer.start(tmp_path_factory.mktemp("prefect-server"))
    yield server
    server.stop()


@dataclass(frozen=True)
class Flow:
    """The flow, run as an operator runs it."""

    server: PrefectServer
    home: Path
    config: Path
    more: dict[str, str]

    def run(self, **what: Any) -> tuple[str, str, dict[str, str]]:
        """Its state's name and message, and its artifacts by key."""
        asked = json.dumps({"feature_set": NEW, **what})
        return self.of([sys.executable, "-m", "flows.backfill", asked, str(self.config)])

    def of(self, command: list[str]) -> tuple[str, str, dict[str, str]]:
        """The same of the one run that a command makes."""
        before = {run["id"] for run in self.server.find("flow_runs")}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(self.home) | {"PREFECT_API_URL": self.server.url} | self.more,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ended = [
            run
            for run in self.server.find("flow_runs")
            if run["id"] not in before and run["state"]["type"] == "COMPLETED"
        ]
        assert len(ended) == 1, done.stderr
        artifacts = {
            one["key"]: one["data"]
            for one in self.server.find("artifacts")
            if one["flow_run_id"] == ended[0]["id"]
        }
        assert not list(self.home.glob("prefect/storage/*"))
        return ended[0]["state"]["name"], ended[0]["state"]["message"], artifacts


def test_a_dry_run_a_run_and_its_report(prefect: PrefectServer, tmp_path: Path) -> None:
    """By default nothing is changed; then all is made; badge, report and table agree."""
    home = archiving(Home.create(tmp_path / "deployment"))
    voices = [encoded(noise(16000, seed)) for seed in range(3)]
    sent = [home.send("anna", data) for data in voices]
    assert home.run().disposed == 3
    planted = f"{sent[0].pseudonym}/planted.unv"
    home.store("archive").put_if_absent(planted, b"?")
    flow = Flow(prefect, tmp_path / "home", home.settings.path, {})
    before = everything(home)

    name, message, shown = flow.run()

    assert (name, "4 of 4 originals" in message) == ("DryRun", True)
    assert everything(home) == before
    assert "| to do | 4 |" in shown["backfill-plan"]
    assert shown["backfill-report"].startswith(f"**{message}.**")
    assert "with the same parameters and `dry_run` off" in shown["backfill-report"]

    name, message, shown = flow.run(dry_run=False, batch_samples=2)

    assert name == "CompletedWithSkips"
    assert message == "3 feature objects made, 1 originals skipped"
    assert "| features made | 3 |" in shown["backfill-report"]
    assert "| skipped: not-in-log | 1 |" in shown["backfill-report"]
    assert shown["backfill-progress"] == 100
    (row,) = json.loads(shown["backfill-exceptions"])
    assert (row["object"], row["reason"]) == (planted, "not-in-log")
    complete(home, sent)


# One run of a deployment, executed by this process as a worker would.
_SERVED = """
import asyncio
import json
import sys

from prefect.deployments import run_deployment
from prefect.runner import Runner

from flows.backfill import backfill

what = sys.argv[1]


async def once():
    runner = Runner(name="test", pause_on_shutdown=False)
    deployment = await runner.aadd_deployment(await backfill.ato_deployment(name="test"))
    parameters = {"what": json.loads(what), "config": ""}
    run = await run_deployment(deployment, parameters=parameters, timeout=0, as_subflow=False)
    await runner.execute_flow_run(run.id)


asyncio.run(once())
"""


def test_a_deployment_comes_back_for_what_is_being_restored(
    prefect: PrefectServer, tmp_path: Path
) -> None:
    """It ends at once, with the next run scheduled for when the tier is done, with its parameters.

    That next run, started by hand as its time is hours away, completes.
    """
    with ministack.running() as aws, pytest.MonkeyPatch.context() as patch:
        aws.sign_in(patch)
        bucket, client = ministack.new_name("archive"), aws.client("s3")
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        url = f"s3://{bucket}?endpoint={aws.endpoint}&region={ministack.REGION}"
        home = Home.create(tmp_path / "deployment")
        path = home.settings.path
        text = path.read_text("utf-8")
        path.write_text(text.replace('"stores/archive"', f'"{url}"'), "utf-8")
        home = archiving(Home(load_settings(path)), storage_class="GLACIER")
        sent = [home.send("anna", encoded(noise(16000, seed))) for seed in range(2)]
        assert home.run().disposed == 2
        named = {"UNVOICED_CONFIG": str(path)}
        flow = Flow(prefect, tmp_path / "home", path, aws.environment() | named)
        asked = {"feature_set": NEW, "dry_run": False, "restore_tier": "Standard"}
        served = tmp_path / "served.py"
        served.write_text(_SERVED)

        began = datetime.now(UTC)
        name, message, shown = flow.of([sys.executable, str(served), json.dumps(asked)])

        assert name == "WaitingForRestore"
        assert re.fullmatch(
            r"0 feature objects made; 2 are being restored: "
            r"the next run is scheduled for [\d-]+ [\d:]+ UTC",
            message,
        )
        assert "| being restored | 2 |" in shown["backfill-report"]
        (coming,) = [
            run for run in prefect.find("flow_runs") if run["state"]["type"] == "SCHEDULED"
        ]
        at = datetime.fromisoformat(coming["expected_start_time"])
        assert timedelta(hours=5) <= at - began < timedelta(hours=5, minutes=3)
        assert coming["parameters"] == {"what": asked, "config": ""}
        assert coming["parent_task_run_id"] is None

        name, _, _ = flow.run(**{one: coming["parameters"]["what"][one] for one in asked})

        assert name == "Completed"
        complete(home, sent)
