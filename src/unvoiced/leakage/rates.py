"""How often an attacker is right: error rates of scores, with what chance and few speakers do.

Scores are of shape (models, trials), higher for the same speaker. Every model of another speaker is
an impostor of a trial. Scores that are no finite numbers have no rate: they would be sorted to an
end, where they look like chance. Pure; rates are in percent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import VerificationError

Scores = NDArray[np.float64]
Owners = NDArray[np.int64]

_BOOTSTRAPS = 400
_SAME = 1e-9  # of the largest score: what rounding makes of equal ones


@dataclass(frozen=True, slots=True)
class Sorted:
    """Scores in ascending order, and of each the speakers of model and trial."""

    scores: Scores
    models: Owners
    trials: Owners

    @classmethod
    def of(cls, scores: Scores, owners: Owners) -> "Sorted":
        """Of scores (models, trials); model m is speaker m's, trial t is speaker `owners[t]`'s.

        Raises `VerificationError` for scores that are no finite numbers.
        """
        if not np.isfinite(scores).all():
            raise VerificationError("scores that are no finite numbers have no error rate")
        models = np.repeat(np.arange(len(scores)), len(owners))
        trials = np.tile(owners, len(scores))
        order = np.argsort(scores.ravel(), kind="stable")
        return cls(scores.ravel()[order], models[order], trials[order])

    def eer(self, weights: NDArray[np.float64] | None = None) -> float:
        """The equal error rate, where each speaker counts as often as `weights` says; 50 is chance.

        The rate at which as many targets are refused as impostors pass, interpolated between the
        thresholds next to it; tied scores are on one side of a threshold together. NaN where the
        weights leave no impostors.
        """
        own = self.models == self.trials
        target = own.astype(np.float64)
        impostor = 1.0 - target
        if weights is not None:
            target = target * weights[self.trials]
            impostor = impostor * weights[self.models] * weights[self.trials]
        if not target.sum() or not impostor.sum():
            return float("nan")
        ends = np.append(np.flatnonzero(np.diff(self.scores)), len(self.scores) - 1)
        refused = np.append(0.0, np.cumsum(target)[ends] / target.sum())
        passed = np.append(1.0, 1.0 - np.cumsum(impostor)[ends] / impostor.sum())
        gap = refused - passed
        after = int(np.argmax(gap >= 0))
        share = gap[after - 1] / (gap[after - 1] - gap[after])
        crossing = refused[after - 1] + share * (refused[after] - refused[after - 1])
        return float(100 * crossing)


def eer(scores: Scores, owners: Owners) -> float:
    """The equal error rate of scores (models, trials), trial t being of speaker `owners[t]`."""
    return Sorted.of(scores, owners).eer()


def interval(scores: Scores, owners: Owners, seed: int) -> tuple[float, float]:
    """Where the equal error rate lies in 95 % of bootstraps over speakers.

    Speakers and not trials are drawn: trials of one person are alike, and the next measuring has
    other people.
    """
    ordered, rng, count = Sorted.of(scores, owners), np.random.default_rng(seed), len(scores)
    rates = [
        ordered.eer(rng.multinomial(count, np.full(count, 1 / count)).astype(np.float64))
        for _ in range(_BOOTSTRAPS)
    ]
    low, high = np.nanpercentile(rates, (2.5, 97.5))
    return float(low), float(high)


def tells_apart(scores: Scores) -> bool:
    """Whether these are scores at all: finite, and not the same for every model or every trial."""
    return bool(np.isfinite(scores).all()) and all(
        np.ptp(scores, axis=axis).max() > _SAME * (1 + np.abs(scores).max()) for axis in (0, 1)
    )


def rank1(scores: Scores, owners: Owners) -> float:
    """How often the best of all models is the right one; ties are shared out."""
    best = scores == scores.max(axis=0)
    return float(100 * np.mean(best[owners, np.arange(len(owners))] / best.sum(axis=0)))
