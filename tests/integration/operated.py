"""A Prefect server with all its services, deployments of `ingest` and workers, to be killed.

The settings are those of `make up` (`deployments.local.environment`); a test says what it shortens.
Everything is below one folder.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deployments.local.environment import client_environment, server_environment
from tests.integration.prefect_server import (
    BIN,
    ROOT,
    SERVER,
    environment,
    until,
    without_roots_powers,
)
from tests.servers.process import free_ports

AUTH = "unvoiced:hunter2"
POOL = "unvoiced"


@dataclass
class Operated:
    """A server that may be stopped and started again, and what is made on it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its API."""
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start it, on the data it had, and wait until it answers."""
        variables = environment(self.folder) | self.settings
        variables |= server_environment(self.folder / "prefect", port=self.port, auth=AUTH)
        with (self.folder / "server-output").open("ab") as output:
            self.process = subprocess.Popen(
                [*SERVER, "--no-ui"],
                env=variables | self.settings,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=without_roots_powers,
            )
        until(self._answers, "the Prefect server answers", 120)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server-output").read_text()
        try:
            return self._ask("GET", "health").is_success
        except httpx.TransportError:
            return False

    def _ask(self, method: str, path: str, /, **body: Any) -> httpx.Response:
        user, _, password = AUTH.partition(":")
        with httpx.Client(auth=(user, password), timeout=30) as client:
            token = client.get(f"{self.url}/csrf-token", params={"client": "tests"})
            headers = {"Prefect-Csrf-Client": "tests"}
            if token.is_success:
                headers["Prefect-Csrf-Token"] = token.json()["token"]
            return client.request(method, f"{self.url}/{path}", headers=headers, json=body or None)

    def make(self, kind: str, /, **body: Any) -> str:
        """Create something; returns its id."""
        answer = self._ask("POST", f"{kind}/", **body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def read(self, path: str) -> dict[str, Any]:
        """One thing."""
        return dict(self._ask("GET", path).raise_for_status().json())

    def find(self, kind: str, **query: Any) -> list[dict[str, Any]]:
        """All that it has of a kind, oldest first."""
        found = self._ask("POST", f"{kind}/filter", **query).raise_for_status().json()
        return sorted(found, key=lambda one: str(one["created"]))

    def client(self, folder: Path, **settings: str) -> dict[str, str]:
        """The environment of whatever talks to it."""
        variables = environment(folder)
        variables |= client_environment(folder / "prefect", url=self.url, auth=AUTH)
        return variables | self.settings | settings

    def pool(self) -> None:
        """Make the work pool, as `process` runs it."""
        if not self.find("work_pools"):
            self.make("work_pools", name=POOL, type="process")

    def deployment(self, name: str = "ingest") -> str:
        """Make `ingest/NAME`, with a queue of its own: one run at a time, others are cancelled."""
        self.pool()
        return self.make(
            "deployments",
            name=name,
            flow_id=self.make("flows", name="ingest"),
            entrypoint="flows/ingest.py:ingest",
            path=str(ROOT),
            work_pool_name=POOL,
            work_queue_name=name,
            tags=["unvoiced", "ingest-worker"],
            concurrency_limit=1,
            concurrency_options={"collision_strategy": "CANCEL_NEW"},
            enforce_parameter_schema=False,
        )

    def automate(self, *arguments: str) -> list[str]:
        """`python -m deployments.automations`; its lines."""
        done = subprocess.run(
            [sys.executable, "-m", "deployments.automations", *arguments],
            env=self.client(self.folder / "operator"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def run(self, deployment: str) -> str:
        """Ask for a run, as the schedule or a person does; its id."""
        answer = self._ask("POST", f"deployments/{deployment}/create_flow_run", name="by hand")
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def state(self, run: str) -> tuple[str, str]:
        """Type and name of a run's state."""
        state = self.read(f"flow_runs/{run}")["state"]
        return state["type"], state["name"]

    def until_ended(self, run: str, seconds: float = 120) -> tuple[str, str]:
        """Wait for a run's end; how it ended."""
        ends = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

        def ended() -> tuple[str, str] | None:
            state = self.state(run)
            return state if state[0] in ends else None

        found: tuple[str, str] = until(ended, f"run {run} ends", seconds)
        return found

    def renew(self, lease: str) -> None:
        """Renew what a run holds of its deployment's limit, as the run does."""
        path = f"v2/concurrency_limits/leases/{lease}/renew"
        self._ask("POST", path, lease_duration=300).raise_for_status()

    def slots(self, deployment: str) -> int:
        """How many runs the server believes to hold the deployment's limit."""
        limit = self.read(f"deployments/{deployment}")["global_concurrency_limit"]
        return int(limit["active_slots"])


class Worker:
    """A worker of the pool, running as under `make up`, for one queue."""

    def __init__(self, server: Operated, folder: Path, config: Path, queue: str = "ingest",
                 **settings: str) -> None:  # fmt: skip
        self.output_file = folder / f"worker-output-{time.monotonic_ns()}"
        folder.mkdir(parents=True, exist_ok=True)
        variables = server.client(folder, UNVOICED_CONFIG=str(config), **settings)
        with self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                [BIN / "prefect", "worker", "start", "--pool", POOL, "--work-queue", queue],
                env=variables,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=without_roots_powers,
            )

    @property
    def output(self) -> str:
        """What it and its runs have printed so far."""
        return self.output_file.read_text(errors="backslashreplace")

    def kill(self, how: signal.Signals) -> None:
        """Send it, and it alone, a signal, and wait for its end."""
        self.process.send_signal(how)
        self.process.wait(60)

    def stop(self) -> None:
        """End it and all that it started."""
        for process in [*descendants(self.process.pid), self.process.pid]:
            with_no_fuss(process)
        self.process.wait(30)


def descendants(process: int) -> list[int]:
    """All processes that it started, and those they started, deepest last."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return found[1:]


def with_no_fuss(process: int) -> None:
    """Kill it, where it is still there."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
