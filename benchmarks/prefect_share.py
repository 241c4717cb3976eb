"""What Prefect adds: the ingest flow on a running server, against the same workers without it.

    python -m benchmarks.prefect_share

The flow as an operator runs it (`python -m flows.ingest`), batches of 256 at most, against the same
`WorkerPool` driven by a plain script. CPU seconds by process, as the kernel counted them when each
had ended: the process that orchestrates, its workers, the server. Prefect's share is the server's,
and what the flow's own process took beyond the script's. What a task run costs comes from a second
pair of runs: many short recordings in few tasks, then in many.

The server's figure includes what it writes down in the seconds after a run.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import FORMATS, encoded, source, voices
from benchmarks.our_path import upload
from benchmarks.results import save
from benchmarks.rounds import say
from tests.integration.prefect_server import ROOT, PrefectServer, environment
from unvoiced.config import Settings, load_settings
from unvoiced.deployment import create_deployment
from unvoiced.ingest.worker import WorkerPool

RECORDINGS, SECONDS, VOICES, ROUNDS = 2048, 10, 16, 2
# Short recordings, and how many of them a task has: few tasks, then many.
SHORT, SHORT_SECONDS, FEW, MANY = 1024, 0.5, 256, 8
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """CPU seconds of one run, by process."""

    own: float  # the flow's process, or the script's
    workers: float
    server: float = 0.0
    tasks: int = 0  # task runs on the server


def main() -> None:
    """Measure, print and save."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        server = PrefectServer.start(home / "server")
        try:
            say("the server runs")
            settings = create_deployment(home / "deployment", datetime.now(UTC))
            long = [encoded(each, FORMATS[0]) for each in voices(VOICES, SECONDS)]
            short = [encoded(each, FORMATS[0]) for each in voices(VOICES, SHORT_SECONDS)]
            for once in (partial(by_flow, server), by_script):  # what is compiled or made once
                upload(settings, short, 8)
                once(settings, home)
            costs: dict[str, list[Cost]] = {"flow": [], "script": [], "few": [], "many": []}
            for number in range(ROUNDS):
                upload(settings, long, RECORDINGS)
                costs["flow"].append(by_flow(server, settings, home))
                upload(settings, long, RECORDINGS)
                costs["script"].append(by_script(settings, home))
                for tasks, size in (("few", FEW), ("many", MANY)):
                    limited = with_batches_of(settings, size)
                    upload(limited, short, SHORT)
                    costs[tasks].append(by_flow(server, limited, home))
                with_batches_of(settings, FEW)
                say(f"round {number + 1} of {ROUNDS}")
        finally:
            server.stop()
    results = summary(costs)
    show(results)
    save("prefect_share", {"audio": source(), **results})


def with_batches_of(settings: Settings, size: int) -> Settings:
    """The same deployment, its file naming another size of batches."""
    path = settings.folder / "unvoiced.toml"
    lines = [line for line in path.read_text("utf-8").splitlines() if "batch_samples" not in line]
    lines.insert(lines.index("[ingest]") + 1, f"batch_samples = {size}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return load_settings(settings.folder)


def by_flow(server: PrefectServer, settings: Settings, home: Path) -> Cost:
    """Ingest everything by the flow."""
    before, known = tree(server.process.pid), task_runs(server)
    own, workers = run(("-m", "flows.ingest"), settings, home, PREFECT_API_URL=server.url)
    check_empty(settings, home)
    time.sleep(4)  # the server writes task runs down after they have ended
    tasks = task_runs(server) - known
    return Cost(own, workers, tree(server.process.pid) - before, tasks)


def task_runs(server: PrefectServer) -> int:
    """How many the server knows."""
    return int(httpx.post(f"{server.url}/task_runs/count", json={}).raise_for_status().json())


def by_script(settings: Settings, home: Path) -> Cost:
    """Ingest everything by the same workers, without Prefect."""
    own, workers = run(("-m", "benchmarks.prefect_share"), settings, home)
    check_empty(settings, home)
    return Cost(own, workers)


def run(
    command: Sequence[str], settings: Settings, home: Path, **variables: str
) -> tuple[float, float]:
    """Run Python to its end; CPU seconds of the process, and of its children."""
    threads = {name: "1" for name in os.environ if name.endswith("_NUM_THREADS")}
    config = settings.folder / "unvoiced.toml"
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, str(config)],
            env=environment(home) | threads | variables,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    # Seen to have ended, and not yet waited for: its figures stand until it is.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    own, children = times(process.pid)
    if process.wait():
        raise RuntimeError(said(home))
    return own, children


def times(pid: int) -> tuple[float, float]:
    """CPU seconds of a process, and of those children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    user, system, children_user, children_system = map(int, fields[11:15])
    return (user + system) / _TICK, (children_user + children_system) / _TICK


def tree(pid: int) -> float:
    """CPU seconds of a process and everything below it."""
    below: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        below += (task / "children").read_text("ascii").split()
    return sum(times(pid)) + sum(tree(int(child)) for child in below)


def check_empty(settings: Settings, home: Path) -> None:
    """Raises RuntimeError where the run has left something."""
    if left := sum(1 for _ in settings.store("raw").list()):
        raise RuntimeError(f"{left} recordings are still there: {said(home)}")


def said(home: Path) -> str:
    """The end of what the run printed."""
    return (home / "output").read_text("utf-8", "replace")[-3000:]


def ingest_by_script(config: Path) -> None:
    """What the flow does, without Prefect."""
    with WorkerPool(config, "benchmark") as workers:
        workers.finish_interrupted()
        plan = workers.plan()
        with ThreadPoolExecutor(workers.processes) as threads:
            for report in threads.map(workers.ingest, plan.batches):
                if report.disposed != report.recordings:
                    raise RuntimeError(f"left: {report.left}")
        workers.sweep()


def summary(costs: dict[str, list[Cost]]) -> dict[str, Any]:
    """Medians, and Prefect's share of the whole."""
    middle = {
        kind: {field: median(runs, field) for field in ("own", "workers", "server", "tasks")}
        for kind, runs in costs.items()
    }
    flow, script, few, many = (middle[kind] for kind in ("flow", "script", "few", "many"))
    prefect = flow["own"] - script["own"] + flow["server"]
    a_task = (many["own"] + many["server"] - few["own"] - few["server"]) / (
        many["tasks"] - few["tasks"]
    )
    return {
        "recordings": RECORDINGS,
        "flow": flow,
        "script": script,
        "prefect": prefect,
        "share": prefect / (flow["own"] + flow["workers"] + flow["server"]),
        "task_run": a_task,
        "once": prefect - a_task * flow["tasks"],
        "per_recording_at_256": a_task / 256,
        "rounds": {kind: [asdict(one) for one in runs] for kind, runs in costs.items()},
    }


def median(runs: Sequence[Cost], field: str) -> float:
    """The median of one of a cost's fields (of two runs, what lies between)."""
    return statistics.median(getattr(one, field) for one in runs)


def show(results: dict[str, Any]) -> None:
    """Print where CPU went."""
    table = Table("", title=f"{RECORDINGS:,} recordings of {SECONDS} s: CPU seconds")
    for column in ("own process", "workers", "server", "task runs"):
        table.add_column(column, justify="right")
    for kind, name in (("flow", "with Prefect"), ("script", "without")):
        cost = results[kind]
        figures = [f"{cost[field]:.1f}" for field in ("own", "workers", "server")]
        table.add_row(name, *figures, f"{cost['tasks']:.0f}")
    Console(width=100).print(table)
    print(
        f"Prefect: {results['prefect']:.1f} s, {results['share']:.1%} of all; "
        f"{results['task_run'] * 1e3:.0f} ms a task run, {results['once']:.1f} s a flow run; "
        f"{results['per_recording_at_256'] * 1e6:.0f} us a recording at 256 a task"
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        ingest_by_script(Path(sys.argv[1]))
    else:
        main()
