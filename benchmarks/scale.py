"""How cost grows with the number of samples: CPU time and memory of everything that looks at all.

    python -m benchmarks.scale            # up to 1e6 samples; ten minutes
    python -m benchmarks.scale --quick    # up to 300; whether it runs

Each operation runs in a fresh process on a deployment of N samples (`benchmarks.estates` says what
is simulated). CPU seconds are of the operation alone, all threads. Memory is what the process's
resident set grew by at its highest, from when everything was imported (Linux counts that, VmHWM).
Growth is that of CPU seconds from the last N to the one before: 1.0 is linear, 0 is not at all.
"""

import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import estates, results
from unvoiced.config import Settings, load_settings

Operation = Callable[[Settings], object]
WINDOW = 8  # batches that are planned at once


def list_raw(settings: Settings) -> int:
    """List every version in the raw store."""
    return sum(1 for _ in settings.store("raw").versions())


def plan(settings: Settings) -> int:
    """Plan a run of ingest, window after window, through all of its batches."""
    from unvoiced.ingest.plan import make_plan
    from unvoiced.ingest.workbench import open_workbench

    bench = open_workbench(settings, "benchmark")
    after: str | None = ""
    batches = 0
    while after is not None:
        window = make_plan(bench, 256, 2**26, 2**30, after=after, window=WINDOW)
        after, batches = window.after, batches + len(window.batches)
    return batches


def ingest(settings: Settings) -> int:
    """Ingest everything, in one process, window after window."""
    from unvoiced.ingest.batch import ingest_batch
    from unvoiced.ingest.plan import make_plan
    from unvoiced.ingest.workbench import open_workbench

    bench = open_workbench(settings, "benchmark")
    after: str | None = ""
    disposed = 0
    while after is not None:
        window = make_plan(bench, 256, 2**26, 2**30, after=after, window=WINDOW)
        after = window.after
        disposed += sum(ingest_batch(bench, batch).disposed for batch in window.batches)
    return disposed


def status(settings: Settings) -> int:
    """`unvoiced status`, while a run is at work."""
    from unvoiced.ingest.status import take_status

    found = take_status(settings)
    if not found.adds_up:
        raise RuntimeError(f"the estate does not add up: {found}")
    return found.accepted


def catalog_build(settings: Settings) -> int:
    """Build the catalog."""
    from unvoiced.catalog.build import CatalogBuilder, build_all

    return sum(report.rows for report in build_all(CatalogBuilder.of(settings)))


def catalog_query(settings: Settings) -> object:
    """Load the catalog, count by contributor."""
    from unvoiced.catalog.query import run_query
    from unvoiced.catalog.table import load

    sql = "select pseudonym, count(*), sum(duration_seconds) from catalog group by 1 order by 2"
    return len(run_query(load(settings.store("training"), ""), sql)[1])


def open_reader(settings: Settings) -> int:
    """Open the features, and read the log before the first sample."""
    import warnings

    from unvoiced.reader.opening import open_view

    warnings.simplefilter("ignore")
    view = open_view(settings, "training")
    view._access.session().follow()  # as the first read does
    return len(view)


def retention(settings: Settings) -> int:
    """What is due by every rule."""
    from unvoiced.retention.look import Deployment, decide
    from unvoiced.retention.rules import Rule

    deployment = Deployment.of(estates.with_retention(settings))
    now = estates.START
    return sum(len(one.due) for rule in Rule for one in decide(deployment, rule, now))


def backfill_plan(settings: Settings) -> int:
    """Plan a backfill of another feature set from the raw store."""
    from unvoiced.backfill.bench import open_bench
    from unvoiced.backfill.plan import make_plan
    from unvoiced.backfill.request import Selection

    bench = open_bench(settings, "benchmark", source="raw", feature_set="mfcc-13")
    return len(make_plan(bench, Selection()).todo)


def erase(settings: Settings) -> int:
    """Erase one contributor."""
    from unvoiced.eraser import open_eraser
    from unvoiced.erasure import carry_out, request

    eraser = open_eraser(settings, "benchmark")
    whose = next(iter(eraser.training.folders("features/speech-16k-" + _digest8() + "/")))
    outcome = carry_out(eraser, request(eraser, whose))
    if not outcome.complete:
        raise RuntimeError(f"the erasure waits: {outcome.pending}")
    return sum((outcome.destroyed or {}).values())


def audit_verify(settings: Settings) -> int:
    """Verify the audit trail."""
    from unvoiced.audit.verify import verify_trail

    report = verify_trail(
        settings.store("audit"), settings.log_reader(), audit_days=3650, now=datetime.now(UTC)
    )
    if not report.intact:
        raise RuntimeError(f"the trail does not hold: {report.damage[:3]} {report.planted[:3]}")
    return report.tied


def _digest8() -> str:
    from unvoiced.features import load

    return load("speech-16k").digest[:8]


# In this order on one simulated deployment; and the most samples each is run with.
SIMULATED: dict[str, tuple[Operation, int]] = {
    "list": (list_raw, 10**6),
    "plan": (plan, 10**6),
    "status": (status, 10**6),
    "backfill plan": (backfill_plan, 10**5),
    "reader, opened": (open_reader, 10**6),
    "catalog, from nothing": (catalog_build, 10**5),
    "catalog, 1 % new": (catalog_build, 10**5),
    "catalog, query": (catalog_query, 10**5),
    "reader, opened with catalog": (open_reader, 10**5),
    "retention, what is due": (retention, 10**5),
    "erase one": (erase, 10**6),
}
OTHERS: dict[str, tuple[Operation, int]] = {
    "ingest": (ingest, 10**4),
    "audit verify": (audit_verify, 10**5),
}


@dataclass(frozen=True)
class Cost:
    """What one operation took in its process."""

    n: int
    cpu_seconds: float
    wall_seconds: float
    grown_mb: float
    peak_rss_mb: float


def main(arguments: list[str]) -> None:
    """Measure, print, save; or be the process that is measured."""
    if arguments[:1] == ["--operation"]:
        measure_here(arguments[1], Path(arguments[2]))
        return
    if arguments[:1] == ["--make"]:
        _make(arguments[1], Path(arguments[2]), int(arguments[3]))
        return
    quick = "--quick" in arguments
    sizes = [int(float(one)) for one in arguments if not one.startswith("--")]
    costs = measure_all(sizes or ([100, 300] if quick else [10**2, 10**3, 10**4, 10**5, 10**6]))
    show(costs)
    if not quick and not sizes:
        print(results.save("scale", {name: as_json(name, found) for name, found in costs.items()}))


def measure_all(sizes: list[int]) -> dict[str, list[Cost]]:
    """Every operation at every size it is run with."""
    costs: dict[str, list[Cost]] = {name: [] for name in (*SIMULATED, *OTHERS)}
    for n in sizes:
        with tempfile.TemporaryDirectory(prefix="unvoiced-scale-") as scratch:
            if any(n <= most for _, most in SIMULATED.values()):
                folder = Path(scratch) / "simulated"
                _run("--make", "simulated", str(folder), str(n))
                for name, (_, most) in SIMULATED.items():
                    if n > most:
                        continue
                    if name == "catalog, 1 % new":
                        _run("--make", "more", str(folder), str(n))
                    costs[name].append(_measured(name, folder, n))
                shutil.rmtree(folder)
            for name, kind in (("ingest", "real"), ("audit verify", "trail")):
                if n <= OTHERS[name][1]:
                    folder = Path(scratch) / kind
                    _run("--make", kind, str(folder), str(n))
                    costs[name].append(_measured(name, folder, n))
                    shutil.rmtree(folder)
    return costs


def _make(kind: str, folder: Path, count: int) -> None:
    match kind:
        case "simulated":
            estates.make_simulated(folder, count)
        case "real":
            estates.make_real(folder, count)
        case "trail":
            requesters = 3
            a_day = max(1, min(100, count // (requesters * 2)))
            days = -(-count // (requesters * a_day))
            estates.make_trail(folder, days, requesters, a_day)
        case _:
            more = max(1, count // 100)
            estates.add_more(load_settings(folder), count, more)


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.scale", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _measured(name: str, folder: Path, n: int) -> Cost:
    found: dict[str, float] = json.loads(_run("--operation", name, str(folder)).splitlines()[-1])
    print(f"{n:>9,} {name}: {found}", flush=True)
    return Cost(n, **found)


def measure_here(name: str, folder: Path) -> None:
    """Run an operation in this process; print what it cost."""
    operation, _ = {**SIMULATED, **OTHERS}[name]
    _import_all()
    settings = load_settings(folder)
    before = _forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    operation(settings)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = _status_mb("VmHWM")
    cost = {"cpu_seconds": cpu, "wall_seconds": wall, "grown_mb": peak - before}
    print(json.dumps({**{key: round(value, 4) for key, value in cost.items()},
                      "peak_rss_mb": round(peak, 1)}))  # fmt: skip


def _import_all() -> None:
    """What operations import, so that it is none of their cost."""
    import unvoiced.backfill.plan
    import unvoiced.catalog.build
    import unvoiced.catalog.query
    import unvoiced.erasure
    import unvoiced.ingest.batch
    import unvoiced.reader.opening
    import unvoiced.retention.look  # noqa: F401
    from unvoiced.catalog.query import closed_connection
    from unvoiced.catalog.schema import encode_shard, schema

    encode_shard(schema().empty_table())
    closed_connection().close()


def _forget_peak() -> float:
    """Begin to count the highest resident set anew; what it is now, in MB."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _status_mb("VmRSS")


def _status_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError(f"/proc/self/status has no {field}")


def growth(found: list[Cost]) -> float:
    """By which power of N the CPU time grew in the last step; nan for fewer than two."""
    if len(found) < 2:
        return math.nan
    before, last = found[-2:]
    return math.log(last.cpu_seconds / before.cpu_seconds) / math.log(last.n / before.n)


def as_json(name: str, found: list[Cost]) -> dict[str, Any]:
    """What is saved of one operation."""
    return {
        "N": [one.n for one in found],
        "cpu_seconds": [one.cpu_seconds for one in found],
        "wall_seconds": [one.wall_seconds for one in found],
        "grown_mb": [one.grown_mb for one in found],
        "peak_rss_mb": [one.peak_rss_mb for one in found],
        "note": NOTES.get(name, ""),
    }


NOTES: dict[str, str] = {
    "list": "every version in raw, a folder; memory: the names of one folder",
    "plan": (
        "simulated uploads, 8 batches a window; begins with the log's snapshot of the "
        "accounts; in a folder each window lists the names of all contributors' folders "
        "again, which a bucket does not; memory: a window"
    ),
    "status": (
        "a run at work has accepted 256 of the uploads; the log is read and checked whole, "
        "as status trusts no snapshot; memory: what is not settled, by digest"
    ),
    "backfill plan": (
        "from raw; memory: the plan itself, about 300 bytes an original, and up to 4,096 "
        "contributors' keys"
    ),
    "reader, opened": (
        "log read and checked whole, no catalog; memory: names and sizes, 120 bytes a "
        "sample, and digests with a receipt, 60; a passing 16 for versions"
    ),
    "reader, opened with catalog": (
        "as without, and the catalog gone through shard by shard (of contributors whose "
        "pseudonyms begin alike), 1/32 of it in memory"
    ),
    "catalog, from nothing": (
        "reads every object; the log whole; memory: digests with a receipt, 60 bytes a "
        "sample, and one shard"
    ),
    "catalog, 1 % new": "reads the log whole and the 1 %; memory: as from nothing",
    "catalog, query": "the catalog as a table in memory, about 350 bytes a sample, and DuckDB",
    "retention, what is due": (
        "every rule that is about age in force, nothing due; lists raw twice, training and "
        "raw for each rule; memory: what is due, and the days of as many contributors as "
        "are inactive"
    ),
    "erase one": (
        "40 samples, 40 uploads and the key; one folder of each store, the shards of their "
        "letter, the journal once; begins with the log's snapshot of the accounts"
    ),
    "ingest": (
        "real recordings of 0.2 s, one process, on a folder with fsync; the first second "
        "and 100 MB are the kernel and what it imports; memory: a batch"
    ),
    "audit verify": (
        "N records of four objects each, 3 requesters, 100 a day of each at most; memory: "
        "about 1 kB a record, which is of up to 256 samples"
    ),
}


def show(costs: dict[str, list[Cost]]) -> None:
    """Print a table: for each size CPU seconds and MB."""
    sizes = sorted({one.n for found in costs.values() for one in found})
    table = Table(title="CPU seconds / MB that memory grew by")
    table.add_column("")
    for n in sizes:
        table.add_column(f"{n:,}", justify="right")
    table.add_column("growth", justify="right")
    for name, found in costs.items():
        by_size = {one.n: f"{one.cpu_seconds:,.2f} / {one.grown_mb:,.0f}" for one in found}
        cells = [by_size.get(n, "") for n in sizes]
        table.add_row(name, *cells, f"{growth(found):.2f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
