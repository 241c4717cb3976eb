"""The spectrogram does not depend on how the samples arrive."""

from dataclasses import replace

import numpy as np
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from unvoiced.features import load
from unvoiced.features.spectrogram import log_mel_blocks

Y = recordings.noise(20_000)


@settings(deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(Y)), max_size=12),
    win_length=st.integers(2, 512),
    data=st.data(),
)
def test_streaming_equals_whole(cuts: list[int], win_length: int, data: st.DataObject) -> None:
    """Any division of the samples, empty blocks included, gives the frames of the whole."""
    hop_length = data.draw(st.integers(max(1, win_length // 8), win_length))
    feature_set = replace(load(), win_length=win_length, hop_length=hop_length)
    whole = np.concatenate(list(log_mel_blocks([Y], feature_set)), axis=1)
    parts = np.concatenate(list(log_mel_blocks(np.split(Y, sorted(cuts)), feature_set)), axis=1)
    assert whole.shape == (80, 1 + len(Y) // hop_length)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-9)
