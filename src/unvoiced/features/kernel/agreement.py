"""Compiled code is trusted as far as it agrees with librosa, on this very processor.

What a compiler got wrong would be found by nobody: by then the recordings are gone. So whatever was
compiled for a feature set is held against librosa itself, once, before it sees a recording.
"""

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import VerificationError
from unvoiced.features.feature_set import FeatureSet

# In dB. The signal keeps within 60 dB, where single precision keeps within these too.
_TOLERANCE = {"float64": 1e-4, "float32": 2e-3}
_HALF_PRECISION = 2.0**-11  # half a unit in the last place, of 1


def check_agreement(
    made: dict[str, NDArray[np.floating]], y: NDArray[np.int16], feature_set: FeatureSet
) -> None:
    """Raises `VerificationError` where arrays made of int16 samples are not librosa's."""
    expected = _librosa_arrays(y / 32768, feature_set)
    rounding = _HALF_PRECISION if feature_set.dtype == "float16" else 0.0
    for name, array in made.items():
        # A coefficient is a sum over all bands.
        scale = 1 if name == "log_mel" else feature_set.n_mels**0.5
        allowed = _TOLERANCE[feature_set.precision] * scale + rounding * abs(expected[name])
        if (
            array.shape != expected[name].shape
            or not (abs(array - expected[name]) <= allowed).all()
        ):
            raise VerificationError(
                f"the extraction kernel, as compiled for this processor, does not agree with "
                f"librosa on {name} of {feature_set.name}: nothing is extracted with it"
            )


def known_signal(feature_set: FeatureSet) -> NDArray[np.int16]:
    """Noise, a moving tone and their end in quiet, the same each time; frames enough for deltas."""
    length = max(feature_set.sample_rate // 2, 32 * feature_set.hop_length) + feature_set.n_fft
    t = np.arange(length) / feature_set.sample_rate
    tone = 0.3 * np.sin(2 * np.pi * (feature_set.sample_rate / 40) * (1 + t) * t)
    noise = np.random.default_rng(6).normal(0, 0.02, length)
    y: NDArray[np.int16] = ((tone + noise) * np.exp(-3 * t) * 32767).astype(np.int16)
    return y


def _librosa_arrays(
    y: NDArray[np.float64], feature_set: FeatureSet
) -> dict[str, NDArray[np.floating]]:
    import librosa

    power = librosa.feature.melspectrogram(
        y=y,
        sr=feature_set.sample_rate,
        n_fft=feature_set.n_fft,
        win_length=feature_set.win_length,
        hop_length=feature_set.hop_length,
        n_mels=feature_set.n_mels,
        fmin=feature_set.fmin,
        fmax=feature_set.fmax,
        pad_mode="constant",
    )
    log_mel = librosa.power_to_db(power, top_db=feature_set.top_db)
    arrays: dict[str, NDArray[np.floating]] = {"log_mel": log_mel}
    if feature_set.n_mfcc is not None:
        mfcc = librosa.feature.mfcc(S=log_mel, n_mfcc=feature_set.n_mfcc)
        arrays["mfcc"] = mfcc
        for order, name in enumerate(("mfcc_delta", "mfcc_delta2"), 1):
            arrays[name] = librosa.feature.delta(mfcc, order=order)
    return arrays
