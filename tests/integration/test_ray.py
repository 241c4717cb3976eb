"""Ingest over Ray: what a plain run does, and nothing but names on the way."""

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from os import kill
from pathlib import Path

import pytest

from tests.features.recordings import encoded, noise
from tests.ingest.claims import finished
from tests.ingest.home import Home, Sent
from tests.integration.canaries import Needle, of_plaintext, of_secret
from tests.integration.hunter import Hunter
from tests.integration.prefect_server import ROOT, FlowProcess, PrefectServer, environment
from tests.integration.sandbox import SABOTAGE
from tests.integration.test_ingest_flow import everything, reported, send_all
from unvoiced.config import Role
from unvoiced.sealing import parse_header

pytestmark = [pytest.mark.server, pytest.mark.slow]
FLOW = ("flows.ingest_on_ray",)


@pytest.fixture
def short() -> Iterator[Path]:
    """A temporary folder for Ray, whose sockets' paths must be short."""
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.inv("INV-1", "INV-5")
def test_a_run_over_ray_does_what_a_plain_run_does_and_names_travel_alone(
    server: PrefectServer, home: Home, with_troublemakers: Path, tmp_path: Path, short: Path
) -> None:
    """Badge, report and conservation count; and in all that Ray and Prefect wrote, not a piece of a
    recording or of a secret.
    """
    sent = send_all(home, with_troublemakers)
    names = {"upload cut short.wav", "notes renamed.wav", "pressed stop at once.wav"}
    bad = [one for name in names for one in sent[name]]
    good = len(everything(sent)) - len(bad)

    running = FlowProcess(server, home.settings.path, tmp_path, flow=FLOW, TMPDIR=str(short))
    kept = Kept(short, tmp_path / "kept")
    run = running.finish()
    kept.stop()

    assert (run.exit_code, run.state) == (0, ("COMPLETED", "CompletedWithQuarantine"))
    assert run.message == f"{good} recordings disposed of with receipt, {len(bad)} quarantined"
    assert reported(run)["found in the raw store"] == len(everything(sent))
    finished(home, everything(sent), bad)
    assert list(short.glob("unvoiced-ray-*")) == []

    logs = [path for path in kept.folder.rglob("*.log") if path.stat().st_size]
    assert logs, "Ray's own files were seen while they stood"
    hunter = Hunter(needles(home, everything(sent)))
    assert hunter.in_tree(home.settings.folder / "stores" / "raw")  # it does look
    for place in (kept.folder, server.home, tmp_path / "prefect"):
        assert hunter.in_tree(place) == set()


def test_no_secret_of_prefect_travels_to_ray(tmp_path: Path) -> None:
    """What goes with each task has neither Prefect's key nor its passwords, which it would have."""
    secrets = {
        "PREFECT_API_KEY": "pnu_key-of-the-server",
        "PREFECT_API_AUTH_STRING": "admin:of-the-server",
        "PREFECT_SERVER_DATABASE_PASSWORD": "of-the-database",
    }
    script = """
import cloudpickle, prefect, sys
from prefect_ray import task_runners
before = cloudpickle.dumps(task_runners.serialize_context())
import tasks.on_ray
after = cloudpickle.dumps(task_runners.serialize_context())
print([secret.encode() in sent for sent in (before, after) for secret in sys.argv[1:]])
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *secrets.values()],
        env=environment(tmp_path) | secrets,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([True] * 3 + [False] * 3)


@pytest.mark.inv("INV-5")
def test_what_kills_a_worker_over_ray_costs_one_recording(
    server: PrefectServer, home: Home, tmp_path: Path, short: Path
) -> None:
    """A recording that kills whoever opens it is found in its batch and quarantined."""
    sent = [home.send(f"person-{n}", encoded(noise(8_000, seed=n))) for n in range(6)]
    orders = tmp_path / "orders"
    orders.mkdir()
    deadly = hashlib.sha256(sent[3].data).hexdigest()
    (orders / "orders.json").write_text(json.dumps({deadly: "block"}))
    (orders / "block").touch()

    running = FlowProcess(
        server, home.settings.path, tmp_path / "operator", flow=FLOW, TMPDIR=str(short),
        UNVOICED_SABOTAGE=str(orders), PYTHONPATH=str(SABOTAGE),
    )  # fmt: skip
    while running.process.poll() is None and "Finished in state" not in running.output:
        witness = orders / "witness"
        if witness.exists():
            opener = json.loads(witness.read_text())
            assert opener["prefect"] == []  # who holds the keys runs nothing of Prefect's
            witness.unlink()
            kill(opener["pid"], signal.SIGKILL)
        threading.Event().wait(0.1)
    run = running.finish()

    assert run.state == ("COMPLETED", "CompletedWithQuarantine")
    assert [row["reason"] for row in run.exceptions] == ["worker-killed"]
    finished(home, sent, [sent[3]])


class Kept:
    """Copies what Ray writes while the run lasts: the run removes it."""

    def __init__(self, watched: Path, folder: Path) -> None:
        self.folder = folder
        self._watched = watched
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The run is over."""
        self._ended.set()
        self._thread.join()

    def _copy(self) -> None:
        while not self._ended.wait(0.5):
            for path in self._watched.rglob("*"):
                target = self.folder / path.relative_to(self._watched)
                try:
                    if path.is_file() and not path.is_symlink():
                        target.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(path, target)
                except OSError:  # gone meanwhile
                    continue


def needles(home: Home, sent: list[Sent]) -> Iterator[Needle]:
    """Pieces of recordings, opened and sealed, and of every secret of the deployment."""
    for one in sent:
        yield from of_plaintext("recording", one.data)
        yield from of_plaintext("sealed", one.sealed[len(parse_header(one.sealed).raw) :])
    roles: tuple[Role, ...] = ("worker", "dataset", "inviter", "archive")
    for role in roles:
        vault = home.settings.vault(role)
        for kind in ("intake", "log", "content", "dataset", "archive", "pseudonym"):
            for name in vault.names(kind):
                yield from of_secret(f"{role} {name}", vault.get(f"{kind}/{name}"))
