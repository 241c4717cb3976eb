"""What is missing for good, and what only seems to be."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import Cause, Target
from unvoiced.errors import StoreError, VerificationError
from unvoiced.ingest.missing import settle_missing
from unvoiced.log.verify import verify_log


@pytest.fixture
def memory(home: Home) -> Home:
    """A deployment in memory, with versions."""
    return home.in_memory(versioned=True)


def die() -> None:
    """What a killed process does next."""
    raise Died


def accept_only(home: Home) -> None:
    """A run that dies when it is about to journal: all is accepted and stands."""
    journal = HookedStore(home.store("journal"), once("put_if_absent", "pages/", die))
    assert dies(home.on(journal=journal).run)


def vanish(home: Home, sent: Sent) -> None:
    """Somebody deletes it who has no business to."""
    home.store("raw").delete(sent.name, sent.version)


@pytest.mark.inv("INV-5")
def test_what_is_missing_for_good_is_logged_as_found_gone(
    memory: Home, voices: list[bytes]
) -> None:
    """The receipt claims no sanitization; the count adds up, and the log verifies."""
    sent, other = memory.send("anna", voices[0]), memory.send("bruno", voices[1])
    accept_only(memory)
    vanish(memory, sent)
    assert memory.status().missing == [sent.sha256]

    assert settle_missing(memory.settings, [sent.sha256], memory.clock) == {sent.sha256}

    leaf = memory.leaves("disposed")[0]
    assert (leaf.digest, leaf.fields["cause"]) == (sent.sha256, Cause.MISSING.value)
    assert leaf.fields["features"] == []
    assert str(leaf.fields["sanitization_method"]).startswith("none")
    assert "who destroyed it" in str(leaf.fields["not_checked"])
    assert memory.status().adds_up
    intake = memory.settings.vault("worker")
    assert memory.run().disposed == 1
    assert other.sha256 not in memory.standing()
    ledger = verify_log(memory.store("log"), memory.verifier).ledger
    assert not any(ledger.unsettled_under(digest) for digest in ledger.intake_keys)
    assert list(intake.names("intake"))


@pytest.mark.inv("INV-5")
def test_a_quarantined_recording_that_vanished_can_be_settled_too(memory: Home) -> None:
    """Its record goes with the next run."""
    sent = memory.send("anna", b"no audio")
    memory.run()
    vanish(memory, sent)
    assert memory.status().missing == [sent.sha256]

    settle_missing(memory.settings, [sent.sha256], memory.clock)
    memory.run()

    assert memory.status().adds_up
    assert list(memory.store("journal").list("quarantine/")) == []


@pytest.mark.inv("INV-4", "INV-5")
def test_only_what_is_missing_is_settled(memory: Home, voices: list[bytes]) -> None:
    """Neither what was not confirmed, nor what stands, nor what has turned up again meanwhile."""
    gone, stands = memory.send("anna", voices[0]), memory.send("bruno", voices[1])
    accept_only(memory)
    assert settle_missing(memory.settings, [stands.sha256], memory.clock) == set()
    vanish(memory, gone)
    assert settle_missing(memory.settings, [], memory.clock) == set()
    memory.store("raw").put_if_absent(gone.name, gone.sealed)
    assert settle_missing(memory.settings, [gone.sha256], memory.clock) == set()
    assert memory.leaves("disposed") == []


@pytest.mark.inv("INV-4")
def test_nothing_is_called_gone_while_something_cannot_be_read(
    memory: Home, voices: list[bytes]
) -> None:
    """A lifecycle rule has moved it to a cold class: it is there, and not to be read."""
    sent = memory.send("anna", voices[0])
    accept_only(memory)

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get":
            raise StoreError(f"{name}: InvalidObjectState")
        return proceed()

    cold = memory.on(raw=HookedStore(memory.store("raw"), around))
    assert cold.status().missing == [sent.sha256]
    with pytest.raises(VerificationError, match="could not be read"):
        settle_missing(cold.settings, [sent.sha256], memory.clock)
    assert memory.leaves("disposed") == []


@pytest.mark.inv("INV-5")
def test_what_was_found_gone_and_comes_back_is_ingested(memory: Home, voices: list[bytes]) -> None:
    """A restored backup: accepted once more, and disposed of with features."""
    sent = memory.send("anna", voices[0])
    accept_only(memory)
    vanish(memory, sent)
    settle_missing(memory.settings, [sent.sha256], memory.clock)
    memory.store("raw").put_if_absent(sent.name, sent.sealed)

    assert memory.run().disposed == 1

    causes = [leaf.fields["cause"] for leaf in memory.leaves("disposed")]
    assert causes == [Cause.MISSING.value, Cause.FEATURES.value]
    assert memory.status().adds_up


@pytest.mark.inv("INV-5")
def test_what_an_intent_names_is_being_finished(memory: Home, voices: list[bytes]) -> None:
    """Destroyed by a run that died before its receipt: not missing, and the next run logs it."""
    sent = memory.send("anna", voices[0])
    accept_only(memory)
    raw = HookedStore(memory.store("raw"), once("delete", sent.name, die, after=True))
    bench = memory.on(raw=raw).bench()
    target = Target(sent.name, sent.version, sent.sha256)
    assert dies(lambda: bench.undertaker.dispose([target], Cause.BACKLOG_AGE))

    status = memory.status()
    assert status.adds_up
    assert (status.waiting, status.finishing, status.missing) == (0, 1, [])
    assert settle_missing(memory.settings, [sent.sha256], memory.clock) == set()
    report = memory.run()
    assert (report.disposed, report.left) == (1, {})
    assert memory.leaves("disposed")[0].fields["cause"] == Cause.BACKLOG_AGE.value


@pytest.mark.inv("INV-5")
def test_an_intent_that_nobody_signed_hides_nothing(memory: Home, voices: list[bytes]) -> None:
    """Status does not take a planted one for a disposal under way: it refuses, and names it."""
    sent = memory.send("anna", voices[0])
    accept_only(memory)
    vanish(memory, sent)
    memory.store("journal").put_if_absent("intents/" + "0" * 24, b"made up\n\n- a b\n")
    with pytest.raises(VerificationError):
        memory.status()
