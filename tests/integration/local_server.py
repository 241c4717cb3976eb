"""`python -m deployments.local up` in a folder of its own, as an operator runs it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments.local.api import Api
from deployments.local.parts import Parts
from deployments.local.place import Place
from tests.integration.prefect_server import BIN, ROOT, environment, without_roots_powers
from tests.servers.process import free_ports

_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def free_port() -> int:
    """A port of the loopback interface that nobody has."""
    return free_ports(1)[0]


def local(
    folder: Path, command: str, *arguments: str | Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """A command of `deployments.local` on the place `folder/up`, with a HOME of its own.

    What it starts is bound by file modes, as a user who is not root is.
    """
    return subprocess.run(
        [sys.executable, "-m", "deployments.local", command, "--home", folder / "up", *arguments],
        env=environment(folder / "home") | settings,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=400,
        check=False,
        preexec_fn=without_roots_powers,
    )


@dataclass(frozen=True)
class LocalServer:
    """A running server and its worker; everything they keep is below `folder`."""

    folder: Path
    port: int

    @classmethod
    def start(cls, folder: Path, *arguments: str | Path, **settings: str) -> "LocalServer":
        """`up` on a free port. `settings` are variables of who runs it."""
        server = cls(folder, free_port())
        done = server.up(*arguments, **settings)
        assert done.returncode == 0, done.stdout
        return server

    def up(self, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """`up`, once more."""
        return local(self.folder, "up", "--port", str(self.port), *arguments, **settings)

    def stop(self, wait: float = 0) -> None:
        """`down`, giving runs so many seconds."""
        done = local(self.folder, "down", "--wait", str(wait))
        assert done.returncode == 0, done.stdout

    @property
    def home(self) -> Path:
        """What `--home` is."""
        return self.folder / "up"

    @property
    def place(self) -> Place:
        """The same, as the program has it."""
        return Place(self.home)

    @property
    def parts(self) -> Parts:
        """Its two processes."""
        return Parts(self.place, self.place.choices())

    @property
    def url(self) -> str:
        """Of the API; the UI's is without `/api`."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def auth(self) -> str:
        """`user:password`."""
        return self.place.auth()

    @property
    def client(self) -> dict[str, str]:
        """The whole environment of a process that talks to it: `prefect`, `python -m flows.X`."""
        return environment(self.folder / "home") | self.parts.client

    @property
    def api(self) -> Api:
        """The API, logged in."""
        return Api(self.url, self.auth)

    @property
    def config(self) -> Path:
        """The settings of the deployment that `up` made."""
        return self.place.deployment / "unvoiced.toml"

    def find(self, kind: str, **query: Any) -> list[dict[str, Any]]:
        """All that it has of a kind (`flow_runs`, `task_runs`, `artifacts`), oldest first."""
        return self.api.find(kind, **query)

    def unvoiced(self, *arguments: str | Path) -> str:
        """A command of `unvoiced` on its deployment; what it prints."""
        done = subprocess.run(
            [BIN / "unvoiced", *arguments],
            env=environment(self.folder / "home") | {"UNVOICED_CONFIG": str(self.config)},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by `FLOW/NAME`."""
        found = self.api.get(f"/deployments/name/{name}")
        assert found is not None, name
        return dict(found)

    def set_schedules(self, *, active: bool, of: str = "", **schedule: Any) -> None:
        """Turn schedules on or off: all, or those of one deployment, which may be given another.

        A run by the clock would have one that a test asks for dropped, at full five minutes.
        """
        for one in [self.deployment(of)] if of else self.find("deployments"):
            for each in one["schedules"]:
                path = f"/deployments/{one['id']}/schedules/{each['id']}"
                change = {"schedule": schedule} if schedule else {}
                self.api.patch(path, {"active": active} | change)

    def start_run(self, name: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Ask for a run of a deployment; returns its id."""
        body = {"parameters": dict(parameters or {}), "state": {"type": "SCHEDULED"}}
        deployment = self.deployment(name)["id"]
        return str(self.api.post(f"/deployments/{deployment}/create_flow_run", body)["id"])

    def run(self, run: str) -> dict[str, Any]:
        """A run as it is now."""
        return dict(self.api.get(f"/flow_runs/{run}"))

    def finished(self, run: str, seconds: float = 150) -> dict[str, Any]:
        """A run when it has ended, however it did."""
        limit = time.monotonic() + seconds
        while (found := self.run(run))["state_type"] not in _FINAL:
            assert time.monotonic() < limit, (found["state"], self.place.log("worker").read_text())
            time.sleep(0.2)
        return found

    def deployment_run(
        self, name: str, parameters: Mapping[str, Any] | None = None, seconds: float = 150
    ) -> dict[str, Any]:
        """A run of a deployment, to its end."""
        return self.finished(self.start_run(name, parameters), seconds)


@pytest.fixture(scope="session")
def local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """One for the session, its schedules off. Who changes it for good starts one of their own."""
    server = LocalServer.start(tmp_path_factory.mktemp("local-server"))
    server.set_schedules(active=False)
    yield server
    server.stop()
