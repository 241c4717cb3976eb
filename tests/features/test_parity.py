"""The numbers are librosa's."""

from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import recordings
import soundfile
from numpy.typing import NDArray

from unvoiced.features import FeatureSet, builtin_names, extract, extract_samples, load
from unvoiced.features.feature_set import ARRAYS

TOLERANCE = 1e-4  # dB

EVERYTHING = replace(load("speech-16k-float32"), arrays=ARRAYS)
FEATURE_SETS = {
    "default": EVERYTHING,
    "8 kHz": replace(EVERYTHING, sample_rate=8000, fmax=4000.0, n_mels=40, n_mfcc=13),
    "odd window": replace(EVERYTHING, win_length=401, hop_length=161),
    "window fills fft": replace(EVERYTHING, win_length=512, hop_length=512),
    "not a power of two": replace(EVERYTHING, n_fft=600, win_length=480, hop_length=120),
    "other factors": replace(EVERYTHING, n_fft=514, win_length=400, hop_length=160),
    "narrow": replace(EVERYTHING, fmin=80.0, fmax=7600.0, top_db=40.0),
    "one frame each sample": replace(EVERYTHING, win_length=64, hop_length=1),
}


def librosa_arrays(y: NDArray[np.float64], feature_set: FeatureSet) -> dict[str, NDArray]:
    """What librosa makes of samples at the feature set's rate, in float64."""
    power = librosa.feature.melspectrogram(
        y=y,
        sr=feature_set.sample_rate,
        n_fft=feature_set.n_fft,
        win_length=feature_set.win_length,
        hop_length=feature_set.hop_length,
        n_mels=feature_set.n_mels,
        fmin=feature_set.fmin,
        fmax=feature_set.fmax,
        center=True,
        pad_mode="constant",
        power=2.0,
    )
    log_mel = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=feature_set.top_db)
    arrays = {"log_mel": log_mel}
    if feature_set.n_mfcc:
        arrays["mfcc"] = librosa.feature.mfcc(S=log_mel, n_mfcc=feature_set.n_mfcc)
    if log_mel.shape[1] >= 9 and feature_set.n_mfcc:
        arrays["mfcc_delta"] = librosa.feature.delta(arrays["mfcc"])
        arrays["mfcc_delta2"] = librosa.feature.delta(arrays["mfcc"], order=2)
    return arrays


def assert_parity(y: NDArray[np.float64], feature_set: FeatureSet) -> None:
    """Every array that the recording is long enough for equals librosa's."""
    expected = librosa_arrays(y, feature_set)
    possible = tuple(name for name in feature_set.arrays if name in expected)
    made = extract_samples(y, feature_set.sample_rate, replace(feature_set, arrays=possible))
    assert tuple(made) == possible
    for name in possible:
        assert made[name].shape == expected[name].shape
        np.testing.assert_allclose(made[name], expected[name], rtol=0, atol=TOLERANCE)


SIGNALS = {
    "silence": np.zeros(16_000),
    "constant": np.full(16_000, 0.25),
    "full scale square": np.where(np.arange(16_000) % 40 < 20, 1.0, -1.0),
    "noise": recordings.noise(16_000),
    "chirp": librosa.chirp(fmin=50, fmax=7900, sr=16_000, duration=2.0),
    "one click": np.eye(1, 16_000, 8_000)[0],
    "below the least power": np.full(16_000, 1e-9),
}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("name", FEATURE_SETS)
def test_equals_librosa(signal: str, name: str) -> None:
    """Log-mel, MFCC and deltas are within 1e-4 dB of librosa's on every kind of signal."""
    assert_parity(SIGNALS[signal], FEATURE_SETS[name])


@pytest.mark.filterwarnings("ignore:n_fft=:UserWarning")
@pytest.mark.parametrize(
    "length", [1, 2, 159, 160, 161, 255, 256, 399, 401, 511, 1279, 1280, 1600, 16_001]
)
def test_equals_librosa_at_every_length(length: int) -> None:
    """A recording of one sample, shorter than the window, or no multiple of the hop is no edge."""
    assert_parity(recordings.noise(length), EVERYTHING)


@pytest.mark.parametrize("length", [32_767, 32_768, 32_769, 65_536, 65_537 + 159])
def test_equals_librosa_across_blocks(length: int) -> None:
    """Where one block ends and the next begins shows in no number."""
    assert_parity(recordings.noise(length), EVERYTHING)


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 12))]
)
def test_equals_librosa_on_speech(number: int, tmp_path: Path) -> None:
    """From a FLAC file to every array, the result is that of librosa's own loading."""
    path = recordings.speech(12, tmp_path)[number]
    y, rate = soundfile.read(path, dtype="float64")
    y = librosa.resample(y, orig_sr=rate, target_sr=16_000, res_type="soxr_hq")
    expected = librosa_arrays(y, EVERYTHING)
    made = extract(path.read_bytes(), EVERYTHING).arrays
    for name in ARRAYS:
        np.testing.assert_allclose(made[name], expected[name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", builtin_names())
def test_builtin_sets_equal_librosa_to_their_dtype(name: str) -> None:
    """A built-in set holds librosa's numbers, rounded once to the dtype it names."""
    feature_set = load(name)
    y = recordings.noise(48_000)
    expected = librosa_arrays(y, feature_set)
    made = extract_samples(y, 16_000, feature_set)
    assert tuple(made) == feature_set.arrays
    for array, values in made.items():
        assert values.dtype == np.dtype(feature_set.dtype)
        half_a_step = np.spacing(np.abs(expected[array]).astype(values.dtype)) / 2
        error = np.abs(values.astype(np.float64) - expected[array])
        tolerance = {"float64": TOLERANCE, "float32": 2e-3}[feature_set.precision]
        assert (error <= half_a_step.astype(np.float64) + tolerance).all()


def test_samples_are_left_as_they_are() -> None:
    """Extraction overwrites its own copies, never the caller's samples."""
    y = recordings.noise(40_000)
    before = y.copy()
    extract_samples(y, 16_000, EVERYTHING)
    assert (y == before).all()
