"""Server, worker and command of compose.yaml: root read-only, another user, no rights.

What stands under `tmpfs` and `volumes` is all that they write to. No container engine is needed.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deployments.container import credentials
from deployments.container.idle import runs
from deployments.demo.corpus import synthesise
from tests.deployments.contained import USER, Contained, services
from tests.ingest.home import Home
from tests.integration.prefect_server import until
from tests.servers.process import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.operation, pytest.mark.server, pytest.mark.timeout(600)]
_DATABASE = "sqlite+aiosqlite:////var/lib/prefect/prefect.db"


@dataclass(frozen=True)
class Stack:
    """The services on this machine, and the deployment they work for."""

    folder: Path
    home: Home
    port: int
    health: int

    def service(self, name: str) -> Contained:
        """One of compose.yaml, its port being free here, its server on loopback."""
        settings = {
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_WORKER_WEBSERVER_PORT": str(self.health),
        }
        if name == "server":
            settings = {
                "PREFECT_SERVER_API_HOST": "127.0.0.1",
                "PREFECT_SERVER_API_PORT": str(self.port),
            }
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        where = {
            "UNVOICED_DEPLOYMENT": str(self.home.settings.folder),
            "UNVOICED_SECRETS": str(self.folder / "secrets"),
        }
        return Contained(folder, services(where)[name], settings)

    def api(self, path: str, **body: object) -> httpx.Response:
        """Ask the server as its clients do."""
        user, _, password = (self.folder / "secrets" / "auth-string").read_text().partition(":")
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api", auth=(user, password)
        ) as to:
            token = to.get("/csrf-token", params={"client": "tests"}).json()["token"]
            headers = {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token}
            return to.post(path, json=body, headers=headers).raise_for_status()


def _stop(process: "subprocess.Popen[bytes]") -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A deployment of user 10001 with recordings in it, its secrets, and a running server."""
    assert os.geteuid() == 0, "mounts want root"
    folder = tmp_path_factory.mktemp("contained")
    home = Home.create(folder / "deployment")
    with home.settings.path.open("a") as settings:
        settings.write("workers = 1\n")
    speech = folder / "speech"
    speech.mkdir()
    synthesise(speech, speakers=2, recordings=2)
    for file in sorted(speech.glob("*/*")):
        home.send(file.parent.name, file.read_bytes())
    for path in (home.settings.folder, *home.settings.folder.rglob("*")):
        shutil.chown(path, USER, USER)
    credentials.make(folder / "secrets", database=_DATABASE)
    stack = Stack(folder, home, *free_ports(2))
    process = stack.service("server").start(folder / "server-output")

    def answers() -> bool:
        assert process.poll() is None, (folder / "server-output").read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{stack.port}/api/ready").is_success
        except httpx.TransportError:
            return False

    until(answers, "the server is ready", 180)
    yield stack
    assert _stop(process) in (0, -signal.SIGTERM)


def test_nothing_else_can_be_written_and_no_right_be_had(stack: Stack) -> None:
    """Root, program and settings are closed to a worker; it has no capability and no core file."""
    says = (
        "import os, resource\n"
        "for place in ('/', '/app', '/opt/venv', '/etc', '/usr/bin', '/deployment',\n"
        "              '/deployment/keys', '/run/secrets', '/var'):\n"
        "    try: open(f'{place}/x', 'w'); print('wrote', place)\n"
        "    except OSError: pass\n"
        "for name in ('/deployment/unvoiced.toml', '/deployment/keys/worker.kek'):\n"
        "    try: open(name, 'a'); print('wrote', name)\n"
        "    except OSError: pass\n"
        "status = open('/proc/self/status').read()\n"
        "assert 'CapBnd:\\t0000000000000000' in status and 'CapPrm:\\t0000000000000000' in status\n"
        "assert 'NoNewPrivs:\\t1' in status and os.getuid() == os.getgid() == 10001\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
        "print(sorted(os.listdir('/deployment/keys')))\n"
    )
    status, output = stack.service("ingest-worker").run("python", "-c", says)
    assert (status, output) == (0, "['worker', 'worker.kek']\n")


def test_a_worker_ingests_and_ends_when_it_is_told_to(stack: Stack) -> None:
    """The list of writable folders is complete: a run disposes of all there is, with receipts."""
    status, output = stack.service("apply").run(seconds=240)
    assert status == 0, output
    assert httpx.post(f"http://127.0.0.1:{stack.port}/api/flow_runs/count", json={}).is_client_error
    found = stack.api("/deployments/filter").json()
    # What somebody has paused stays so when an upgrade applies everything again.
    (paused,) = [one["id"] for one in found if one["name"] == "retention"]
    stack.api(f"/deployments/{paused}/pause_deployment")
    assert stack.service("apply").run(seconds=240)[0] == 0
    found = stack.api("/deployments/filter").json()
    assert [one["id"] for one in found if one["paused"]] == [paused]
    (wanted,) = [one["id"] for one in found if one["name"] == "part"]  # on no schedule
    printed = stack.folder / "worker-output"
    worker = stack.service("ingest-worker").start(printed)
    try:
        waited_for: set[int] = set()
        run = stack.api(f"/deployments/{wanted}/create_flow_run").json()["id"]

        def ended() -> dict[str, str] | None:
            assert worker.poll() is None, printed.read_text()
            with suppress(FileNotFoundError):
                waited_for.update(Path(f"/proc/{one}").stat().st_uid for one in runs())
            (state,) = (one["state"] for one in stack.api("/flow_runs/filter").json()
                        if one["id"] == run)  # fmt: skip
            return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

        state = until(ended, "the run ends", 420)
        assert state["type"] == "COMPLETED", (state, printed.read_text())
        assert USER in waited_for  # idle.py sees a run, by its environment
        healthy = ["python", "-I", "-S", "/app/deployments/container/healthy.py",
                   f"http://127.0.0.1:{stack.health}/health"]  # fmt: skip
        assert stack.service("ingest-worker").run(*healthy) == (0, "")
        begun = time.monotonic()
        assert _stop(worker) == 0
        assert time.monotonic() - begun < 25  # by SIGTERM alone, not by the SIGKILL after it
    finally:
        _stop(worker)
    assert not list(stack.home.store("raw").list())
    status = stack.home.status()
    assert (status.disposed, status.quarantined, status.backlog) == (4, 0, 0)
    # The compiled kernel was kept where nobody else may write: no worker said it could not be.
    assert "No private cache folder" not in printed.read_text()
