"""From embeddings to scores: what distinguishes speakers is learned from some, used on others.

- Linear discriminant analysis, then cosine; or two-covariance PLDA in that space (Brümmer and de
  Villiers 2010, with the length normalisation of Garcia-Romero and Espy-Wilson 2011).
- Or nothing learned but what strangers score: cosine with adaptive symmetric normalisation
  (Matějka et al. 2017).

Embeddings are of shape (n, d); scores (enrolled, trials), higher for the same speaker.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
Scores = NDArray[np.float64]

_MOST_DIRECTIONS = 200
_SHRINKAGE = 0.1
_NEAREST = 50  # strangers, in adaptive normalisation


@dataclass(frozen=True, slots=True)
class Backend:
    """What was learned from labelled embeddings of strangers.

    `project` maps scaled embeddings to where the spread within a speaker is the identity;
    `between` (d,) is the variance between speakers there.
    """

    scale: Vectors
    project: Vectors
    between: Vectors
    cohort: Vectors

    @classmethod
    def learn(cls, embeddings: Vectors, labels: NDArray[np.int64]) -> "Backend":
        """From embeddings (n, d) of speakers `labels` (n,), several of each."""
        mean, scale = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-9
        x = (embeddings - mean) / scale
        _, spread, directions = np.linalg.svd(x, full_matrices=False)
        kept = min(_MOST_DIRECTIONS, int((spread > 1e-6 * spread[0]).sum()))
        principal = directions[:kept].T
        z = x @ principal
        speakers, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
        centres = np.zeros((len(speakers), kept))
        np.add.at(centres, index, z)
        centres /= counts[:, None]
        inner = z - centres[index]
        within = inner.T @ inner / max(1, len(z) - len(speakers))
        within = (1 - _SHRINKAGE) * within + _SHRINKAGE * np.trace(within) / kept * np.eye(kept)
        values, vectors = np.linalg.eigh(within)
        whiten = vectors / np.sqrt(np.maximum(values, 1e-9))
        white = centres @ whiten
        variance, axes = np.linalg.eigh(np.cov(white.T, bias=True).reshape(kept, kept))
        # What the mean of so few pieces varies by itself is none of the speaker's.
        between = variance[::-1] - 1 / counts.mean()
        used = max(1, min(len(speakers) - 1, int((between > 1e-3).sum())))
        project = principal @ whiten @ axes[:, ::-1][:, :used]
        return cls(scale, project, np.maximum(between[:used], 1e-3), x)

    def cosine(self, enrolled: Vectors, trials: Vectors) -> Scores:
        """The cosine of projected embeddings, from -1 to 1."""
        return _unit(self._projected(enrolled)) @ _unit(self._projected(trials)).T

    def plda(self, enrolled: Vectors, trials: Vectors) -> Scores:
        """The log of how much likelier one speaker is than two."""
        lengths = np.sqrt((1 + self.between).sum())
        x = lengths * _unit(self._projected(enrolled))
        y = lengths * _unit(self._projected(trials))
        total, shared = 1 + self.between, self.between
        determinant = total**2 - shared**2
        # (x, y) under [[total, shared], [shared, total]] against [[total, 0], [0, total]].
        square = 1 / total - total / determinant
        cross = shared / determinant
        likelier: Scores = (x**2 @ square)[:, None] + y**2 @ square + 2 * (x * cross) @ y.T
        return 0.5 * likelier

    def normalised(self, enrolled: Vectors, trials: Vectors) -> Scores:
        """The cosine of embeddings as they are, in terms of what the nearest strangers score."""
        x, y = (_unit(_centred(of / self.scale)) for of in (enrolled, trials))
        strangers = _unit(self.cohort)
        raw = x @ y.T
        of_x, of_y = _nearest(x @ strangers.T), _nearest(y @ strangers.T)
        return 0.5 * ((raw - of_x[0][:, None]) / of_x[1][:, None] + (raw - of_y[0]) / of_y[1])

    def _projected(self, embeddings: Vectors) -> Vectors:
        return _centred((embeddings / self.scale) @ self.project)


def _centred(x: Vectors) -> Vectors:
    """About the mean of all: who holds a store of features knows what is common to it.

    This takes away what one corpus, language or inversion differs by from what was learned from.
    """
    centred: Vectors = x - x.mean(axis=0)
    return centred


def _unit(x: Vectors) -> Vectors:
    lengths: Vectors = np.linalg.norm(x, axis=1, keepdims=True) + 1e-12
    return x / lengths


def _nearest(scores: Scores) -> tuple[Vectors, Vectors]:
    count = min(_NEAREST, scores.shape[1])
    best = np.partition(scores, -count, axis=1)[:, -count:]
    return best.mean(axis=1), best.std(axis=1) + 1e-9
