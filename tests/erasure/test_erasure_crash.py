"""Erasures that die at any change to any store, and two at once: the end is the same."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from tests.erasure.house import (
    ARCHIVE_DAYS,
    House,
    Trace,
    archiving,
    erase,
    eraser,
    furnish,
    in_memory,
    later,
    unchanged,
)
from tests.ingest.dying import dies, dying
from tests.ingest.home import STORES, Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.eraser import Eraser
from unvoiced.erasure import Outcome, carry_out, go_on, pending, reapply, request, requests
from unvoiced.errors import StoreError
from unvoiced.log.verify import verify_log
from unvoiced.stores.file import FileStore

ENOUGH = 400


@dataclass(frozen=True)
class Erased:
    """What has to be true once an erasure is through, whatever happened on the way."""

    house: House
    trace: Trace
    bruno: dict[str, Any]
    key_digests: set[str]

    @classmethod
    def to_be(cls, house: House) -> "Erased":
        """Looked at before."""
        ledger = verify_log(house.home.store("log"), house.home.verifier).ledger
        bruno = house.everything_of(house.bruno)
        return cls(house, house.trace, bruno, ledger.contributor_keys)

    def holds(self, certificates: int = 1) -> None:
        """Nothing of theirs, all of the other's, one leaf of each, a count that adds up."""
        home = self.house.home
        assert self.trace.in_stores(home) == []
        assert unchanged(self.bruno, self.house.everything_of(self.house.bruno))
        assert len(home.leaves("erased")) == certificates
        for kind, times in (("contributor-key-destroyed", 1), ("archive-destroyed", 2)):
            found = [leaf.digest for leaf in home.leaves(kind)]
            assert len(found) == len(set(found)) == times, kind
        status = home.status()
        assert status.adds_up, status
        verify_log(home.store("log"), home.verifier)
        (record,) = requests(eraser(home))
        assert record.finished
        assert len(list(home.store("journal").versions("erasures/"))) == 1
        if isinstance(home.store("journal"), FileStore):
            assert self.trace.on_disk(home.settings.folder) == []
            shutil.rmtree(home.settings.folder)


@pytest.fixture(
    params=[
        "versioned",
        pytest.param("unversioned", marks=pytest.mark.slow),
        pytest.param("files", marks=pytest.mark.slow),
    ]
)
def furnished(
    request: pytest.FixtureRequest, tmp_path: Path, memory_disk: Path
) -> Callable[[], House]:
    """Makes one house after the other, whose archive's locks are over."""
    made = Home.create(tmp_path / "home")
    numbers = count()

    def make() -> House:
        if request.param == "files":
            home = Home.copy(made.settings.folder, memory_disk / f"home-{next(numbers)}")
            folder = home.settings.folder / "stores" / "archive"
            home = home.on(archive=FileStore(folder, now=home.clock))
        else:
            home = in_memory(made, versioned=request.param == "versioned")
        house = furnish(archiving(home))
        later(house.home, ARCHIVE_DAYS + 1)
        return house

    return make


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    "step", [9, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "every"]
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_change_is_finished_by_the_next_run(
    furnished: Callable[[], House], after: bool, step: int
) -> None:
    """Whichever change was the last, or never came: nothing is left, and nothing is logged twice.

    A death before the request was durable is an erasure that nobody has asked for yet.
    """
    for nth in range(0, ENOUGH, step):
        house = furnished()
        to_be = Erased.to_be(house)
        died = dies(partial(erase, dying(house.home, nth, after=after), house.anna))
        opened = eraser(house.home)
        for one in pending(opened):
            assert carry_out(opened, one).complete
        if not requests(opened):
            assert erase(house.home, house.anna).complete
        to_be.holds()
        if not died:
            assert nth > 30
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-10")
@pytest.mark.slow
def test_deaths_upon_deaths_lead_to_the_same_end(furnished: Callable[[], House]) -> None:
    """Runs that all die, each one change further on than the one before, get there in the end."""
    for start in range(0, 40, 4):
        house = furnished()
        to_be = Erased.to_be(house)
        request(eraser(house.home), house.anna)
        for nth in range(start, ENOUGH):
            hooked = dying(house.home, nth, after=bool(nth % 2))

            def run(hooked: Home = hooked) -> None:
                opened = eraser(hooked)
                for one in pending(opened):
                    go_on(opened, one)

            if not dies(run):
                break
        to_be.holds()


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    ("store", "operation", "name"),
    [
        ("training", "delete", "keys/"),
        ("training", "delete", "features/"),
        ("raw", "get", ""),
        ("raw", "delete", ""),
        ("archive", "keeping", ""),
        ("archive", "delete", ""),
        ("journal", "delete", "quarantine/"),
        ("journal", "replace", "erasures/"),
        ("log", "replace", "pending/head"),
    ],
)
def test_another_run_in_the_middle_leads_to_the_same_end(
    furnished: Callable[[], House], store: Any, operation: str, name: str
) -> None:
    """A whole second erasure slipped in before a step of the first: one certificate, no more."""
    house = furnished()
    home, to_be = house.home, Erased.to_be(house)
    first = eraser(home)
    asked = request(first, house.anna)
    done = []
    around = once(operation, name, lambda: done.append(carry_out(eraser(home), asked).complete))
    hooked = home.on(**{store: HookedStore(home.store(store), around)})

    outcome = carry_out(eraser(hooked), asked)

    assert done == [True]
    assert outcome.complete
    to_be.holds()


def start_and_erase(opened: Eraser, whose: str, barrier: Barrier, outcomes: list[Outcome]) -> None:
    """One of several, all starting when the last is ready."""
    barrier.wait()
    outcomes.append(carry_out(opened, request(opened, whose)))


@pytest.mark.inv("INV-10")
def test_two_at_once_lead_to_the_same_end(furnished: Callable[[], House]) -> None:
    """Two that start together, in threads, with the request itself a race."""
    for _ in range(2):
        house = furnished()
        to_be = Erased.to_be(house)
        openers = [eraser(house.home, f"run-{number}") for number in range(2)]
        barrier, outcomes = Barrier(2), list[Outcome]()
        threads = [
            Thread(target=start_and_erase, args=(one, house.anna, barrier, outcomes))
            for one in openers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one in pending(eraser(house.home)):
            assert carry_out(eraser(house.home), one).complete
        assert len(outcomes) == 2
        certificates = len(house.home.leaves("erased"))
        assert certificates in {1, 2}  # who asks when the other is through has one of their own
        to_be.holds(certificates)


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize(
    ("store", "operation", "name"),
    [
        ("journal", "put_if_absent", "pages/"),
        ("training", "put_if_absent", "keys/"),
        ("training", "put_if_absent", "features/"),
        ("archive", "put_locked", ""),
        ("raw", "delete", ""),
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_erasure_while_ingest_is_at_work_on_them_ends_with_nothing(
    furnished: Callable[[], House], store: Any, operation: str, name: str, after: bool
) -> None:
    """Whatever ingest puts after the erasure has passed, the next look finds and destroys.

    A batch whose new key is destroyed under its hands fails as a whole; the next run takes it.
    """
    house = furnished()
    home, to_be = house.home, Erased.to_be(house)
    complete: list[bool] = []
    if operation == "put_if_absent" and name == "keys/":
        # Only without a key is one made: the erasure of an earlier day, lifted since.
        training = home.store("training")
        for entry in list(training.versions(f"keys/{house.anna}")):
            training.delete(entry.name, entry.version)
    around = once(
        operation,
        name,
        lambda: complete.append(erase(home, house.anna).complete),
        after=after,
    )
    hooked = home.on(**{store: HookedStore(home.store(store), around)})

    try:
        hooked.run()
    except StoreError:
        assert name == "keys/"
        home.run()  # lets go of what that one had journalled

    assert complete
    later(home, ARCHIVE_DAYS + 1)  # of what ingest has archived meanwhile
    opened = eraser(home)
    for one in pending(opened):
        assert carry_out(opened, one).complete
    assert all(one.complete for one in reapply(opened))
    assert to_be.trace.in_stores(home) == []
    assert not any(
        house.anna in entry.name for kind in STORES for entry in home.store(kind).versions()
    )
    assert home.status().adds_up
    verify_log(home.store("log"), home.verifier)
    assert home.run().lost == []
    assert reapply(eraser(home)) == []
