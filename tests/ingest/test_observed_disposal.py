"""No receipt without observed absence: not from a store that lies, nor from careless code."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.ingest.claims import accounted_for, finished
from tests.ingest.home import START, Home
from tests.ingest.hooked_store import HookedStore
from unvoiced.disposal import (
    Clearance,
    Held,
    JournalEntry,
    Observation,
    PlacedFeatures,
    Receipt,
    Target,
    clear,
    destroy,
)
from unvoiced.errors import NotDisposed, StoreError
from unvoiced.stores.memory import MemoryStore

FEATURES = (PlacedFeatures("features/set/p/s.unv", "d" * 64, "f" * 64),)
ENTRY = JournalEntry("p/s.unv", "v1", "a" * 64, FEATURES, "keys/p.unv", "b" * 64)
READ_BACK = {"features/set/p/s.unv": "f" * 64, "keys/p.unv": "b" * 64}
NOBODY = Held(frozenset())
GONE = Observation(
    version_readable=False, version_listed=False, current="absent", delete_markers=0, time=START
)


def receipt(observed: Any, features: tuple[PlacedFeatures, ...] = FEATURES) -> Receipt:
    """A receipt of the entry's recording, if it lets itself be made."""
    return Receipt("a" * 64, "object", features, observed, "a test")


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize(
    "observed",
    [
        None,
        True,
        replace(GONE, version_listed=True),
        replace(GONE, current="present"),
        replace(GONE, current=""),
        replace(GONE, version_listed=True, current="newer"),
    ],
)
def test_a_receipt_cannot_be_made_without_the_observation(observed: object) -> None:
    """Its constructor refuses whatever does not show that the version is gone."""
    with pytest.raises(NotDisposed):
        receipt(observed)


@pytest.mark.inv("INV-4")
def test_a_receipt_is_made_of_what_shows_absence() -> None:
    """The name free, or taken by a newer recording; and never without features that remain."""
    for current in ("absent", "newer"):
        assert receipt(replace(GONE, current=current)).leaf()
    with pytest.raises(NotDisposed):
        receipt(GONE, features=())


@pytest.mark.inv("INV-3")
def test_a_clearance_comes_from_the_policy_alone() -> None:
    """It cannot be constructed, and is good for one use."""
    with pytest.raises(TypeError):
        Clearance(object(), Target("p/s.unv", "v1", "a" * 64))
    clearance = clear(ENTRY, READ_BACK, NOBODY)
    assert clearance.use() == Target(ENTRY.name, ENTRY.version, ENTRY.sha256)
    with pytest.raises(NotDisposed):
        clearance.use()


@pytest.mark.inv("INV-3")
def test_a_clearance_destroys_once() -> None:
    """The same clearance passed to a second destroy finds nothing in it, and deletes nothing."""
    store = MemoryStore()
    version = store.put_if_absent("p/s.unv", b"first")
    clearance = clear(replace(ENTRY, version=version), READ_BACK, NOBODY)
    assert destroy(store, clearance, lambda: START).shows_absence
    store.put_if_absent("p/s.unv", b"second")
    with pytest.raises(NotDisposed):
        destroy(store, clearance, lambda: START)
    assert store.get("p/s.unv").data == b"second"


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize(
    "read_back",
    [
        {},
        {"keys/p.unv": "b" * 64},
        {"features/set/p/s.unv": "f" * 64},
        READ_BACK | {"features/set/p/s.unv": "0" * 64},
        READ_BACK | {"keys/p.unv": "0" * 64},
    ],
)
def test_there_is_no_clearance_before_all_was_read_back(read_back: dict[str, str]) -> None:
    """Features missing or other ones, the contributor's key missing or another: no leave given."""
    with pytest.raises(NotDisposed):
        clear(ENTRY, read_back, NOBODY)


@pytest.mark.inv("INV-3")
def test_there_is_no_clearance_without_features() -> None:
    """An entry that names no feature object is no reason to destroy anything."""
    with pytest.raises(NotDisposed):
        clear(replace(ENTRY, features=()), READ_BACK, NOBODY)


def _does_nothing(_: MemoryStore, __: str, ___: Callable[[], Any]) -> None:
    return


def _only_hides(store: MemoryStore, name: str, _: Callable[[], Any]) -> None:
    store.hide(name)


def _fails_midway(_: MemoryStore, name: str, proceed: Callable[[], Any]) -> None:
    proceed()
    raise StoreError(f"{name}: the answer got lost")


@pytest.mark.inv("INV-4")
@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("lie", [_does_nothing, _only_hides])
def test_a_delete_that_did_not_destroy_earns_no_receipt(
    home: Home, voices: list[bytes], lie: Callable[..., None]
) -> None:
    """The store says yes and keeps the bytes, or hides them under a marker: still the backlog."""
    home = home.in_memory(versioned=True)
    sent = home.send("anna", voices[0])
    raw = home.store("raw")

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        return lie(raw, name, proceed) if operation == "delete" else proceed()

    report = home.on(raw=HookedStore(raw, around)).run()
    assert report.disposed == 0
    assert "was not seen to be gone" in report.left[sent.name]
    assert home.leaves("disposed") == []
    status = home.status()
    assert (status.accepted, status.backlog, status.waiting) == (1, 1, 1)
    accounted_for(home, [sent])
    assert home.run().disposed == 1
    finished(home, [sent])
    assert list(raw.versions()) == []


@pytest.mark.inv("INV-4")
@pytest.mark.parametrize("hidden_from", ["head", "versions"])
def test_both_looks_have_to_show_absence(home: Home, voices: list[bytes], hidden_from: str) -> None:
    """Gone from one of HEAD and the list of versions is not gone."""
    home = home.in_memory(versioned=True)
    sent = home.send("anna", voices[0])
    raw = home.store("raw")

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "delete":
            return None
        if operation == hidden_from and name == sent.name:
            return None if operation == "head" else iter(())
        return proceed()

    report = home.on(raw=HookedStore(raw, around)).run()
    assert (report.disposed, list(report.left)) == (0, [sent.name])
    assert home.leaves("disposed") == []


@pytest.mark.inv("INV-5")
def test_a_delete_whose_answer_got_lost_is_observed_by_the_next_run(
    home: Home, voices: list[bytes]
) -> None:
    """Destroyed without anybody knowing: the journal has it, and the receipt follows."""
    home = home.in_memory(versioned=True)
    sent = home.send("anna", voices[0])
    raw = home.store("raw")

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        return _fails_midway(raw, name, proceed) if operation == "delete" else proceed()

    report = home.on(raw=HookedStore(raw, around)).run()
    assert list(report.left) == [sent.name]
    assert home.standing() == set()
    assert home.status().finishing == 1
    accounted_for(home, [sent])
    home.run()
    finished(home, [sent])
