"""Writers at the same time, in threads and in processes."""

import multiprocessing
import sys
import threading
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.log.histories import check_published, check_tidy, logged
from tests.log.troubled_stores import WatchedStore
from unvoiced.log.note import Signer
from unvoiced.log.writer import LogWriter
from unvoiced.stores.file import FileStore
from unvoiced.stores.interface import Store
from unvoiced.stores.memory import MemoryStore

APPENDS_EACH = 12
SIZES = (1, 40, 3, 90)


def entries_of(writer: int) -> list[list[bytes]]:
    """What one writer appends, batch by batch."""
    return [
        [b"%d/%d/%d" % (writer, number, each) for each in range(SIZES[number % len(SIZES)])]
        for number in range(APPENDS_EACH)
    ]


def append_all(store: Store, signer: Signer, writer: int) -> None:
    """Open a writer and append its batches."""
    log = LogWriter(store, signer)
    for batch in entries_of(writer):
        done = log.append(lambda _, batch=batch: batch)
        assert list(done.entries) == batch


def check_all_there(entries: list[bytes], writers: int) -> None:
    """Every batch in one piece, each writer's in order, nothing else."""
    for writer in range(writers):
        mine = [each for each in entries if each.startswith(b"%d/" % writer)]
        assert mine == [each for batch in entries_of(writer) for each in batch]
        for batch in entries_of(writer):
            start = entries.index(batch[0])
            assert entries[start : start + len(batch)] == batch
    assert len(entries) == writers * sum(len(batch) for batch in entries_of(0))


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("writers", [2, 8])
def test_writers_in_threads_log_every_entry_once(writers: int, signer: Signer) -> None:
    """Each thread has a writer of its own on one store."""
    store = WatchedStore(MemoryStore())
    LogWriter.create(store, signer)
    failed: list[BaseException] = []

    def run(writer: int) -> None:
        try:
            append_all(store, signer, writer)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=run, args=(each,)) for each in range(writers)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failed == []
    check_all_there(logged(store, signer), writers)
    check_published(store, signer, store.published)
    check_tidy(store, signer)


def test_one_writer_shared_between_threads_logs_every_entry_once(signer: Signer) -> None:
    """Its appends take turns."""
    store = MemoryStore()
    log = LogWriter.create(store, signer)

    def run(writer: int) -> None:
        for batch in entries_of(writer):
            log.append(lambda _, batch=batch: batch)

    threads = [threading.Thread(target=run, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_all_there(logged(store, signer), 4)


def _in_a_process(folder: Path, together: Barrier, writer: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    together.wait()
    append_all(FileStore(folder), Signer("unvoiced.example/log", key), writer)


@pytest.mark.inv("INV-7")
def test_two_processes_on_one_folder_log_every_entry_once(tmp_path: Path, signer: Signer) -> None:
    """What they share is the disk alone."""
    store = FileStore(tmp_path / "log")
    LogWriter.create(store, signer)
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(2)
    processes = [
        spawn.Process(target=_in_a_process, args=(tmp_path / "log", together, writer))
        for writer in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    check_all_there(logged(store, signer), 2)
    check_tidy(store, signer)
