"""The same by calls to the stores, with and without versions: what a kill means on S3."""

from dataclasses import dataclass
from functools import partial

import pytest

from tests.ingest.claims import accounted_for, finished
from tests.ingest.dying import dies, dying
from tests.ingest.home import Home, Sent
from unvoiced.ingest.recording import raw_context
from unvoiced.log.note import Checkpoint
from unvoiced.sealing import seal
from unvoiced.stores.memory import MemoryStore

ENOUGH = 1000


@dataclass(frozen=True)
class Backlog:
    """Recordings, of which two may stand under one name, and those that cannot be used."""

    home: Home
    sent: list[Sent]
    unusable: list[Sent]

    def stocked(self, *, versioned: bool) -> tuple[Home, list[Sent]]:
        """New memory stores with the backlog in them, and what of it there is."""
        home = self.home.in_memory(versioned=versioned)
        raw = home.store("raw")
        assert isinstance(raw, MemoryStore)
        there = []
        for one in self.sent:
            current = raw.head(one.name)
            if current is None:
                raw.put_if_absent(one.name, one.sealed)
            elif versioned:
                raw.replace(one.name, one.sealed, version=current.version)
            else:
                continue
            there.append(one)
        if versioned:
            # Its uploader thought to have deleted it: the version is still there, under a marker.
            raw.hide(there[0].name)
        return home, there


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory, voices: list[bytes]) -> Backlog:
    """Two contributors, one name used twice, one recording that cannot be decoded, and garbage."""
    home = Home.create(tmp_path_factory.mktemp("prepared") / "home")
    aside = home.in_memory(versioned=False)
    sent = [aside.send("anna", voices[0]), aside.send("bruno", voices[1])]
    first = sent[1]
    sealed = seal(voices[2], home.intake().public, raw_context(first.pseudonym, first.sample))
    aside.store("raw").delete(first.name, first.version)
    second = aside.put(first.name, sealed, voices[2])
    unusable = [aside.send("anna", b"no audio"), aside.put("x.txt", b"no sealed object")]
    return Backlog(home, [*sent, second, *unusable], unusable)


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-6")
@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
@pytest.mark.parametrize(
    "after", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before", "after"]
)
def test_a_death_at_any_change_to_a_store_loses_nothing(
    backlog: Backlog, versioned: bool, after: bool
) -> None:
    """Whichever change was the last, or never came, the next run leads to the same end."""
    for nth in range(ENOUGH):
        home, sent = backlog.stocked(versioned=versioned)
        seen: Checkpoint | None = accounted_for(home, sent)
        died = dies(partial(dying(home, nth, after=after).run, batch_samples=4))
        seen = accounted_for(home, sent, seen)
        if died:
            home.run()
            accounted_for(home, sent, seen)
        finished(home, sent, backlog.unusable)
        assert versioned or len(list(home.store("raw").versions())) == len(backlog.unusable)
        if not died:
            assert nth > 30
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-5")
def test_a_death_within_the_finishing_of_a_death_loses_nothing(backlog: Backlog) -> None:
    """Runs that all die, each one change further on than the one before, get there in the end."""
    for start in range(0, 60, 3):
        home, sent = backlog.stocked(versioned=True)
        seen = accounted_for(home, sent)
        for nth in range(start, ENOUGH):
            died = dies(dying(home, nth, after=bool(nth % 2)).run)
            seen = accounted_for(home, sent, seen)
            if not died:
                break
        finished(home, sent, backlog.unusable)
