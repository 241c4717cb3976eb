"""Decoded samples are overwritten, also where whoever asked for them gave up."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.features.recordings import encoded, noise
from unvoiced.features.decode import open_recording
from unvoiced.features.recording import float_blocks

STEREO = np.column_stack([noise(80_000), noise(80_000, seed=2)])
RECORDINGS: dict[str, Callable[[], bytes]] = {
    "FLAC": lambda: encoded(noise(80_000), kind="FLAC"),
    "FLAC, stereo": lambda: encoded(STEREO, kind="FLAC"),
    "WAV, stereo": lambda: encoded(STEREO),
    "WAV, float": lambda: encoded(noise(80_000), subtype="FLOAT"),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_consumer_that_gives_up_leaves_nothing(name: str) -> None:
    """The block in hand when it stops is zeros afterwards, like those before it."""
    blocks = open_recording(RECORDINGS[name]()).blocks
    first, second = next(blocks), next(blocks)
    assert not first.any()
    assert second.any()
    blocks.close()  # type: ignore[attr-defined]
    assert not second.any()


def test_blocks_made_of_whole_numbers_are_overwritten_too() -> None:
    """The floats that the resampler gets of a plain WAV; the recording itself is left as it is."""
    samples = (noise(80_000) * 1000).astype(np.int16)
    before = samples.copy()
    blocks = float_blocks(iter([samples]))
    block = next(blocks)
    assert block.any()
    blocks.close()  # type: ignore[attr-defined]
    assert not block.any()
    assert (samples == before).all()
