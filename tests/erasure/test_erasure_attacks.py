"""Whoever can write to a store, and no more, gets nobody erased and nothing falsely logged."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
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
from tests.ingest.dying import Died, dies, dying
from tests.ingest.home import Home, digest
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import suppression_id
from unvoiced.erasure import Erasures, Stage, carry_out, lift, pending, reapply, request, requests
from unvoiced.errors import InputError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.note import Signer
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore


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
def test_a_request_that_was_replaced_and_put_back_erases_nobody(house: House) -> None:
    """Taken away before it was done, so that another was made: its own is not in the log as done,
    but it is older than the lifting of the suppression.
    """
    home, journal = house.home, house.home.store("journal")
    name = record_name(house.anna)
    request(eraser(home), house.anna)
    old = journal.get(name)
    journal.delete(name, old.version)
    assert erase(home, house.anna).complete
    lift(eraser(home), house.anna)
    home.send("contributor-anna", house.sent[0].data)
    home.run()
    theirs = house.everything_of(house.anna)
    put_over(journal, name, old.data)

    opened = eraser(home)
    for refused in (pending, requests, lambda one: carry_out(one, suppression_id(house.anna))):
        with pytest.raises(VerificationError, match="put back"):
            refused(opened)

    assert unchanged(theirs, house.everything_of(house.anna))
    assert len(home.leaves("erased")) == 1
    # It does not stand in the way of a new request.
    later(home, ARCHIVE_DAYS + 1)
    outcome = erase(home, house.anna)
    assert outcome.complete
    assert not any(house.everything_of(house.anna).values())


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-10")
def test_a_suppression_that_was_lifted_and_put_back_destroys_nothing(house: House) -> None:
    """Ingest takes their uploads, nothing is erased again; a later erasure suppresses them anew."""
    home, journal = house.home, house.home.store("journal")
    name = f"suppressed/{suppression_id(house.anna)}"
    erase(home, house.anna)
    old = journal.get(name).data
    lift(eraser(home), house.anna)
    put_over(journal, name, old)

    home.send("contributor-anna", house.sent[0].data)
    report = home.run()

    assert report.erased == 0
    assert len(home.features(f"/{house.anna}/")) == 2
    assert reapply(eraser(home)) == []
    later(home, ARCHIVE_DAYS + 1)
    assert erase(home, house.anna).complete
    assert journal.get(name).data != old
    home.send("contributor-anna", house.sent[1].data)
    assert home.run().erased == 1


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("nth", range(8))
def test_a_death_while_a_suppression_is_lifted_is_mended_by_lifting_again(
    house: House, nth: int
) -> None:
    """Whichever change was the last: lifted once more, they may contribute, and nothing is left."""
    home = house.home
    erase(home, house.anna)
    if dies(partial(lift, eraser(dying(home, nth, after=False)), house.anna)):
        lift(eraser(home), house.anna)
    assert list(home.store("journal").versions("suppressed/")) == []
    assert list(home.store("journal").versions("erasures/")) == []
    assert house.anna not in str(home.leaves("suppression-lifted"))
    home.send("contributor-anna", house.sent[0].data)
    assert home.run().erased == 0


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
    opened = eraser(home)
    genuine = next(iter(opened.quarantine.records()))
    opened.quarantine.add(
        replace(genuine, name=f"{house.anna}/none.unv", version="1", sha256=waiting.sha256),
        opened.undertaker.signer,
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


@pytest.mark.inv("INV-4")
def test_junk_that_bears_anothers_digest_gets_nobodys_original_called_destroyed(
    house: House,
) -> None:
    """Labels of Anna's original on an object in Bruno's folder, when Bruno is erased."""
    home, archive = house.home, house.home.store("archive")
    entry = next(archive.versions(f"{house.anna}/"))
    kept = archive.keeping(entry.name, entry.version)
    assert kept is not None
    for name, labels in (("digest", {"sha256": kept.labels["sha256"]}), ("all", dict(kept.labels))):
        archive.put_locked(
            f"{house.bruno}/{name}", b"junk", until=home.clock() + timedelta(seconds=1),
            mode="GOVERNANCE", storage_class="GLACIER", labels=labels,
        )  # fmt: skip
    later(home, 1)

    assert erase(home, house.bruno).complete

    assert kept.labels["sha256"] not in {leaf.digest for leaf in home.leaves("archive-destroyed")}
    assert archive.keeping(entry.name, entry.version) == kept


@pytest.mark.inv("INV-4")
def test_what_bears_no_label_may_be_the_original_until_it_is_gone(house: House) -> None:
    """A dead run destroyed an original; the same bytes were put back: the leaf comes with them."""
    home, archive = house.home, house.home.store("archive")
    assert isinstance(archive, MemoryStore)
    entry = next(archive.versions(f"{house.anna}/"))
    kept = archive.keeping(entry.name, entry.version)
    assert kept is not None
    sha256 = kept.labels["sha256"]
    data = archive.get(entry.name, entry.version).data

    def put_back_and_die() -> None:
        archive.put_locked(
            entry.name, data, until=home.clock() + timedelta(days=9), mode="GOVERNANCE",
            storage_class="GLACIER", labels={},
        )  # fmt: skip
        raise Died

    dying = HookedStore(archive, once("delete", entry.name, put_back_and_die, after=True))
    assert dies(lambda: erase(home.on(archive=dying), house.anna))

    def destroyed() -> set[str]:
        return {leaf.digest for leaf in home.leaves("archive-destroyed")}

    assert not erase(home, house.anna).complete
    assert sha256 not in destroyed()
    later(home, 10)
    assert erase(home, house.anna).complete
    assert sha256 in destroyed()
