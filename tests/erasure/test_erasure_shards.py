"""The catalog's shards in an erasure: when they go, when they are left, and what counts say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.erasure.house import (
    ARCHIVE_DAYS,
    House,
    archiving,
    erase,
    eraser,
    furnish,
    hold,
    in_memory,
    later,
)
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.catalog.schema import parse_shard_name, shard_name
from unvoiced.certificates.document import Issuer
from unvoiced.certificates.issue import issue
from unvoiced.certificates.subject import Subject
from unvoiced.certificates.wording import findings
from unvoiced.erasure import carry_out, pending, request, take_inventory
from unvoiced.erasure.shards import forget_replaced
from unvoiced.errors import StoreError

ISSUER = Issuer("2026-11-23T08:00:00Z")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two contributors in stores with versions, both in the catalog of two feature sets."""
    return furnish(in_memory(Home.create(tmp_path / "home"), versioned=True))


def shards(house: House, whose: str) -> list[str]:
    """Every version of the shards in which somebody's rows belong."""
    versions = house.home.store("training").versions("catalog/")
    return [one.version for one in versions if _first(one.name) == whose[0]]


def _first(name: str) -> str:
    place = parse_shard_name(name)
    assert place is not None
    return place[1]


def build(house: House) -> None:
    """What the flow does after ingest."""
    build_all(CatalogBuilder.of(house.home.settings))


@pytest.mark.inv("INV-10")
def test_shards_go_after_the_features_and_are_certified(house: House) -> None:
    """None goes while a feature object of theirs stands; the certificate says what they are."""
    home = house.home
    training = home.store("training")
    assert len(shards(house, house.anna)) == 2

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "delete" and name.startswith("catalog/"):
            assert not any(house.anna in one.name for one in training.versions("features/"))
        return proceed()

    opened = eraser(home.on(training=HookedStore(training, around)))
    outcome = carry_out(opened, request(opened, house.anna))

    assert shards(house, house.anna) == []
    assert outcome.body is not None
    assert outcome.destroyed is not None
    assert outcome.destroyed["catalog"] == 2
    subject = Subject.of_body(outcome.body)
    certificate = issue(subject, home.settings.log_reader(), home.verifier, ISSUER)
    said = " ".join(one.text for one in findings(certificate))
    assert "2 in catalog" in said
    assert "derived shards" in said
    build(house)
    assert house.trace.in_stores(home) == []


@pytest.mark.inv("INV-10")
def test_an_erasure_that_waits_for_a_lock_destroys_shards_once(tmp_path: Path) -> None:
    """Else a lock of years would have them destroyed every day; the last run looks at all again."""
    house = furnish(archiving(in_memory(Home.create(tmp_path / "home"), versioned=True)))
    assert not erase(house.home, house.anna).complete
    assert shards(house, house.anna) == []
    later(house.home, 2)
    build(house)
    training = house.home.store("training")
    for feature_set in list(training.folders("features/")):
        name = shard_name(feature_set, house.anna[0])
        if training.head(name) is None:  # of somebody else whose pseudonym begins so
            training.put_if_absent(name, b"another's rows")
    standing = {one.version for one in house.home.store("training").versions("catalog/")}

    (open_one,) = pending(eraser(house.home))
    assert not carry_out(eraser(house.home), open_one).complete
    assert {one.version for one in house.home.store("training").versions("catalog/")} == standing

    later(house.home, ARCHIVE_DAYS + 1)
    outcome = carry_out(eraser(house.home), open_one)
    assert outcome.complete
    assert shards(house, house.anna) == []
    assert len(standing) >= 2


@pytest.mark.inv("INV-10")
def test_a_shard_that_stays_is_no_erasure(house: House) -> None:
    """A store that refuses: pending, with the reason and without a name; then finished."""
    home = house.home

    def refuse(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "delete" and name.startswith("catalog/"):
            raise StoreError(f"{name}: not today")
        return proceed()

    opened = eraser(home.on(training=HookedStore(home.store("training"), refuse)))
    outcome = carry_out(opened, request(opened, house.anna))
    assert (outcome.complete, outcome.pending) == (False, ("catalog: an object: not today",))
    assert home.leaves("erased") == []
    (open_one,) = pending(eraser(home))
    assert carry_out(eraser(home), open_one).complete
    assert house.trace.in_stores(home) == []


@pytest.mark.inv("INV-10")
def test_a_store_that_keeps_a_shard_it_calls_destroyed_is_seen(house: House) -> None:
    """What is listed afterwards is not observed to be gone."""
    home = house.home

    def lie(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        return None if operation == "delete" and name.startswith("catalog/") else proceed()

    opened = eraser(home.on(training=HookedStore(home.store("training"), lie)))
    outcome = carry_out(opened, request(opened, house.anna))
    assert not outcome.complete
    assert outcome.pending == ("catalog: still listed after it was destroyed",)


@pytest.mark.inv("INV-10")
def test_shards_that_keep_coming_are_waited_for(house: House) -> None:
    """A build puts one before each look: destroyed each time, and at last said to be at work."""
    home = house.home
    training = home.store("training")
    held = {one.name: training.get(one.name).data for one in training.list("catalog/")}

    def restore(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        result = proceed()
        if operation == "delete" and name in held and not list(training.versions(name)):
            training.put_if_absent(name, held[name])
        return result

    opened = eraser(home.on(training=HookedStore(training, restore)))
    outcome = carry_out(opened, request(opened, house.anna))
    assert not outcome.complete
    assert "a run is at work" in outcome.pending[0]
    assert carry_out(eraser(home), outcome.id).complete


def test_a_stranger_is_not_known_for_a_shard_of_others(house: House) -> None:
    """Somebody nobody invited, whose pseudonym begins as Anna's: nothing is theirs."""
    stranger = house.anna[0] + "2" * 25
    found = take_inventory(eraser(house.home), stranger)
    assert found.versions == 0
    (held,) = [one for one in found.stores if one.shared]
    assert (held.objects, held.versions) == (2, 2)


def test_a_hold_keeps_shards_too(house: House) -> None:
    """Nothing at all is destroyed for who is under one."""
    hold(house.home, house.anna)
    before = shards(house, house.anna)
    outcome = erase(house.home, house.anna)
    assert (outcome.complete, outcome.held) == (False, True)
    assert shards(house, house.anna) == before


@pytest.mark.inv("INV-10")
def test_what_a_build_replaced_is_forgotten_and_what_stands_stays(house: House) -> None:
    """Older versions go, with those that a marker hides; the newest of each name is not touched."""
    home, training = house.home, house.home.store("training")
    names = [one.name for one in training.list("catalog/")]
    for name in names:
        stored = training.get(name)
        training.replace(name, stored.data, version=stored.version)
    newest = {one.name: one.version for one in training.list("catalog/")}
    forget_replaced(eraser(home))
    assert {one.name: one.version for one in training.versions("catalog/")} == newest
