"""The canary hunt: a whole deployment's life with failures in it, then a search of every disk.

Searched are all files of the sandbox (HOME, TMPDIR, caches and Prefect's home are inside), all of
the Prefect server's, its database cell by cell, and every other regular file on the file systems
of /, /tmp, /var/tmp and /dev/shm that changed meanwhile. Left out are the contributors' own source
recordings, and /proc and /sys, which are no storage. Every needle is random and of this run, so
files of tests that run at the same time can hold none. Not searched: swap, and blocks of files that
were deleted since.
"""

import hashlib
import json
import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.integration.hunter import Find, Hunter, changed_since, rows
from tests.integration.prefect_server import (
    FlowProcess,
    FlowRun,
    PrefectServer,
    run_ingest,
    until,
)
from tests.integration.sandbox import Sandbox
from tests.integration.worker_process import core_limit, may_be_attached_to, shown_by
from unvoiced.errors import OpenError
from unvoiced.ingest.status import Status, take_status
from unvoiced.reader import feature_names
from unvoiced.sealing import PrivateKey, open_sealed

pytestmark = pytest.mark.server
DEBUG = {"PREFECT_LOGGING_LEVEL": "DEBUG"}


@dataclass(frozen=True)
class Blocked:
    """What was seen while a worker had a recording open."""

    finds: set[Find]
    cores: list[str]
    attachable: bool
    flow_attachable: bool
    prefect_modules: list[str]


@dataclass(frozen=True)
class Life:
    """What happened in the sandbox."""

    sandbox: Sandbox
    server: PrefectServer
    stamp: Path
    runs: dict[str, FlowRun]
    blocked: Blocked
    status: Status

    @property
    def hunter(self) -> Hunter:
        """Hunts everything that this life must not have left."""
        return Hunter(self.sandbox.needles())

    def forbidden(self, finds: set[Find]) -> set[Find]:
        """Finds in places where they must not be."""
        return {find for find in finds if not self.sandbox.is_allowed(find.place, find.what)}


@pytest.fixture(scope="module")
def life(
    server: PrefectServer, recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Life]:
    """Four runs: a killed worker and a failing store; one killed listing; a failure; the rest."""
    folder = tmp_path_factory.mktemp("sandbox")
    stamp = folder / "stamp"
    stamp.touch()
    speech = np.concatenate([soundfile.read(file, dtype="int16")[0].ravel()
                             for file in sorted(recordings.glob("*/*.flac"))[:2]]
                            or [np.zeros(16_000, np.int16)])  # fmt: skip
    sandbox = Sandbox(folder, speech)
    sandbox.create()
    word = f"canary-metadata-{sandbox.words['metadata']}"
    first = [
        ("blocked", "wav", sandbox.audio("WAV")),
        ("raising", "flac", sandbox.audio("FLAC")),
        ("tagged", "wav", sandbox.audio("WAV", title=word, comment=word)),
        ("commented", "flac", sandbox.audio("FLAC", title=word, comment=word)),
        *sandbox.troublemakers(),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sandbox.variables.items():
            patch.setenv(name, value)
        sandbox.record(1, iter(first))
        sandbox.record(2, iter([("other", "wav", sandbox.audio("WAV"))]))
        sandbox.upload_fernet()
        runs = {}
        runs["troubled"], blocked = troubled_run(sandbox, server)
        sandbox.record(2, iter([("late", "flac", sandbox.audio("FLAC"))]))
        for name, order in (("list", "die"), ("batch", "RuntimeError"), ("last", "")):
            orders = sandbox.sabotage({name: order} if order else {})
            runs[name] = run_ingest(
                server, sandbox.config, sandbox.home, **variables(sandbox, orders)
            )
        yield Life(sandbox, server, stamp, runs, blocked, take_status(sandbox.settings))


def variables(sandbox: Sandbox, orders: dict[str, str]) -> dict[str, str]:
    """The environment of a sabotaged flow run."""
    return DEBUG | sandbox.variables | orders


def troubled_run(sandbox: Sandbox, server: PrefectServer) -> tuple[FlowRun, Blocked]:
    """A run whose worker is killed with a recording open, and whose training store then refuses."""
    orders = sandbox.sabotage({"blocked": "block", "raising": "ValueError"})
    (sandbox.sources / "block").touch()
    witness = sandbox.sources / "witness"
    training = sandbox.config.parent / "stores" / "training"
    running = FlowProcess(server, sandbox.config, sandbox.home, **variables(sandbox, orders))
    until(witness.exists, "a worker has the recording open")
    seen = json.loads(witness.read_text())
    blocked = Blocked(
        shown_by(seen["pid"], Hunter(sandbox.needles())),
        core_limit(seen["pid"]),
        may_be_attached_to(seen["pid"]),
        may_be_attached_to(running.process.pid),
        seen["prefect"],
    )
    # From the root down: another batch may be making folders in it right now.
    for folder in (training, *training.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o500)
    os.kill(seen["pid"], signal.SIGKILL)
    (sandbox.sources / "block").unlink()
    running.until_printed("Retry 1/3")
    for folder in (training, *training.rglob("*")):
        if folder.is_dir():
            folder.chmod(0o700)
    return running.finish(), blocked


@pytest.mark.inv("INV-5")
def test_the_failures_happened_and_nothing_was_lost(life: Life) -> None:
    """The hunt is worth something only if the runs went as badly as planned."""
    assert life.runs["troubled"].state == ("COMPLETED", "CompletedWithQuarantine")
    reasons = {row["reason"] for row in life.runs["troubled"].exceptions}
    assert reasons == {"extraction-failed", "not-audio", "truncated"}
    assert life.runs["list"].state[0] in {"FAILED", "CRASHED"}
    assert life.runs["batch"].state == ("FAILED", "Failed")
    assert life.runs["last"].state == ("COMPLETED", "Completed")
    assert life.status.adds_up
    written = len(life.sandbox.written)
    assert (life.status.disposed, life.status.quarantined) == (written - 3, 3)


@pytest.mark.inv("INV-1", "INV-11")
def test_nothing_of_a_recording_a_person_or_a_key_is_in_the_sandbox(life: Life) -> None:
    """Stores, logs, caches, Prefect's home and all that was printed at level DEBUG."""
    found = life.hunter.in_tree(life.sandbox.folder)
    assert {find.what for find in found} >= {"samples", "file name", "passphrase"}  # it does look
    assert life.forbidden(found) == set()


@pytest.mark.inv("INV-1", "INV-11")
def test_nothing_of_it_is_with_the_prefect_server(life: Life) -> None:
    """Its database, write-ahead log and output."""
    assert life.hunter.in_tree(life.server.home) == set()


@pytest.mark.slow
@pytest.mark.inv("INV-1")
def test_nothing_of_it_is_elsewhere_on_this_machine(life: Life) -> None:
    """Every regular file that changed since the start, and the names of all of them."""
    roots = ("/", str(life.stamp.parent), tempfile.gettempdir(), "/var/tmp", "/dev/shm")  # noqa: S108
    changed = changed_since(life.stamp, map(Path, roots))
    assert life.stamp.parent / "deployment" / "unvoiced.toml" in changed
    elsewhere = [path for path in changed if not path.is_relative_to(life.sandbox.folder)]
    hunter = life.hunter
    found = hunter.in_names(elsewhere)
    for path in elsewhere:
        found |= hunter.in_file(path)
    assert found == set()


@pytest.mark.inv("INV-1")
def test_a_worker_shows_nothing_while_it_has_a_recording_open(life: Life) -> None:
    """Command line, environment, open files; no core dump; nobody of the same user attaches.

    The flow's own process, which holds no key and no recording, can be attached to: that shows
    that the attempt is a real one.
    """
    assert life.blocked.finds == set()
    assert life.blocked.cores == ["0", "0"]
    assert life.blocked.flow_attachable
    assert not life.blocked.attachable


def test_a_worker_does_not_load_prefect(life: Life) -> None:
    """Whoever holds the keys runs none of the orchestrator's code, and starts without it."""
    assert life.blocked.prefect_modules == []


@pytest.mark.inv("INV-2")
def test_what_ingest_writes_its_worker_cannot_open(life: Life) -> None:
    """No private key of the worker's vault opens features, a contributor key, or an original."""
    training, archive = (life.sandbox.settings.store(name) for name in ("training", "archive"))  # type: ignore[arg-type]  # two of the names
    keys = [
        PrivateKey(secret)
        for name, secret in life.sandbox.secrets().items()
        if name.startswith("worker") and len(secret) == 96
    ]
    objects = [
        store.get(entry.name).data for store in (training, archive) for entry in store.list()
    ]
    assert keys
    assert len(list(feature_names(training))) == life.status.disposed
    for sealed in objects:
        for key in keys:
            with pytest.raises(OpenError):
                open_sealed(sealed, key, {})


@pytest.mark.inv("INV-1", "INV-4")
def test_originals_are_in_the_archive_and_open_with_its_key_alone(life: Life) -> None:
    """Every one that was disposed of, bit for bit, under the name it had; nothing else is there."""
    archive = life.sandbox.settings.store("archive")
    key = PrivateKey(life.sandbox.secrets()["archive archive/archive"])
    opened: set[bytes] = set()
    for entry in archive.versions():
        with open_sealed(archive.get(entry.name).data, key, {"purpose": "archive"}) as original:
            opened.add(hashlib.sha256(original.data).digest())
    written = {hashlib.sha256(data).digest() for data in life.sandbox.written.values()}
    assert opened < written
    assert len(opened) == life.status.archived == life.status.disposed


@pytest.mark.inv("INV-11")
def test_prefect_knows_names_and_states_only(life: Life) -> None:
    """Flows take the path of a file; tasks take what the server knows as references."""
    database = life.server.home / "prefect" / "prefect.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as prefect:
        assert any(rows(prefect))
        parameters = [
            json.loads(row[0]) for row in prefect.execute("SELECT parameters FROM flow_run")
        ]
        inputs = [json.loads(row[0]) for row in prefect.execute("SELECT task_inputs FROM task_run")]
    assert {"config": str(life.sandbox.config), "part": 1, "of": 1} in parameters
    assert all(found.keys() == {"config", "part", "of"} for found in parameters)
    assert inputs
    for found in inputs:
        assert found.keys() <= {"workers", "part", "tried", "number", "after", "batch", "record"}
        references = [reference for values in found.values() for reference in values]
        assert all(reference["input_type"] == "task_run" for reference in references)


@pytest.mark.inv("INV-11")
def test_prefect_stores_no_result_and_no_exception(life: Life) -> None:
    """Not even of the run that failed because its worker was killed while listing."""
    assert len(life.runs["list"].message) < 200, life.runs["list"].message
    storages = (home / "prefect" / "storage" for home in (life.sandbox.home, life.server.home))
    stored = [path for storage in storages for path in storage.rglob("*") if path.is_file()]
    assert {path.name: path.read_text()[:300] for path in stored} == {}
