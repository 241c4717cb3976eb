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


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize(
    "length", [pytest.param(5, id="padded"), pytest.param(70_001, id="cut or whole")]
)
def test_no_block_stays_behind(length: int) -> None:
    """The last block too, which is padded, is overwritten when the recording ends."""
    kept, heard = [], 0.0
    for block in resampled(iter([recordings.noise(length)]), 11_025, 16_000):
        kept.append(block)
        heard += float(np.abs(block).sum())
    assert heard
    assert len(kept[-1])
    assert not any(block.any() for block in kept)


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize("taken", [1, 3])
def test_a_block_that_is_the_last_taken_is_overwritten(taken: int) -> None:
    """Nor does it stay where the recording is refused at it."""
    stream = resampled(iter([recordings.noise(48_000)] * 2), 48_000, 16_000)
    block = [next(stream) for _ in range(taken)][-1]
    assert block.any()
    del stream
    assert not block.any()
