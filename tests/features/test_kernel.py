"""The compiled kernel: librosa's numbers at every size, and nothing of a recording left behind."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import recordings
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_parity import EVERYTHING, SIGNALS, TOLERANCE, librosa_arrays

from unvoiced.errors import UndecodableError
from unvoiced.features import FeatureSet, extract, extract_samples, load
from unvoiced.features.kernel import extraction, plan
from unvoiced.features.kernel.extraction import kernel_arrays
from unvoiced.features.kernel.tables import has_kernel
from unvoiced.features.uncompiled import uncompiled_arrays

FAST = 2e-3  # dB, what float32 is held to at top_db 80
SECOND = np.arange(16_000) / 16_000
HARD = {
    **SIGNALS,
    "tone": 0.9 * np.sin(2 * np.pi * 997 * SECOND),
    "two tones 150 dB apart": 0.9 * np.sin(2 * np.pi * 300 * SECOND)
    + 3e-8 * np.sin(2 * np.pi * 6000 * SECOND),
    "denormals": np.full(16_000, 5e-324),
    "quiet": 1e-5 * recordings.noise(16_000),
    "beyond full scale": 1e5 * recordings.noise(16_000),
    "mostly silence": np.where(SECOND < 0.1, recordings.noise(16_000), 0.0),
}
SIZES = [16, 24, 40, 48, 64, 120, 128, 256, 400, 480, 512, 600, 640, 960, 1024, 1200, 2048, 4096]

once_more = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def feature_sets(draw: st.DrawFn) -> FeatureSet:
    """Feature sets of every size that the kernel knows, and of some that it does not."""
    n_fft = draw(st.sampled_from([*SIZES, 450, 514, 802]))
    win_length = draw(st.one_of(st.just(n_fft), st.integers(2, n_fft)))
    # Not so short that librosa takes seconds.
    hop_length = draw(
        st.one_of(st.just(win_length), st.integers(max(1, win_length // 9), win_length))
    )
    fmin = draw(st.floats(0.0, 3000.0))
    n_mels = draw(st.integers(1, min(128, n_fft // 2 + 1)))
    return replace(
        EVERYTHING,
        n_fft=n_fft,
        win_length=win_length,
        hop_length=hop_length,
        n_mels=n_mels,
        n_mfcc=draw(st.integers(1, n_mels)),
        fmin=fmin,
        fmax=draw(st.floats(fmin + 100.0, 8000.0)),
        top_db=draw(st.sampled_from([1.0, 80.0, 300.0])),
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
@once_more
@given(feature_set=feature_sets(), signal=st.sampled_from(sorted(HARD)), data=st.data())
def test_every_size_equals_librosa(
    feature_set: FeatureSet, signal: str, data: st.DataObject
) -> None:
    """Any n_fft, window, hop, bands and length, on every kind of signal."""
    hop = feature_set.hop_length
    edge = hop * data.draw(st.integers(0, 40)) + data.draw(st.integers(-1, 1))
    y = HARD[signal][: max(1, min(edge, 16_000))]
    expected = librosa_arrays(y, feature_set)
    possible = tuple(name for name in feature_set.arrays if name in expected)
    made = extract_samples(y, 16_000, replace(feature_set, arrays=possible))
    for name in possible:
        np.testing.assert_allclose(made[name], expected[name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("n_fft", [8192, 65_536, 5 * 8192])
def test_long_transforms_equal_librosa(n_fft: int) -> None:
    """The longest transforms that a feature set may ask for."""
    feature_set = replace(
        EVERYTHING, n_fft=n_fft, win_length=n_fft, hop_length=n_fft // 4, n_mels=128
    )
    assert has_kernel(feature_set)
    y = recordings.noise(3 * n_fft)
    expected = librosa_arrays(y, feature_set)
    made = extract_samples(y, 16_000, feature_set)
    for name in expected:
        np.testing.assert_allclose(made[name], expected[name], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("signal", HARD)
def test_float32_keeps_its_tolerance(signal: str) -> None:
    """Computed in float32, every array is within 2e-3 dB of librosa's at top_db 80."""
    fast = replace(EVERYTHING, precision="float32")
    expected = librosa_arrays(HARD[signal], fast)
    made = extract_samples(HARD[signal], 16_000, fast)
    for name in expected:
        np.testing.assert_allclose(made[name], expected[name], rtol=0, atol=FAST)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_int16_equals_float(precision: str, dtype: str) -> None:
    """Samples that go in as they were recorded give the bits that their fractions give."""
    feature_set = replace(EVERYTHING, precision=precision, dtype=dtype)
    samples = np.random.default_rng(1).integers(-32768, 32768, 50_001).astype(np.int16)
    straight = kernel_arrays([samples], feature_set)
    fractions = kernel_arrays([samples / 32768], feature_set)
    assert all(straight[name].tobytes() == fractions[name].tobytes() for name in straight)


@once_more
@given(
    cuts=st.lists(st.integers(0, 30_000), max_size=12),
    feature_set=feature_sets(),
    whole=st.booleans(),
)
def test_division_changes_no_bit(cuts: list[int], feature_set: FeatureSet, whole: bool) -> None:
    """However the samples arrive, empty blocks included, the arrays are the same."""
    assume(has_kernel(feature_set))
    y = recordings.noise(30_000)
    if whole:
        y = np.round(y * 32768).clip(-32768, 32767).astype(np.int16)
    arrays = ("log_mel", "mfcc")
    feature_set = replace(feature_set, arrays=arrays)
    once = kernel_arrays([y], feature_set)
    parts = kernel_arrays(np.split(y, sorted(cuts)), feature_set)
    assert all(once[name].tobytes() == parts[name].tobytes() for name in arrays)


@pytest.mark.parametrize("name", ["speech-16k", "mfcc-20-deltas"])
def test_the_uncompiled_path_gives_the_same(name: str) -> None:
    """What other sizes go through differs by less than what is rounded away."""
    feature_set = replace(load(name), dtype="float32")
    y = recordings.noise(70_000)
    compiled, other = kernel_arrays([y], feature_set), uncompiled_arrays([y], feature_set)
    for array in compiled:
        np.testing.assert_allclose(compiled[array], other[array], rtol=0, atol=5e-5)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("at", [0, 1, 7_999, 15_000, 15_999])
def test_what_is_not_finite_is_refused(at: int, value: float, precision: str) -> None:
    """One bad sample refuses the recording, in its last incomplete group of frames too."""
    y = recordings.noise(16_000)
    y[at] = value
    with pytest.raises(UndecodableError, match="not-finite"):
        extract_samples(y, 16_000, replace(load(), precision=precision, dtype="float32"))


def test_what_float32_cannot_hold_is_refused() -> None:
    """A power that overflows in the precision asked for is refused, not clipped."""
    loud = 1e22 * recordings.noise(16_000)
    with pytest.raises(UndecodableError, match="not-finite"):
        extract_samples(loud, 16_000, replace(load(), precision="float32"))
    assert np.isfinite(extract_samples(loud, 16_000, load())["log_mel"]).all()


def _buffers() -> Iterator[NDArray[np.generic]]:
    for idle in plan._idle.values():
        for buffers in idle:
            yield from (*buffers.spectral, buffers.folded)
            yield from buffers._by_source.values()
            yield from buffers._chunks


@pytest.mark.inv("INV-1")
def test_buffers_hold_nothing_afterwards() -> None:
    """Whether a recording was extracted or refused in the middle, its samples are overwritten."""
    y = recordings.noise(400_000)
    for arrays in (("log_mel", "mfcc"), ("mfcc", "mfcc_delta")):
        extract(recordings.encoded(y), replace(load(), arrays=arrays))
        extract_samples(y, 16_000, replace(load(), arrays=arrays))
    spoilt = y.copy()
    spoilt[300_000] = np.nan
    with pytest.raises(UndecodableError, match="not-finite"):
        extract_samples(spoilt, 16_000, load())

    def breaks() -> Iterator[NDArray[np.float64]]:
        yield y[:100_000]
        raise UndecodableError("damaged")

    with pytest.raises(UndecodableError, match="damaged"):
        kernel_arrays(breaks(), load())
    found = list(_buffers())
    assert len(found) >= 10  # of the plans used above, whatever else ran before
    assert not any(buffer.any() for buffer in found)


_Lent = list[NDArray[np.generic]]
LONG = recordings.noise(1_500_000)  # 9,376 frames: more chunks than are kept
DERIVED = replace(load(), arrays=("log_mel", "mfcc_delta"), n_mfcc=13)


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> _Lent:
    """All memory that the kernel works in, as it is asked for."""
    made: _Lent = []
    allocate = plan._aligned

    def remember(length: int, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        made.append(allocate(length, dtype))
        return made[-1]

    monkeypatch.setattr(plan, "_idle", {})
    monkeypatch.setattr(plan, "_aligned", remember)
    return made


def _chunks(lent: _Lent) -> int:
    """How many chunks of decibels were asked for."""
    size = plan.CHUNK_FRAMES * DERIVED.n_mels
    return sum(len(buffer) == size and buffer.dtype == np.float32 for buffer in lent)


@pytest.mark.inv("INV-1")
def test_a_long_recording_leaves_nothing_either(lent: _Lent) -> None:
    """Chunks that are not kept, and cepstra, are overwritten before they are let go."""
    kernel_arrays([LONG], DERIVED)
    assert _chunks(lent) > plan.KEPT_CHUNKS
    assert len(lent[-1]) > 13 * 9_000  # the cepstra
    assert not any(buffer.any() for buffer in lent)


@pytest.mark.inv("INV-1")
def test_a_long_recording_that_is_refused_leaves_nothing_either(lent: _Lent) -> None:
    """Nor where the last of ten chunks shows that it cannot be used."""
    spoilt = LONG.copy()
    spoilt[-1000] = np.nan
    with pytest.raises(UndecodableError, match="not-finite"):
        kernel_arrays(np.split(spoilt, [700_000, 1_400_000]), DERIVED)
    assert _chunks(lent) > plan.KEPT_CHUNKS
    assert not any(buffer.any() for buffer in lent)


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize("step", ["finish", "differentiate"])
def test_nothing_is_left_where_the_end_fails(
    lent: _Lent, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption between decibels and arrays leaves no chunk and no cepstra."""
    monkeypatch.setattr(extraction, step, mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        kernel_arrays([LONG], DERIVED)
    assert _chunks(lent) > plan.KEPT_CHUNKS
    assert not any(buffer.any() for buffer in lent)


def test_threads_do_not_share_buffers() -> None:
    """Extracting in several threads at once gives what one after the other gives."""
    plaintexts = [recordings.encoded(recordings.noise(60_000, seed)) for seed in range(16)]
    expected = [extract(plaintext, load()).arrays["log_mel"] for plaintext in plaintexts]
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda plaintext: extract(plaintext, load()).arrays["log_mel"], plaintexts)
    assert all((a == b).all() for a, b in zip(made, expected, strict=True))
