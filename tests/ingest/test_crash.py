"""SIGKILL at every call that changes the disk: nothing is lost, and the next run finishes it."""

import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.ingest.claims import accounted_for, finished, leaves_no_temporary_files
from tests.ingest.home import Home, Sent
from tests.ingest.killing import When, killed_at
from unvoiced.log.note import Checkpoint

# The kills are dealt out over this many tests, so that they run side by side; `make test` takes
# the first alone.
PARTS = 8
FAST = range(1)
SLOW = [pytest.param(part, marks=pytest.mark.slow) for part in range(PARTS) if part not in FAST]
# More touches than a run makes; a test that never gets through fails at this number.
ENOUGH = 3000


@dataclass(frozen=True)
class Prepared:
    """A deployment with a backlog of all kinds, to be copied for every kill."""

    folder: Path
    sent: list[Sent]
    unusable: list[Sent]
    checkpoint: Checkpoint


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, voices: list[bytes]) -> Prepared:
    """Three contributors: recordings, a Fernet token, one that cannot be decoded, and garbage."""
    folder = tmp_path_factory.mktemp("prepared") / "home"
    home = Home.create(folder)
    sent = [home.send("anna", voices[0]), home.send("anna", voices[1])]
    sent += [home.send("bruno", voices[2]), home.send_fernet("carla", voices[3])]
    unusable = [home.send("carla", b"RIFF and no more")]
    unusable.append(home.put(f"{sent[0].pseudonym}/garbage.unv", b"no sealed object"))
    checkpoint = accounted_for(home, sent)
    return Prepared(folder, sent + unusable, unusable, checkpoint)


@pytest.mark.inv("INV-3")
@pytest.mark.inv("INV-5")
@pytest.mark.inv("INV-6")
@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("when", ["before", "midway"])
@pytest.mark.parametrize("part", [*FAST, *SLOW])
def test_a_kill_at_any_step_loses_nothing(
    memory_disk: Path, prepared: Prepared, part: int, when: When
) -> None:
    """After each kill all is accounted for; the next run, often killed as well, leads to the end.

    The end is the same every time: usable recordings disposed of with one receipt and one feature
    object each, equal to what the original gives; the others quarantined; no journal, no leftovers.
    """
    dice = random.Random(f"{when} {part}")  # noqa: S311  (which kills come second, nothing secret)
    sent, unusable = prepared.sent, prepared.unusable
    for nth in range(part, ENOUGH, PARTS):
        home = Home.copy(prepared.folder, memory_disk / str(nth))
        # Small batches, so that kills fall between them as well.
        run = partial(home.run, batch_samples=4)
        seen = prepared.checkpoint
        if not killed_at(nth, when, run):
            finished(home, sent, unusable)
            assert nth > 300
            return
        seen = accounted_for(home, sent, seen)
        for _ in range(dice.choice([0, 0, 1, 2])):
            killed_at(dice.randrange(350), when, run)
            seen = accounted_for(home, sent, seen)
        run()
        accounted_for(home, sent, seen)
        finished(home, sent, unusable)
        leaves_no_temporary_files(home)
    pytest.fail("never got through")
