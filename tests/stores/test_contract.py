"""One contract, every store: what `Store` promises holds in memory, on disk and in a bucket."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from unvoiced.errors import AlreadyExists, Changed, InputError, NotFound, StoreError
from unvoiced.stores import Store, open_store
from unvoiced.stores.together import together

LOCK: dict[str, Any] = {
    "until": datetime.now(UTC) + timedelta(days=1),
    "mode": "GOVERNANCE",
    "storage_class": "GLACIER",
    "labels": {},
}
BAD_NAMES = [
    "",
    ".",
    "..",
    "a/../b",
    "../a",
    ".hidden",
    "a/.hidden",
    "/a",
    "a/",
    "a//b",
    "a b",
    "a\n",
    "a\x00",
    "a\\b",
    "ü",
    "a%2e",
    "a" * 901,
]


def race(racers: int, act: Callable[[int], str | None]) -> list[str | None]:
    """Let all start at the same moment and return what each got."""
    start = threading.Barrier(racers)

    def one(index: int) -> str | None:
        start.wait()
        return act(index)

    with ThreadPoolExecutor(racers) as threads:
        return list(threads.map(one, range(racers)))


def names(store: Store, prefix: str = "") -> list[str]:
    """The names that list yields, in its order."""
    return [entry.name for entry in store.list(prefix)]


@pytest.mark.parametrize("size", [0, 1, 160_000, 5_000_000])
def test_what_was_put_is_what_is_read(store: Store, size: int) -> None:
    """Bytes and version come back as they went, whatever the size."""
    data = os.urandom(size)
    version = store.put_if_absent("p/one.unv", data)
    stored = store.get("p/one.unv")
    assert (stored.name, stored.version) == ("p/one.unv", version)
    assert stored.data == data


def test_head_and_listings_describe_the_object_alike(store: Store) -> None:
    """head, list and versions agree on name, version and size, and on a credible time."""
    version = store.put_if_absent("p/one.unv", b"12345")
    entry = store.head("p/one.unv")
    assert entry is not None
    assert (entry.name, entry.version, entry.size) == ("p/one.unv", version, 5)
    assert abs(entry.modified - datetime.now(UTC)) < timedelta(minutes=1)
    for listed in (*store.list(), *store.versions()):
        assert (listed.name, listed.version, listed.size) == ("p/one.unv", version, 5)
        assert listed.modified.tzinfo is not None
        assert not listed.delete_marker


def test_nothing_there_is_said_plainly(store: Store) -> None:
    """An absent name is None to head, NotFound to get, nothing to lists, Changed to replace."""
    assert store.head("p/none") is None
    assert names(store) == []
    assert list(store.versions()) == []
    with pytest.raises(NotFound, match="p/none"):
        store.get("p/none")
    there = store.put_if_absent("p/there", b"1")
    with pytest.raises(Changed, match="p/none"):
        store.replace("p/none", b"2", version=there)
    with pytest.raises(NotFound):
        store.get("p/there/below")
    assert store.head("p/there/below") is None
    assert store.head("p") is None


def test_a_second_put_is_refused(store: Store) -> None:
    """put_if_absent never overwrites, not even with the same bytes."""
    store.put_if_absent("p/one", b"first")
    for data in (b"second", b"first"):
        with pytest.raises(AlreadyExists, match="p/one"):
            store.put_if_absent("p/one", data)
    assert store.get("p/one").data == b"first"


def test_one_of_sixteen_racing_puts_wins(store: Store) -> None:
    """Of any number of racers one wins, and what stands there is the winner's."""

    def put(index: int) -> str | None:
        try:
            return store.put_if_absent("p/new-folder/one", b"%d" % index)
        except AlreadyExists:
            return None

    won = {index: version for index, version in enumerate(race(16, put)) if version}
    assert len(won) == 1
    stored = store.get("p/new-folder/one")
    assert {int(stored.data): stored.version} == won


def test_replace_puts_over_the_version_it_saw(store: Store) -> None:
    """replace takes the current version's token and gives a new one."""
    first = store.put_if_absent("p/one", b"first")
    second = store.replace("p/one", b"second", version=first)
    assert second != first
    assert store.get("p/one").version == second
    assert store.get("p/one").data == b"second"
    with pytest.raises(Changed, match="p/one"):
        store.replace("p/one", b"third", version=first)
    assert store.get("p/one", second).data == b"second"


def test_one_of_racing_replaces_wins(store: Store) -> None:
    """Of replaces made against the same version one wins, the rest learn that it changed."""
    first = store.put_if_absent("p/one", b"first")

    def replace(index: int) -> str | None:
        try:
            return store.replace("p/one", b"%d" % index, version=first)
        except Changed:
            return None

    won = {index: version for index, version in enumerate(race(16, replace)) if version}
    assert len(won) == 1
    stored = store.get("p/one")
    assert {int(stored.data): stored.version} == won


def test_a_version_is_read_by_its_token(store: Store, kind: str) -> None:
    """get with a version gives that version or NotFound, never another one's bytes."""
    first = store.put_if_absent("p/one", b"first")
    assert store.get("p/one", first).data == b"first"
    second = store.replace("p/one", b"second", version=first)
    assert store.get("p/one", second).data == b"second"
    if kind.endswith("-versioned"):
        assert store.get("p/one", first).data == b"first"
    store.delete("p/one", first)
    with pytest.raises(NotFound, match="p/one"):
        store.get("p/one", first)


def test_delete_destroys_what_it_names(store: Store) -> None:
    """After delete nothing is listed, no version and no delete marker, and again is no error."""
    version = store.put_if_absent("p/one", b"1")
    for _ in range(2):
        store.delete("p/one", version)
        assert store.head("p/one") is None
        assert list(store.versions()) == []
    store.delete("p/never-was", version)
    assert list(store.versions()) == []


def test_delete_spares_a_newer_version(store: Store) -> None:
    """Deleting the version that was read leaves the one that replaced it."""
    first = store.put_if_absent("p/one", b"first")
    second = store.replace("p/one", b"second", version=first)
    store.delete("p/one", first)
    assert store.get("p/one").data == b"second"
    assert [entry.version for entry in store.versions()] == [second]


def test_delete_spares_what_was_put_again(store: Store) -> None:
    """Deleting a version that is gone leaves the new object under the same name."""
    first = store.put_if_absent("p/one", b"first")
    store.delete("p/one", first)
    second = store.put_if_absent("p/one", b"second")
    store.delete("p/one", first)
    assert store.get("p/one", second).data == b"second"


def test_many_are_deleted_as_each_would_be(store: Store) -> None:
    """In several folders: what is named goes, what is not stays; gone before, or twice, is fine."""
    put = {name: store.put_if_absent(name, b"1") for name in ("a", "p/1", "p/2", "p/3", "q/1")}
    newer = store.replace("p/3", b"22", version=put["p/3"])
    store.delete("q/1", put["q/1"])
    named = [*((name, put[name]) for name in ("p/3", "a", "q/1", "p/1", "a")), ("z/z", put["a"])]
    assert list(store.delete_many(named)) == [None] * len(named)
    assert [(e.name, e.version) for e in store.versions()] == [("p/2", put["p/2"]), ("p/3", newer)]
    assert list(store.delete_many([])) == []
    with pytest.raises(InputError):
        store.delete_many([("p/2", put["p/2"]), ("../x", "v")])
    assert put["p/2"] in {entry.version for entry in store.versions()}


def test_deletes_of_many_may_overlap(store: Store) -> None:
    """Eight at once, over the same names: all say that they deleted, and nothing is left."""
    put = [(f"p/{n % 3}/{n}", store.put_if_absent(f"p/{n % 3}/{n}", b"1")) for n in range(24)]
    said: list[Any] = []

    def act(index: int) -> None:
        said.extend(store.delete_many(put[index:] + put[:index]))

    race(8, act)
    assert said == [None] * 8 * 24
    assert list(store.versions()) == []


def test_many_calls_are_made_at_once(store: Store) -> None:
    """As many as the store says it is good for, with results in order."""
    put = {f"p/{n:02}": b"%d" % n for n in range(3 * store.together)}
    versions = list(together(store, lambda name: store.put_if_absent(name, put[name]), put))
    of = list(zip(put, versions, strict=True))
    stored = list(together(store, lambda one: store.get(*one), of))
    assert [(one.name, one.version) for one in stored] == of
    assert [one.data for one in stored] == list(put.values())


def test_the_start_of_an_object_is_read_alone(store: Store, kind: str) -> None:
    """As many bytes as were asked for, or all there are, of the version that is named."""
    data = os.urandom(5000)
    first = store.put_if_absent("p/one", data)
    empty = store.put_if_absent("p/empty", b"")
    for length in (1, 4096, 4999, 5000, 5001, 1_000_000):
        assert store.get_start("p/one", first, length) == data[:length]
        assert store.get_start("p/empty", empty, length) == b""
    second = store.replace("p/one", b"other", version=first)
    assert store.get_start("p/one", second, 3) == b"oth"
    if kind.endswith("-versioned"):
        assert store.get_start("p/one", first, 3) == data[:3]
    store.delete("p/one", first)
    for name, version in (("p/one", first), ("p/none", first), ("p/one/below", second)):
        with pytest.raises(NotFound, match=name):
            store.get_start(name, version, 10)


def test_delete_and_replace_do_not_both_happen(store: Store, kind: str) -> None:
    """Racing over one version, either the replacement stands or the name is empty."""
    for turn in range(10 if kind.startswith("s3") else 100):
        name = f"p/{turn}"
        first = store.put_if_absent(name, b"first")

        def act(index: int, name: str = name, first: str = first) -> str | None:
            if index == 0:
                store.delete(name, first)
                return None
            try:
                return store.replace(name, b"second", version=first)
            except Changed:
                return None

        second = race(2, act)[1]
        entry = store.head(name)
        assert (entry.version if entry else None) == second


def test_versions_show_what_list_hides(store: Store, kind: str) -> None:
    """versions lists every version that still exists; without versions, what list does."""
    first = store.put_if_absent("p/one", b"first")
    second = store.replace("p/one", b"second", version=first)
    assert [entry.version for entry in store.list()] == [second]
    kept = [second, first] if kind.endswith("-versioned") else [second]
    assert [entry.version for entry in store.versions()] == kept


def test_listings_are_in_order_of_the_names_bytes(store: Store) -> None:
    """A folder does not sort before its siblings: the whole name's bytes decide."""
    tricky = ["A/x", "a-b/x", "a.b", "a/b/c", "a/x", "a0/x", "a_/x", "aa", "b"]
    for name in reversed(tricky):
        store.put_if_absent(name, b"1")
    assert names(store) == tricky
    assert [entry.name for entry in store.versions()] == tricky


PREFIXES = {
    "": ["a-b/x", "a/b/c", "a/x", "ab/x"],
    "a": ["a-b/x", "a/b/c", "a/x", "ab/x"],
    "a/": ["a/b/c", "a/x"],
    "a/b": ["a/b/c"],
    "a/b/": ["a/b/c"],
    "a/x": ["a/x"],
    "a-": ["a-b/x"],
    "a/x/": [],
    "z": [],
    "z/z/": [],
}


def test_a_prefix_is_a_start_of_names(store: Store) -> None:
    """A prefix may end anywhere in a name and means its characters, not a folder."""
    for name in ("a-b/x", "a/b/c", "a/x", "ab/x"):
        store.put_if_absent(name, b"1")
    assert {prefix: names(store, prefix) for prefix in PREFIXES} == PREFIXES
    assert {p: [entry.name for entry in store.versions(p)] for p in PREFIXES} == PREFIXES


def test_more_objects_than_one_page(store: Store) -> None:
    """Listings longer than a server's page are complete, in order, and without repeats."""
    # SeaweedFS walks "many/" before "many-more/": a page ends between the two, and by the order of
    # bytes the second lies behind it.
    written = [f"many/{i:04d}" for i in range(1050)] + ["many-more/x", "many.x", "many0/x"]
    with ThreadPoolExecutor(16) as threads:
        put = dict(
            zip(written, threads.map(lambda n: store.put_if_absent(n, b"1"), written), strict=True)
        )
    listed = [(entry.name, entry.version) for entry in store.list()]
    assert listed == sorted(put.items())
    assert [(entry.name, entry.version) for entry in store.versions()] == listed
    assert names(store, "many/10") == [f"many/{i}" for i in range(1000, 1050)]
    for after in ("many.x", "many/0998"):
        resumed = [(entry.name, entry.version) for entry in store.versions("", after)]
        assert resumed == [one for one in listed if one[0] > after]


RESUMED = [
    "A/x",
    "a-b/x",
    "a-b/y",
    "a.b/x",
    "a.c",
    "a/b/c",
    "a/x",
    "a/x.y",
    "a0/x",
    "aa",
    "ab",
    "b",
]


def test_a_listing_goes_on_behind_any_name(store: Store, kind: str) -> None:
    """Resumed at whatever name, there or not, it is the rest of the whole; no name comes in two."""
    for name in reversed(RESUMED):
        version = store.put_if_absent(name, b"1")
        if name in {"a-b/y", "a/x", "b"}:
            store.replace(name, b"22", version=version)
    whole = [(entry.name, entry.version) for entry in store.versions()]
    assert len(whole) == len(RESUMED) + 3 * kind.endswith("-versioned")
    between = [
        "",
        "A",
        "a",
        "a-",
        "a-b",
        "a-b/",
        "a.",
        "a/",
        "a/b",
        "a/b/",
        "a/x/y",
        "a/~",
        "z",
        "ü",
    ]
    for prefix in ("", "a", "a/", "a-b/", "a/x"):
        for after in (*RESUMED, *between):
            rest = [one for one in whole if one[0].startswith(prefix) and one[0] > after]
            resumed = [(entry.name, entry.version) for entry in store.versions(prefix, after)]
            assert resumed == rest, (prefix, after)


def test_bad_names_are_refused_everywhere(store: Store) -> None:
    """No method takes a name outside the grammar, and none waits for an iteration to say so."""
    for name in BAD_NAMES:
        for act in (
            lambda name=name: store.put_if_absent(name, b"1"),
            lambda name=name: store.replace(name, b"1", version="v"),
            lambda name=name: store.get(name),
            lambda name=name: store.get_start(name, "v", 1),
            lambda name=name: store.head(name),
            lambda name=name: store.delete_many([("good", "v"), (name, "v")]),
            lambda name=name: store.delete(name, "v"),
            lambda name=name: store.put_locked(name, b"1", **LOCK),
            lambda name=name: store.keeping(name, "v"),
            lambda name=name: store.restore(name, "v", days=1, tier="Bulk"),
        ):
            with pytest.raises(InputError):
                act()
        # The empty prefix and one that ends a folder are good prefixes.
        if name not in {"", "a/"}:
            for listing in (store.list, store.versions, store.folders):
                with pytest.raises(InputError):
                    listing(name)


def test_the_longest_name_is_taken(store: Store) -> None:
    """900 characters are a name."""
    name = "/".join(["n" * 149] * 5 + ["n" * 150])
    store.put_if_absent(name, b"1")
    assert names(store) == [name]
    assert len(name) == 900


def test_tokens_never_repeat(store: Store, kind: str) -> None:
    """The same bytes put again are another version, save in a bucket that has no versions."""
    turns = 20 if kind.startswith("s3") else 300
    seen = set()
    for _ in range(turns):
        version = store.put_if_absent("p/same", b"same")
        seen.add(version)
        store.delete("p/same", version)
    assert len(seen) == (1 if kind == "s3-unversioned" else turns)


def test_readers_see_all_or_nothing(store: Store, kind: str) -> None:
    """While an object is replaced again and again, a reader gets one whole version of it."""
    size, turns = 300_000, 10 if kind.startswith("s3") else 60
    version = store.put_if_absent("p/one", bytes(size))
    done = threading.Event()

    def read(_: int) -> int:
        torn = 0
        while not done.is_set():
            data = store.get("p/one").data
            torn += len(data) != size or len(set(data)) != 1
        return torn

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(read, i) for i in range(2)]
        try:
            for turn in range(turns):
                version = store.replace("p/one", bytes([turn + 1]) * size, version=version)
        finally:
            done.set()
        assert [reader.result() for reader in readers] == [0, 0]


def test_the_url_opens_the_same_store(store: Store, kind: str) -> None:
    """`open_store` takes what `url` says, and the url carries no credentials."""
    if kind.startswith("memory"):
        assert store.url.startswith("memory://")
        return
    store.put_if_absent("p/one", b"1")
    again = open_store(store.url)
    assert again.url == store.url
    assert again.get("p/one").data == b"1"
    assert os.environ.get("AWS_SECRET_ACCESS_KEY", "no secret") not in store.url


def test_errors_are_the_stores_own(store: Store) -> None:
    """Every refusal is a StoreError that carries no cause an outer log could print."""
    with pytest.raises(StoreError) as caught:
        store.get("p/none")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
