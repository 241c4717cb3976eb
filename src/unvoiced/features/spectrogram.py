"""Log-mel spectrogram frames in decibels, from samples in blocks.

The numbers are those of librosa 0.11, computed in float64:
power_to_db(melspectrogram(y, center=True, pad_mode="constant", power=2.0), ref=1.0, amin=1e-10,
top_db=None). The limit `top_db` depends on the whole recording and is applied by who holds it.

This is the path of the sizes that the compiled kernel knows no transform of, and what the kernel is
compared with in tests.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.sparse import csr_array

from unvoiced.features.feature_set import FeatureSet
from unvoiced.features.kernel.tables import hann, mel_basis
from unvoiced.features.recording import Samples, float_blocks

AMIN = 1e-10
# Of 32 to 1001, the number of frames whose windows, spectra and bands stay in the L2 cache.
_BATCH = 64


def log_mel_blocks(
    samples: Iterable[Samples], feature_set: FeatureSet
) -> Iterator[NDArray[np.float64]]:
    """Decibels of shape (n_mels, n) from blocks of samples of shape (m,) at the set's sample rate.

    However the samples are divided, the frames are 1 + samples // hop_length in all; frame t is
    centred on sample t * hop_length, with silence beyond both ends. NaN and infinity pass through.
    """
    win_length, hop_length = feature_set.win_length, feature_set.hop_length
    # A window shorter than n_fft is centred in it, so the frame that counts starts this much early.
    lead = feature_set.n_fft // 2 - (feature_set.n_fft - win_length) // 2
    carried = np.zeros(lead)
    for block in chain(float_blocks(samples), (np.zeros(win_length - lead),)):
        pending = np.concatenate((carried, block))
        count = max(0, (len(pending) - win_length) // hop_length + 1)
        if count:
            yield _decibels(sliding_window_view(pending, win_length)[::hop_length], feature_set)
        carried = pending[count * hop_length :].copy()
        pending.fill(0.0)


def _decibels(frames: NDArray[np.float64], feature_set: FeatureSet) -> NDArray[np.float64]:
    """Decibels of shape (n_mels, n) from frames of shape (n, win_length)."""
    window, basis = hann(feature_set.win_length), _mel_basis(feature_set)
    decibels = np.empty((feature_set.n_mels, len(frames)))
    windowed = np.zeros((_BATCH, feature_set.n_fft))
    for start in range(0, len(frames), _BATCH):
        batch = frames[start : start + _BATCH]
        n = len(batch)
        np.multiply(batch, window, out=windowed[:n, : feature_set.win_length])
        # Real and imaginary parts alternate in memory: squared in place, then added in pairs.
        squares = scipy.fft.rfft(windowed[:n], axis=1).view(np.float64)
        squares *= squares
        power = squares[:, ::2] + squares[:, 1::2]
        bands = basis @ np.ascontiguousarray(power.T)
        np.maximum(bands, AMIN, out=bands)
        np.log10(bands, out=bands)
        np.multiply(bands, 10.0, out=decibels[:, start : start + n])
    windowed.fill(0.0)
    return decibels


@lru_cache(maxsize=16)
def _mel_basis(feature_set: FeatureSet) -> csr_array:
    """librosa.filters.mel as a sparse matrix: of 257 bins, a band of 80 touches about six."""
    # float32 is what librosa computes its basis in, whatever the samples are.
    basis = mel_basis(
        feature_set.sample_rate,
        feature_set.n_fft,
        feature_set.n_mels,
        feature_set.fmin,
        feature_set.fmax,
    )
    return csr_array(basis.astype(np.float64))
