"""A bucket with more objects than anybody holds in memory: every one is listed, once, in order."""

import base64
import itertools
import os
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from tests.servers.seaweed import Seaweed
from unvoiced.names import sealed_name
from unvoiced.stores import open_store

CONTRIBUTORS = int(os.environ.get("UNVOICED_LARGE_BUCKET_CONTRIBUTORS", "200"))
EACH = 100
THREADS = 16
MEBIBYTE = 2**20


def pseudonym(number: int) -> str:
    """26 letters, as those of a keyed hash."""
    return base64.b32encode(sha256(b"%d" % number).digest()).decode()[:26].lower()


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.timeout(1800)
def test_every_one_of_very_many_objects_is_listed_once_and_in_order(
    s3_server: Seaweed, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """A folder for each contributor, as in the raw store; memory does not grow with the bucket."""
    store = open_store(s3_server.store_url(s3_server.bucket(versioned=True), "raw"))
    names = [
        sealed_name(pseudonym(who), f"sample{n:03d}")
        for who in range(CONTRIBUTORS)
        for n in range(EACH)
    ]
    begin = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        put = dict(
            zip(
                names,
                threads.map(lambda name: store.put_if_absent(name, name.encode()), names),
                strict=True,
            )
        )
    there = time.monotonic()

    tracemalloc.start()
    before, count, last = tracemalloc.get_traced_memory()[0], 0, ""
    for entry in store.versions():
        assert entry.name > last
        assert put[entry.name] == entry.version
        last, count = entry.name, count + 1
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    listed = time.monotonic()

    record_testsuite_property("objects", len(names))
    record_testsuite_property("seconds to put", round(there - begin, 1))
    record_testsuite_property("seconds to list", round(listed - there, 1))
    record_testsuite_property("MiB to list", round(peak / MEBIBYTE, 1))
    assert count == len(names)
    # A page of a thousand entries, and the names of all contributors; not all of the objects.
    assert peak < 32 * MEBIBYTE
    first = [entry.name for entry in itertools.islice(store.list(f"{pseudonym(0)}/"), 2 * EACH)]
    assert first == sorted(name for name in names if name.startswith(f"{pseudonym(0)}/"))
