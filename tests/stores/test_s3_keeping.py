"""What only a bucket can get wrong about kept objects: lost answers, locks, cold classes."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.servers import ministack, trouble
from tests.servers.ministack import Ministack
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble
from tests.stores.conftest import lockable
from tests.stores.test_locked_contract import LABELS, NAME, put, tomorrow
from unvoiced.errors import InputError, Locked, NotFound, StoreError
from unvoiced.stores import Store, open_store

pytestmark = pytest.mark.server


def test_a_locked_put_that_nobody_heard_is_recognised(
    s3_trouble: Trouble, s3_server: Seaweed
) -> None:
    """Done, its answer lost; sent again, in conflict; sent again, refused: it is still its own."""
    store = open_store(s3_trouble.store_url(lockable(s3_server)))
    s3_trouble.next(trouble.hang_up_after, method="PUT", part=NAME)
    s3_trouble.next(trouble.refuse(409, "ConditionalRequestConflict"), method="PUT", part=NAME)
    version = put(store)
    assert [e.version for e in store.versions()] == [version]
    kept = store.keeping(NAME, version)
    assert kept is not None
    assert kept.labels == LABELS


def test_a_damaged_locked_put_is_refused(s3_trouble: Trouble, s3_server: Seaweed) -> None:
    """What nobody may read later is compared when it comes: its digest goes with it."""
    store = open_store(s3_trouble.store_url(lockable(s3_server)))
    client: Any = store._client  # type: ignore[attr-defined]
    client.meta.events.register("before-call.s3.PutObject", _damage)
    with pytest.raises(StoreError, match=f"{NAME}: the store answered (BadDigest|XAmzContent)"):
        put(store)
    assert list(store.versions()) == []


def _damage(params: dict[str, Any], **_: Any) -> None:
    params["body"] = b"damaged"


def test_keeping_asks_for_no_bytes(s3_trouble: Trouble, s3_server: Seaweed) -> None:
    """Neither GET nor HEAD of the object, which take the right to read it."""
    store = open_store(s3_trouble.store_url(lockable(s3_server)))
    version = put(store)
    s3_trouble.behave()
    assert store.keeping(NAME, version) is not None
    asked = [(one.method, one.path) for one in s3_trouble.seen]
    assert {method for method, _ in asked} == {"GET"}
    of_the_object = [path.partition("?")[2] for _, path in asked if NAME in path.partition("?")[0]]
    assert sorted(part.partition("&")[0] for part in of_the_object) == [
        "legal-hold",
        "retention",
        "tagging",
    ]


def test_a_version_that_goes_meanwhile_is_not_kept(s3_trouble: Trouble, s3_server: Seaweed) -> None:
    """Listed, then destroyed before it is asked about: None, no error."""
    store = open_store(s3_trouble.store_url(s3_server.bucket(versioned=True)))
    version = store.put_if_absent(NAME, b"1")
    s3_trouble.next(trouble.refuse(404, "NoSuchVersion"), method="GET", part="tagging")
    assert store.keeping(NAME, version) is None


@pytest.mark.parametrize("part", ["retention", "legal-hold", "tagging"])
def test_what_may_not_be_asked_is_not_guessed(
    s3_trouble: Trouble, s3_server: Seaweed, part: str
) -> None:
    """A refusal is an error: it is no version without a lock, and no object without labels."""
    store = open_store(s3_trouble.store_url(lockable(s3_server)))
    version = put(store)
    s3_trouble.next(trouble.refuse(403, "AccessDenied"), method="GET", part=part)
    with pytest.raises(StoreError, match="AccessDenied"):
        store.keeping(NAME, version)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_lock_stands_against_whoever_may_delete(s3_server: Seaweed, mode: str) -> None:
    """By version, in a batch, by shortening or taking off the lock: all refused, and it stays.

    With leave to go past GOVERNANCE, which this administrator has, the one mode yields; COMPLIANCE
    does not.
    """
    bucket = lockable(s3_server)
    store, admin = open_store(s3_server.store_url(bucket)), s3_server.client()
    version, until = put(store, mode=mode), tomorrow()
    at: dict[str, Any] = {"Bucket": bucket, "Key": NAME, "VersionId": version}
    sooner = {"Mode": mode, "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=2)}
    with pytest.raises(Locked, match=mode):
        store.delete(NAME, version)
    one: Any = {"Objects": [{"Key": NAME, "VersionId": version}]}
    assert admin.delete_objects(Bucket=bucket, Delete=one)["Errors"][0]["Code"] == "AccessDenied"
    for retention in (sooner, {}):
        with pytest.raises(ClientError):
            admin.put_object_retention(**at, Retention=retention)
    kept = store.keeping(NAME, version)
    assert kept is not None
    assert kept.retain_until is not None
    assert abs(kept.retain_until - until) < timedelta(minutes=1)

    if mode == "GOVERNANCE":
        admin.put_object_retention(**at, Retention=sooner, BypassGovernanceRetention=True)
        admin.delete_object(**at, BypassGovernanceRetention=True)
        assert list(store.versions()) == []
        return
    for bypass in (
        lambda: admin.put_object_retention(**at, Retention=sooner, BypassGovernanceRetention=True),
        lambda: admin.delete_object(**at, BypassGovernanceRetention=True),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            bypass()
    assert store.get(NAME, version).data == b"12345"


def test_a_legal_hold_of_the_store_is_seen_and_stops_a_delete(s3_server: Seaweed) -> None:
    """Without any day, until somebody lifts it."""
    bucket = lockable(s3_server)
    store, admin = open_store(s3_server.store_url(bucket)), s3_server.client()
    version = store.put_if_absent(NAME, b"1")
    at: Any = {"Bucket": bucket, "Key": NAME, "VersionId": version}
    admin.put_object_legal_hold(**at, LegalHold={"Status": "ON"})
    kept = store.keeping(NAME, version)
    assert kept is not None
    assert (kept.legal_hold, kept.retain_until) == (True, None)
    with pytest.raises(Locked, match="legal hold"):
        store.delete(NAME, version)
    admin.put_object_legal_hold(**at, LegalHold={"Status": "OFF"})
    store.delete(NAME, version)
    assert list(store.versions()) == []


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """A server that keeps objects of cold classes from being read."""
    with ministack.running() as server:
        yield server


@pytest.fixture
def cold(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store there, in a bucket with object lock."""
    aws.sign_in(monkeypatch)
    bucket = ministack.new_name("archive")
    aws.client("s3").create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return open_store(f"s3://{bucket}/p?endpoint={aws.endpoint}&region={ministack.REGION}")


def test_what_is_cold_is_restored_before_it_is_read(cold: Store) -> None:
    """Reading is refused, asking for it takes a while and is done once, and then it reads."""
    classes = ("GLACIER", "DEEP_ARCHIVE")
    versions = {name: put(cold, name=name, storage_class=name) for name in classes}
    for name, version in versions.items():
        kept = cold.keeping(name, version)
        assert kept is not None
        assert (kept.storage_class, kept.labels) == (name, LABELS)
        with pytest.raises(StoreError, match=f"{name}: .*restore it first"):
            cold.get(name, version)
        for _ in range(2):
            assert not cold.restore(name, version, days=1, tier="Bulk")
    deadline = time.monotonic() + 20
    for name, version in versions.items():
        while not cold.restore(name, version, days=1, tier="Bulk"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert cold.get(name, version).data == b"12345"
        kept = cold.keeping(name, version)
        assert kept is not None
        assert kept.storage_class == name


def test_what_is_read_at_once_needs_no_restore(cold: Store) -> None:
    """GLACIER_IR is cold by price only."""
    version = put(cold, storage_class="GLACIER_IR")
    assert cold.restore(NAME, version, days=1, tier="Bulk")
    assert cold.get(NAME, version).data == b"12345"


def test_a_wrong_restore_is_refused(cold: Store) -> None:
    """An absent name or version, a tier nobody has, and one that the class does not have."""
    version = put(cold, storage_class="DEEP_ARCHIVE")
    for name, gone in (("p/none", version), (NAME, "0" * 8)):
        with pytest.raises(NotFound, match=name):
            cold.restore(name, gone, days=1, tier="Bulk")
    for tier in ("Expedited", "bulk", ""):
        with pytest.raises(InputError, match="no way to restore from DEEP_ARCHIVE: Bulk"):
            cold.restore(NAME, version, days=1, tier=tier)
    with pytest.raises(StoreError, match="restore it first"):
        cold.get(NAME, version)


def test_a_second_server_keeps_locks_alike(cold: Store) -> None:
    """Labels, day and refusal, by another's reading of the same requests."""
    until = tomorrow()
    version = put(cold, until=until, mode="COMPLIANCE")
    kept = cold.keeping(NAME, version)
    assert kept is not None
    assert (kept.labels, kept.retain_until) == (LABELS, until)
    with pytest.raises(Locked, match="COMPLIANCE"):
        cold.delete(NAME, version)
    assert cold.keeping(NAME, version) == kept
