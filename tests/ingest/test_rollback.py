"""A log store that was put back to an older state: refused, untouched, and usable again after."""

import io
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.errors import StoreError, VerificationError
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.worker import WorkerPool
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.remembered import RememberedCheckpoint
from unvoiced.stores.memory import MemoryStore


def voice(seed: int) -> bytes:
    """A tenth of a second of noise."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(1600)
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def files(folder: Path) -> dict[str, bytes]:
    """Every file under a folder and what is in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Backup:
    """A copy of the log's folder, to put in its place and to take away again."""

    def __init__(self, home: Home, scratch: Path) -> None:
        self._log = home.settings.folder / "stores" / "log"
        self._copy, self._real = scratch / "backup", scratch / "real"
        shutil.copytree(self._log, self._copy)

    def restore(self) -> None:
        """The older log is the log."""
        shutil.copytree(self._log, self._real)
        shutil.rmtree(self._log)
        shutil.copytree(self._copy, self._log)

    def undo(self) -> None:
        """The real log is back."""
        shutil.rmtree(self._log)
        shutil.copytree(self._real, self._log)


def with_a_backup(home: Home, scratch: Path) -> Backup:
    """One recording disposed of, a backup of the log, another disposed of, a third uploaded."""
    home.send("anna", voice(0))
    assert home.run().disposed == 1
    backup = Backup(home, scratch)
    home.send("bruno", voice(1))
    assert home.run().disposed == 1
    home.send("anna", voice(2))
    return backup


@pytest.mark.inv("INV-7")
def test_a_run_over_a_restored_log_refuses_before_it_touches_anything(
    home: Home, tmp_path: Path
) -> None:
    """Head, checkpoint and tiles are of one older, consistent log: only who remembers can tell."""
    backup = with_a_backup(home, tmp_path)
    genuine = home.settings.log_reader().checkpoint()
    backup.restore()
    # Nothing in the store itself gives it away.
    assert home.settings.log_reader().checkpoint().size < genuine.size
    before = files(home.settings.folder)
    for _ in range(3):
        with pytest.raises(VerificationError, match="went back"):
            home.run()
    assert files(home.settings.folder) == before
    assert len(list(home.store("raw").list())) == 1


@pytest.mark.inv("INV-7")
def test_after_the_real_log_is_put_back_runs_go_on(home: Home, tmp_path: Path) -> None:
    """Nothing was lost by refusing: the third recording is ingested, and all of it adds up."""
    backup = with_a_backup(home, tmp_path)
    genuine = home.settings.log_reader().checkpoint()
    backup.restore()
    with pytest.raises(VerificationError):
        home.run()
    backup.undo()
    assert home.run().disposed == 1
    accounted_for(home, [], genuine)
    assert home.status().disposed == 3
    assert home.standing() == set()


@pytest.mark.inv("INV-7")
def test_worker_processes_refuse_a_restored_log(home: Home, tmp_path: Path) -> None:
    """The error comes out of the pool as what it is, for every step of a run."""
    backup = with_a_backup(home, tmp_path)
    backup.restore()
    before = files(home.settings.folder / "stores")
    with WorkerPool(home.settings.path, "run") as workers:
        for step in (workers.finish_interrupted, workers.plan, workers.sweep):
            with pytest.raises(VerificationError, match="went back"):
                step()
    assert files(home.settings.folder / "stores") == before


@pytest.mark.inv("INV-7")
def test_a_worker_that_was_running_when_the_log_went_back_appends_nothing(
    home: Home, tmp_path: Path
) -> None:
    """It has seen the newer tree itself; the recording it was given stays where it is."""
    backup = with_a_backup(home, tmp_path)
    bench = home.bench()
    batch = home.plan(bench).batches[0]
    backup.restore()
    before = files(home.settings.folder / "stores")
    with pytest.raises(VerificationError):
        ingest_batch(bench, batch)
    assert files(home.settings.folder / "stores") == before


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("fork", [False, True], ids=["shorter", "another-history"])
def test_a_second_history_of_the_same_length_or_longer_is_refused(
    home: Home, tmp_path: Path, fork: bool
) -> None:
    """Somebody with the log's key, and no memory, went on from the backup: it is no extension."""
    backup = with_a_backup(home, tmp_path)
    genuine = home.settings.log_reader().checkpoint()
    backup.restore()
    note = home.settings.folder / "keys" / "worker" / "log-checkpoint"
    kept = note.read_bytes()
    if fork:
        note.unlink()
        home.run()
        home.send("carla", voice(3))
        home.run()
        assert home.settings.log_reader().checkpoint().size > genuine.size
        note.write_bytes(kept)
        home.send("carla", voice(4))
    before = files(home.settings.folder)
    with pytest.raises(VerificationError):
        home.run()
    assert files(home.settings.folder) == before


@pytest.mark.inv("INV-7")
def test_an_emptied_log_store_is_refused(home: Home, tmp_path: Path) -> None:
    """All of it gone is no new log either."""
    with_a_backup(home, tmp_path)
    log = home.settings.folder / "stores" / "log"
    shutil.rmtree(log)
    log.mkdir(mode=0o700)
    with pytest.raises((VerificationError, StoreError)):
        home.run()
    assert files(log) == {}
    assert len(list(home.store("raw").list())) == 1


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("how", ["text", "bit", "empty", "other-key"])
def test_a_damaged_memory_is_no_missing_memory(home: Home, how: str) -> None:
    """Else spoiling it would be enough to have a rolled back log signed; deleting is not silent."""
    sent = [home.send("anna", voice(0))]
    home.run()
    note = home.settings.folder / "keys" / "worker" / "log-checkpoint"
    kept = note.read_bytes()
    sent.append(home.send("anna", voice(1)))
    name, size = home.verifier.name, home.settings.log_reader().checkpoint()
    note.write_bytes(
        {
            "text": b"no note at all",
            "bit": kept[:-8] + bytes([kept[-8] ^ 1]) + kept[-7:],
            "empty": b"",
            "other-key": Signer(name, Ed25519PrivateKey.generate()).sign(size.text()),
        }[how]
    )
    with pytest.raises(VerificationError):
        home.run()
    assert home.standing() == {sent[1].sha256}
    note.write_bytes(kept)
    home.run()
    finished(home, sent)


SIGNER = Signer("test.invalid/log", Ed25519PrivateKey.generate())
NAME = "log-checkpoint"


def signed(size: int) -> bytes:
    """A checkpoint of this size; what its root is matters to readers only."""
    return SIGNER.sign(Checkpoint(SIGNER.name, size, bytes([size]) * 32).text())


def memory(store: Any) -> RememberedCheckpoint:
    """What is remembered in a store."""
    return RememberedCheckpoint(store, NAME, SIGNER.verifier)


def size_in(store: MemoryStore) -> int:
    """The size that is remembered."""
    remembered = memory(store).load()
    assert remembered is not None
    return remembered.size


@pytest.mark.inv("INV-7")
def test_memory_moves_forward_only() -> None:
    """A worker that was slow does not make the next one forget what a faster one saw."""
    store = MemoryStore()
    assert memory(store).load() is None
    sizes = []
    for size in (3, 5, 4, 5, 1, 9, 2):
        memory(store).keep(signed(size))
        sizes.append(size_in(store))
    assert sizes == [3, 5, 5, 5, 5, 9, 9]


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("note", [b"", b"x", signed(7)[:-9], signed(7).replace(b"\n7\n", b"\n8\n")])
def test_memory_refuses_a_damaged_note(note: bytes) -> None:
    """Whether it is to be kept or is what is there: nothing is overwritten on the strength of it.

    The last one is a checkpoint whose size was raised, under the old signature.
    """
    empty, damaged = MemoryStore(), MemoryStore()
    with pytest.raises(VerificationError):
        memory(empty).keep(note)
    assert empty.head(NAME) is None
    damaged.put_if_absent(NAME, note)
    with pytest.raises(VerificationError):
        memory(damaged).load()
    with pytest.raises(VerificationError):
        memory(damaged).keep(signed(9))
    assert damaged.get(NAME).data == note


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("there", [None, 1])
@pytest.mark.parametrize(("mine", "theirs"), [(5, 8), (8, 5), (6, 6)])
def test_of_two_racers_the_newer_checkpoint_is_remembered(
    there: int | None, mine: int, theirs: int
) -> None:
    """The other one is faster, between the look and the write."""
    store = MemoryStore()
    if there is not None:
        memory(store).keep(signed(there))
    operation = "put_if_absent" if there is None else "replace"
    act: Callable[[], object] = lambda: memory(store).keep(signed(theirs))  # noqa: E731
    memory(HookedStore(store, once(operation, NAME, act))).keep(signed(mine))
    assert size_in(store) == max(mine, theirs)


@pytest.mark.inv("INV-7")
def test_of_many_racers_the_newest_checkpoint_is_remembered() -> None:
    """Eight threads, each with checkpoints of its own, in an order of its own."""
    for _ in range(20):
        store = MemoryStore()

        def keep(first: int, store: MemoryStore = store) -> None:
            for size in range(first, 80, 8):
                memory(store).keep(signed(size))

        threads = [threading.Thread(target=keep, args=(first,)) for first in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert size_in(store) == 79
