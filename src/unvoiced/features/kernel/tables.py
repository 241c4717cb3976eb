"""What the kernel reads while it runs: window, twiddle factors, orders, mel bands, cosines.

Formulas are written out where the libraries that define them (librosa, scipy.signal) would take a
second to import; tests/features/test_kernel_tables.py holds each to the original, bit for bit where
the original is in float32 or of few operations.
"""

import numpy as np
from numpy.typing import NDArray

from unvoiced.features.feature_set import FeatureSet

Indices = NDArray[np.int64]

LAST_RADIX = 4


def radices(points: int) -> tuple[int, ...] | None:
    """The passes before the last, which is of radix 4; None where other factors than 2, 3, 5 are.

    The first is of radix 4 wherever it can be, as that one is fused with the window.
    """
    if points % LAST_RADIX:
        return None
    left, twos, found = points // LAST_RADIX, 0, []
    for radix in (3, 5):
        while left % radix == 0:
            found.append(radix)
            left //= radix
    while left % 2 == 0:
        twos += 1
        left //= 2
    if left != 1:
        return None
    fours = {0: 0, 1: 2, 2: 1}[twos % 3] if twos > 1 else 0
    eights = (twos - 2 * fours) // 3
    return (*(8,) * eights, *(4,) * fours, *(2,) * (twos == 1), *found)


def has_kernel(feature_set: FeatureSet) -> bool:
    """Whether the kernel knows transforms of this length: n_fft is 8 times factors 2, 3 and 5."""
    return radices(feature_set.n_fft // 2) is not None


def hann(length: int) -> NDArray[np.float64]:
    """scipy.signal.get_window("hann", length): periodic, of shape (length,)."""
    angles = np.linspace(-np.pi, np.pi, length + 1)
    window: NDArray[np.float64] = 0.5 + 0.5 * np.cos(angles[:-1])
    return window


def factors(points: int, passes: tuple[int, ...]) -> NDArray[np.float64]:
    """exp(-2 pi i j k / n) as pairs of numbers, in the order the passes meet them: k, then j."""
    found, n = [], points
    for radix in passes:
        k, j = np.arange(n // radix)[:, None], np.arange(1, radix)
        found.append(np.exp(-2j * np.pi * (j * k) / n).ravel())
        n //= radix
    return np.concatenate([*found, np.ones(1, complex)]).view(np.float64)


def turns(n_fft: int) -> NDArray[np.float64]:
    """exp(-2 pi i k / n_fft) for k up to n_fft / 2, as pairs of numbers."""
    pairs: NDArray[np.float64] = np.exp(-2j * np.pi * np.arange(n_fft // 2 + 1) / n_fft).view(
        np.float64
    )
    return pairs


def reversed_digits(length: int, passes: tuple[int, ...]) -> Indices:
    """Where result f of a transform of `length`, made by these passes, lies; of shape (length,)."""
    index, at, left = np.arange(length), np.zeros(length, np.int64), length
    for radix in passes:
        left //= radix
        at += index % radix * left
        index //= radix
    return at


def mel_basis(
    sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> NDArray[np.float32]:
    """librosa.filters.mel (Slaney's scale and area normalisation), of shape (n_mels, n_fft/2 + 1).

    Linear below 1 kHz at 200/3 Hz a mel, logarithmic above at 27 mel an octave of 6.4.
    """
    bins = np.fft.rfftfreq(n=n_fft, d=1.0 / sample_rate)
    edges = _hertz(np.linspace(_mel(fmin), _mel(fmax), n_mels + 2))
    widths = np.diff(edges)
    ramps = np.subtract.outer(edges, bins)
    basis = np.zeros((n_mels, n_fft // 2 + 1), np.float32)
    for band in range(n_mels):
        rising = -ramps[band] / widths[band]
        falling = ramps[band + 2] / widths[band + 1]
        basis[band] = np.maximum(0, np.minimum(rising, falling))
    basis *= (2.0 / (edges[2:] - edges[:n_mels]))[:, np.newaxis]
    return basis


_STEP, _KNEE = 200.0 / 3, 1000.0
_LOG_STEP = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    if hertz >= _KNEE:
        return float(_KNEE / _STEP + np.log(hertz / _KNEE) / _LOG_STEP)
    return hertz / _STEP


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    hertz = _STEP * mel
    high = mel >= _KNEE / _STEP
    hertz[high] = _KNEE * np.exp(_LOG_STEP * (mel[high] - _KNEE / _STEP))
    return hertz


def bands(basis: NDArray[np.float32]) -> tuple[Indices, NDArray[np.float64]]:
    """The weights of a mel basis that are not zero, and where they belong.

    Band b is the weights from `spans[b, 0]` to `spans[b, 1]` on bins from `spans[b, 2]` on;
    `spans` is of shape (n_mels, 3). A band without a bin has no weights.
    """
    spans, weights, at = np.zeros((len(basis), 3), np.int64), [], 0
    for band, row in enumerate(basis):
        used = np.flatnonzero(row)
        if len(used):
            length = used[-1] + 1 - used[0]
            kept = np.zeros(length + -length % 4)
            kept[:length] = row[used[0] : used[-1] + 1]
            spans[band] = at, at + len(kept), used[0]
            weights.append(kept)
            at += len(kept)
    return spans, np.concatenate([*weights, np.zeros(1)])


def decibel_polynomial(degree: int) -> NDArray[np.float64]:
    """Coefficients in f of 10 log10(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2), lowest first.

    Interpolated in Chebyshev's points, so that the error is nearly the same everywhere.
    """
    low, high = np.sqrt(0.5) - 1, np.sqrt(2.0) - 1
    fit = np.polynomial.Chebyshev.interpolate(
        lambda f: 10 / np.log(10) * np.log1p(f), degree, domain=[low, high]
    )
    power_series = fit.convert(kind=np.polynomial.Polynomial, domain=[-1, 1], window=[-1, 1])
    return np.asarray(power_series.coef, np.float64)


def cosines(n_mfcc: int, n_mels: int) -> NDArray[np.float64]:
    """The first `n_mfcc` rows of the orthonormal DCT-II, of shape (n_mfcc, n_mels)."""
    k, m = np.arange(n_mfcc)[:, None], np.arange(n_mels)
    basis = np.sqrt(2 / n_mels) * np.cos(np.pi * k * (2 * m + 1) / (2 * n_mels))
    basis[0] = np.sqrt(1 / n_mels)
    return np.asarray(basis, np.float64)


def folded_cosines(n_mfcc: int, n_mels: int, tile: int) -> NDArray[np.float64]:
    """The left half of `cosines` in the order `finish` multiplies: even rows, then odd ones.

    Of each, `tile` rows at once, band by band; where a tile lacks rows there are zeros.
    """
    half = (n_mels + 1) // 2
    basis, found = cosines(n_mfcc, n_mels)[:, :half] if n_mfcc else np.zeros((0, half)), []
    for rows in (basis[::2], basis[1::2]):
        for first in range(0, len(rows), tile):
            block = np.zeros((tile, half))
            some = rows[first : first + tile]
            block[: len(some)] = some
            found.append(block.T.ravel())
    return np.concatenate([*found, np.zeros(1)])
