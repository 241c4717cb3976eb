"""Whoever can write to a store, and no more, gets nobody erased and nothing falsely logged."""

from dataclasses import replace
from pathlib import Path

import pytest
import rfc8785

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
from tests.ingest.home import Home, digest
from unvoiced.disposal import suppression_id
from unvoiced.erasure import Erasures, Stage, carry_out, lift, pending, reapply, request
from unvoiced.errors import InputError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.stores import Store


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two contributors, in stores with versions, their originals archived, no lock on any more."""
    house = furnish(archiving(in_memory(Home.create(tmp_path / "home"), versioned=True)))
    later(house.home, ARCHIVE_DAYS + 1)
    return house


def put_over(store: Store, name: str, data: bytes) -> None:
    """As who may write a store does."""
    current = store.head(name)
    if current is None:
        store.put_if_absent(name, data)
    else:
        store.replace(name, data, version=current.version)


def record_name(whose: str) -> str:
    """Where a contributor's record stands."""
    return f"erasures/{suppression_id(whose)}.json"


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("kind", ["unsigned", "foreign", "renamed", "of another kind"])
def test_a_record_that_nobody_of_ours_made_erases_nobody(
    house: House, kind: str, tmp_path: Path
) -> None:
    """Without a signature, with another log's, of another contributor, a note of another title."""
    home, journal = house.home, house.home.store("journal")
    opened = eraser(home)
    request(opened, house.anna)
    genuine = journal.get(record_name(house.anna)).data
    journal.delete(record_name(house.anna), journal.get(record_name(house.anna)).version)
    other = Home.create(tmp_path / "other")
    signer: Signer = other.settings.signer(other.settings.vault("worker"))
    text = genuine.decode().partition("\n\n")[0] + "\n"
    forged = {
        "unsigned": text.encode(),
        "foreign": signer.sign(text),
        "renamed": genuine,
        "of another kind": opened.undertaker.signer.sign(
            text.replace("unvoiced erasure v1", "unvoiced disposal intent v1")
        ),
    }[kind]
    whose = house.bruno if kind == "renamed" else house.anna
    put_over(journal, record_name(whose), forged)
    before = house.everything_of(house.anna), house.everything_of(house.bruno)

    for attempt in (pending, reapply):
        if attempt is pending:
            with pytest.raises(VerificationError):
                attempt(opened)
        else:
            assert attempt(opened) == []
    with pytest.raises(VerificationError):
        carry_out(opened, suppression_id(whose))

    assert unchanged(before[0], house.everything_of(house.anna))
    assert unchanged(before[1], house.everything_of(house.bruno))


@pytest.mark.inv("INV-10")
def test_a_finished_request_put_back_erases_nobody(house: House) -> None:
    """Who was erased and let in again is not erased by a copy of the old, signed record."""
    home, journal = house.home, house.home.store("journal")
    opened = eraser(home)
    request(opened, house.anna)
    old = journal.get(record_name(house.anna)).data
    assert erase(home, house.anna).complete
    lift(eraser(home), house.anna)
    home.send("contributor-anna", house.sent[0].data)
    home.run()
    theirs = house.everything_of(house.anna)
    put_over(journal, record_name(house.anna), old)

    for one in pending(eraser(home)):
        carry_out(eraser(home), one)

    assert unchanged(theirs, house.everything_of(house.anna))
    assert len(home.leaves("erased")) == 1
    assert not any(house.anna.encode() in journal.get(one.name).data for one in journal.list())
    # Nor does it pass for the answer to a new request.
    put_over(journal, record_name(house.anna), old)
    later(home, ARCHIVE_DAYS + 1)
    assert erase(home, house.anna).complete
    assert not any(house.everything_of(house.anna).values())


@pytest.mark.inv("INV-10")
def test_a_suppression_that_nobody_of_ours_made_destroys_nothing(house: House) -> None:
    """Neither ingest nor a re-application believes an entry that the log's key has not signed."""
    home, journal = house.home, house.home.store("journal")
    name = f"suppressed/{suppression_id(house.bruno)}"
    opened = eraser(home)
    opened.suppression.add(house.anna, "2026-11-23T08:00:00Z", opened.undertaker.signer)
    genuine = journal.get(f"suppressed/{suppression_id(house.anna)}").data
    before = house.everything_of(house.bruno)
    for forged in (rfc8785.dumps({"since": "2026"}), genuine):
        put_over(journal, name, forged)
        with pytest.raises(VerificationError):
            home.run()
        with pytest.raises(VerificationError):
            reapply(eraser(home))
        assert unchanged(before, house.everything_of(house.bruno))


@pytest.mark.inv("INV-10")
def test_a_copy_of_somebody_elses_key_under_their_name_gets_it_not_called_destroyed(
    house: House,
) -> None:
    """The copy goes; the log goes on trusting the key that stands where it belongs."""
    home, training = house.home, house.home.store("training")
    theirs = training.get(key_object_name(house.bruno)).data
    put_over(training, key_object_name(house.anna), theirs)
    before = house.everything_of(house.bruno)

    outcome = erase(home, house.anna)

    assert outcome.complete
    destroyed = {leaf.digest for leaf in home.leaves("contributor-key-destroyed")}
    assert len(destroyed) == 1
    assert digest(theirs) not in destroyed
    assert outcome.body is not None
    assert outcome.body["key_objects"] == sorted(destroyed)
    assert unchanged(before, house.everything_of(house.bruno))


@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-10")
def test_a_quarantine_record_with_anothers_digest_gets_no_receipt_for_it(house: House) -> None:
    """Digests are believed of bytes that were read, not of records."""
    home = house.home
    waiting = house.sent[-1]  # Bruno's, in the backlog once accepted
    leaf = encode_leaf("accepted", waiting.sha256, home.clock(), intake_key=None)
    home.bench().accounts.append([leaf])
    quarantine = eraser(home).quarantine
    genuine = next(iter(quarantine.records()))
    quarantine.add(
        replace(genuine, name=f"{house.anna}/none.unv", version="1", sha256=waiting.sha256)
    )

    assert erase(home, house.anna).complete

    assert waiting.sha256 not in {one.digest for one in home.leaves("disposed")}
    assert home.status().adds_up
    assert Trace.of(home, "contributor-anna").in_stores(home) == []


def test_an_id_that_is_none_reaches_no_store(house: House) -> None:
    """What a form of the orchestrator may send is 64 hex digits, or refused."""
    opened = eraser(house.home)
    for wrong in ("", house.anna, "../holds/everything", "A" * 64):
        with pytest.raises(InputError):
            carry_out(opened, wrong)
    with pytest.raises(InputError, match="no request"):
        carry_out(opened, "0" * 64)


def test_a_record_is_replaced_only_as_it_was_read(house: House) -> None:
    """A change made meanwhile is taken in, not overwritten."""
    opened = eraser(house.home)
    records = Erasures(opened.journal, opened.undertaker.signer)
    whose = request(opened, house.anna)
    seen = []

    def change(record):  # type: ignore[no-untyped-def]
        seen.append(record.stage)
        if len(seen) == 1:
            records.change(whose, lambda one: one.reached(Stage.KEY_DESTROYED, opened.now()))
        return record.counting("raw", 1)

    changed = records.change(whose, change)

    assert seen == [Stage.REQUESTED, Stage.KEY_DESTROYED]
    assert changed.destroyed == {"raw": 1}
    assert changed.stage is Stage.KEY_DESTROYED
