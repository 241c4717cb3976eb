"""New features of recordings that are still in raw: they stay, and ingest goes on as ever."""

import pytest

from tests.backfill.archived import NEW, backfill, complete, made, plan
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.ingest.recording import raw_context
from unvoiced.sealing import seal


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One deployment on disk; each test copies its stores into memory."""
    return Home.create(tmp_path_factory.mktemp("source") / "home")


@pytest.fixture
def home(source: Home) -> Home:
    """Stores in memory, with versions."""
    return source.in_memory(versioned=True)


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-5")
def test_held_recordings_get_features_and_stay(home: Home, voices: list[bytes]) -> None:
    """Not disposed of, not even with features; once the hold is lifted, ingest takes them."""
    home.send("anna", voices[3])
    home.run()  # so that anna has a key
    sent = [home.send("anna", data) for data in voices[:2]]
    holds = LegalHolds(home.store("journal"))
    holds.place(LegalHold(sent[0].pseudonym, "a lawsuit", "2026-11-23"))
    assert home.run().disposed == 0
    before = list(home.store("raw").versions())

    assert made(backfill(home, source="raw")) == (2, 0, [], [])

    complete(home, sent)
    assert list(home.store("raw").versions()) == before
    assert home.status().adds_up
    assert len(home.leaves("disposed")) == 1
    assert made(backfill(home, source="raw")) == (0, 2, [], [])
    holds.lift(sent[0].pseudonym)
    assert home.with_sets("speech-16k", NEW).run().disposed == 2
    complete(home, sent)
    assert home.status().adds_up


def test_who_has_no_key_yet_is_for_ingest(home: Home, voices: list[bytes]) -> None:
    """A backfill makes no key, and what it cannot use it does not take over either."""
    home.send("anna", voices[0])
    run = backfill(home, source="raw")
    assert made(run) == (0, 0, ["no-contributor-key"], [])
    assert home.leaves("accepted") == home.leaves("contributor-key") == []


def test_what_is_in_quarantine_or_does_not_open_is_skipped(home: Home, voices: list[bytes]) -> None:
    """Nothing is quarantined by a backfill; ingest still finds what it would have found."""
    home.send("anna", voices[0])
    broken = home.send("anna", b"no audio")
    home.run()
    late = home.send("anna", b"neither is this")
    assert plan(home, source="raw").skipped == [(broken.name, "in-quarantine")]
    run = backfill(home, source="raw")
    assert run.skipped == [(broken.name, "in-quarantine"), (late.name, "not-audio")]
    assert len(home.leaves("quarantined")) == 1
    assert home.run().quarantined == {late.name: "not-audio"}
    assert home.status().adds_up


@pytest.mark.inv("INV-6")
@pytest.mark.parametrize("point", ["put_if_absent features/", "get features/", "get keys/"])
def test_ingest_comes_between(home: Home, voices: list[bytes], point: str) -> None:
    """A whole ingest run of the same set, at different moments: one object each, one receipt."""
    home.send("anna", voices[3])
    home.run()
    sent = [home.send("anna", data) for data in voices[:2]]
    both = home.with_sets(NEW)
    operation, prefix = point.split()
    hook = once(operation, prefix, both.run)
    run = backfill(home.on(training=HookedStore(home.store("training"), hook)), source="raw")
    assert run.left == []
    assert run.done.made + run.done.already + len(run.skipped) == 2
    complete(home, sent)
    assert home.standing() == set()
    assert home.status().adds_up


@pytest.mark.inv("INV-6")
def test_a_backfill_comes_between_ingests_steps(home: Home, voices: list[bytes]) -> None:
    """Features that a backfill put first are adopted, and the recording is disposed of."""
    home.send("anna", voices[3])
    home.run()
    sent = [home.send("anna", data) for data in voices[:2]]
    both = home.with_sets("speech-16k", NEW)

    def other() -> None:
        assert backfill(home, source="raw").done.made == 2

    training = HookedStore(home.store("training"), once("put_if_absent", "features/", other))
    assert both.on(training=training).run().disposed == 2
    complete(home, sent)
    assert home.journalled() == set()


@pytest.mark.inv("INV-6")
def test_two_recordings_under_one_name(home: Home, voices: list[bytes]) -> None:
    """Both versions get features, the second apart, as ingest would have it."""
    home.send("anna", voices[3])
    home.run()
    first = home.send("anna", voices[0])
    context = raw_context(first.pseudonym, first.sample)
    sealed = seal(voices[1], home.intake().public, context)
    home.store("raw").replace(first.name, sealed, version=first.version)
    assert made(backfill(home, source="raw")) == (2, 0, [], [])
    assert len(home.features(NEW)) == 2
    assert home.with_sets(NEW).run().disposed == 2
    assert len(home.features(NEW)) == 2
