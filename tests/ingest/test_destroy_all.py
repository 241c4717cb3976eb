"""Many disposals at once: each with the very observation it would have had alone."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from tests.ingest.home import START
from tests.ingest.hooked_store import HookedStore
from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble
from unvoiced.disposal import (
    Cause,
    Clearance,
    Held,
    Observation,
    Target,
    clear_without_features,
    destroy,
    destroy_all,
)
from unvoiced.errors import CredentialsExpired, Locked, NotAllowed, NotDisposed, StoreError
from unvoiced.stores import Store, open_store
from unvoiced.stores.memory import MemoryStore
from unvoiced.stores.s3 import S3Store

NOBODY = Held(frozenset())
Outcome = Observation | NotDisposed | StoreError


def clearance(target: Target) -> Clearance:
    """Leave to destroy it."""
    return clear_without_features(target, Cause.ERASURE, NOBODY)


def put(store: Store, name: str, data: bytes = b"sealed") -> Target:
    """A recording in the store."""
    return Target(name, store.put_if_absent(name, data), sha256(data).hexdigest())


def disposed(store: Store, targets: list[Target]) -> list[Outcome]:
    """What became of all of them."""
    return list(destroy_all(store, [clearance(one) for one in targets], lambda: START))


def alone(store: Store, target: Target) -> Outcome:
    """What became of one of them."""
    try:
        return destroy(store, clearance(target), lambda: START)
    except (NotDisposed, StoreError) as error:
        return error


def same(one: Outcome, other: Outcome) -> bool:
    """The same observation, or an error of the same kind and text."""
    if isinstance(one, Observation):
        return one == other
    return (type(one), str(one)) == (type(other), str(other))


def parallel(store: MemoryStore) -> MemoryStore:
    """One that says it is worth asking four things at once."""
    store.together = 4
    return store


def _plain(store: MemoryStore, name: str) -> list[Target]:
    return [put(store, name)]


def _gone_before(store: MemoryStore, name: str) -> list[Target]:
    target = put(store, name)
    store.delete(name, target.version)
    return [target]


def _under_a_marker(store: MemoryStore, name: str) -> list[Target]:
    target = put(store, name)
    store.hide(name)
    store.hide(name)
    return [target]


def _replaced(store: MemoryStore, name: str) -> list[Target]:
    target = put(store, name)
    store.replace(name, b"newer", version=target.version)
    return [target]


def _put_again(store: MemoryStore, name: str) -> list[Target]:
    target = put(store, name)
    store.replace(name, b"sealed", version=target.version)
    return [target]


def _both_versions(store: MemoryStore, name: str) -> list[Target]:
    first = put(store, name)
    second = store.replace(name, b"newer", version=first.version)
    return [first, Target(name, second, sha256(b"newer").hexdigest())]


def _locked(store: MemoryStore, name: str) -> list[Target]:
    until = datetime.now(UTC) + timedelta(days=1)
    how: dict[str, Any] = {"mode": "GOVERNANCE", "storage_class": "STANDARD", "labels": {}}
    return [Target(name, store.put_locked(name, b"sealed", until=until, **how), "a" * 64)]


STATES: dict[str, Callable[[MemoryStore, str], list[Target]]] = {
    "plain": _plain,
    "gone before": _gone_before,
    "under markers": _under_a_marker,
    "replaced": _replaced,
    "put again": _put_again,
    "locked": _locked,
}


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("folder", ["", "p/", "p{}/"], ids=["none", "one", "each"])
def test_each_has_the_outcome_it_would_have_alone(folder: str, at_once: int) -> None:
    """Whatever state it is in, whatever lies beside it; and the same is left in the store."""
    left: list[list[tuple[str, str]]] = []
    outcomes: list[list[Outcome]] = []
    for way in ("alone", "all"):
        store = MemoryStore(versioned=True, now=lambda: START)
        store.together = at_once
        made = [
            make(store, f"{folder.format(n)}{n:02}-{k}")
            for n, make in enumerate(STATES.values())
            for k in range(3)
        ]
        put(store, "p/00-0.not-named")
        put(store, "p/0")
        targets = [one for some in made for one in some]
        outcomes.append(
            [alone(store, one) for one in targets] if way == "alone" else disposed(store, targets)
        )
        left.append([(entry.name, entry.version) for entry in store.versions()])
    assert all(map(same, *outcomes))
    assert left[0] == left[1]
    kinds = [type(one) for one in outcomes[1][::3]]
    assert kinds == [*[Observation] * 5, Locked]
    assert [getattr(one, "shows_absence", None) for one in outcomes[1][::3]] == [
        *(True, True, True, True, False, None)
    ]


@pytest.mark.inv("INV-4")
def test_two_versions_of_one_name_go_together() -> None:
    """Neither is seen any more, under the same name, once both were deleted."""
    store = parallel(MemoryStore(versioned=True))
    seen = disposed(store, _both_versions(store, "p/one"))
    assert [one.shows_absence for one in seen if isinstance(one, Observation)] == [True, True]
    assert list(store.versions()) == []


@pytest.mark.inv("INV-3")
def test_a_clearance_that_was_used_destroys_nothing() -> None:
    """It is left in its place, and the others are destroyed."""
    store = MemoryStore()
    clearances = [clearance(put(store, f"p/{n}")) for n in range(3)]
    clearances[1].use()
    outcomes = list(destroy_all(store, clearances, lambda: START))
    assert [type(one) for one in outcomes] == [Observation, NotDisposed, Observation]
    assert [entry.name for entry in store.list()] == ["p/1"]


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize("at_once", [1, 4])
def test_every_look_comes_after_the_delete_of_that_recording(at_once: int) -> None:
    """By list, head and get, whatever order the recordings come in; nothing is looked at before."""
    inner = MemoryStore()
    inner.together = at_once
    targets = [put(inner, f"p{n % 3}/{n:03}") for n in range(600)]
    done: list[tuple[str, str]] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        done.append((operation, name))
        return proceed()

    outcomes = disposed(HookedStore(inner, around), targets)
    assert all(isinstance(one, Observation) and one.shows_absence for one in outcomes)
    for one in targets:
        deleted = done.index(("delete", one.name))
        looks = [n for n, (how, name) in enumerate(done) if how != "delete" and name == one.name]
        assert [done[n][0] for n in looks] == ["head", "get"]
        assert deleted < looks[0]
        listed = [
            n
            for n, (how, name) in enumerate(done)
            if how == "versions" and one.name.startswith(name)
        ]
        assert any(deleted < n < looks[0] for n in listed)
    # Three folders, three times some hundreds: not one list for each recording.
    assert sum(how == "versions" for how, _ in done) == 9


@pytest.mark.inv("INV-4")
def test_what_stands_between_does_not_hide_a_version() -> None:
    """A folder with thousands of others, and a store whose delete does nothing: still seen."""
    inner = MemoryStore()
    for n in range(3000):
        inner.put_if_absent(f"p/{n:05}", b"waiting")
    # At the folder's start, before the page's end and behind it, and at its end.
    targets = [put(inner, f"p/{n:05}-due") for n in (0, 500, 998, 999, 1000, 1001, 2500, 2999)]
    read = 0

    def around(operation: str, _: str, proceed: Callable[[], Any]) -> Any:
        return counted(proceed()) if operation == "versions" else None

    def counted(entries: Iterator[Any]) -> Iterator[Any]:
        nonlocal read
        for entry in entries:
            read += 1
            yield entry

    class Keeps(HookedStore):
        def get(self, name: str, version: str | None = None) -> Any:
            return self.inner.get(name, version)

        def head(self, name: str) -> Any:
            return self.inner.head(name)

    kept = disposed(Keeps(inner, around), targets)
    assert [getattr(one, "version_listed", None) for one in kept] == [True] * len(targets)
    assert not any(isinstance(one, Observation) and one.shows_absence for one in kept)
    assert read < 1100
    assert all(getattr(one, "shows_absence", False) for one in disposed(inner, targets))


@pytest.mark.inv("INV-4", "INV-5")
@pytest.mark.parametrize("operation", ["delete", "versions", "head", "get"])
@pytest.mark.parametrize("at_once", [1, 4])
def test_credentials_that_run_out_leave_what_was_not_seen(operation: str, at_once: int) -> None:
    """One result each, in order: what was seen to be gone is gone, the rest is for the next run."""
    inner = MemoryStore()
    inner.together = at_once
    targets = [put(inner, f"p{n:03}/one") for n in range(300)]
    asked_after = 0
    expired = False

    def around(called: str, name: str, proceed: Callable[[], Any]) -> Any:
        nonlocal expired, asked_after
        asked_after += expired
        expired = expired or (called == operation and name.startswith("p040"))
        if expired:
            raise CredentialsExpired("the credentials have run out")
        return proceed()

    outcomes = disposed(HookedStore(inner, around), targets)
    assert len(outcomes) == len(targets)
    seen = [one for one, got in zip(targets, outcomes, strict=True) if isinstance(got, Observation)]
    assert {type(one) for one in outcomes} <= {Observation, CredentialsExpired}
    assert type(outcomes[-1]) is CredentialsExpired
    if operation in {"head", "get"}:
        assert 40 - at_once <= len(seen) <= 40 + at_once
    standing = {entry.name for entry in inner.list()}
    assert not standing & {one.name for one in seen}
    # What was under way meanwhile may have met it too; nothing new is asked.
    assert asked_after <= 2 * at_once
    again = disposed(inner, targets)
    assert all(isinstance(one, Observation) and one.shows_absence for one in again)


@pytest.mark.server
@pytest.mark.inv("INV-4")
def test_a_bucket_gives_each_the_outcome_it_would_have_alone(s3_server: Seaweed) -> None:
    """Locked, held, replaced, hidden, gone before and plain, on a real server."""
    client = s3_server.client()
    bucket = f"lockable-{secrets.token_hex(6)}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    outcomes: list[list[Outcome]] = []
    for way in ("alone", "all"):
        store = open_store(s3_server.store_url(bucket, way))
        targets = [put(store, f"p{n % 2}/{n}") for n in range(12)]
        where = [
            {"Bucket": bucket, "Key": f"{way}/{one.name}", "VersionId": one.version}
            for one in targets
        ]
        client.put_object_retention(
            **where[0],  # type: ignore[arg-type]
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
        )
        client.put_object_legal_hold(**where[1], LegalHold={"Status": "ON"})  # type: ignore[arg-type]
        store.replace(targets[2].name, b"newer", version=targets[2].version)
        store.replace(targets[3].name, b"sealed", version=targets[3].version)
        client.delete_object(Bucket=bucket, Key=where[4]["Key"])
        store.delete(targets[5].name, targets[5].version)
        outcomes.append(
            [alone(store, one) for one in targets] if way == "alone" else disposed(store, targets)
        )
        left = {entry.name: entry.delete_marker for entry in store.versions()}
        assert left == dict.fromkeys([one.name for one in targets[:4]], False)
    assert all(map(same, *outcomes))
    assert [type(one) for one in outcomes[1][:3]] == [Locked, Locked, Observation]
    assert [getattr(one, "current", "") for one in outcomes[1][2:5]] == [
        "newer",
        "present",
        "absent",
    ]


@pytest.mark.server
@pytest.mark.inv("INV-4")
def test_a_bucket_is_asked_twice_for_each_recording_and_little_besides(
    s3_trouble: Trouble, s3_server: Seaweed
) -> None:
    """One delete of all, one list a folder, and HEAD and GET of each."""
    store = open_store(s3_trouble.store_url(s3_server.bucket(versioned=True)))
    targets = [put(store, f"p{n % 4}/{n:02}") for n in range(40)]
    assert isinstance(store, S3Store)
    s3_trouble.behave()
    assert all(getattr(one, "shows_absence", False) for one in disposed(store, targets))
    methods = [one.method for one in s3_trouble.seen]
    assert methods[0] == "POST"
    assert (methods.count("POST"), methods.count("HEAD")) == (1, 40)
    versioning = sum("versioning" in one.path for one in s3_trouble.seen)
    assert methods.count("GET") - versioning == 40 + 4


@pytest.mark.server
@pytest.mark.inv("INV-4", "INV-5")
def test_a_bucket_in_trouble_midway_leaves_what_was_not_seen(
    s3_trouble: Trouble, s3_server: Seaweed
) -> None:
    """A refused delete, a refused look: those are left, and finished another time."""
    store = open_store(s3_trouble.store_url(s3_server.bucket(versioned=True)))
    targets = [put(store, f"p{n % 2}/{n:02}") for n in range(12)]
    denied = trouble.refuse(403, "AccessDenied")
    for method, part in (("POST", ""), ("DELETE", "p1/03")):
        s3_trouble.always(denied, method=method, part=part)
    s3_trouble.always(denied, method="GET", part="p0/04")
    outcomes = disposed(store, targets)
    left = {
        one.name for one, got in zip(targets, outcomes, strict=True) if isinstance(got, StoreError)
    }
    assert left == {"p1/03", "p0/04"}
    assert {type(got) for got in outcomes} == {Observation, NotAllowed}
    s3_trouble.behave()
    assert [entry.name for entry in store.versions()] == ["p1/03"]
    assert all(getattr(one, "shows_absence", False) for one in disposed(store, targets))
