"""What limits a run that is spread over many machines: `python -m benchmarks.spread_out`.

- Requests to each bucket for a recording, counted at boto3 while a run ingests from SeaweedFS:
  batches of 256 of 0.2 s, 20 contributors, versions on, nothing archived. Prices are by these.
- Leaves a second that one log takes from 1 to 8 writers at once, each a process that appends 256
  leaves time after time, through conditional puts. Wall time, so it is of this machine and what
  else it did; what a far bucket takes is its latency times the requests of an append.
"""

import json
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.ingest_memory import clip
from benchmarks.results import save
from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import STORES, Home
from tests.servers import seaweed
from unvoiced.config import load_settings
from unvoiced.log.writer import LogWriter
from unvoiced.upload import seal_recording

_BATCH = 256
_RECORDINGS = 4 * _BATCH
_SECONDS = 6.0


def requests_of_a_run(home: Home) -> dict[str, float]:
    """Requests a recording, by bucket and operation, of one whole run."""
    invitations = [home.invitation(f"person-{number}") for number in range(20)]
    public, raw = invitations[0].intake_key().public, home.store("raw")
    for number in range(_RECORDINGS):
        raw.put_if_absent(*seal_recording(clip(number), invitations[number % 20], public))
    counts: Counter[str] = Counter()

    seen: set[int] = set()
    for name in STORES:
        client: Any = home.store(name)._client  # type: ignore[attr-defined]  # an S3Store's
        if id(client) not in seen:
            seen.add(id(client))
            client.meta.events.register("before-call.s3.*", by_bucket(home, counts))
    assert home.run().disposed == _RECORDINGS
    return {what: number / _RECORDINGS for what, number in sorted(counts.items())}


def by_bucket(home: Home, counts: Counter[str]) -> Any:
    """A hook that counts calls by the store whose bucket they name."""
    places = {home.settings.store_url(name).split("://")[1].split("?")[0].split("/")[0]: name
              for name in STORES}  # fmt: skip

    def made(model: Any, params: Mapping[str, Any], **_: Any) -> None:
        bucket = urlsplit(params["url"]).path.strip("/").split("/")[0]
        counts[f"{places.get(bucket, 'other')}: {model.name}"] += 1

    return made


def appends(config: str, seconds: float) -> list[float]:
    """Seconds that each append of 256 leaves took, one after the other, for so long."""
    settings = load_settings(Path(config))
    writer = LogWriter(settings.store("log"), settings.signer(settings.vault("worker")))
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        leaves = [json.dumps({"digest": secrets.token_hex(32), "kind": "benchmark", "time": ""})
                  .encode() for _ in range(_BATCH)]  # fmt: skip
        began = time.perf_counter()
        writer.append(lambda _, leaves=leaves: leaves)  # type: ignore[misc]  # at any size the same
        took.append(time.perf_counter() - began)
    return took


def contention(config: Path) -> list[dict[str, float]]:
    """Leaves a second and the median append, for more and more writers."""
    rows = []
    for writers in (1, 2, 4, 8):
        with ProcessPoolExecutor(writers, mp_context=get_context("spawn")) as pool:
            began = time.monotonic()
            runs = list(pool.map(appends, [str(config)] * writers, [_SECONDS] * writers))
            seconds = time.monotonic() - began
        took = [one for run in runs for one in run]
        rows.append(
            {
                "writers": writers,
                "leaves_a_second": len(took) * _BATCH / min(seconds, _SECONDS),
                "median_ms": 1e3 * median(took),
                "slowest_ms": 1e3 * max(took),
            }
        )
    return rows


def show(what: str, rows: list[dict[str, float]]) -> None:
    """Print a table of appends."""
    print(f"\n| {what}: writers | leaves a second | median append, ms | slowest, ms |")
    print("|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row['writers']:.0f} | {row['leaves_a_second']:,.0f} "
            f"| {row['median_ms']:.0f} | {row['slowest_ms']:.0f} |"
        )


def main() -> None:
    """Measure, print and save."""
    with tempfile.TemporaryDirectory() as place, seaweed.running() as server:
        folder = Path(place)
        os.environ |= server.environment()
        buckets = {name: server.store_url(server.bucket(versioned=True)) for name in STORES}
        home = home_in_buckets(folder / "s3", buckets.__getitem__)
        requests = requests_of_a_run(home)
        print("| store: request | a recording |\n|---|---:|")
        for what, number in requests.items():
            print(f"| {what} | {number:.2f} |")
        sys.stdout.flush()
        on_s3 = contention(home.settings.path)
        show("SeaweedFS", on_s3)
        files = Home.create(folder / "files")
        on_disk = contention(files.settings.path)
        show("folder", on_disk)
    save("spread_out", {"requests": requests, "appends_s3": on_s3, "appends_folder": on_disk})


if __name__ == "__main__":
    main()
