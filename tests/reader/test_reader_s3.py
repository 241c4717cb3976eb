"""The reader on a real S3 server: requests at once, records before them, resumed and erased."""

import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.buckets import home_in_buckets
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from tests.reader.readings import SAMPLES, fill, opened, recorded, remove
from tests.servers.seaweed import Seaweed
from unvoiced.audit.record import READS, parse_record
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.reader.reason import Reason

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def in_buckets(s3_server: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Features of four people in a versioned bucket."""
    bucket = s3_server.bucket(versioned=True)
    folder = tmp_path_factory.mktemp("reader-s3") / "home"
    home = home_in_buckets(folder, lambda name: s3_server.store_url(bucket, name))
    fill(home)
    return home


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("catalog", [False, True])
def test_an_epoch_from_a_bucket(in_buckets: Home, catalog: bool) -> None:
    """Each sample once, and recorded by the credentials it was read with; resumed as on disk."""
    if catalog:
        build_all(CatalogBuilder.of(in_buckets.settings))
    audit = in_buckets.store("audit")
    before = len(recorded(audit))
    with opened(in_buckets, names="catalog" if catalog else "store") as features:
        view = features.shuffle(1)
        seen = [sample.name for sample in islice(view, 10)]
        view.load_state_dict(view.state_dict())
        seen += [sample.name for sample in view]
        assert sorted(seen) == features.names
        assert len(seen) == SAMPLES
        assert len(recorded(audit)) - before == features.report.recorded
    newest = max(audit.list(READS), key=lambda entry: entry.modified)
    requester = parse_record(audit.get(newest.name).data).requester
    assert requester.startswith(("arn:", "access-key:"))


@pytest.mark.inv("INV-8")
def test_requests_go_out_at_once_and_after_their_record(in_buckets: Home) -> None:
    """Where digests are known, no request is sent before the record of its chunk is stored."""
    build_all(CatalogBuilder.of(in_buckets.settings))
    lock, at_work, most, early = threading.Lock(), 0, 0, []
    named: set[str] = set()

    def watched(operation: str, name: str, go: Callable[[], Any]) -> Any:
        nonlocal at_work, most
        if operation != "get" or not name.startswith("features/"):
            return go()
        with lock:
            at_work += 1
            most = max(most, at_work)
            if name not in named:
                early.append(name)
        try:
            return go()
        finally:
            with lock:
                at_work -= 1

    with opened(in_buckets) as features:
        session = features._access.session()
        digests = {
            features._inventory.wanted(row).sha256: name for row, name in enumerate(features.names)
        }
        record = session._opener._trail.record

        def recording(reads: Any, purpose: Any) -> Any:
            stored = record(reads, purpose)
            named.update(digests[digest] for digest in stored.objects)
            return stored

        session._opener._trail.record = recording  # type: ignore[method-assign]
        store = HookedStore(session.training, watched)
        session._opener._get = lambda name: store.get(name).data
        assert len(list(features)) == SAMPLES
    assert early == []
    assert most > 1


def test_what_is_erased_meanwhile_is_skipped(
    in_buckets: Home, s3_server: Seaweed, tmp_path: Path
) -> None:
    """A version that is gone, and one that a delete marker hides."""
    bucket = s3_server.bucket(versioned=True)
    home = home_in_buckets(tmp_path / "home", lambda name: s3_server.store_url(bucket, name))
    fill(home, 6)
    with opened(home, prefetch_bytes=20_000) as features:
        names = features.names
        seen = []
        for sample in features:
            if not seen:
                remove(home, names[-2:-1])
                prefix = home.settings.store_url("training").partition("?")[0].split("/", 3)[3]
                s3_server.client().delete_object(Bucket=bucket, Key=f"{prefix}/{names[-1]}")
            seen.append(sample.name)
        assert seen == names[:-2]
        assert features.report.skipped == {Reason.GONE: 2}
    assert len(opened(home)) == 4
