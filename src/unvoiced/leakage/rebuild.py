"""Speech made from features, to hear whether it is still the same person's. In memory only."""

import numpy as np

from unvoiced.features import FeatureSet, extract_samples
from unvoiced.leakage.frames import RAW, Arrays, Frames, seen, spectrum

_ROUNDS = 32


def rebuilt(arrays: Arrays, feature_set: FeatureSet, seed: int) -> Frames:
    """Frames of `RAW` of the sound that Griffin and Lim's algorithm (1984) finds for arrays.

    The spectrum is what the arrays leave by least squares; the phase is looked for.
    """
    # Here, as librosa takes longer to import than most commands run.
    import librosa

    sound = librosa.griffinlim(
        np.sqrt(spectrum(arrays, feature_set)),
        n_iter=_ROUNDS,
        hop_length=feature_set.hop_length,
        win_length=feature_set.win_length,
        n_fft=feature_set.n_fft,
        random_state=seed,
    )
    loudest = float(np.abs(sound).max())
    if loudest > 1.0:
        sound /= loudest
    made = seen(extract_samples(sound, feature_set.sample_rate, RAW))
    sound.fill(0.0)
    return made
