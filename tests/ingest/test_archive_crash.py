"""Runs that archive and die at any change to any store, the archive included."""

from collections import Counter
from functools import partial

import pytest

from tests.ingest.claims import accounted_for, finished
from tests.ingest.dying import dies, dying
from tests.ingest.home import Home, Sent
from unvoiced.disposal import Cause
from unvoiced.log.note import Checkpoint
from unvoiced.stores.memory import MemoryStore

ENOUGH = 1000
Backlog = tuple[Home, list[Sent]]


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory, voices: list[bytes]) -> Backlog:
    """Two contributors of whom one is archived, and two recordings of the archived one."""
    home = Home.create(tmp_path_factory.mktemp("prepared") / "home")
    aside = home.in_memory(versioned=False)
    sent = [aside.send("anna", voices[0]), aside.send("anna", voices[1])]
    return home, [*sent, aside.send("bruno", voices[2])]


def stocked(backlog: Backlog, *, versioned: bool) -> Backlog:
    """New memory stores with the backlog in them."""
    home, sent = backlog
    home = home.in_memory(versioned=versioned).archiving(sent[0].pseudonym)
    raw = home.store("raw")
    assert isinstance(raw, MemoryStore)
    for one in sent:
        raw.put_if_absent(one.name, one.sealed)
    return home, sent


def no_recording_lost(home: Home, sent: list[Sent]) -> None:
    """At any moment: what is gone from raw and was to be archived is in the archive, bit for bit.

    A copy is never there twice.
    """
    copies = Counter(home.archived())
    assert set(copies.values()) <= {1}
    standing = home.standing()
    for one in sent[:2]:
        assert one.sha256 in standing or copies[one.name, one.data] == 1


def archived_once(home: Home, sent: list[Sent]) -> None:
    """In the end: one copy of each, receipts that say so, and the log knows just these copies."""
    assert sorted(home.archived()) == sorted((one.name, one.data) for one in sent[:2])
    causes = {leaf.digest: leaf.fields["cause"] for leaf in home.leaves("disposed")}
    kept = {one.sha256: Cause.ARCHIVED.value for one in sent[:2]}
    assert causes == {**kept, sent[2].sha256: Cause.FEATURES.value}
    assert home.status().archived == 2


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-4")
@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-6")
@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize(
    "after", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before", "after"]
)
def test_a_death_while_archiving_loses_no_recording(
    backlog: Backlog, versioned: bool, after: bool
) -> None:
    """Whichever change was the last, or never came, the next run leads to the same end."""
    for nth in range(ENOUGH):
        home, sent = stocked(backlog, versioned=versioned)
        seen: Checkpoint | None = accounted_for(home, sent)
        died = dies(partial(dying(home, nth, after=after).run, batch_samples=2))
        seen = accounted_for(home, sent, seen)
        no_recording_lost(home, sent)
        if died:
            home.run()
            accounted_for(home, sent, seen)
        finished(home, sent)
        archived_once(home, sent)
        if not died:
            assert nth > 25
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-5")
def test_a_death_within_the_finishing_of_an_archiving_loses_no_recording(backlog: Backlog) -> None:
    """Runs that all die, each one change further on than the one before, get there in the end."""
    for start in range(0, 40, 4):
        home, sent = stocked(backlog, versioned=True)
        seen = accounted_for(home, sent)
        for nth in range(start, ENOUGH):
            died = dies(dying(home, nth, after=bool(nth % 2)).run)
            seen = accounted_for(home, sent, seen)
            no_recording_lost(home, sent)
            if not died:
                break
        finished(home, sent)
        archived_once(home, sent)
