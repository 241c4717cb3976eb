"""A Prefect server of its own, and the ingest flow run against it as an operator runs it."""

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# As every deployment of ours starts Prefect's server.
SERVER = [sys.executable, "-P", ROOT / "deployments" / "server.py"]
QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
# CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE.
_ROOTS_POWERS = (1, 2, 19)


def without_roots_powers() -> None:
    """Run in a child before exec: as root, be bound by file modes and ptrace rules like anybody.

    It also dies with the thread that started it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.geteuid() == 0:
        for capability in _ROOTS_POWERS:
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "a capability cannot be dropped here")


def until(met: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait for a condition and return what it returned."""
    limit = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < limit, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.05)
    return found


@dataclass(frozen=True)
class PrefectServer:
    """A running server; everything it keeps is below `home`."""

    home: Path
    url: str
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, home: Path, **settings: str) -> "PrefectServer":
        """Start one on a free port of the loopback interface and wait until it answers."""
        home.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with (home / "output").open("wb") as output:
            process = subprocess.Popen(
                [*SERVER, "--host", "127.0.0.1", "--port", str(port),
                 "--no-ui", "--no-scheduler", "--no-late-runs"],
                env=environment(home) | settings,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=without_roots_powers,
            )  # fmt: skip
        server = cls(home, f"http://127.0.0.1:{port}/api", process)
        until(server._answers, "the Prefect server answers", 120)
        return server

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def find(self, kind: str, **query: Any) -> list[dict[str, Any]]:
        """All that it has of a kind (`flow_runs`, `task_runs`, `artifacts`), oldest first."""
        answer = httpx.post(f"{self.url}/{kind}/filter", json=query, timeout=60)
        return sorted(answer.raise_for_status().json(), key=lambda one: str(one["created"]))

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.home / "output").read_text()
        try:
            return httpx.get(f"{self.url}/health").is_success
        except httpx.TransportError:
            return False


@cache
def _compiled_kernel() -> Path:
    """Where this machine's user has the extraction kernel: compiling it takes longer than a run."""
    from unvoiced.features import load, make_ready
    from unvoiced.features.kernel.private_folder import private_folder

    make_ready([load()])
    found = private_folder()
    assert found is not None, "no private cache folder on this machine"
    return found


def environment(home: Path) -> dict[str, str]:
    """A process's whole environment: nothing is inherited, and nothing points out of `home`."""
    folders = {
        "HOME": home,
        "TMPDIR": home / "tmp",
        "PREFECT_HOME": home / "prefect",
        "NUMBA_CACHE_DIR": home / "numba",
        "MPLCONFIGDIR": home / "matplotlib",
        "XDG_CACHE_HOME": home / "xdg-cache",
        "XDG_CONFIG_HOME": home / "xdg-config",
        "XDG_DATA_HOME": home / "xdg-data",
        "XDG_STATE_HOME": home / "xdg-state",
        "XDG_RUNTIME_DIR": home / "xdg-runtime",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    if not (compiled := folders["XDG_CACHE_HOME"] / "unvoiced").exists():
        shutil.copytree(_compiled_kernel(), compiled)
    return QUIET | {name: str(folder) for name, folder in folders.items()} | {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }  # fmt: skip


@dataclass(frozen=True)
class FlowRun:
    """A flow run that has ended, as the server shows it."""

    server: PrefectServer
    record: Mapping[str, Any]
    exit_code: int
    output: str

    @property
    def state(self) -> tuple[str, str]:
        """Its type and name."""
        return self.record["state"]["type"], self.record["state"]["name"]

    @property
    def message(self) -> str:
        """What the end state says."""
        return str(self.record["state"]["message"])

    @property
    def exceptions(self) -> list[dict[str, str]]:
        """The rows of its table of exceptions."""
        return list(json.loads(self.artifact("ingest-exceptions") or "[]"))

    def artifact(self, key: str) -> Any:
        """The data of its one artifact under a key; None where it has none."""
        found = [
            artifact["data"]
            for artifact in self.server.find("artifacts")
            if (artifact["key"], artifact["flow_run_id"]) == (key, self.record["id"])
        ]
        assert len(found) <= 1
        return found[0] if found else None


class FlowProcess:
    """`python -m flows.ingest`, running; or another flow, by its module and its own arguments."""

    def __init__(
        self,
        server: PrefectServer,
        config: Path,
        home: Path,
        flow: Sequence[str] = ("flows.ingest",),
        **settings: str,
    ) -> None:
        self._server = server
        variables = environment(home) | {"PREFECT_API_URL": server.url} | settings
        self._output = home / f"output-{time.monotonic_ns()}"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *flow, config],
                env=variables,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=without_roots_powers,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(errors="backslashreplace")

    def until_printed(self, text: str) -> None:
        """Wait until it has printed a text."""

        def met() -> bool:
            assert self.process.poll() is None, self.output
            return text in self.output

        until(met, f"the flow prints {text!r}")

    def finish(self) -> FlowRun:
        """Wait for its end."""
        exit_code = self.process.wait(120)
        named = re.search(r"/runs/flow-run/([0-9a-f-]{36})", self.output)
        assert named, self.output
        (record,) = [run for run in self._server.find("flow_runs") if run["id"] == named[1]]
        return FlowRun(self._server, record, exit_code, self.output)


def run_ingest(server: PrefectServer, config: Path, home: Path, **settings: str) -> FlowRun:
    """Run the flow once, to its end."""
    return FlowProcess(server, config, home, **settings).finish()
