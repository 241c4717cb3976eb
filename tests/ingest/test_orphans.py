"""Worker processes hold keys: none of them outlives the run that started it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.ingest.claims import finished
from tests.ingest.home import Home
from unvoiced.ingest.outcome import BatchReport, Item
from unvoiced.ingest.workbench import Workbench

ROOT = Path(__file__).parents[2]
WITHIN = 10.0
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

_OWNER = """
import sys, threading, time
from pathlib import Path
from unvoiced.ingest.worker import WorkerPool
from tests.ingest import test_orphans

if __name__ == "__main__":
    pool = WorkerPool(Path(sys.argv[1]), "run")
    getattr(test_orphans, sys.argv[2])(pool)
"""


def idle(pool: object) -> None:
    """Workers that wait for their next batch."""
    pool.plan()  # type: ignore[attr-defined]
    _wait_to_be_killed()


def busy(pool: object) -> None:
    """A worker in the middle of a batch, that would never end of itself."""
    pool.ingest(pool.plan().batches[0], never_ends)  # type: ignore[attr-defined]


def computing(pool: object) -> None:
    """A worker that lets go of the interpreter lock only when it is made to."""
    pool.ingest(pool.plan().batches[0], never_pauses)  # type: ignore[attr-defined]


def bisecting(pool: object) -> None:
    """A worker of its own for one recording, after its batch's worker was killed."""
    pool.ingest(pool.plan().batches[0], dies_and_then_never_ends)  # type: ignore[attr-defined]


def starting(pool: object) -> None:
    """Workers that have not opened their vault yet."""
    pool._executor.submit(int)  # type: ignore[attr-defined]
    print("ready", flush=True)  # noqa: T201
    _wait_to_be_killed()


def _wait_to_be_killed() -> None:
    print("ready", flush=True)  # noqa: T201
    time.sleep(600)


def never_ends(_: Workbench, __: Sequence[Item]) -> BatchReport:
    """As a store that does not answer."""
    _wait_to_be_killed()
    return BatchReport()


def never_pauses(_: Workbench, __: Sequence[Item]) -> BatchReport:
    """As an extraction that goes on and on."""
    print("ready", flush=True)  # noqa: T201
    while True:
        pass


def dies_and_then_never_ends(bench: Workbench, _: Sequence[Item]) -> BatchReport:
    """Kills its first process; the next one finds the trace of that."""
    trace = Path(bench.raw.url.removeprefix("file://")).parent / "died-once"
    if not trace.exists():
        trace.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    _wait_to_be_killed()
    return BatchReport()


def _stat(pid: int) -> tuple[str, int, str] | None:
    """State, parent and start time of a process that is there, a zombie not being there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else (fields[0], int(fields[1]), fields[19])


def _below(pid: int) -> set[tuple[int, str]]:
    """All processes below one, each with the time it was started at."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _stat(int(entry.name))) is not None:
            parents[int(entry.name)] = (found[1], found[2])
    found_below: set[tuple[int, str]] = set()
    open_ends = {pid}
    while open_ends:
        children = {child for child, (parent, _) in parents.items() if parent in open_ends}
        found_below |= {(child, parents[child][1]) for child in children}
        open_ends = children
    return found_below


def _are_there(processes: set[tuple[int, str]]) -> set[int]:
    return {pid for pid, start in processes if (now := _stat(pid)) is not None and now[2] == start}


@contextlib.contextmanager
def owner(home: Home, what: Callable[[object], None]) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that holds a pool and does something with it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(home.settings.path), what.__name__],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()


def _poll(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("what", [idle, busy, computing, bisecting, starting])
def test_no_worker_outlives_a_run_that_was_killed(
    home: Home, voices: list[bytes], what: Callable[[object], None]
) -> None:
    """kill -9 leaves no process behind, whatever the workers were at; the next run ends well."""
    path = home.settings.path
    path.write_text(f"{path.read_text(encoding='utf-8')}workers = 2\n", encoding="utf-8")
    sent = home.send("anna", voices[0])
    with owner(home, what) as process:
        assert _poll(lambda: bool(_below(process.pid)))
        workers = _below(process.pid)
        assert _are_there(workers)
        process.kill()
        process.wait()
        gone = _poll(lambda: not _are_there(workers))
        left = _are_there(workers)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert gone, f"{len(left)} of {len(workers)} processes are still there"
    home.run()
    finished(home, [sent])


def test_no_worker_outlives_a_run_that_ended(home: Home, voices: list[bytes]) -> None:
    """Leaving the pool ends its processes."""
    from unvoiced.ingest.worker import WorkerPool

    home.send("anna", voices[0])
    with WorkerPool(home.settings.path, "run") as pool:
        before = _below(os.getpid())
        pool.plan()
        workers = {one for one in _below(os.getpid()) if one not in before}
        assert _are_there(workers)
    # What is left is what multiprocessing keeps for this process itself.
    assert _poll(lambda: len(_are_there(workers)) <= 1)
