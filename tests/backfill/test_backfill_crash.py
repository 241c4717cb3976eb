"""A backfill killed anywhere, and run again, ends as one that was not."""

import random
from functools import partial
from pathlib import Path

import pytest

from tests.backfill.archived import archived, backfill, complete, untouched
from tests.ingest.claims import leaves_no_temporary_files
from tests.ingest.dying import dies, dying
from tests.ingest.home import Home
from tests.ingest.killing import When, killed_at
from unvoiced.log.verify import verify_log
from unvoiced.stores.memory import MemoryStore

ENOUGH = 300
SEEDS = 3
TOUCHES_OF_THE_SHORTEST = 40  # a run makes several times as many


@pytest.mark.inv("INV-6")
@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_death_at_any_change_to_a_store(tmp_path: Path, voices: list[bytes], after: bool) -> None:
    """Whichever change was the last, or never came, the next run leads to the same end."""
    source = Home.create(tmp_path / "home")
    for nth in range(ENOUGH):
        home, sent = archived(source.in_memory(versioned=True), voices, "anna", "anna")
        archive = home.store("archive")
        assert isinstance(archive, MemoryStore)
        before = untouched(archive)
        # The archive itself is only ever read, so it needs no say in when one dies.
        run = partial(backfill, dying(home, nth, after=after).on(archive=archive), batch_samples=1)
        died = dies(run)
        verify_log(home.store("log"), home.verifier)
        if died:
            backfill(home)
        complete(home, sent)
        assert untouched(archive) == before
        if not died:
            assert nth > 10
            return
    pytest.fail("never got through")


@pytest.mark.inv("INV-6")
@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("when", ["before", "midway"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_three_kills_and_a_run(
    memory_disk: Path, voices: list[bytes], seed: int, when: When
) -> None:
    """SIGKILL at three seeded points, one after the other; then all is there, once, and right."""
    dice = random.Random(f"{seed} {when}")  # noqa: S311  (which kills, nothing secret)
    home, sent = archived(Home.create(memory_disk / "home"), voices, *("anna", "bruno") * 4)
    before = untouched(home.store("archive"))
    assert all(kept.retain_until for _, _, kept in before)
    run = partial(backfill, home, batch_samples=2)
    for _ in range(3):
        assert killed_at(dice.randrange(TOUCHES_OF_THE_SHORTEST), when, run)
        verify_log(home.store("log"), home.verifier)
    run()
    complete(home, sent)
    assert untouched(home.store("archive")) == before
    leaves_no_temporary_files(home)


def test_the_kills_come_before_the_end(memory_disk: Path, voices: list[bytes]) -> None:
    """A run changes the disk more often than the last of those kills would wait for."""
    home, _ = archived(Home.create(memory_disk / "home"), voices, *("anna", "bruno") * 4)
    assert killed_at(
        4 * TOUCHES_OF_THE_SHORTEST, "before", partial(backfill, home, batch_samples=2)
    )
