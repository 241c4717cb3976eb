"""Each table is what the library that defines it makes."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from unvoiced.features.kernel import tables

MEL = [
    (16_000, 512, 80, 0.0, 8000.0),
    (16_000, 400, 40, 20.0, 7600.0),
    (22_050, 1024, 128, 0.0, 11_025.0),
    (44_100, 2048, 128, 30.0, 16_000.0),
    (8000, 256, 23, 100.0, 900.0),
    (48_000, 16, 9, 1200.0, 24_000.0),
]


@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.parametrize(("rate", "n_fft", "n_mels", "fmin", "fmax"), MEL)
def test_mel_basis_is_librosas(
    rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> None:
    """Bit for bit, below and above the knee of the scale."""
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    made = tables.mel_basis(rate, n_fft, n_mels, fmin, fmax)
    assert made.dtype == expected.dtype
    assert (made == expected).all()


@pytest.mark.parametrize("length", [2, 3, 16, 400, 401, 2048])
def test_window_is_scipys(length: int) -> None:
    """Bit for bit."""
    assert (tables.hann(length) == scipy.signal.get_window("hann", length)).all()


@pytest.mark.parametrize(("n_mfcc", "n_mels"), [(1, 1), (13, 40), (20, 80), (23, 23)])
def test_cosines_are_the_dct(n_mfcc: int, n_mels: int) -> None:
    """The rows of scipy's orthonormal DCT-II."""
    expected = scipy.fft.dct(np.eye(n_mels), type=2, norm="ortho", axis=0)[:n_mfcc]
    np.testing.assert_allclose(tables.cosines(n_mfcc, n_mels), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("points", [8, 12, 20, 64, 128, 200, 240, 256, 512, 600, 1024, 32_768])
def test_radices_multiply_to_the_points(points: int) -> None:
    """All passes together are the whole transform, and results lie where the table says."""
    passes = tables.radices(points)
    assert passes is not None
    assert int(np.prod(passes)) * tables.LAST_RADIX == points
    order = tables.reversed_digits(points // tables.LAST_RADIX, passes)
    assert sorted(order) == list(range(points // tables.LAST_RADIX))


@pytest.mark.parametrize("points", [9, 10, 28, 150, 44 * 4, 13 * 8])
def test_other_lengths_have_no_passes(points: int) -> None:
    """What has another factor, or no factor of four, goes another way."""
    assert tables.radices(points) is None


@pytest.mark.parametrize(("degree", "tolerance"), [(13, 1e-10), (8, 2e-6)])
def test_polynomial_is_the_logarithm(degree: int, tolerance: float) -> None:
    """Within a small part of what float64 and float32 results are held to, in dB."""
    f = np.linspace(np.sqrt(0.5) - 1, np.sqrt(2) - 1, 100_001)
    made = np.polynomial.polynomial.polyval(f, tables.decibel_polynomial(degree))
    assert np.abs(made - 10 * np.log10(1 + f)).max() < tolerance
