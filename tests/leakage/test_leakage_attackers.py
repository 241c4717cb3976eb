"""Attackers on frames made up for them: they find what was planted, and nothing elsewhere."""

import numpy as np
import pytest

from unvoiced.features import extract_samples, load
from unvoiced.leakage.attackers import TOGETHER, Attackers
from unvoiced.leakage.frames import RAW, as_raw, can_be_inverted, seen
from unvoiced.leakage.rates import eer

LEARNED, ATTACKED, PIECES, LENGTH, WIDTH = 24, 16, 4, 120, 8


def attack(
    *, constant: float = 0.0, spread: float = 0.0, seed: int = 0
) -> tuple[dict[str, float], np.ndarray]:
    """Equal error rates by attacker, where a speaker's frames have an offset or spread of theirs.

    Beside that they are noise, with an offset of each piece's own that is no speaker's.
    """
    rng = np.random.default_rng([7, seed])

    def pieces(speakers: int, each: int) -> list[np.ndarray]:
        made = []
        for _ in range(speakers):
            offset = constant * rng.standard_normal(WIDTH)
            width = np.exp(spread * rng.standard_normal(WIDTH))
            for _ in range(each):
                session = 0.3 * rng.standard_normal(WIDTH)
                noise = width * rng.standard_normal((LENGTH, WIDTH))
                made.append((offset + session + noise).astype(np.float32))
        return made

    labels = np.repeat(np.arange(LEARNED), PIECES)
    attackers = Attackers.learn(pieces(LEARNED, PIECES), labels, components=4, seed=0)
    tried = pieces(ATTACKED, PIECES)
    enrolment = tried[::PIECES]
    trials = [one for at, one in enumerate(tried) if at % PIECES]
    owners = np.repeat(np.arange(ATTACKED), PIECES - 1)
    scores = attackers.scores(enrolment, trials)
    return {name: eer(one, owners) for name, one in scores.items()}, scores[TOGETHER]


def test_a_constant_of_the_speaker_is_found_by_every_attacker() -> None:
    """What never changes in a speaker's frames gives them away."""
    rates, _ = attack(constant=2.0)
    assert max(rates.values()) < 15.0, rates
    assert min(rates.values()) < 2.0, rates


def test_a_spread_of_the_speaker_is_found_where_means_are_alike() -> None:
    """Normalised means hide nobody from who looks at deviations."""
    rates, _ = attack(spread=0.4)
    assert min(rates.values()) < 5.0, rates


def test_noise_is_chance_for_every_attacker() -> None:
    """Where nothing is to be found nothing is, but for what few speakers give by chance."""
    found = [attack(seed=seed)[0] for seed in range(2)]
    means = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert all(40 < rate < 60 for rate in means.values()), means


def test_the_same_again_is_the_same() -> None:
    """To the last bit."""
    assert np.array_equal(attack(constant=1.0)[1], attack(constant=1.0)[1])


def test_log_mel_of_the_raw_form_is_its_own_inverse() -> None:
    """What keeps all bands loses nothing to who inverts it; 13 cepstra lose the fine structure."""
    sound = 0.1 * np.random.default_rng(0).standard_normal(8_000)
    bands = extract_samples(sound, 16_000, RAW)
    exact = seen(bands)
    # Bins of which the pseudo-inverse makes less than nothing are lost; the rest is exact.
    assert np.median(np.abs(as_raw(bands, RAW) - exact)) < 0.3
    few = load("mfcc-13")
    thirteen = {"mfcc": np.ascontiguousarray(exact.T[:13])}
    smoothed = as_raw(thirteen, few)
    assert np.corrcoef(smoothed[:, 1], exact[:, 1])[0, 1] > 0.9
    assert smoothed[:, 20:].var() < 0.2 * exact[:, 20:].var()


@pytest.mark.parametrize("name", ["speech-16k", "log-mel-80", "mfcc-13", "mfcc-20-deltas"])
def test_every_builtin_set_can_be_inverted(name: str) -> None:
    """None of them stores derivatives alone."""
    assert can_be_inverted(load(name))
