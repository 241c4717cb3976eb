"""Mel-frequency cepstral coefficients and their time derivatives.

The numbers are those of librosa 0.11: librosa.feature.mfcc(S=log_mel, dct_type=2, norm="ortho") and
librosa.feature.delta(width=9, mode="interp"), whose source is Savitzky and Golay (1964).
"""

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

DELTA_WIDTH = 9
_CHUNK = 16_384  # frames; bounds the float64 working memory of a long recording


@lru_cache(maxsize=16)
def cepstral_basis(n_mfcc: int, n_mels: int) -> NDArray[np.float64]:
    """The first `n_mfcc` rows of the orthonormal DCT-II, of shape (n_mfcc, n_mels)."""
    basis: NDArray[np.float64] = scipy.fft.dct(np.eye(n_mels), type=2, norm="ortho", axis=0)[
        :n_mfcc
    ]
    return basis


def delta(mfcc: NDArray[np.float32], order: int, dtype: str) -> NDArray[np.floating]:
    """The derivative of order 1 or 2 along time, of shape (n_mfcc, T), for T >= 9.

    A polynomial of degree `order` is fitted to each 9 frames. Its highest derivative is constant,
    so "interp" extrapolation repeats the first and the last full fit.
    """
    # Here, as scipy.signal takes longer to import than most commands take to run.
    from scipy.signal import savgol_coeffs

    taps = savgol_coeffs(DELTA_WIDTH, order, deriv=order, use="dot")
    half = DELTA_WIDTH // 2
    fits = mfcc.shape[1] - DELTA_WIDTH + 1
    out = np.empty(mfcc.shape, dtype)
    for start in range(0, fits, _CHUNK):
        stop = min(start + _CHUNK, fits)
        chunk = mfcc[:, start : stop + DELTA_WIDTH - 1].astype(np.float64)
        out[:, start + half : stop + half] = sliding_window_view(chunk, DELTA_WIDTH, axis=1) @ taps
    out[:, :half] = out[:, half : half + 1]
    out[:, -half:] = out[:, -half - 1 : -half]
    return out
