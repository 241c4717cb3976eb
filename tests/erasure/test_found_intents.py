"""What becomes of disposals that a run had intended and did not live to carry out."""

from pathlib import Path

import pytest

from tests.erasure.house import eraser, in_memory, voice
from tests.ingest.home import Home, Sent
from unvoiced.disposal import Cause, Target
from unvoiced.eraser import Eraser
from unvoiced.log.leaves import encode_leaf


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment in memory."""
    return in_memory(Home.create(tmp_path / "home"), versioned=True)


def logged(home: Home, kind: str, sent: Sent, **fields: str | None) -> None:
    """Say something of a recording in the log."""
    leaf = encode_leaf(kind, sent.sha256, home.clock(), **fields)
    assert home.bench().accounts.append([leaf])


def quarantined(home: Home) -> tuple[Sent, Target]:
    """A recording in quarantine, by the log."""
    sent = home.send("anna", voice(1))
    logged(home, "accepted", sent, intake_key=None)
    logged(home, "quarantined", sent, reason="not-audio")
    return sent, Target(sent.name, sent.version, sent.sha256)


def intend(opened: Eraser, cause: Cause, target: Target) -> None:
    """What a run writes before it dies."""
    opened.undertaker.intents.write(cause, [target], opened.undertaker.signer)


@pytest.mark.inv("INV-3")
@pytest.mark.parametrize("released", [True, False])
def test_what_retention_intended_and_still_stands_is_decided_anew(
    home: Home, released: bool
) -> None:
    """A run that died had it for due; by now it may be released, so finding that destroys nothing.

    The next run of ingest makes features of what was released.
    """
    sent, target = quarantined(home)
    intend(eraser(home), Cause.QUARANTINE_AGE, target)
    if released:
        logged(home, "released", sent)

    finished = eraser(home).undertaker.finish()

    assert (finished.disposed, finished.left) == (0, {})
    assert home.standing() == {sent.sha256}
    assert list(home.store("journal").list("intents/")) == []
    if released:
        assert home.run().disposed == 1
        assert [leaf.fields["cause"] for leaf in home.leaves("disposed")] == [Cause.FEATURES.value]


@pytest.mark.inv("INV-4")
@pytest.mark.inv("INV-5")
@pytest.mark.parametrize("released", [True, False])
def test_what_retention_had_destroyed_has_its_receipt(home: Home, released: bool) -> None:
    """A run that died between the delete and the log is finished, whoever released it since."""
    sent, target = quarantined(home)
    intend(eraser(home), Cause.QUARANTINE_AGE, target)
    home.store("raw").delete(sent.name, sent.version)
    if released:
        logged(home, "released", sent)

    assert eraser(home).undertaker.finish().disposed == 1

    (leaf,) = home.leaves("disposed")
    assert leaf.fields["cause"] == Cause.QUARANTINE_AGE.value
    assert home.status().adds_up
    assert list(home.store("journal").list("intents/")) == []


@pytest.mark.inv("INV-3")
def test_what_is_released_before_it_is_disposed_of_is_passed_over(home: Home) -> None:
    """Due when a rule looked, released before the first delete: it stays."""
    sent, target = quarantined(home)
    logged(home, "released", sent)
    assert eraser(home).undertaker.dispose([target], Cause.QUARANTINE_AGE).disposed == 0
    assert home.standing() == {sent.sha256}


@pytest.mark.inv("INV-10")
def test_an_erasures_intent_is_carried_out_by_who_finds_it(home: Home) -> None:
    """An erasure is not taken back."""
    _, target = quarantined(home)
    intend(eraser(home), Cause.ERASURE, target)
    assert eraser(home).undertaker.finish().disposed == 1
    assert home.standing() == set()
