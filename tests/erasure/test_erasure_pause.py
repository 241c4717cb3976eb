"""An erasure that asks for approval, on a real Prefect server and worker."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.erasure.house import eraser, furnish
from tests.ingest.home import Home
from tests.integration.canaries import Needle
from tests.integration.hunter import Hunter
from tests.integration.prefect_server import (
    BIN,
    ROOT,
    PrefectServer,
    environment,
    until,
    without_roots_powers,
)
from unvoiced.disposal import suppression_id
from unvoiced.erasure import ask, code, lift, requests

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation, pytest.mark.timeout(900)]

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED", "PAUSED"}


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this module's own."""
    home = tmp_path_factory.mktemp("prefect-server")
    server = PrefectServer.start(
        home,
        PREFECT_LOGGING_SERVER_LEVEL="DEBUG",
        PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS="1",
    )
    yield server
    server.stop()


@dataclass
class Desk:
    """The deployment `erasure` with a worker, and what somebody does at Prefect's UI."""

    server: PrefectServer
    home: Path
    config: Path
    worker: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.prefect("work-pool", "create", "--type", "process", "unvoiced")
        self.prefect(
            "--no-prompt", "deploy", "--name", "erasure",
            "--prefect-file", "deployments/prefect.yaml",
        )  # fmt: skip
        (self.deployment,) = self.server.find("deployments")
        self.client = httpx.Client(base_url=self.server.url, timeout=60)

    @property
    def _environment(self) -> dict[str, str]:
        return environment(self.home) | {
            "PREFECT_API_URL": self.server.url,
            "PREFECT_LOGGING_LEVEL": "DEBUG",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "UNVOICED_CONFIG": str(self.config),
        }

    def prefect(self, *command: str) -> None:
        """Run a command of Prefect's."""
        done = subprocess.run(
            [BIN / "prefect", *command], env=self._environment, cwd=ROOT,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def start_worker(self) -> None:
        """Start a worker of all queues."""
        with (self.home / "worker").open("ab") as output:
            self.worker = subprocess.Popen(
                [BIN / "prefect", "worker", "start", "--pool", "unvoiced"],
                env=self._environment, cwd=self.home, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, preexec_fn=without_roots_powers,
            )  # fmt: skip

    def kill_worker(self) -> None:
        """SIGKILL."""
        assert self.worker is not None
        self.worker.kill()
        self.worker.wait()

    def post(self, path: str, **body: Any) -> Any:
        """What the UI sends."""
        return self.client.post(path, json=body).raise_for_status().json()

    def run(self, **what: Any) -> str:
        """*Custom run*, Submit: the run's id."""
        path = f"deployments/{self.deployment['id']}/create_flow_run"
        return str(self.post(path, parameters={"what": what})["id"])

    def resume(self, run: str, **answer: Any) -> str:
        """*Resume*, Submit: what the server says of it."""
        return str(self.post(f"flow_runs/{run}/resume", run_input=answer)["status"])

    def retry(self, run: str) -> None:
        """*Retry*, which the UI offers on runs that have ended."""
        self.change_state(run, "SCHEDULED", "AwaitingRetry")

    def change_state(self, run: str, kind: str, name: str) -> None:
        """*Change state*."""
        state = {"type": kind, "name": name, "message": "from the UI"}
        assert self.post(f"flow_runs/{run}/set_state", state=state)["status"] == "ACCEPT"

    def ended(self, run: str) -> tuple[str, str, str]:
        """Wait until it has ended or is suspended: its state's type, name and message."""

        for _ in range(600):
            state = self.client.get(f"flow_runs/{run}").json()["state"]
            if state["type"] in ENDED:
                return state["type"], state["name"], state["message"] or ""
            time.sleep(0.5)
        raise AssertionError(f"the run {run} does not end: {state}")

    def shown(self, run: str, key: str) -> list[str]:
        """Its artifacts under a key, oldest first."""
        found = self.server.find("artifacts")
        return [one["data"] for one in found if (one["flow_run_id"], one["key"]) == (run, key)]

    def let_time_run_out(self, run: str) -> None:
        """As if nobody had answered for a week."""
        with sqlite3.connect(self.server.home / "prefect" / "prefect.db", timeout=30) as database:
            (ident, details) = database.execute(
                "SELECT s.id, s.state_details FROM flow_run_state s JOIN flow_run r "
                "ON r.state_id = s.id WHERE r.id = ?", (run,),
            ).fetchone()  # fmt: skip
            changed = json.loads(details) | {"pause_timeout": "2026-01-01T00:00:00Z"}
            database.execute(
                "UPDATE flow_run_state SET state_details = ? WHERE id = ?",
                (json.dumps(changed), ident),
            )


SUSPENDED = ("PAUSED", "Suspended", "")


@pytest.mark.inv("INV-10")
@pytest.mark.inv("INV-11")
def test_an_erasure_is_approved_refused_forgotten_and_retried(
    prefect: PrefectServer, tmp_path: Path
) -> None:
    """Nothing goes without a right answer to the request that stands, whatever becomes of workers
    and runs; and neither server nor runs ever learn whose it is.
    """
    house = furnish(Home.create(tmp_path / "deployment"))
    home, trace = house.home, house.trace
    anna, bruno = suppression_id(house.anna), suppression_id(house.bruno)
    asked_for = ask(eraser(home), house.anna)
    told = code(asked_for.request)
    desk = Desk(prefect, tmp_path / "operator", home.settings.path)
    desk.start_worker()
    yes = {"approve": True, "digits": told, "reference": "DPO-17"}
    try:
        # Two runs ask; the scheduled one finds its place free, and touches nothing.
        first = desk.run(request=anna[:10], dry_run=False)
        assert desk.ended(first) == SUSPENDED
        second = desk.run(request=anna, dry_run=False)
        assert desk.ended(second) == SUSPENDED
        (schedule,) = desk.deployment["schedules"]
        daily = desk.run(**schedule["parameters"]["what"])
        assert desk.ended(daily) == ("COMPLETED", "Completed", "0 of 0 erasures complete")
        assert "| not touched: awaiting approval | 1 |" in desk.shown(daily, "erasure-report")[0]
        assert len(trace.in_stores(home)) >= 8
        home.send("contributor-anna", house.sent[0].data)

        # Nothing in Prefect tells the code to who does not know it.
        secret = [Needle("code", "text", one.encode()) for one in (told, asked_for.request)]
        assert Hunter(secret).in_tree(prefect.home) == set()
        assert Hunter(secret).in_tree(desk.home) == set()

        # A name is no reference, half an answer none. The worker dies; the answer waits for one.
        desk.kill_worker()
        assert desk.resume(first, **{**yes, "reference": house.anna}) == "REJECT"
        assert desk.resume(first, **{**yes, "reference": "anna-01"}) == "REJECT"
        assert desk.resume(first, approve=True, digits=told) == "REJECT"
        assert desk.resume(first, **yes) == "ACCEPT"
        assert desk.resume(first, **yes) == "ABORT"
        assert len(trace.in_stores(home)) >= 8
        desk.start_worker()
        assert desk.ended(first) == ("COMPLETED", "Completed", "1 of 1 erasures complete")
        asked, went = desk.shown(first, "erasure-preview")
        assert "8 versions would be destroyed" in asked
        assert "When approval was asked for, there were 8 versions" in went
        (report,) = desk.shown(first, "erasure-report")
        (leaf,) = home.leaves("erased")
        assert f"| {anna[:12]} | {leaf.digest} |" in report
        assert trace.in_stores(home) == []
        (record,) = requests(eraser(home))
        assert record.approval is not None
        assert (record.approval.reference, record.approval.run) == ("DPO-17", first)

        # The second run is answered too late to matter.
        assert desk.resume(second, **yes) == "ACCEPT"
        assert desk.ended(second)[1:] == ("Completed", "1 of 1 erasures complete")
        assert len(home.leaves("erased")) == 1

        # Let in again and asked for again: the run that was approved asks anew.
        lift(eraser(home), house.anna)
        home.send("contributor-anna", house.sent[0].data)
        home.run()
        ask(eraser(home), house.anna)
        theirs = house.everything_of(house.anna)["stores"]
        desk.retry(first)
        assert desk.ended(first) == SUSPENDED

        # Another's digits; and no answer in time.
        ask(eraser(home), house.bruno)
        wrong, late = (desk.run(request=bruno, dry_run=False) for _ in range(2))
        assert desk.ended(wrong) == desk.ended(late) == SUSPENDED
        assert desk.resume(wrong, **yes) == "ACCEPT"
        kind, name, message = desk.ended(wrong)
        assert (kind, name) == ("CANCELLED", "NotApproved")
        assert message.startswith("nothing was changed: the code typed is not that")
        desk.let_time_run_out(late)
        until(lambda: desk.ended(late)[0] == "FAILED", "the pause runs out")
        assert desk.ended(late)[1:] == ("Failed", "The flow was paused and never resumed.")
        desk.retry(late)
        assert desk.ended(late) == SUSPENDED
        desk.change_state(late, "SCHEDULED", "Scheduled")
        assert desk.ended(late)[1:] == (
            "NotApproved",
            "nothing was changed: it was resumed without an answer",
        )
        assert house.everything_of(house.anna)["stores"] == theirs
        assert house.everything_of(house.bruno)["features"]
    finally:
        desk.kill_worker()

    hunter = Hunter(
        [
            Needle(what, "text", text.encode())
            for what, text in (
                ("pseudonym", house.anna), ("pseudonym", house.bruno),
                ("contributor", trace.contributor), ("contributor", "contributor-bruno"),
            )
        ]
    )  # fmt: skip
    assert hunter.in_tree(prefect.home) == set()
    assert hunter.in_tree(desk.home) == set()
    assert Hunter([Needle("reference", "text", b'"DPO-17"')]).in_tree(prefect.home)
