"""Legal holds: nothing held is destroyed, whenever the hold came, and nothing is forgotten."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.ingest.claims import finished
from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import Cause, LegalHolds, Target
from unvoiced.disposal.holds import DAMAGED, EVERYTHING
from unvoiced.errors import InputError, VerificationError


@pytest.fixture
def memory(home: Home) -> Home:
    """A deployment in memory, with versions."""
    return home.in_memory(versioned=True)


def target(sent: Sent) -> Target:
    """A recording as it is destroyed without features."""
    return Target(sent.name, sent.version, sent.sha256)


def die() -> None:
    """What a killed process does next."""
    raise Died


@pytest.mark.parametrize("whole", [False, True], ids=["contributor", "everything"])
def test_ingest_does_not_touch_what_is_held(memory: Home, voices: list[bytes], whole: bool) -> None:
    """It is not even accepted; the plan and the status count it; lifted, the next run takes it."""
    held, free = memory.send("anna", voices[0]), memory.send("bruno", voices[1])
    whose = EVERYTHING if whole else held.pseudonym
    memory.hold(whose)
    taken = 0 if whole else 1

    report = memory.run()

    assert (report.disposed, report.left) == (taken, {})
    assert memory.plan(memory.bench()).held == {whose: 2 - taken}
    status = memory.status()
    assert status.adds_up
    assert (status.accepted, status.held) == (taken, 2 - taken)
    assert held.sha256 in memory.standing()

    memory.lift(whose)
    assert memory.run().disposed == 2 - taken
    assert memory.status().held == 0
    finished(memory, [held, free])


@pytest.mark.inv("INV-5")
def test_a_hold_between_planning_and_destroying_stops_the_destroying(
    memory: Home, voices: list[bytes]
) -> None:
    """The recording is left, with the reason; later runs leave it alone, and no run has failed."""
    sent = memory.send("anna", voices[0])
    raw = HookedStore(
        memory.store("raw"), once("get", sent.name, lambda: memory.hold(sent.pseudonym), after=True)
    )

    report = memory.on(raw=raw).run()

    assert "under a legal hold" in report.left[sent.name]
    assert memory.leaves("disposed") == []
    again = memory.run()
    assert (again.disposed, again.left, again.lost) == (0, {}, [])
    assert memory.standing() == {sent.sha256}
    assert memory.status().adds_up
    memory.lift(sent.pseudonym)
    memory.run()
    finished(memory, [sent])


@pytest.mark.inv("INV-4", "INV-5")
def test_what_was_destroyed_before_it_was_held_has_its_receipt(
    memory: Home, voices: list[bytes]
) -> None:
    """A run dies between destroying and logging; then comes the hold: nothing stays open."""
    sent = memory.send("anna", voices[0])
    raw = HookedStore(memory.store("raw"), once("delete", sent.name, die, after=True))
    assert dies(memory.on(raw=raw).run)
    memory.hold(sent.pseudonym)

    memory.run()

    finished(memory, [sent])


@pytest.mark.parametrize("after", [False, True], ids=["standing", "gone"])
@pytest.mark.inv("INV-4", "INV-5")
def test_an_intent_of_which_the_recording_came_under_a_hold(
    memory: Home, voices: list[bytes], after: bool
) -> None:
    """Where it stands, the intent is dropped; where it is gone, it has its receipt.

    Either way the count adds up, and lifting the hold alone destroys nothing.
    """
    sent = memory.send("anna", voices[0])
    bench = memory.bench()
    accept_only(memory)
    raw = HookedStore(memory.store("raw"), once("delete", sent.name, die, after=after))
    dying = memory.on(raw=raw).bench()
    assert dies(lambda: dying.undertaker.dispose([target(sent)], Cause.BACKLOG_AGE))
    assert list(bench.undertaker.intents.all()) != []
    assert memory.status().adds_up
    memory.hold(sent.pseudonym)

    finished_ = memory.bench().undertaker.finish()

    assert list(memory.bench().undertaker.intents.all()) == []
    assert finished_.disposed == after
    assert memory.status().adds_up
    memory.lift(sent.pseudonym)
    assert memory.bench().undertaker.finish().disposed == 0
    assert (sent.sha256 in memory.standing()) is not after


def accept_only(home: Home) -> None:
    """A run that dies when it is about to journal: all is accepted and stands."""
    journal = HookedStore(home.store("journal"), once("put_if_absent", "pages/", die))
    assert dies(home.on(journal=journal).run)


def test_what_is_intended_to_be_destroyed_without_features_is_not_ingested(
    memory: Home, voices: list[bytes]
) -> None:
    """While the intent stands no features are made; an erasure's is carried out by the run."""
    sent = memory.send("anna", voices[0])
    accept_only(memory)
    bench = memory.bench()
    bench.undertaker.intents.write(Cause.ERASURE, [target(sent)], bench.undertaker.signer)

    assert memory.plan(bench).batches == []
    assert memory.run().disposed == 1
    assert memory.leaves("disposed")[0].fields["cause"] == Cause.ERASURE.value
    assert memory.features() == {}


@pytest.mark.inv("INV-3")
def test_a_hold_counts_by_its_name_alone(memory: Home, voices: list[bytes]) -> None:
    """A damaged one holds all the same, and says that it is damaged."""
    sent = memory.send("anna", voices[0])
    memory.store("journal").put_if_absent(f"holds/{sent.pseudonym}", b"not json")

    assert memory.run().disposed == 0
    assert memory.standing() == {sent.sha256}
    found = list(LegalHolds(memory.store("journal")).all())
    assert [(one.whose, one.reason) for one in found] == [(sent.pseudonym, DAMAGED)]
    memory.lift(sent.pseudonym)
    assert memory.run().disposed == 1


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("name", ["ANNA", "everythin", "{}/x", "{}.json"])
def test_a_hold_that_names_nobody_stops_every_disposal(
    memory: Home, voices: list[bytes], name: str
) -> None:
    """Somebody meant to hold something: nothing goes before that is known. The message says it."""
    sent = memory.send("anna", voices[0])
    memory.store("journal").put_if_absent("holds/" + name.format(sent.pseudonym), b"{}")

    with pytest.raises(VerificationError, match="holds nobody that can be told"):
        memory.run()

    assert memory.standing() == {sent.sha256}


def test_holds_are_placed_once_and_lifted_where_they_are(memory: Home) -> None:
    """The second hold, a lift of none, and what is no pseudonym are refused."""
    whose = memory.invitation("anna").pseudonym
    holds: list[Callable[[str], Any]] = [memory.hold, memory.lift]
    for act in holds:
        with pytest.raises(InputError):
            act("anna")
    with pytest.raises(InputError):
        memory.lift(whose)
    memory.hold(whose)
    with pytest.raises(InputError):
        memory.hold(whose)
    memory.lift(whose)
    assert list(LegalHolds(memory.store("journal")).all()) == []
