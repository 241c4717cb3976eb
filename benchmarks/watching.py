"""One run of the watch over a day of 100,000 recorded reads, and the ordinary one that follows.

    python -m benchmarks.watching

Stores in buckets of a real S3 server (SeaweedFS, loopback, no TLS); 64 objects in a record, as the
reader makes them, and CloudTrail's files, 288 of them, that show every read. The run is one that
comes a day late: it ties, reads, judges and compares all of it. Memory is the process's own peak,
less what it had before.
"""

import gzip
import json
import os
import resource
import secrets
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.servers import seaweed
from tests.watch.lookout import ACCOUNT, ANNA, ROLES, feature, get_event
from unvoiced.audit.record import AccessRecord, Purpose, Read, by_contributor, rfc3339_milliseconds
from unvoiced.deployment import create_deployment
from unvoiced.sections import WatchSettings
from unvoiced.stores import Store, open_store
from unvoiced.watch import run
from unvoiced.watch.watcher import open_watcher

READS, IN_A_RECORD, FILES = 100_000, 64, 288


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch, seaweed.running() as server:
        os.environ.update(server.environment())
        client = server.client()
        for bucket in ("audit", "trail"):
            client.create_bucket(Bucket=bucket)
        settings = create_deployment(Path(scratch) / "home", datetime.now(UTC))
        where = f"?endpoint={server.endpoint}"
        trail = f"s3://trail{where}"
        settings = replace(
            settings,
            stores={
                **settings.stores,
                "audit": f"s3://audit{where}",
                "training": f"s3://unvoiced-training{where}",
            },
            roles=ROLES,
            watch=WatchSettings(cloudtrail=trail, objects_per_window=1_000_000),
        )
        late = timedelta(minutes=20)
        record(settings.store("audit"), range(READS))
        deliver(open_store(trail), range(READS), FILES)
        began = time.process_time(), time.perf_counter(), peak()
        report = run.watch(open_watcher(settings, "bench", lambda: datetime.now(UTC) + late))
        show("a day late", report.recorded, began)
        few = range(READS, READS + READS // FILES)
        record(settings.store("audit"), few)
        deliver(open_store(trail), few, 1)
        began = time.process_time(), time.perf_counter(), peak()
        report = run.watch(open_watcher(settings, "bench", lambda: datetime.now(UTC) + 2 * late))
        show("five minutes later", report.recorded, began)
        print({str(alert.kind) for alert in report.alerts})
        size = len(settings.store("audit").get("watch/state.json").data)
        print(f"what it remembers: {size / 1e6:.1f} MB")


def record(audit: Store, numbers: range) -> None:
    """Records of these reads, one session's."""

    def put(first: int) -> None:
        names = map(feature, range(first, min(first + IN_A_RECORD, numbers.stop)))
        reads = [Read(one, secrets.token_hex(32), "0" * 64, 160_000) for one in names]
        made = AccessRecord(
            requester=ANNA,
            purpose=Purpose.TRAINING.value,
            time=rfc3339_milliseconds(datetime.now(UTC)),
            source="anna:1000@laptop",
            run=f"train-{first}",
            sequence=0,
            previous=None,
            size=sum(read.size for read in reads),
            contributors=by_contributor(reads),
        )
        name = f"{made.name}{secrets.token_hex(8)}-{len(made.objects)}.json"
        audit.put_if_absent(name, made.encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(numbers.start, numbers.stop, IN_A_RECORD)))


def deliver(trail: Store, numbers: range, files: int) -> None:
    """CloudTrail's files of these reads."""
    now = datetime.now(UTC)
    each = -(-len(numbers) // files)
    for first in range(numbers.start, numbers.stop, each):
        some = range(first, min(first + each, numbers.stop))
        data = {"Records": [get_event(feature(one), now) for one in some]}
        name = f"{ACCOUNT}_CloudTrail_us-east-1_{now:%Y%m%dT%H%MZ}_{secrets.token_hex(8)}.json.gz"
        folder = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/{now:%Y/%m/%d}/"
        trail.put_if_absent(folder + name, gzip.compress(json.dumps(data).encode(), 1))


def peak() -> float:
    """The largest this process ever was, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def show(what: str, reads: int, began: tuple[float, float, float]) -> None:
    """One line."""
    cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
    print(f"{what}: {reads:,} reads, {cpu:.1f} s CPU, {wall:.1f} s, +{peak() - began[2]:.0f} MB")


if __name__ == "__main__":
    main()
