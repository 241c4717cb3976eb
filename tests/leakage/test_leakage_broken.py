"""Features and attacks that broke down: each is refused, as it would pass for perfect chance."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unvoiced.errors import InputError, VerificationError
from unvoiced.features import load
from unvoiced.leakage import material as module
from unvoiced.leakage.attackers import Attackers
from unvoiced.leakage.frames import Frames
from unvoiced.leakage.material import material
from unvoiced.leakage.measure import _attack
from unvoiced.leakage.voices import Cast, Part, Piece
from unvoiced.leakage.voices import Tested as Attacked  # pytest takes a name in Test for tests

SET = load("mfcc-13")
SPEAKERS, LENGTH, WIDTH = 12, 60, 8


def piece(number: int) -> Piece:
    """A piece of speech that is never read."""
    return (Part(Path(f"name-{number}"), 0.0, 1.0),)


CAST = Cast(
    tested=tuple(Attacked(piece(one), (piece(100 + one),)) for one in range(SPEAKERS)),
    learned_from=tuple((piece(200 + one), piece(300 + one)) for one in range(SPEAKERS)),
    trial_seconds=1.0, recordings=4 * SPEAKERS, cut=0,
)  # fmt: skip


def spoken(seed: int = 0) -> Callable[[], Frames]:
    """Frames of one piece after the other."""
    rng = np.random.default_rng(seed)
    return lambda: rng.standard_normal((LENGTH, WIDTH)).astype(np.float32)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read or extracted: a piece gives one recording's arrays, which `look` makes up."""
    monkeypatch.setattr(module, "stored", lambda *_: [{}])


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("nth", [0, 2 * SPEAKERS, 3 * SPEAKERS], ids=["learned", "known", "tried"])
@pytest.mark.parametrize("value", [np.nan, -np.inf], ids=["nan", "infinite"])
def test_one_frame_that_is_no_number_is_refused(nth: int, value: float) -> None:
    """Wherever it is; the set is named, and no file and no speaker."""
    speak, seen = spoken(), []

    def look(_: object) -> Frames:
        frames = speak()
        if len(seen) == nth:
            frames[5, 3] = value
        seen.append(1)
        return frames

    with pytest.raises(InputError, match=r"mfcc-13: .* no finite numbers") as refused:
        material(CAST, SET, look)
    assert "name-" not in str(refused.value)


@pytest.mark.usefixtures("unread")
def test_features_that_never_differ_are_refused() -> None:
    """A definition that keeps nothing of the speech is not one that hides speakers."""
    with pytest.raises(InputError, match=r"mfcc-13: .* all the same"):
        material(CAST, SET, lambda _: np.full((LENGTH, WIDTH), 2.5, np.float32))
    speak = spoken()
    assert len(material(CAST, SET, lambda _: speak()).trials) == SPEAKERS


@pytest.mark.parametrize("broken", ["nan", "same trials", "same everybody"])
def test_an_attack_that_breaks_down_on_one_set_is_an_error(broken: str) -> None:
    """Though it worked on raw speech: no score, or the same for all, is not a rate of 50 %."""
    speak = spoken()
    learned = [speak() for _ in range(3 * SPEAKERS)]
    attackers = Attackers.learn(learned, np.repeat(np.arange(SPEAKERS), 3), components=4, seed=0)
    enrolment, trials = [[speak() for _ in range(SPEAKERS)] for _ in range(2)]
    assert len(_attack(attackers, enrolment, trials, SET)) == 6
    if broken == "nan":
        trials[3][0, 0] = np.nan
    else:
        trials = [trials[0]] * SPEAKERS
        enrolment = [trials[0]] * SPEAKERS if broken == "same everybody" else enrolment
    with pytest.raises(VerificationError, match=r"mfcc-13: attackers \(.*nothing was measured"):
        _attack(attackers, enrolment, trials, SET)
