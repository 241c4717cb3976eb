"""A run in parts, over a real work pool: two worker processes of Prefect take what is free."""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.features.recordings import encoded, noise
from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home
from tests.integration.prefect_server import (
    BIN,
    ROOT,
    FlowProcess,
    FlowRun,
    PrefectServer,
    environment,
    until,
    without_roots_powers,
)
from tests.integration.sandbox import SABOTAGE
from tests.integration.test_ingest_flow import everything, reported, send_all
from unvoiced.ingest.part import Part

pytestmark = [pytest.mark.server, pytest.mark.slow]
POOL = "unvoiced"


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server with work pool and deployments, made by the commands of docs/scale.md."""
    folder = tmp_path_factory.mktemp("prefect-server")
    server = PrefectServer.start(folder)
    for command in (
        ["work-pool", "create", POOL, "--type", "process"],
        ["--no-prompt", "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"],
    ):
        subprocess.run(
            [BIN / "prefect", *command],
            env=environment(folder / "operator") | {"PREFECT_API_URL": server.url},
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=120,
        )
    yield server
    server.stop()


@contextmanager
def workers(server: PrefectServer, folder: Path, **settings: str) -> Iterator[None]:
    """Two workers of the pool, each with a home of its own and one run at a time."""
    processes: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
    for name in ("one", "other"):
        home = folder / name
        variables = environment(home) | settings
        variables |= {"PREFECT_API_URL": server.url, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        output = (home / "output").open("wb")
        process = subprocess.Popen(
            [BIN / "prefect", "worker", "start", "--pool", POOL, "--work-queue", "ingest-worker",
             "--name", name, "--limit", "1"],
            env=variables,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=without_roots_powers,
        )  # fmt: skip
        processes.append((process, output))
    try:
        yield
    finally:
        for process, output in processes:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            output.close()


def spread(server: PrefectServer, home: Home, folder: Path, parts: int) -> FlowProcess:
    """`python -m flows.ingest_spread`."""
    flow = ("flows.ingest_spread", "--parts", str(parts))
    return FlowProcess(server, home.settings.path, folder / "operator", flow=flow)


def parts_of(run: FlowRun) -> dict[int, FlowRun]:
    """The runs of the parts, by number."""
    children = {
        task["state"]["state_details"]["child_flow_run_id"]
        for task in run.server.find("task_runs")
        if task["flow_run_id"] == run.record["id"]
    }
    runs = [one for one in run.server.find("flow_runs") if one["id"] in children]
    return {one["parameters"]["part"]: FlowRun(run.server, one, 0, "") for one in runs}


@pytest.mark.inv("INV-5", "INV-6")
def test_three_parts_over_two_workers_do_what_one_run_does(
    prefect: PrefectServer, home: Home, with_troublemakers: Path, tmp_path: Path
) -> None:
    """Everything is disposed of or quarantined once; sums, badge and parts' own reports agree."""
    sent = send_all(home, with_troublemakers)
    names = {"upload cut short.wav", "notes renamed.wav", "pressed stop at once.wav"}
    bad = [one for name in names for one in sent[name]]
    good = len(everything(sent)) - len(bad)

    with workers(prefect, tmp_path):
        run = spread(prefect, home, tmp_path, 3).finish()

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "CompletedWithQuarantine"))
    assert run.message == f"{good} disposed of with receipt in 3 parts, {len(bad)} quarantined"
    parts = parts_of(run)
    assert sorted(parts) == [1, 2, 3]
    for number, part in parts.items():
        ours = [one for one in everything(sent) if Part(number, 3).has(one.name)]
        assert reported(part).get("found in the raw store", 0) == len(ours)
    sums = run.artifact("ingest-spread-report")
    assert f"| found in the raw store | {len(everything(sent))} |" in sums
    finished(home, everything(sent), bad)


@pytest.mark.inv("INV-5")
def test_a_part_that_is_killed_is_named_and_the_next_run_finishes_it(
    prefect: PrefectServer, home: Home, recordings: Path, tmp_path: Path
) -> None:
    """kill -9 of one part's flow in the midst of a batch: the other part finishes all the same."""
    sent = everything(send_all(home, recordings))
    # Pseudonyms are new every time: some of these are in either part.
    more = [home.send(f"person-{n}", encoded(noise(8_000, seed=n))) for n in range(12)]
    sent += more
    stuck = next(one for one in more if Part(1, 2).has(one.name))
    orders = tmp_path / "orders"
    orders.mkdir()
    (orders / "orders.json").write_text(
        json.dumps({hashlib.sha256(stuck.data).hexdigest(): "block"})
    )
    (orders / "block").touch()

    sabotage = {"UNVOICED_SABOTAGE": str(orders), "PYTHONPATH": str(SABOTAGE)}
    with workers(prefect, tmp_path / "first", **sabotage):
        running = spread(prefect, home, tmp_path, 2)
        until((orders / "witness").exists, "a worker has the recording open", 120)
        opener = json.loads((orders / "witness").read_text())["pid"]
        os.kill(parent(opener), signal.SIGKILL)
        run = running.finish()

    assert (run.exit_code, run.state) == (1, ("FAILED", "Failed"))
    assert "not finished: part 1 (Crashed); the next run finishes it" in run.message
    others = [one for one in sent if Part(2, 2).has(one.name)]
    assert parts_of(run)[2].state == ("COMPLETED", "Completed")
    assert home.standing().isdisjoint(one.sha256 for one in others)
    assert stuck.sha256 in home.standing()
    accounted_for(home, sent)

    with workers(prefect, tmp_path / "next"):
        run = spread(prefect, home, tmp_path, 2).finish()

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "Completed"))
    finished(home, sent)


def parent(process: int) -> int:
    """The process that started it."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("PPid:"))


def test_a_deployment_that_is_not_there_is_said(
    prefect: PrefectServer, home: Home, tmp_path: Path
) -> None:
    """Before any part is started."""
    flow = ("flows.ingest_spread", "--deployment", "ingest/elsewhere")
    run = FlowProcess(prefect, home.settings.path, tmp_path / "operator", flow=flow).finish()
    assert (run.exit_code, run.state) == (1, ("FAILED", "Failed"))
    assert run.message == "this server has no deployment ingest/elsewhere (docs/scale.md)"
