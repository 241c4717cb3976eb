"""From one sample rate to another, block by block.

The numbers are librosa.resample's (res_type="soxr_hq", fix=True): soxr's streaming interface gives
the same samples, bit for bit, as its one-shot call that librosa makes, for every division into
blocks tried (tests/features/test_resample.py), so one path serves recordings of any length.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from unvoiced.features.recording import Samples, float_blocks


def resampled(blocks: Iterable[Samples], source_rate: int, target_rate: int) -> Iterator[Samples]:
    """Blocks of shape (n,) at `source_rate` Hz, as blocks at `target_rate` Hz.

    All of them together hold ceil(n * target_rate / source_rate) samples. A block holds until the
    next one is asked for; then, or when there will be no next one, it is overwritten.
    """
    if source_rate == target_rate:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="float64", quality="HQ")
    taken = given = 0
    for block in float_blocks(blocks):
        taken += len(block)
        out: NDArray[np.float64] = stream.resample_chunk(block)
        given += len(out)
        try:
            yield out
        finally:
            out.fill(0.0)
    # librosa cuts or pads the end with zeros to just this length.
    missing = math.ceil(taken * (float(target_rate) / source_rate)) - given
    last: NDArray[np.float64] = stream.resample_chunk(np.empty(0), last=True)
    end = np.zeros(max(0, missing))
    there = min(len(end), len(last))
    end[:there] = last[:there]
    last.fill(0.0)
    try:
        yield end
    finally:
        end.fill(0.0)
