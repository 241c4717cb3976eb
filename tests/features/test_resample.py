"""Resampling in blocks is librosa's one-shot resampling."""

import librosa
import numpy as np
import pytest
import recordings

from unvoiced.features.resample import resampled


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("length", [1, 5, 400, 70_001])
@pytest.mark.parametrize("block", [64, 1_000, 32_768])
def test_blocks_equal_one_shot(rate: int, length: int, block: int) -> None:
    """Rate, length and division into blocks change no sample, and the length is librosa's."""
    y = recordings.noise(length)
    expected = librosa.resample(y, orig_sr=rate, target_sr=16_000, res_type="soxr_hq")
    blocks = (y[at : at + block] for at in range(0, length, block))
    made = np.concatenate([out.copy() for out in resampled(blocks, rate, 16_000)])
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-9)


def test_a_handed_on_block_is_overwritten() -> None:
    """Resampled audio does not stay behind once the next block is asked for."""
    stream = resampled(iter([recordings.noise(48_000)] * 2), 48_000, 16_000)
    first = next(stream)
    assert first.any()
    next(stream)
    assert not first.any()
