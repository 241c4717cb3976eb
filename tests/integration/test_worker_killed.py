"""Workers, runs and the server killed in mid-run: what the run ends as, and what the next one does.

Times are those of the product but one: a run is a zombie after 50 s of silence, not after 90.
"""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from deployments.automations.files import FOLDER
from tests.features.recordings import encoded, noise
from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home, Sent
from tests.integration.operated import Operated, Worker, descendants, with_no_fuss
from tests.integration.prefect_server import until
from tests.integration.sandbox import SABOTAGE

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation, pytest.mark.timeout(600)]
# More than the 30 s between heartbeats, which Prefect does not let anybody shorten.
SILENCE = 50


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's automations, with a shorter silence."""
    folder = tmp_path_factory.mktemp("files") / "automations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    said = yaml.safe_load((folder / "zombie-runs.yaml").read_text())
    said["trigger"]["within"] = SILENCE
    (folder / "zombie-runs.yaml").write_text(yaml.safe_dump(said))
    return folder


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A server with all its services."""
    server = Operated(tmp_path_factory.mktemp("operated"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Scene:
    """A deployment of its own, a worker for it, and a run that is in the midst of a batch."""

    server: Operated
    folder: Path
    home: Home
    sent: list[Sent]
    deployment: str
    worker: Worker
    run: str
    processes: list[int]

    @classmethod
    def begin(cls, server: Operated, folder: Path, name: str) -> "Scene":
        """Start a run that has a recording open when this returns."""
        home = Home.create(folder / "home")
        with home.settings.path.open("a") as settings:
            settings.write("batch_samples = 4\nworkers = 1\n")
        voices = [encoded(noise(8_000, seed=number)) for number in range(12)]
        sent = [home.send(f"person-{n % 3}", voice) for n, voice in enumerate(voices)]
        orders = folder / "orders"
        orders.mkdir()
        opened = hashlib.sha256(sent[5].data).hexdigest()
        (orders / "orders.json").write_text(json.dumps({opened: "block"}))
        (orders / "block").touch()
        deployment = server.deployment(name)
        worker = Worker(
            server, folder / "worker", home.settings.path, name,
            UNVOICED_SABOTAGE=str(orders), PYTHONPATH=str(SABOTAGE),
        )  # fmt: skip
        run = server.run(deployment)
        until((orders / "witness").exists, f"a worker has a recording open: {worker.output}", 180)
        assert server.state(run) == ("RUNNING", "Running")
        assert server.slots(deployment) == 1
        processes = descendants(worker.process.pid)
        return cls(server, folder, home, sent, deployment, worker, run, processes)

    def unblock(self) -> None:
        """Let the batch go on, where there is anybody to do it; and later ones."""
        (self.folder / "orders" / "block").unlink(missing_ok=True)

    def kill_all(self, how: signal.Signals) -> None:
        """The worker, and whatever of its run is left then."""
        self.worker.kill(how)
        for process in self.processes:
            with_no_fuss(process)

    def next_run_finishes(self) -> None:
        """By a new worker, where the old one is gone; each recording has one receipt then."""
        accounted_for(self.home, self.sent)
        self.unblock()
        if self.worker.process.poll() is not None:
            self.another_worker()
        assert self.server.slots(self.deployment) == 0
        run = self.server.run(self.deployment)
        assert self.server.until_ended(run, 180) == ("COMPLETED", "Completed"), self.worker.output
        finished(self.home, self.sent)
        assert self.server.slots(self.deployment) == 0

    def another_worker(self) -> None:
        """As a service starts it again."""
        self.worker = Worker(self.server, self.folder / "next", self.home.settings.path, self.name)

    @property
    def name(self) -> str:
        """The deployment's, and its queue's."""
        return str(self.server.read(f"deployments/{self.deployment}")["name"])

    def end(self) -> None:
        """Nothing of it is left."""
        self.worker.stop()
        for process in self.processes:
            with_no_fuss(process)


@pytest.fixture
def scenes(operated: Operated, tmp_path: Path) -> Iterator[list[Scene]]:
    """To be filled by the test; all end with it."""
    begun: list[Scene] = []
    yield begun
    for scene in begun:
        scene.end()


@pytest.mark.inv("INV-5", "INV-6")
def test_runs_whose_worker_was_killed_end_and_the_next_run_finishes(
    operated: Operated, scenes: list[Scene], files: Path, tmp_path: Path
) -> None:
    """SIGTERM, and SIGKILL with all it started: nobody says so, and the dead run holds the limit.

    Once the automation stands, though it saw none of their heartbeats, they become Crashed.
    """
    without = tmp_path / "without"
    shutil.copytree(files, without, ignore=shutil.ignore_patterns("zombie-runs.yaml"))
    operated.automate("--files", str(without))
    for name, how in {"asked": signal.SIGTERM, "killed": signal.SIGKILL}.items():
        scenes.append(Scene.begin(operated, tmp_path / name, name))
        scenes[-1].kill_all(how)
    scenes[0].another_worker()
    blocked = operated.run(scenes[0].deployment)
    assert operated.until_ended(blocked, 60) == ("CANCELLED", "Cancelled")
    for scene in scenes:
        assert operated.state(scene.run) == ("RUNNING", "Running")

    operated.automate("--files", str(files))

    for scene in scenes:
        assert operated.until_ended(scene.run, SILENCE + 60) == ("CRASHED", "Crashed")
        assert "No sign of life" in operated.read(f"flow_runs/{scene.run}")["state"]["message"]
    for scene in scenes:
        scene.next_run_finishes()


@pytest.mark.inv("INV-5", "INV-6")
def test_a_run_that_is_killed_is_crashed_by_its_worker(
    operated: Operated, scenes: list[Scene], tmp_path: Path
) -> None:
    """At once: the worker waits for the process it started."""
    scene = Scene.begin(operated, tmp_path, "run-killed")
    scenes.append(scene)
    os.kill(scene.processes[0], signal.SIGKILL)
    assert operated.until_ended(scene.run, 30) == ("CRASHED", "Crashed")
    for process in scene.processes[1:]:
        with_no_fuss(process)
    scene.next_run_finishes()


@pytest.mark.inv("INV-5", "INV-6")
def test_a_run_outlives_its_worker_alone_and_ends(
    operated: Operated, scenes: list[Scene], files: Path, tmp_path: Path
) -> None:
    """SIGKILL of the worker only: whatever its run ends as, it says so, and all is there."""
    operated.automate("--files", str(files))
    scene = Scene.begin(operated, tmp_path, "worker-killed")
    scenes.append(scene)
    scene.worker.kill(signal.SIGKILL)
    scene.unblock()
    kind, _ = operated.until_ended(scene.run, SILENCE + 60)
    assert kind in {"COMPLETED", "CRASHED"}
    scene.next_run_finishes()


@pytest.mark.inv("INV-5", "INV-6")
def test_a_run_outlives_the_server(operated: Operated, scenes: list[Scene], tmp_path: Path) -> None:
    """SIGKILL while batches end, and started again: the run completes, and keeps its slot."""
    scene = Scene.begin(operated, tmp_path, "server-killed")
    scenes.append(scene)
    lease = operated.read(f"flow_runs/{scene.run}")["state"]["state_details"][
        "deployment_concurrency_lease_id"
    ]
    operated.stop(signal.SIGKILL)
    scene.unblock()
    operated.start()
    # Else the run would be ended when it next renews it, within four minutes.
    operated.renew(lease)
    assert operated.until_ended(scene.run, 120) == ("COMPLETED", "Completed")
    scene.next_run_finishes()
