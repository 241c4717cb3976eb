"""Error rates against what theory gives, and what bootstraps and ties do to them."""

from statistics import NormalDist

import numpy as np
import pytest

from unvoiced.errors import VerificationError
from unvoiced.leakage.rates import Sorted, eer, interval, rank1, tells_apart


def scores(speakers: int, trials: int, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Normal scores of unit deviation, those of the right model so much higher."""
    owners = np.repeat(np.arange(speakers), trials)
    found = np.random.default_rng(1).standard_normal((speakers, len(owners)))
    found[owners, np.arange(len(owners))] += distance
    return found, owners


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0, 4.0])
def test_normal_scores_give_the_closed_form(distance: float) -> None:
    """Two normal distributions d apart cross at the normal distribution of -d/2."""
    expected = 100 * NormalDist().cdf(-distance / 2)
    assert eer(*scores(60, 80, distance)) == pytest.approx(expected, abs=1.5)


def test_the_ends_of_the_scale() -> None:
    """Always right is 0, always wrong 100, and an attacker who says one thing always is chance."""
    owners = np.arange(10)
    right = np.eye(10)
    assert eer(right, owners) == 0.0
    assert eer(-right, owners) == 100.0
    assert eer(np.zeros((10, 10)), owners) == 50.0
    assert rank1(right, owners) == 100.0
    assert rank1(-right, owners) == 0.0
    assert rank1(np.zeros((10, 10)), owners) == pytest.approx(10.0)


def test_a_small_case_by_hand() -> None:
    """Of two targets one is below one of two impostors: the lines cross half way down."""
    found = np.array([[0.9, 0.5], [0.1, 0.4]])
    assert eer(found, np.arange(2)) == 50.0
    found = np.array([[0.9, 0.3], [0.1, 0.4]])
    assert eer(found, np.arange(2)) == 0.0


def test_weights_are_as_if_speakers_were_there_so_often() -> None:
    """A speaker of weight 0 is as good as left out."""
    found, owners = scores(6, 3, 1.0)
    kept = owners != 5
    weighted = Sorted.of(found, owners).eer(np.array([1.0, 1, 1, 1, 1, 0]))
    assert weighted == pytest.approx(eer(found[:5][:, kept], owners[kept]))


def test_the_interval_holds_the_rate_and_narrows_with_speakers() -> None:
    """Ten speakers tell less than forty, and the same seed tells the same."""
    widths = []
    for speakers in (10, 40):
        found, owners = scores(speakers, 2, 1.5)
        low, high = interval(found, owners, seed=0)
        assert low <= eer(found, owners) <= high
        assert interval(found, owners, seed=0) == (low, high)
        widths.append(high - low)
    assert widths[1] < 0.75 * widths[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=["nan", "infinite"])
def test_scores_that_are_no_numbers_have_no_rate(value: float) -> None:
    """A certain attacker with some broken scores is not chance, and no interval is given either."""
    found = np.eye(10)
    found[3, 4] = value
    for rate in (eer, lambda *of: interval(*of, seed=0)):
        with pytest.raises(VerificationError, match="no finite numbers"):
            rate(found, np.arange(10))
    assert not tells_apart(found)


def test_the_same_score_for_everybody_tells_nobody_apart() -> None:
    """For every model, for every trial, or for both; a single difference is a score."""
    ramp = np.linspace(0, 1, 10)
    for same in (np.full((10, 10), 0.3), np.tile(ramp, (10, 1)), np.tile(ramp[:, None], (1, 10))):
        assert not tells_apart(same)
    assert tells_apart(np.eye(10))
    assert tells_apart(scores(6, 3, 0.0)[0])
