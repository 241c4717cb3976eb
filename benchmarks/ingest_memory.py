"""Memory of an ingest run against the size of its backlog: `python -m benchmarks.ingest_memory`.

    python -m benchmarks.ingest_memory 1000 10000 100000

Each backlog is of 0.2 s recordings of a hundred contributors, in a deployment of its own on the
memory disk, and run by the real flow on a Prefect server of its own. Shown is the largest resident
set that each process of the run ever had: the flow's own, and the worker that had most.
"""

import io
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.results import save
from tests.ingest.home import Home
from tests.integration.prefect_server import ROOT, PrefectServer, environment
from unvoiced.deployment import create_deployment
from unvoiced.upload import seal_recording

_CONTRIBUTORS = 100
_RATE = 16_000


@dataclass(frozen=True)
class Peak:
    """Largest resident sets, in MiB, and what the run took."""

    recordings: int
    flow: float
    worker: float
    seconds: float
    cpu_seconds: float
    leaves: int
    prefect_kilobytes: float  # that Prefect's database grew by, a task run


def clip(number: int) -> bytes:
    """0.2 s of noise, another for each number, as WAV."""
    noise = np.random.default_rng(number).normal(0, 3_000, _RATE // 5).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, noise, _RATE, format="WAV")
    return file.getvalue()


def fill(home: Home, recordings: int) -> None:
    """Seal and put so many."""
    invitations = [home.invitation(f"person-{number}") for number in range(_CONTRIBUTORS)]
    public, raw = invitations[0].intake_key().public, home.store("raw")
    for number in range(recordings):
        invitation = invitations[number % _CONTRIBUTORS]
        raw.put_if_absent(*seal_recording(clip(number), invitation, public))


def measure(recordings: int, server: PrefectServer, folder: Path) -> Peak:
    """Fill a deployment, run the flow, and watch its processes until it ends."""
    home = Home(create_deployment(folder / f"home-{recordings}", datetime.now(UTC)))
    with home.settings.path.open("a") as settings:
        settings.write("workers = 2\n")
    fill(home, recordings)
    began, used, database = time.monotonic(), os.times(), size_of_database(server)
    flow = subprocess.Popen(
        [sys.executable, "-m", "flows.ingest", home.settings.path],
        env=environment(folder / "operator") | {"PREFECT_API_URL": server.url},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peaks: dict[int, float] = {}
    while flow.poll() is None:
        for process in (flow.pid, *children(flow.pid)):
            peaks[process] = max(peaks.get(process, 0.0), largest_resident_set(process))
        time.sleep(0.25)
    seconds, after = time.monotonic() - began, os.times()
    status = home.status()
    assert flow.returncode == 0
    assert (status.disposed, status.adds_up) == (recordings, True)
    return Peak(
        recordings,
        peaks.pop(flow.pid),
        max(peaks.values()),
        seconds,
        after.children_user + after.children_system - used.children_user - used.children_system,
        status.log_size,
        (size_of_database(server) - database) / 1024 / -(-recordings // 256),
    )


def size_of_database(server: PrefectServer) -> int:
    """Bytes of Prefect's database, with what waits to be taken into it."""
    return sum(file.stat().st_size for file in (server.home / "prefect").glob("prefect.db*"))


def children(process: int) -> list[int]:
    """The worker processes of a flow: those that hold the keys."""
    found = Path(f"/proc/{process}/task").glob("*/children")
    try:
        return [int(child) for file in found for child in file.read_text().split()]
    except OSError:
        return []


def largest_resident_set(process: int) -> float:
    """The high-water mark of a process's resident set in MiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(x.split()[1]) / 1024 for x in lines if x.startswith("VmHWM")), 0.0)


def main() -> None:
    """Measure each backlog that is asked for, print a table, and save it."""
    sizes = [int(size) for size in sys.argv[1:]] or [1_000, 10_000]
    disk = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=disk if disk.is_dir() else None) as place:
        folder = Path(place)
        server = PrefectServer.start(folder / "server")
        try:
            found = []
            measure(_CONTRIBUTORS, server, folder)  # compiles, and fills the server's caches
            print(
                "| recordings | flow, MiB | worker, MiB | wall, s | CPU, s | Prefect, kB a task |"
            )
            print("|---:|---:|---:|---:|---:|---:|")
            for size in sizes:
                one = measure(size, server, folder)
                found.append(one)
                print(
                    f"| {one.recordings:,} | {one.flow:.0f} | {one.worker:.0f} "
                    f"| {one.seconds:.0f} | {one.cpu_seconds:.0f} | {one.prefect_kilobytes:.0f} |",
                    flush=True,
                )
        finally:
            server.stop()
    save("ingest_memory", {"runs": [asdict(one) for one in found]})


if __name__ == "__main__":
    main()
