"""From a recording's bytes to its feature arrays, in one process and in memory.

- The numbers are librosa's to 1e-4 dB before the last rounding to the set's dtype.
- The recording streams through as samples. What grows with its length, beyond the plaintext, is the
  interim float32 log-mel and cepstra and the arrays returned: for `speech-16k` 115 + 29 + 72 MB an
  hour (tests/features/test_memory.py measures it).
- Decoded samples are overwritten after use, as far as this code owns them. What a decoder or the
  resampler kept inside is out of reach.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import UndecodableError
from unvoiced.features.cepstrum import DELTA_WIDTH, cepstral_basis, delta
from unvoiced.features.decode import open_recording
from unvoiced.features.feature_set import FeatureSet
from unvoiced.features.recording import BLOCK_SAMPLES, DEFAULT_MAX_SECONDS, Plain, Samples
from unvoiced.features.resample import resampled
from unvoiced.features.spectrogram import log_mel_blocks

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Extracted:
    """The features of one recording, and what is known of their source.

    Each array is of shape (n_mels or n_mfcc, T) in the feature set's dtype. `source_format` is
    container and encoding, such as "WAV/PCM_16".
    """

    arrays: dict[str, Array] = field(repr=False)
    duration_seconds: float
    source_sample_rate: int
    source_channels: int
    source_format: str


def extract(
    plaintext: Plain, feature_set: FeatureSet, *, max_seconds: float = DEFAULT_MAX_SECONDS
) -> Extracted:
    """The features of a recording, given as the bytes of an audio file.

    Raises UndecodableError, with one of `REASONS` and nothing from the recording.
    """
    recording = open_recording(plaintext, downmix=feature_set.downmix, max_seconds=max_seconds)
    frames = 0

    def counted() -> Iterator[Samples]:
        nonlocal frames
        for block in recording.blocks:
            frames += len(block)
            yield block

    rate = recording.sample_rate
    arrays = _arrays(resampled(counted(), rate, feature_set.sample_rate), feature_set)
    return Extracted(arrays, frames / rate, rate, recording.channels, recording.format)


def extract_samples(y: Samples, sample_rate: int, feature_set: FeatureSet) -> dict[str, Array]:
    """The features of mono samples of shape (n,), at `sample_rate` Hz; `y` is left as it is.

    Raises UndecodableError: no-audio, not-finite or too-short.
    """
    if not len(y):
        raise UndecodableError("no-audio")
    blocks = (y[at : at + BLOCK_SAMPLES] for at in range(0, len(y), BLOCK_SAMPLES))
    return _arrays(resampled(blocks, sample_rate, feature_set.sample_rate), feature_set)


def _arrays(samples: Iterable[Samples], feature_set: FeatureSet) -> dict[str, Array]:
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
