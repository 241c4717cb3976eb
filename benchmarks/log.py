"""What the log costs as it grows: append, open, prove, look up, verify, at 1e2 to 1e6 leaves.

    python -m benchmarks.log [SIZES]

Logs in a folder of real leaves: for every 256 recordings their acceptances, their receipts (about
1 kB each), two new contributors' keys, one recording that stays in quarantine; the last 256 are the
backlog. Each thing is done in a process of its own, which has seen nothing of the log, and is told
in milliseconds of CPU and of wall time, and in MiB that the process grew by (its peak). Appends are
of 256 leaves through `Accounts.append`, in a process that has the log open; medians.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table

from benchmarks import results
from unvoiced.disposal import Observation, PlacedFeatures, Receipt
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.snapshot import LedgerSnapshots
from unvoiced.log.verify import leaves_about, verify_log
from unvoiced.log.writer import LogWriter
from unvoiced.stores.file import FileStore

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
BATCH, CHUNK, ROUNDS, PROOFS = 256, 65_536, 9, 200
SIGNER = Signer("unvoiced.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

Figures = dict[str, float]


def digest(*what: object) -> str:
    """The digest of an object that never was."""
    return hashlib.sha256(repr(what).encode()).hexdigest()


def accepted(number: int) -> bytes:
    """A recording was taken over."""
    key = digest("intake", 0)[:32]
    return encode_leaf("accepted", digest("recording", number), NOW, intake_key=key)


def receipts() -> Callable[[int], bytes]:
    """Makes receipts: one real one, with the digests of others put in."""
    observed = Observation(False, False, "absent", 0, NOW)
    features = PlacedFeatures("name", digest("feature set"), digest("features"))
    what = "object in a folder"
    leaf = Receipt(digest("recording"), what, (features,), observed, "worker, run 1").leaf()

    def receipt(number: int) -> bytes:
        own = digest("recording", number).encode(), digest("features", number).encode()
        there = digest("recording").encode(), digest("features").encode()
        return leaf.replace(there[0], own[0]).replace(there[1], own[1])

    return receipt


def leaves() -> Iterator[bytes]:
    """The leaves of a deployment's life, without end."""
    yield encode_leaf("intake-key", digest("intake", 0), NOW, epoch="2026-w47")
    receipt = receipts()
    for batch in count():
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        for each in range(2):
            yield encode_leaf("contributor-key", digest("contributor", batch, each), NOW)
        yield from map(accepted, numbers)
        yield encode_leaf("quarantined", digest("recording", numbers[0]), NOW, reason="truncated")
        yield from map(receipt, numbers[1:])


def build(folder: Path, size: int) -> None:
    """A log of so many leaves, the last of them acceptances."""
    writer = LogWriter.create(FileStore(folder), SIGNER)
    story = leaves()
    left = max(size - BATCH, 0)
    while left:
        chunk = list(islice(story, min(CHUNK, left)))
        left -= len(chunk)
        writer.append(lambda _, chunk=chunk: chunk)  # type: ignore[misc]
    last = [accepted(number) for number in range(-min(size, BATCH), 0)]
    writer.append(lambda _: last)
    os.sync()  # or what follows would wait for it


def open_accounts(folder: Path) -> Accounts:
    """As a worker does."""
    store = FileStore(folder)
    reader = LogReader(store, SIGNER.verifier)
    accounts = Accounts(LogWriter(store, SIGNER), reader, snapshots=LedgerSnapshots(store, SIGNER))
    accounts.current()
    return accounts


def peak() -> float:
    """MiB of memory that this process ever had at once."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


class Clock:
    """What something costs: CPU and wall in ms, and growth of the peak in MiB."""

    def __enter__(self) -> "Clock":
        """Start."""
        self.memory, self.cpu, self.wall = peak(), time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        self.cpu, self.wall, self.memory = cpu * 1e3, wall * 1e3, peak() - self.memory

    def figures(self, what: str) -> Figures:
        """By name."""
        return {
            f"{what}, CPU ms": round(self.cpu, 2),
            f"{what}, wall ms": round(self.wall, 2),
            f"{what}, MiB": round(self.memory, 1),
        }


def opening(folder: Path) -> Figures:
    """Open the accounts."""
    with Clock() as clock:
        open_accounts(folder)
    return clock.figures("open")


def appending(folder: Path) -> Figures:
    """Append a batch of acceptances, then their receipts, again and again."""
    accounts = open_accounts(folder)
    receipt, took = receipts(), {"append accepted": list[Clock](), "append disposed": list[Clock]()}
    start = time.time_ns()
    for each in range(ROUNDS):
        numbers = range(start + each * BATCH, start + (each + 1) * BATCH)
        for what, make in (("append accepted", accepted), ("append disposed", receipt)):
            batch = sorted(map(make, numbers))
            with Clock() as clock:
                assert len(accounts.append(batch, as_of=accounts.current().size)) == BATCH
                accounts.current()
            took[what].append(clock)
    figures: Figures = {}
    for what, clocks in took.items():
        middle = sorted(clocks, key=lambda clock: clock.cpu)[ROUNDS // 2]
        middle.wall = statistics.median(clock.wall for clock in clocks)
        middle.memory = sum(clock.memory for clock in clocks)
        figures |= middle.figures(what)
    return figures


def proving(folder: Path) -> Figures:
    """Prove one entry in a process that has read nothing, then others."""
    with Clock() as cold:
        reader = LogReader(FileStore(folder), SIGNER.verifier)
        size = reader.checkpoint().size
        reader.proof(size // 3)
    figures = cold.figures("proof, cold")
    wanted = [int.from_bytes(hashlib.sha256(bytes([n])).digest()) % size for n in range(PROOFS)]
    took = []
    for index in wanted:
        with Clock() as warm:
            reader.proof(index)
        took.append(warm)
    middle = sorted(took, key=lambda clock: clock.cpu)[PROOFS // 2]
    middle.wall = statistics.median(clock.wall for clock in took)
    middle.memory = sum(clock.memory for clock in took)
    return figures | middle.figures("proof, log open")


def verifying(folder: Path) -> Figures:
    """Verify all of it."""
    with Clock() as clock:
        verify_log(FileStore(folder), SIGNER.verifier)
    return clock.figures("verify")


def looking_up(folder: Path) -> Figures:
    """Find what the log says of one recording, and which feature objects have a receipt."""
    store = FileStore(folder)
    reader = LogReader(store, SIGNER.verifier)
    with Clock() as clock:
        found = list(leaves_about(reader, digest("recording", -1)))
    assert found
    figures = clock.figures("all about one recording")
    accounts = Accounts(LogWriter(store, SIGNER), LogReader(store, SIGNER.verifier))
    asked = [digest("features", number) for number in range(BATCH)]
    with Clock() as clock:
        accounts.with_receipt_for_features(asked)
    figures |= clock.figures("features with a receipt, asked first")
    with Clock() as clock:
        accounts.with_receipt_for_features(asked)
    return figures | clock.figures("features with a receipt, asked again")


STEPS = {step.__name__: step for step in (opening, proving, verifying, looking_up, appending)}


def in_new_process(step: str, folder: Path) -> Figures:
    """What a step measured."""
    command = [sys.executable, "-m", "benchmarks.log", step, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def measure(size: int) -> Figures:
    """All of it for a log of one size."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with Clock() as clock:
            build(log, size)
        figures = clock.figures("build")
        for step in ("opening", "proving", "verifying", "looking_up", "appending"):
            figures |= in_new_process(step, log)
        # The appends left a snapshot of the ledger, where the log is long enough for one.
        again = in_new_process("opening", log)
        figures |= {f"re{name}": value for name, value in again.items()}
        size_of_it = log / "ledger" / "snapshot"
        figures["snapshot, bytes"] = size_of_it.stat().st_size if size_of_it.exists() else 0
        return figures


def main() -> None:
    """Measure, save, show."""
    sizes = [int(each) for each in sys.argv[1:]] or SIZES
    measured = {str(size): measure(size) for size in sizes}
    if tuple(sizes) == SIZES:
        results.save("log", measured)
    table = Table("", *(f"{size:,}" for size in sizes))
    for name in measured[str(sizes[0])]:
        table.add_row(name, *(f"{measured[str(size)][name]:,}" for size in sizes))
    Console(width=120).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        sys.stdout.write(json.dumps(STEPS[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main()
