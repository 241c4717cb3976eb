"""Originals in cold storage: all are asked for first, no run waits, and the originals stay."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backfill.archived import archiving, backfill, bench, complete, everything, made, plan
from tests.ingest.home import Home, Sent
from tests.servers import ministack
from tests.servers.ministack import Ministack
from unvoiced.backfill.batch import backfill_batch
from unvoiced.errors import NotFound, StoreError
from unvoiced.stores import Stored, open_store
from unvoiced.stores.memory import MemoryStore


class Cold(MemoryStore):
    """A memory store that keeps cold classes from being read until each object is thawed.

    In place of a server where a test says itself when a restore is done.
    """

    def __init__(self, label: str) -> None:
        super().__init__(label, versioned=True)
        self.asked: list[tuple[str, int, str]] = []
        self.thawed: set[str] = set()

    def get(self, name: str, version: str | None = None) -> Stored:
        """Refused for what is cold."""
        stored = super().get(name, version)
        kept = self.keeping(name, stored.version)
        if kept is not None and kept.storage_class == "GLACIER" and name not in self.thawed:
            raise StoreError(f"{name}: restore it first")
        return stored

    def restore(self, name: str, version: str, *, days: int, tier: str) -> bool:
        """Asked for once."""
        if self.keeping(name, version) is None:
            raise NotFound(f"{name}: no such version")
        if name not in self.thawed and name not in {one for one, _, _ in self.asked}:
            self.asked.append((name, days, tier))
        return name in self.thawed


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One deployment on disk; each test copies its stores into memory."""
    return Home.create(tmp_path_factory.mktemp("source") / "home")


def frozen(source: Home, archive: Cold, voices: list[bytes]) -> tuple[Home, list[Sent]]:
    """Three originals in a cold archive."""
    home = archiving(source.in_memory(versioned=True).on(archive=archive), storage_class="GLACIER")
    sent = [home.send(who, data) for who, data in zip(("anna", "bruno", "anna"), voices)]  # noqa: B905
    assert home.run().disposed == 3
    return home, sent


def test_what_is_readable_is_done_and_the_rest_waits(source: Home, voices: list[bytes]) -> None:
    """All are asked for, once, as was wished; each run makes what it can."""
    archive = Cold("archive")
    home, sent = frozen(source, archive, voices)

    run = backfill(home)
    assert made(run) == (0, 0, [], [])
    assert sorted(name for name, _, _ in archive.asked) == sorted(one.name for one in sent)
    assert {(days, tier) for _, days, tier in archive.asked} == {(7, "Bulk")}
    assert len(run.asked.waiting) == 3

    archive.thawed = {sent[0].name, sent[2].name}
    run = backfill(home)
    assert (made(run), len(run.asked.waiting)) == ((2, 0, [], []), 1)

    archive.thawed.add(sent[1].name)
    run = backfill(home)
    assert (made(run), len(run.asked.waiting)) == ((1, 2, [], []), 0)
    assert len(archive.asked) == 3
    complete(home, sent)


def test_a_dry_run_restores_nothing(source: Home, voices: list[bytes]) -> None:
    """It counts what is cold, by class, and asks for none of it."""
    archive = Cold("archive")
    home, _ = frozen(source, archive, voices)
    bench(home)  # what opening remembers is not the plan's doing
    log = len(list(home.settings.log_reader().entries()))
    found = plan(home)
    assert (len(found.cold), found.todo, archive.asked) == (3, [], [])
    amounts = found.amounts()
    assert amounts.keys() == {"GLACIER"}
    assert amounts["GLACIER"].objects == 3
    assert len(list(home.settings.log_reader().entries())) == log
    archive.thawed = {entry.name for entry in archive.list()}
    before = everything(home)
    plan(home)
    assert everything(home) == before


def test_what_the_log_does_not_know_is_not_paid_for(source: Home, voices: list[bytes]) -> None:
    """A cold object whose label names none that was archived is never restored."""
    archive = Cold("archive")
    home, sent = frozen(source, archive, voices)
    name = f"{sent[0].pseudonym}/planted.unv"
    archive.put_locked(name, b"?", until=home.clock(), mode="GOVERNANCE",
                       storage_class="GLACIER", labels={"sha256": "0" * 64})  # fmt: skip
    run = backfill(home)
    assert run.skipped == [(name, "not-in-log")]
    assert name not in {asked for asked, _, _ in archive.asked}


def test_a_copy_that_is_gone_again_is_left(source: Home, voices: list[bytes]) -> None:
    """Restored when it was asked about, and cold again when it is read: said, and tried again."""
    archive = Cold("archive")
    home, sent = frozen(source, archive, voices)
    found = plan(home)
    with pytest.raises(StoreError, match="nothing of this batch could be read"):
        backfill_batch(bench(home), found.cold)
    archive.thawed = {sent[0].name}
    done = backfill_batch(bench(home), found.cold)
    assert (done.made, len(done.left)) == (1, 2)


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """A server that keeps objects of cold classes from being read."""
    with ministack.running() as server:
        yield server


@pytest.mark.server
def test_on_a_server_that_restores(
    aws: Ministack, tmp_path: Path, voices: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, asked for, made readable in its own time, read; class, lock and version stay."""
    aws.sign_in(monkeypatch)
    bucket, s3 = ministack.new_name("archive"), aws.client("s3")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    archive = open_store(f"s3://{bucket}?endpoint={aws.endpoint}&region={ministack.REGION}")
    home = Home.create(tmp_path / "home").in_memory(versioned=True).on(archive=archive)
    home = archiving(home, storage_class="DEEP_ARCHIVE")
    sent = [home.send(who, data) for who, data in (("anna", voices[0]), ("bruno", voices[1]))]
    assert home.run().disposed == 2
    entries = [one for of in sent for one in archive.versions(of.name)]
    kept = [archive.keeping(one.name, one.version) for one in entries]
    assert {one.storage_class for one in entries} == {"DEEP_ARCHIVE"}

    found = plan(home)
    assert (len(found.cold), found.in_buckets) == (2, True)
    assert not any("Restore" in s3.head_object(Bucket=bucket, Key=one.name) for one in entries)

    run = backfill(home)
    assert (run.done.made, len(run.asked.waiting)) == (0, 2)
    assert list(home.store("training").list("features/mfcc-13")) == []

    deadline = time.monotonic() + 30
    while run.asked.waiting:
        assert time.monotonic() < deadline
        time.sleep(0.5)
        run = backfill(home)
    complete(home, sent)
    assert [one for of in sent for one in archive.versions(of.name)] == entries
    assert [archive.keeping(one.name, one.version) for one in entries] == kept
    assert made(backfill(home)) == (0, 2, [], [])
