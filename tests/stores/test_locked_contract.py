"""The contract about objects that are kept: locked, labelled, cold; and about folders."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.servers.seaweed import Seaweed
from tests.stores.conftest import Clock
from tests.stores.test_contract import race
from unvoiced.errors import AlreadyExists, InputError, Locked, NotFound, StoreError
from unvoiced.stores import Store, open_store
from unvoiced.stores.memory import MemoryStore
from unvoiced.stores.s3 import S3Store

LABELS = {"sha256": sha256(b"1").hexdigest(), "content": sha256(b"2").hexdigest()}
NAME = "p/one.unv"
COLD = "GLACIER"


# Of the kinds of conftest; a bucket without versions has no object lock, see below.
_VERSIONED_BUCKET = pytest.param("s3-versioned", marks=pytest.mark.server)
where_locks_are = pytest.mark.parametrize(
    "kind", ["memory", "memory-versioned", "file", _VERSIONED_BUCKET]
)
where_versions_are = pytest.mark.parametrize("kind", ["memory-versioned", _VERSIONED_BUCKET])


def tomorrow() -> datetime:
    """A day from now, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def put(store: Store, data: bytes = b"12345", name: str = NAME, **kept: Any) -> str:
    """Put it locked, as the archive does."""
    return store.put_locked(
        name,
        data,
        until=kept.get("until", tomorrow()),
        mode=kept.get("mode", "GOVERNANCE"),
        storage_class=kept.get("storage_class", COLD),
        labels=kept.get("labels", LABELS),
    )


@where_locks_are
def test_a_locked_object_is_an_object(store: Store, kind: str) -> None:
    """Its bytes come back, and head and listings show it once, in its class where there are any."""
    version = put(store)
    assert store.get(NAME).data == b"12345"
    assert store.get(NAME, version).version == version
    entry = store.head(NAME)
    assert entry is not None
    assert (entry.version, entry.size) == (version, 5)
    assert entry.storage_class == ("STANDARD" if kind == "file" else COLD)
    assert [(e.name, e.version, e.storage_class) for e in store.versions()] == [
        (NAME, version, entry.storage_class)
    ]
    assert [e.version for e in store.list()] == [version]


@where_locks_are
@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        {},
        {"all": "azAZ09+-=._:/@", "azAZ09+-=._:/@": "&"[:0]},
        {f"k{n}": f"{n}" * 64 for n in range(10)},
    ],
    ids=["digests", "none", "alphabet", "ten"],
)
def test_labels_come_back(store: Store, labels: dict[str, str]) -> None:
    """As they went, and with them until when it is locked."""
    until = tomorrow()
    kept = store.keeping(NAME, put(store, until=until, labels=labels))
    assert kept is not None
    assert kept.labels == labels
    assert (kept.size, kept.retain_until, kept.legal_hold) == (5, until, False)


def test_what_is_not_locked_says_so(store: Store) -> None:
    """An ordinary object has no day, no hold and no labels."""
    kept = store.keeping(NAME, store.put_if_absent(NAME, b"12345"))
    assert kept is not None
    assert (kept.size, kept.storage_class) == (5, "STANDARD")
    assert (kept.retain_until, kept.legal_hold, kept.labels) == (None, False, {})


@where_locks_are
def test_keeping_is_of_one_version(store: Store, kind: str) -> None:
    """An absent name, another version, and a longer name that starts alike: None, not a guess."""
    version = put(store)
    longer = put(store, name=f"{NAME}.more", labels={})
    assert store.keeping("p/none", version) is None
    assert store.keeping(NAME, longer) is None
    assert store.keeping("p/one.un", version) is None
    if kind.endswith("-versioned"):
        assert store.keeping(NAME, _hide(store, NAME)) is None
        kept = store.keeping(NAME, version)
        assert kept is not None
        assert kept.labels == LABELS


@where_locks_are
def test_of_many_the_locked_ones_stay(store: Store) -> None:
    """Each that is locked says so; the others go."""
    free = [(name, store.put_if_absent(name, b"1")) for name in ("p/a", "p/z", "q/a")]
    locked = [(name, put(store, name=name)) for name in ("p/b", "q/b")]
    said = store.delete_many([free[0], locked[0], free[1], locked[1], free[2]])
    assert [type(one) for one in said] == [type(None), Locked, type(None), Locked, type(None)]
    assert str(said[1]).startswith("p/b: ")
    assert [(entry.name, entry.version) for entry in store.versions()] == locked


@where_locks_are
def test_a_second_locked_put_is_refused(store: Store) -> None:
    """Neither kind of put goes over the other, not even with the same bytes and labels."""
    version = put(store)
    for again in (put, lambda s: s.put_if_absent(NAME, b"12345")):
        with pytest.raises(AlreadyExists, match=NAME):
            again(store)
    store.put_if_absent("p/two", b"1")
    with pytest.raises(AlreadyExists, match="p/two"):
        put(store, name="p/two")
    assert [e.version for e in store.versions(NAME)] == [version]
    two = store.head("p/two")
    assert two is not None
    kept = store.keeping("p/two", two.version)
    assert kept is not None
    assert kept.retain_until is None


@where_locks_are
def test_one_of_sixteen_racing_locked_puts_wins(store: Store) -> None:
    """What stands there is the winner's, bytes and labels both."""

    def act(index: int) -> str | None:
        try:
            return put(store, b"%d" % index, labels={"racer": str(index)})
        except AlreadyExists:
            return None

    won = {index: version for index, version in enumerate(race(16, act)) if version}
    assert len(won) == 1
    stored = store.get(NAME)
    assert {int(stored.data): stored.version} == won
    kept = store.keeping(NAME, stored.version)
    assert kept is not None
    assert kept.labels == {"racer": stored.data.decode()}


@where_locks_are
def test_before_its_day_nothing_destroys_it(store: Store, kind: str, clock: Clock) -> None:
    """Delete says Locked; a replace says so too, or leaves the version; after the day it goes."""
    on_server = kind.startswith("s3")
    until = tomorrow()
    if on_server:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    version = put(store, until=until, mode="COMPLIANCE")
    with pytest.raises(Locked, match=NAME) as refused:
        store.delete(NAME, version)
    assert f"{until:%F %R}" in str(refused.value)
    if kind.endswith("-versioned"):
        newer = store.replace(NAME, b"newer", version=version)
        with pytest.raises(Locked):
            store.delete(NAME, version)
        store.delete(NAME, newer)
    else:
        with pytest.raises(Locked, match=NAME):
            store.replace(NAME, b"newer", version=version)
    assert store.get(NAME, version).data == b"12345"
    kept = store.keeping(NAME, version)
    assert kept is not None
    assert (kept.labels, kept.retain_until) == (LABELS, until)

    if on_server:
        clock.sleep_until(until)
    else:
        clock.skip_to(until)
    for _ in range(2):
        store.delete(NAME, version)
        assert list(store.versions()) == []
    assert store.keeping(NAME, version) is None
    assert put(store)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_after_its_day_it_may_be_replaced(store: Store, clock: Clock) -> None:
    """And what is put over it is not locked, and has no labels."""
    version = put(store)
    clock.skip_to(tomorrow())
    kept = store.keeping(NAME, store.replace(NAME, b"newer", version=version))
    assert kept is not None
    assert (kept.retain_until, kept.labels) == (None, {})


@pytest.mark.server
@pytest.mark.parametrize("versioned", [True, False])
def test_without_object_lock_nothing_is_put(s3_server: Seaweed, versioned: bool) -> None:
    """The bucket's refusal says what it needs, and no object stands there unlocked."""
    store = open_store(s3_server.store_url(s3_server.bucket(versioned=versioned)))
    with pytest.raises(StoreError, match=f"{NAME}: .*a bucket with object lock"):
        put(store)
    assert list(store.versions()) == []


def test_what_is_not_cold_is_readable(store: Store, kind: str) -> None:
    """There is nothing to restore; an absent name or version is NotFound."""
    version = store.put_if_absent(NAME, b"1")
    assert store.restore(NAME, version, days=1, tier="Bulk")
    second = store.replace(NAME, b"2", version=version)
    store.delete(NAME, version)
    for name, gone in (("p/none", version), (NAME, version)):
        if not (kind == "s3-unversioned" and name == NAME):  # HEAD there asks for no version
            with pytest.raises(NotFound, match=name):
                store.restore(name, gone, days=1, tier="Bulk")
    assert store.restore(NAME, second, days=1, tier="Standard")


@where_locks_are
def test_where_a_cold_class_is_but_a_name_its_objects_are_readable(store: Store) -> None:
    """Memory, disk, and a server that knows the class and restores nothing: SeaweedFS."""
    version = put(store)
    assert store.restore(NAME, version, days=1, tier="Bulk")
    assert store.get(NAME, version).data == b"12345"


def _hide(store: Store, name: str) -> str:
    """Put a delete marker there, as nobody here does; its version."""
    if isinstance(store, MemoryStore):
        return store.hide(name)
    assert isinstance(store, S3Store)
    key = store._key(name)
    return store._client.delete_object(Bucket=store._bucket, Key=key)["VersionId"]


def test_folders_are_what_names_have_before_a_slash(store: Store) -> None:
    """Below any prefix that ends a folder, each once, in order, without plain objects."""
    for name in ("b/x", "a-b/x", "a/b/c", "a/b/d", "a/x", "a/c/d/e", "top"):
        store.put_if_absent(name, b"1")
    assert list(store.folders()) == ["a", "a-b", "b"]
    assert list(store.folders("a/")) == ["b", "c"]
    assert list(store.folders("a/c/")) == ["d"]
    for nothing in ("a/b/", "z/", "top/"):
        assert list(store.folders(nothing)) == []
    for bad in ("a", "a/b", "/", "../"):
        with pytest.raises(InputError):
            store.folders(bad)


def test_a_folder_goes_with_its_last_version(store: Store) -> None:
    """Nothing is left of it once all that it held is destroyed."""
    versions = {name: store.put_if_absent(name, b"1") for name in ("a/x", "a/y", "b/c/x")}
    store.delete("a/x", versions["a/x"])
    assert list(store.folders()) == ["a", "b"]
    store.delete("a/y", versions["a/y"])
    store.delete("b/c/x", versions["b/c/x"])
    assert list(store.folders()) == []


@where_versions_are
def test_a_folder_of_hidden_versions_counts(store: Store) -> None:
    """Where only a delete marker is current, and where nothing but a marker is left."""
    versions = {name: store.put_if_absent(name, b"1") for name in ("hidden/x", "marked/x")}
    markers = {name: _hide(store, name) for name in versions}
    store.delete("marked/x", versions["marked/x"])
    assert list(store.list()) == []
    assert list(store.folders()) == ["hidden", "marked"]
    store.delete("marked/x", markers["marked/x"])
    assert list(store.folders()) == ["hidden"]


@pytest.mark.parametrize("kind", [_VERSIONED_BUCKET])
def test_more_folders_than_one_page(store: Store) -> None:
    """All of them, once; names are of one length, as pseudonyms are."""
    written = [f"folder-{n:04d}" for n in range(1030)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda name: store.put_if_absent(f"{name}/x", b"1"), written))
    assert list(store.folders()) == written
