"""What an attacker makes of one piece of speech: a vector, by statistics or by a mixture model.

Frames are of shape (T, d); an embedding is of shape (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unvoiced.leakage.frames import Frames, with_derivatives

Vector = NDArray[np.float64]

_ITERATIONS = 8
_MOST_FRAMES = 30_000  # that a mixture is learned from
_COEFFICIENTS = 24  # cepstra a mixture looks at: higher ones are noise to it
_RELEVANCE = 8.0


def statistics(frames: Frames) -> Vector:
    """Means and deviations of frames, deviations of their changes, and how neighbours go together.

    The last is the correlation of the first 12 coefficients.
    """
    both = with_derivatives(frames).astype(np.float64)
    width = frames.shape[1]
    mean, deviation = both[:, :width].mean(axis=0), both.std(axis=0)
    some = min(12, width)
    standard = (both[:, :some] - mean[:some]) / (deviation[:some] + 1e-6)
    together = (standard.T @ standard / len(standard))[np.triu_indices(some, 1)]
    return np.concatenate((mean, np.log(deviation + 1e-3), together))


@dataclass(frozen=True, slots=True)
class Mixture:
    """Gaussians with diagonal covariances that speech in general is made of (Reynolds et al. 2000).

    `means` and `variances` are of shape (k, d), `weights` (k,).
    """

    weights: Vector
    means: NDArray[np.float64]
    variances: NDArray[np.float64]

    @classmethod
    def learn(cls, pieces: Sequence[Frames], components: int, seed: int) -> "Mixture":
        """By expectation maximisation from frames of all pieces."""
        x = np.concatenate([_looked_at(one) for one in pieces])
        rng = np.random.default_rng(seed)
        x = x[rng.permutation(len(x))[:_MOST_FRAMES]]
        components = min(components, len(x))
        floor = 0.05 * x.var(axis=0) + 1e-6
        model = cls(
            np.full(components, 1 / components),
            x[:components].copy(),
            np.tile(x.var(axis=0) + 1e-6, (components, 1)),
        )
        for _ in range(_ITERATIONS):
            shares = model._shares(x)
            count = shares.sum(axis=0) + 1e-3
            means = shares.T @ x / count[:, None]
            variances = shares.T @ x**2 / count[:, None] - means**2
            model = cls(count / count.sum(), means, np.maximum(variances, floor))
        return model

    def supervector(self, frames: Frames) -> Vector:
        """How far MAP adaptation to a piece moves each mean, in the metric of Campbell et al. 2006.

        The inner product of two is, linearly approximated, the likelihood ratio of a GMM-UBM.
        """
        x = _looked_at(frames)
        shares = self._shares(x)
        count = shares.sum(axis=0)
        moved = (shares.T @ x - count[:, None] * self.means) / (count + _RELEVANCE)[:, None]
        moved *= np.sqrt(self.weights)[:, None] / np.sqrt(self.variances)
        vector: Vector = moved.ravel()
        return vector

    def _shares(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each frame, how much of it each component accounts for: (T, k)."""
        precision = 1 / self.variances
        constant = np.log(self.weights) - 0.5 * (
            np.log(self.variances).sum(axis=1) + (self.means**2 * precision).sum(axis=1)
        )
        likelihood = constant + x @ (self.means * precision).T - 0.5 * x**2 @ precision.T
        likelihood -= likelihood.max(axis=1, keepdims=True)
        shares: NDArray[np.float64] = np.exp(likelihood)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares


def _looked_at(frames: Frames) -> NDArray[np.float64]:
    return with_derivatives(frames[:, :_COEFFICIENTS]).astype(np.float64)
