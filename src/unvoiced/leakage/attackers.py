"""Who tries to recognise a speaker: several, as the weakest flatters and the strongest counts.

- Each learns from pieces of other speakers, of the very kind it attacks.
- All are classical: statistics of frames, and a Gaussian mixture (GMM-UBM), with what distinguishes
  speakers learned by LDA or PLDA (`backend`). The last puts all of their scores together.
- The same pieces and seed give the same scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unvoiced.leakage.backend import Backend, Scores
from unvoiced.leakage.embeddings import Mixture, statistics
from unvoiced.leakage.frames import Frames

COSINE = "mixture, LDA"  # whose scores are cosines
TOGETHER = "all together"


@dataclass(frozen=True, slots=True)
class Attackers:
    """Attackers that have learned."""

    mixture: Mixture
    of_statistics: Backend
    of_mixture: Backend

    @classmethod
    def learn(
        cls, pieces: Sequence[Frames], speakers: NDArray[np.int64], *, components: int, seed: int
    ) -> "Attackers":
        """From pieces of speech, each the frames (T, d) of the speaker of that number."""
        mixture = Mixture.learn(pieces, components, seed)
        return cls(
            mixture,
            Backend.learn(np.stack([statistics(one) for one in pieces]), speakers),
            Backend.learn(np.stack([mixture.supervector(one) for one in pieces]), speakers),
        )

    def scores(self, enrolment: Sequence[Frames], trials: Sequence[Frames]) -> dict[str, Scores]:
        """What each attacker makes of each trial, against each enrolled speaker: (n, trials)."""
        plain = [np.stack([statistics(one) for one in of]) for of in (enrolment, trials)]
        moved = [
            np.stack([self.mixture.supervector(one) for one in of]) for of in (enrolment, trials)
        ]
        found = {
            "statistics, LDA": self.of_statistics.cosine(*plain),
            "statistics, PLDA": self.of_statistics.plda(*plain),
            "GMM-UBM": self.of_mixture.normalised(*moved),
            COSINE: self.of_mixture.cosine(*moved),
            "mixture, PLDA": self.of_mixture.plda(*moved),
        }
        together = sum(
            ((one - one.mean()) / (one.std() + 1e-12) for one in found.values()),
            start=np.zeros((len(enrolment), len(trials))),
        )
        return {**found, TOGETHER: together / len(found)}
