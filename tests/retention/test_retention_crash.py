"""A run that dies at any change to a store: the next one leads to the same end, and no further."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.ingest.dying import dies, dying
from tests.ingest.home import Home, Sent
from tests.retention.calendar_home import calendar, copied, on_calendar, recording, retain
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.note import Checkpoint
from unvoiced.log.verify import verify_log
from unvoiced.stores.memory import MemoryStore

ENOUGH = 1000
DAYS = {
    "raw_days": 40,
    "quarantine_days": 40,
    "archive_days": 80,
    "features_days": 90,
    "inactive_days": 95,
    "audit_days": 60,
}


@dataclass
class Stock:
    """A deployment in which something is due by every rule, and something is not."""

    home: Home
    stays: dict[str, set[str]] = field(default_factory=dict)

    def again(self) -> "Stock":
        """Another one of the same."""
        return Stock(copied(self.home), self.stays)


def stock(blank: Home, *, versioned: bool) -> Stock:
    """Anna is gone long since, Bruno uploads still, Carla is held."""
    home = on_calendar(blank, versioned=versioned, archive=("*",), **DAYS)
    training = home.store("training")

    def on(day: int, *what: Callable[[], Sent]) -> list[Sent]:
        calendar(home).on(days=day)
        sent = [each() for each in what]
        home.store("audit").put_if_absent(f"reads/{home.clock():%F}/x.json", b"{}\n")
        return sent

    first = on(0, lambda: home.send("anna", recording(1)), lambda: home.send("bruno", recording(2)),
               lambda: home.send("carla", recording(3)))  # fmt: skip
    home.run()
    on(55, lambda: home.send("bruno", b"no audio"))
    home.run()
    on(56, lambda: home.send("bruno", recording(4)))
    (young,) = on(90, lambda: home.send("bruno", recording(5)))
    carla = first[2]
    LegalHolds(home.store("journal")).place(LegalHold(carla.pseudonym, "a lawsuit", "2026-11-23"))
    if isinstance(training, MemoryStore) and versioned:
        training.hide(first[1].feature_name)
    calendar(home).on(days=97)
    return Stock(
        home,
        {
            "raw": {young.name},
            "training": {
                carla.feature_name,
                key_object_name(carla.pseudonym),
                key_object_name(young.pseudonym),
            },
            "archive": {carla.name},
            "audit": {
                "reads/2027-01-17/x.json",
                "reads/2027-01-18/x.json",
                "reads/2027-02-21/x.json",
            },
        },
    )


def names(home: Home, store: str) -> set[str]:
    """All that stands in a store, in every version."""
    return {entry.name for entry in home.store(store).versions()}  # type: ignore[arg-type]


def nothing_undue(found: Stock, remembered: Checkpoint | None) -> Checkpoint:
    """At any moment: what is not due stands, the count holds, the log goes on from what it was."""
    home = found.home
    for store, stays in found.stays.items():
        assert stays <= names(home, store)
    assert home.status().adds_up, home.status()
    return verify_log(home.store("log"), home.verifier, remembered).checkpoint


def all_due_is_gone(found: Stock) -> None:
    """Once a run is through: what stands is what stays, with a leaf for each that has one."""
    home = found.home
    assert {store: names(home, store) for store in found.stays} == found.stays
    assert names(home, "journal") == {entry.name for entry in home.store("journal").list("holds/")}
    verified = verify_log(home.store("log"), home.verifier).ledger
    assert (verified.accepted, verified.disposed) == (5, 5)
    assert len(verified.archived) == 1
    assert len(verified.contributor_keys) == 2
    rules = [(leaf.fields["rule"], leaf.fields["store"]) for leaf in home.leaves("swept")]
    assert len(rules) == len({leaf.digest for leaf in home.leaves("swept")})
    objects: dict[object, int] = {}
    for leaf in home.leaves("swept"):
        count = leaf.fields["objects"]
        assert isinstance(count, int)
        objects[leaf.fields["store"]] = objects.get(leaf.fields["store"], 0) + count
    assert objects == {"training": 2, "audit": 1}


def die_at_each(blank: Home, *, versioned: bool, after: bool, start: int = 0, by: int = 1) -> None:
    """Runs that die at one change each, from one to as many as there are."""
    stocked = stock(blank, versioned=versioned)
    for nth in range(start, ENOUGH, by):
        found = stocked.again()
        home = found.home
        seen = nothing_undue(found, None)
        died = dies(partial(retain, dying(home, nth, after=after)))
        seen = nothing_undue(found, seen)
        if died:
            assert retain(home).left == 0
            nothing_undue(found, seen)
        all_due_is_gone(found)
        if not died:
            assert retain(home).destroyed == 0
            assert nth > 50
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-4", "INV-5", "INV-7", "INV-10")
@pytest.mark.parametrize(("after", "start"), [(False, 1), (True, 4)], ids=["before", "after"])
def test_a_death_at_many_a_change_to_a_store(blank: Home, after: bool, start: int) -> None:
    """Nothing undue is destroyed, everything due goes, each object is logged once."""
    die_at_each(blank, versioned=True, after=after, start=start, by=11)


@pytest.mark.slow
@pytest.mark.inv("INV-4", "INV-5", "INV-7", "INV-10")
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_change_to_a_store(blank: Home, versioned: bool, after: bool) -> None:
    """The same at every one, with versions and without."""
    die_at_each(blank, versioned=versioned, after=after)


def test_a_death_within_the_finishing_of_a_death(blank: Home) -> None:
    """Runs that all die, each one change further on, get there in the end."""
    found = stock(blank, versioned=True)
    seen = nothing_undue(found, None)
    for nth in range(ENOUGH):
        died = dies(partial(retain, dying(found.home, nth, after=bool(nth % 2))))
        seen = nothing_undue(found, seen)
        if not died:
            break
    all_due_is_gone(found)


@pytest.mark.inv("INV-4", "INV-5", "INV-7")
def test_two_runs_at_once(blank: Home) -> None:
    """All that is due is gone, with one leaf each, and nothing else is."""
    stocked = stock(blank, versioned=True)
    for _ in range(4):
        found = stocked.again()
        home = found.home
        with ThreadPoolExecutor(2) as both:
            reports = [each.result() for each in [both.submit(retain, home) for _ in range(2)]]
        assert [one.left for one in reports] == [0, 0]
        nothing_undue(found, None)
        retain(home)
        assert {store: names(home, store) for store in found.stays} == found.stays
        ledger = verify_log(home.store("log"), home.verifier).ledger
        assert (ledger.accepted, ledger.disposed) == (5, 5)
        assert (len(ledger.archived), len(ledger.contributor_keys)) == (1, 2)
        for kind in ("disposed", "archive-destroyed", "contributor-key-destroyed", "swept"):
            digests = [leaf.digest for leaf in home.leaves(kind)]
            assert len(digests) == len(set(digests))
