"""Erasure of one contributor: everything of theirs goes, the key first, and nothing of others."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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
    hold,
    in_memory,
    later,
    unchanged,
    unhold,
    voice,
)
from tests.ingest.home import STORES, Home, digest
from tests.ingest.hooked_store import HookedStore
from unvoiced.disposal import Journal, JournalEntry, PlacedFeatures, suppression_id
from unvoiced.erasure import Erasures, Stage, carry_out, lift, pending, request, requests
from unvoiced.erasure.body import NOT_CHECKED
from unvoiced.errors import InputError, StoreError
from unvoiced.log.leaves import encode_leaf
from unvoiced.log.verify import verify_log
from unvoiced.stores.memory import MemoryStore

A_PAGE = "journal: a run of ingest holds recordings of theirs; the next run lets go of them"


@pytest.fixture(params=["files", "memory", "versions"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """Two contributors, in a folder, or in stores with and without versions."""
    home = Home.create(tmp_path / "home")
    if request.param != "files":
        home = in_memory(home, versioned=request.param == "versions")
    return furnish(home)


@pytest.fixture
def versioned(tmp_path: Path) -> House:
    """Two contributors, in stores with versions, their originals archived under locks."""
    home = in_memory(Home.create(tmp_path / "home"), versioned=True)
    return furnish(archiving(home))


@pytest.mark.inv("INV-10")
def test_everything_of_one_goes_and_the_other_is_untouched(house: House) -> None:
    """No byte, digest or name of theirs is left, in no version; the log says so and holds."""
    home, trace = house.home, house.trace
    bruno = house.everything_of(house.bruno)
    assert len(trace.in_stores(home)) >= 8

    outcome = erase(home, house.anna)

    assert (outcome.complete, outcome.pending) == (True, ())
    assert trace.in_stores(home) == []
    assert trace.on_disk(home.settings.folder) == []
    assert unchanged(bruno, house.everything_of(house.bruno))
    status = home.status()
    assert status.adds_up, status
    assert (status.disposed, status.quarantined) == (4 + 2, 1)
    verified = verify_log(home.store("log"), home.verifier)
    assert len(verified.ledger.contributor_keys) == 1
    assert len(verified.ledger.destroyed_contributor_keys) == 1


@pytest.mark.inv("INV-10")
def test_the_certificate_says_what_was_done_and_the_log_has_its_digest(house: House) -> None:
    """Its body counts what went, per store; the leaf names neither person nor object."""
    home = house.home

    outcome = erase(home, house.anna)

    body = outcome.body
    assert body is not None
    assert body["pseudonym"] == house.anna
    assert body["destroyed"] == {
        "raw": 2,
        "training": body["destroyed"]["training"],  # type: ignore[index, call-overload]
        "journal": 1,
        "catalog": 2,  # of each feature set one shard
    }
    assert body["destroyed"]["training"] >= 5  # type: ignore[index, call-overload, operator]
    observed = {"raw": 0, "training": 0, "archive": 0, "journal": 0, "catalog": 0}
    assert body["observed"] == observed
    assert body["not_checked"] == list(NOT_CHECKED)
    assert list(body["stages"]) == ["requested", "key destroyed", "bytes deleted", "observed"]  # type: ignore[arg-type]
    (leaf,) = home.leaves("erased")
    assert leaf.digest == digest(rfc8785.dumps(dict(body)))
    assert body["key_objects"] == [one.digest for one in home.leaves("contributor-key-destroyed")]
    assert house.anna not in str(leaf.fields)
    assert body["nonce"] not in leaf.fields.values()
    assert leaf.fields["observed"] == body["observed"]
    assert {one.fields["cause"] for one in home.leaves("disposed")[-2:]} == {"erasure"}


@pytest.mark.inv("INV-10")
def test_the_key_is_gone_and_logged_before_the_first_feature_goes(versioned: House) -> None:
    """At every delete of a feature object, key and leaf are as they have to be by then."""
    home = versioned.home
    features_gone = 0

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        nonlocal features_gone
        theirs = f"/{versioned.anna}/" in name or name.startswith(f"{versioned.anna}/")
        if operation == "delete" and theirs:
            assert not list(home.store("training").versions(f"keys/{versioned.anna}"))
            assert len(home.leaves("contributor-key-destroyed")) == 1
            features_gone += name.startswith("features/")
        return proceed()

    watched = {
        name: HookedStore(home.store(name), around)
        for name in ("raw", "training", "archive")  # the others hold nothing that the key opens
    }
    later(home, ARCHIVE_DAYS + 1)

    assert erase(home.on(**watched), versioned.anna).complete
    assert features_gone >= 4


@pytest.mark.inv("INV-10")
def test_a_key_that_cannot_be_destroyed_stops_everything_else(versioned: House) -> None:
    """Nothing goes before the key; the reason is in the record, and no name is in it."""
    home = versioned.home
    before = versioned.everything_of(versioned.anna)

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "delete" and name.startswith("keys/"):
            raise StoreError(f"{name}: the store answered AccessDenied")
        return proceed()

    hooked = home.on(training=HookedStore(home.store("training"), around))

    outcome = erase(hooked, versioned.anna)

    assert outcome.pending == ("training: an object: the store answered AccessDenied",)
    assert unchanged(before, versioned.everything_of(versioned.anna))
    assert home.leaves("contributor-key-destroyed") == []


@pytest.mark.inv("INV-10")
def test_a_legal_hold_stops_it_before_anything_is_done(versioned: House) -> None:
    """The record says so; the flow goes on when it is lifted; their uploads stay until then."""
    home = versioned.home
    before = versioned.everything_of(versioned.anna)
    hold(home, versioned.anna)

    outcome = erase(home, versioned.anna)

    assert (outcome.complete, outcome.held) == (False, True)
    assert outcome.pending == ("under a legal hold; it stays until that is lifted",)
    assert unchanged(before, versioned.everything_of(versioned.anna))
    assert len(eraser(home).suppression.now()) == 0
    (record,) = requests(eraser(home))
    assert (record.stage, record.held) == (Stage.REQUESTED, True)

    unhold(home, versioned.anna)
    later(home, ARCHIVE_DAYS + 1)
    (open_one,) = pending(eraser(home))
    assert carry_out(eraser(home), open_one).complete


@pytest.mark.inv("INV-10")
@pytest.mark.parametrize("at", ["keys/", "features/", "raw", "archive"])
def test_a_hold_that_comes_later_stops_it_where_it_is(versioned: House, at: str) -> None:
    """Placed as the first object of a kind goes: of the next folder, nothing goes any more."""
    home = versioned.home
    later(home, ARCHIVE_DAYS + 1)
    placed: list[str] = []

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "delete" and name.startswith((at, versioned.anna)) and not placed:
            hold(home, "everything")
            placed.append(name)
        return proceed()

    name = at if at in STORES else "training"
    hooked = home.on(**{name: HookedStore(home.store(name), around)})  # type: ignore[arg-type]

    outcome = erase(hooked, versioned.anna)

    assert placed
    assert (outcome.complete, outcome.held) == (False, True)
    assert home.leaves("erased") == []
    left = {one.partition(":")[0] for one in Trace.of(home, "contributor-anna").in_stores(home)}
    assert left - {"journal"} or at == "archive"
    unhold(home, "everything")
    (open_one,) = pending(eraser(home))
    assert carry_out(eraser(home), open_one).complete


@pytest.mark.inv("INV-10")
def test_locked_originals_are_pending_until_their_day(versioned: House) -> None:
    """All else goes at once; the day is told; after it they go, each with a leaf of its own."""
    home, trace = versioned.home, versioned.trace
    archived = [leaf.fields["archived"]["sha256"] for leaf in home.leaves("disposed")]  # type: ignore[index, call-overload]

    outcome = erase(home, versioned.anna)

    assert not outcome.complete
    (reason,) = outcome.pending
    assert reason.startswith("archive: 2 objects locked until 2026-12-23T")
    places = {one.partition(":")[0] for one in trace.in_stores(home)}
    assert places == {"archive", "journal"}
    assert home.leaves("erased") == []

    later(home, ARCHIVE_DAYS)
    (open_one,) = pending(eraser(home))
    assert carry_out(eraser(home), open_one).complete
    assert trace.in_stores(home) == []
    gone = {leaf.digest for leaf in home.leaves("archive-destroyed")}
    assert len(gone) == 2
    assert gone < set(archived)
    assert verify_log(home.store("log"), home.verifier).ledger.archived == set(archived) - gone


def test_late_uploads_of_who_was_erased_are_destroyed_unopened(house: House) -> None:
    """The suppression outlives the erasure, and a lifted one lets them in again."""
    home = house.home
    erase(home, house.anna)
    home.send("contributor-anna", voice(30))
    assert home.run().erased == 1
    assert [leaf.fields["cause"] for leaf in home.leaves("disposed")].count("erasure") == 2 + 1

    lift(eraser(home), house.anna)

    home.send("contributor-anna", voice(31))
    assert home.run().disposed > 0
    assert len(home.features(f"/{house.anna}/")) == 2
    with pytest.raises(InputError):
        lift(eraser(home), house.anna)


def test_an_erasure_that_is_not_finished_cannot_be_lifted(versioned: House) -> None:
    """Half an erasure is none to go back from."""
    erase(versioned.home, versioned.anna)
    with pytest.raises(InputError, match="not finished"):
        lift(eraser(versioned.home), versioned.anna)


def test_what_others_have_in_the_journal_is_read_once(house: House) -> None:
    """Destroying and observing look at the same versions: an erasure costs others' records once."""
    read: Counter[str] = Counter()

    def count(operation: str, name: str, call: Callable[[], Any]) -> Any:
        read[name] += operation == "get" and name.startswith("quarantine/")
        return call()

    home = house.home.on(journal=HookedStore(house.home.store("journal"), count))
    (theirs,) = [one for one in home.bench().quarantine.records() if house.bruno in one.name]
    read.clear()

    assert erase(home, house.anna).complete

    assert [count for count in read.values() if count] == [1, 1]
    assert [one.sha256 for one in home.bench().quarantine.records()] == [theirs.sha256]


@pytest.mark.inv("INV-10")
def test_who_was_erased_is_looked_for_again_and_certified_again(house: House) -> None:
    """A second request finds nothing, says so in a new certificate, and leaves nothing either."""
    home, trace = house.home, house.trace
    first = erase(home, house.anna)

    second = erase(home, house.anna)

    assert second.complete
    assert first.body is not None
    assert second.body is not None
    assert second.body["nonce"] != first.body["nonce"]
    assert {**second.body, "nonce": 0} | {"completed": 0, "stages": 0} == {
        **first.body,
        "nonce": 0,
    } | {"completed": 0, "stages": 0}
    assert len(home.leaves("erased")) == 2
    assert trace.in_stores(home) == []


def test_who_never_was_here_has_a_certificate_of_nothing(house: House) -> None:
    """Nothing found, nothing destroyed: the certificate says zero, not that somebody was erased."""
    taken = {one.pseudonym[0] for one in house.sent}  # their shards would be destroyed, as shared
    nobody = next(letter for letter in "abcdefgh" if letter not in taken) * 26
    outcome = erase(house.home, nobody)
    assert outcome.body is not None
    assert (outcome.complete, outcome.body["destroyed"]) == (True, {})
    assert outcome.body["key_objects"] == []


def test_a_run_that_has_journalled_is_waited_for(house: House) -> None:
    """A page with somebody else's recording that is not settled stays; the rest goes."""
    home = house.home
    bench = home.bench()
    mine, other = house.sent[-2:]
    entries = [_entry_of(one.name, one.version, one.sha256) for one in (mine, other)]
    _accept(home, [mine.sha256, other.sha256])
    page = bench.journal.write(entries)

    outcome = erase(home, house.anna)

    assert outcome.pending == (A_PAGE,)
    assert [one.name for one in Journal(home.store("journal")).pages()] == [page.name]
    home.run()
    (open_one,) = pending(eraser(home))
    assert carry_out(eraser(home), open_one).complete


def test_foreign_names_and_bytes_that_cannot_be_read_are_reported(versioned: House) -> None:
    """What no store of ours can destroy is pending, and everything else goes all the same."""
    home = versioned.home
    later(home, ARCHIVE_DAYS + 1)

    def around(operation: str, name: str, proceed: Callable[[], Any]) -> Any:
        if operation == "get" and name == versioned.sent[-2].name:
            raise StoreError(f"{name}: the store answered InvalidObjectState")
        return proceed()

    outcome = erase(home.on(raw=HookedStore(home.store("raw"), around)), versioned.anna)

    assert "raw: an object: the store answered InvalidObjectState" in outcome.pending
    assert {one.name for one in home.store("raw").versions(f"{versioned.anna}/")} == {
        versioned.sent[-2].name
    }
    assert erase(home, versioned.anna).complete


def test_what_was_hidden_and_what_is_too_large_goes_too(versioned: House) -> None:
    """Delete markers, versions under them, and an object that ingest would never read."""
    home, whose = versioned.home, versioned.anna
    later(home, ARCHIVE_DAYS + 1)
    for name in ("raw", "training", "archive"):
        store = home.store(name)  # type: ignore[arg-type]
        assert isinstance(store, MemoryStore)
        for entry in [one for one in store.list() if whose in one.name]:
            store.hide(entry.name)
    small = replace(home.settings.ingest, max_recording_bytes=100_000)
    home = replace(home, settings=replace(home.settings, ingest=small))
    home.put(f"{whose}/large.unv", bytes(200_000))

    assert erase(home, whose).complete
    assert not any(whose in one.name for name in STORES for one in home.store(name).versions())
    assert home.status().adds_up


def test_a_record_knows_its_own(house: House) -> None:
    """Found by the suppression id; while it is open it names them, and afterwards it does not."""
    opened = eraser(house.home)
    records = Erasures(opened.journal, opened.undertaker.signer)
    whose = request(opened, house.anna)
    assert whose == suppression_id(house.anna)
    record = records.load(whose)
    assert record is not None
    assert (record.pseudonym, record.stage) == (house.anna, Stage.REQUESTED)
    assert pending(opened) == [whose]
    carry_out(opened, whose)
    record = records.load(whose)
    assert record is not None
    assert (record.pseudonym, record.nonce, record.body) == ("", "", None)
    assert record.finished
    assert pending(opened) == []


@pytest.mark.inv("INV-10")
def test_a_page_that_is_settled_is_waited_for_too(house: House) -> None:
    """Who wrote it may be about to put; the next run of ingest removes it, and then it is done."""
    home = house.home
    mine = house.sent[2]
    page = home.bench().journal.write([_entry_of(mine.name, mine.version, mine.sha256)])

    outcome = erase(home, house.anna)

    assert (outcome.complete, outcome.pending) == (False, (A_PAGE,))
    assert [one.name for one in Journal(home.store("journal")).pages()] == [page.name]
    assert not home.bench().accounts.current().is_unsettled(mine.sha256)
    assert home.leaves("erased") == []
    assert home.run().lost == []
    (open_one,) = pending(eraser(home))
    assert carry_out(eraser(home), open_one).complete


def _accept(home: Home, digests: list[str]) -> None:
    leaves = [encode_leaf("accepted", one, home.clock(), intake_key=None) for one in digests]
    home.bench().accounts.append(leaves)


def _entry_of(name: str, version: str, sha256: str) -> JournalEntry:
    placed = PlacedFeatures(f"features/none/{name}", "0" * 64, "0" * 64)
    return JournalEntry(name, version, sha256, (placed,), "keys/none.unv", "0" * 64)
