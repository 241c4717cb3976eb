"""A cast's speech as one feature set would store it, as attackers look at it. In memory only.

Each part of a recording is extracted as a recording of its own, by what ingest extracts with, and
rounded to the set's dtype. Samples and arrays are let go of as soon as there are frames. Frames
that are no finite numbers, or all the same, are refused: an attack on them would look like chance.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import InputError
from unvoiced.features import FeatureSet, extract_samples
from unvoiced.leakage.frames import Arrays, Frames, seen
from unvoiced.leakage.voices import ENROLMENT, Cast, Piece, samples

Look = Callable[[Arrays], Frames]


@dataclass(frozen=True, slots=True)
class Material:
    """Frames (T, d) of pieces, and whose they are.

    `learned` of speakers `learners`; `enrolment` of the attacked, one each; `trials` of `owners`.
    """

    learned: tuple[Frames, ...]
    learners: NDArray[np.int64]
    enrolment: tuple[Frames, ...]
    trials: tuple[Frames, ...]
    owners: NDArray[np.int64]

    def shortened(self, frames: int) -> "Material":
        """With trials of so many frames, and enrolment of as many times more as always.

        What is learned from is divided, as attackers learn best from pieces as long as trials are;
        there are no more of them than before.
        """
        divided = [
            (one[at : at + frames], speaker)
            for one, speaker in zip(self.learned, self.learners, strict=True)
            for at in range(0, max(1, len(one) - frames + 1), max(frames, len(one) // 2))
        ]
        return Material(
            tuple(one for one, _ in divided),
            np.array([speaker for _, speaker in divided]),
            tuple(one[: ENROLMENT * frames] for one in self.enrolment),
            tuple(one[:frames] for one in self.trials),
            self.owners,
        )


def material(cast: Cast, feature_set: FeatureSet, look: Look = seen) -> Material:
    """All of a cast's speech, as `look` shows the arrays of this feature set.

    Raises `InputError` where that is nothing to attack.
    """

    def frames(piece: Piece) -> Frames:
        whole = np.concatenate([look(arrays) for arrays in stored(piece, feature_set)])
        return finite(whole, feature_set)

    found = Material(
        tuple(frames(piece) for speaker in cast.learned_from for piece in speaker),
        np.array([who for who, speaker in enumerate(cast.learned_from) for _ in speaker]),
        tuple(frames(one.enrolment) for one in cast.tested),
        tuple(frames(piece) for one in cast.tested for piece in one.trials),
        np.array([who for who, one in enumerate(cast.tested) for _ in one.trials]),
    )
    first = found.trials[0][:1]
    if all((one == first).all() for one in (*found.learned, *found.enrolment, *found.trials)):
        raise InputError(
            f"feature set {feature_set.name}: its frames are all the same, whoever speaks, so "
            "there is nothing to measure; correct its definition"
        )
    return found


def finite(frames: Frames, feature_set: FeatureSet) -> Frames:
    """The frames; raises `InputError` where one of them is no finite number."""
    if not np.isfinite(frames).all():
        raise InputError(
            f"feature set {feature_set.name}: a recording gave frames that are no finite numbers, "
            "which an attack would take for pure chance, so nothing was measured; correct its "
            "definition, or take such recordings out of the folder"
        )
    return frames


def stored(piece: Piece, feature_set: FeatureSet) -> Iterable[Arrays]:
    """The arrays that ingest would store of each part of a piece."""
    for part in piece:
        plain, rate = samples(part, feature_set.downmix)
        yield extract_samples(plain, rate, feature_set)
