"""Feature arrays as an attacker looks at them, and back towards sound as far as they reach.

Pure. Frames are of shape (T, d), float32. What a set stores beside its richest array follows from
that one, so an attacker loses nothing by looking at it alone.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from unvoiced.features import FeatureSet
from unvoiced.features.kernel.tables import mel_basis

Frames = NDArray[np.float32]
Arrays = Mapping[str, NDArray[np.floating]]

# The raw recording, as attackers look at it: finer than any set that is stored. Nothing is clipped
# and nothing is rounded.
RAW = FeatureSet(
    name="raw",
    arrays=("log_mel",),
    dtype="float32",
    sample_rate=16_000,
    downmix="mean",
    resampler="soxr_hq",
    n_fft=512,
    win_length=400,
    hop_length=160,
    window="hann",
    n_mels=80,
    fmin=0.0,
    fmax=8000.0,
    top_db=300.0,
)
_CEPSTRA = 40
_FLOOR = 1e-10


def seen(arrays: Arrays) -> Frames:
    """What an attacker makes of one recording's arrays: cepstra, as far as they are there.

    Of log-mel the first 40, of mfcc all, of derivatives alone those.
    """
    if "log_mel" in arrays:
        bands = np.asarray(arrays["log_mel"], np.float32)
        cepstra = scipy.fft.dct(bands, type=2, norm="ortho", axis=0)[:_CEPSTRA]
    else:
        name = "mfcc" if "mfcc" in arrays else min(arrays)
        cepstra = np.asarray(arrays[name], np.float32)
    return np.ascontiguousarray(cepstra.T, np.float32)


def with_derivatives(frames: Frames) -> Frames:
    """Frames (T, d) and how they change over four frames, side by side: (T, 2 d)."""
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    return np.hstack((frames, (padded[4:] - padded[:-4]) / 4))


def can_be_inverted(feature_set: FeatureSet) -> bool:
    """Whether anything of a spectrum is stored; derivatives alone leave none."""
    return "log_mel" in feature_set.arrays or "mfcc" in feature_set.arrays


def spectrum(arrays: Arrays, feature_set: FeatureSet) -> NDArray[np.float32]:
    """The power spectrum that arrays leave, of shape (n_fft / 2 + 1, T): least squares.

    MFCC is turned back by the transposed cosine basis, which smooths what was cut off. The pseudo-
    inverse of the mel basis gives the bins; what it makes negative is floored.
    """
    if "log_mel" in arrays:
        bands = np.asarray(arrays["log_mel"], np.float64)
    else:
        mfcc = np.asarray(arrays["mfcc"], np.float64)
        bands = scipy.fft.idct(
            np.pad(mfcc, ((0, feature_set.n_mels - len(mfcc)), (0, 0))),
            type=2,
            norm="ortho",
            axis=0,
        )
    # Anything can be in features that were made to mislead; a power must stay a number.
    power = 10.0 ** (np.clip(bands, -100.0, 100.0) / 10.0)
    return np.maximum(_inverse_mel(feature_set) @ power, _FLOOR).astype(np.float32)


def as_raw(arrays: Arrays, feature_set: FeatureSet) -> Frames:
    """Arrays inverted and looked at as the raw recording is: the frames `seen` gives of `RAW`."""
    power = spectrum(arrays, feature_set).astype(np.float64)
    theirs = np.fft.rfftfreq(feature_set.n_fft, 1 / feature_set.sample_rate)
    ours = np.fft.rfftfreq(RAW.n_fft, 1 / RAW.sample_rate)
    if not np.array_equal(theirs, ours):
        # A hertz of theirs as one of ours, and as much of it as a longer or shorter window gives.
        power = np.stack([np.interp(ours, theirs, frame) for frame in power.T], axis=1)
        power *= (RAW.win_length * RAW.sample_rate) / (
            feature_set.win_length * feature_set.sample_rate
        )
    bands = np.maximum(_mel(RAW).astype(np.float64) @ power, _FLOOR)
    return seen({"log_mel": (10.0 * np.log10(bands)).astype(np.float32)})


def _mel(feature_set: FeatureSet) -> NDArray[np.float32]:
    return mel_basis(
        feature_set.sample_rate,
        feature_set.n_fft,
        feature_set.n_mels,
        feature_set.fmin,
        feature_set.fmax,
    )


@lru_cache(maxsize=8)
def _inverse_mel(feature_set: FeatureSet) -> NDArray[np.float64]:
    inverse: NDArray[np.float64] = np.linalg.pinv(_mel(feature_set).astype(np.float64))
    return inverse
