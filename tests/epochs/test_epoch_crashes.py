"""Rotation and retirement killed for real at any change to the disk: the next run finishes it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.epochs.weeks import FIRST, SECOND, THIRD, Life
from tests.ingest.home import Home
from tests.ingest.killing import When, killed_at
from unvoiced.epochs.rotation import open_key_keeper, rotate_keys
from unvoiced.epochs.standing import State
from unvoiced.log.verify import verify_log

# Some changes with the fast tests, every one with the slow.
STRIDES = pytest.mark.parametrize(
    "stride", [pytest.param(23, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
WHENS = pytest.mark.parametrize("when", ["before", "midway"])


def lives(template: Path, folder: Path, stride: int) -> Iterator[tuple[int, Life]]:
    """The same life again and again, and at which change it is to be killed."""
    for nth in range(0, 400, stride):
        yield nth, Life.begin(Home.copy(template, folder / f"home-{nth}"))
    pytest.fail("never got through")


@STRIDES
@WHENS
def test_a_rotation_killed_at_any_step_is_made_up_for(
    memory_disk: Path, when: When, stride: int
) -> None:
    """This week and the next have whole keys in the end, and what was half-made is retired too."""
    template = Home.create(memory_disk / "template").settings.folder
    for nth, life in lives(template, memory_disk, stride):
        life.calendar.week(1)
        died = killed_at(nth, when, life.rotate)
        keeper = open_key_keeper(life.home.settings, "run", life.calendar)
        done = rotate_keys(replace(keeper, wait=lambda _: None))
        assert len(done.made) + len(done.there) == 2
        assert done.lost == []
        key = life.key()
        assert (key.when.week, key.public.key_id in life.home.bench().intake) == (49, True)
        life.through(3)
        life.retire()
        states = life.standings()
        left = set(life.home.settings.vault("worker").names("intake"))
        assert left == {name for name, one in states.items() if one.state is not State.RETIRED}
        assert not any(one.state is State.LOST for one in states.values())
        assert not [name for name in left if name < THIRD]
        if not died:
            assert nth > 20
            return


@pytest.mark.inv("INV-9")
@STRIDES
@WHENS
def test_a_retirement_killed_at_any_step_is_finished(
    memory_disk: Path, when: When, stride: int
) -> None:
    """Whichever change was the last: the vault works, and in the end the key is gone, once logged,
    and nothing else of the vault is.
    """
    life = Life.begin(Home.create(memory_disk / "template"))
    life.send(0)
    life.home.run()
    life.through(2)
    late = life.send(1)
    secrets = {name: life.home.settings.vault("worker").get(f"intake/{name}") for name in
               (SECOND, THIRD)}  # fmt: skip
    for nth, trial in lives(life.home.settings.folder, memory_disk, stride):
        trial.calendar.week(2)
        died = killed_at(nth, when, trial.retire)
        vault = trial.home.settings.vault("worker")
        assert {name: vault.get(f"intake/{name}") for name in secrets} == secrets

        trial.retire()

        vault = trial.home.settings.vault("worker")
        assert FIRST not in set(vault.names("intake"))
        assert {name: vault.get(f"intake/{name}") for name in secrets} == secrets
        assert len(trial.home.leaves("intake-key-retired")) == 1
        assert list(trial.home.store("journal").list("retiring/")) == []
        assert [path.name for path in sorted((trial.vault_folder.parent).glob("worker.kek*"))] == [
            "worker.kek"
        ]
        assert (trial.vault_folder.parent / "worker.kek").stat().st_size == 32
        verify_log(trial.home.store("log"), trial.home.verifier)
        assert trial.home.run().disposed == 1, late.name
        if not died:
            assert nth > 20
            return
