"""Recordings through numpy and scipy: every size, the kernel's numbers, several times the time."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import UndecodableError
from unvoiced.features.cepstrum import DELTA_WIDTH, cepstral_basis, delta
from unvoiced.features.feature_set import FeatureSet
from unvoiced.features.recording import Samples
from unvoiced.features.spectrogram import log_mel_blocks

Array = NDArray[np.floating]


def uncompiled_arrays(samples: Iterable[Samples], feature_set: FeatureSet) -> dict[str, Array]:
    """The arrays of a feature set from blocks of samples at its rate; as `kernel_arrays`."""
    # float32 halves the interim memory and moves a decibel by less than 1e-5.
    blocks: list[NDArray[np.float32]] = []
    peak = -np.inf
    # What overflows is refused below; numpy's own warning would name a line and no remedy.
    with np.errstate(over="ignore", invalid="ignore"):
        for block in log_mel_blocks(samples, feature_set):
            peak = np.maximum(peak, block.max())
            blocks.append(block.astype(np.float32))
    if not np.isfinite(peak):
        raise UndecodableError("not-finite")
    frames = sum(block.shape[1] for block in blocks)
    if frames < DELTA_WIDTH and any("delta" in array for array in feature_set.arrays):
        raise UndecodableError("too-short")
    return _finish(blocks, frames, float(peak) - feature_set.top_db, feature_set)


def _finish(
    blocks: list[NDArray[np.float32]], frames: int, floor: float, feature_set: FeatureSet
) -> dict[str, Array]:
    """The arrays of a recording from all its decibels of shape (n_mels, n), clipped at `floor`."""
    n_mels, n_mfcc = feature_set.n_mels, feature_set.n_mfcc or 0
    basis = cepstral_basis(n_mfcc, n_mels)
    keep = "log_mel" in feature_set.arrays
    log_mel = np.empty((n_mels if keep else 0, frames), feature_set.dtype)
    mfcc = np.empty((n_mfcc, frames), np.float32)
    stop = 0
    for block in blocks:
        start, stop = stop, stop + block.shape[1]
        np.maximum(block, floor, out=block)
        if keep:
            log_mel[:, start:stop] = block
        if n_mfcc:
            mfcc[:, start:stop] = basis @ block.astype(np.float64)
    arrays: dict[str, Array] = {}
    for name in feature_set.arrays:
        if name == "log_mel":
            arrays[name] = log_mel
        elif name == "mfcc":
            arrays[name] = mfcc.astype(feature_set.dtype)
        else:
            arrays[name] = delta(mfcc, 1 if name == "mfcc_delta" else 2, feature_set.dtype)
    return arrays
