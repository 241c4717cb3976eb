"""From a recording's bytes to its feature arrays, in one process and in memory.

- The numbers are librosa's to 1e-4 dB before the last rounding to the set's dtype.
- n_fft of 8 times factors 2, 3 and 5 goes through the compiled kernel, any other through scipy, in
  float64 always.
- The recording streams through as samples. What grows with its length, beyond the plaintext, is the
  interim float32 log-mel and cepstra and the arrays returned: for `speech-16k` 115 + 29 + 72 MB an
  hour (tests/features/test_memory.py measures it).
- Decoded samples are overwritten after use, as far as this code owns them. What a decoder or the
  resampler kept inside is out of reach.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import InputError, UndecodableError
from unvoiced.features.decode import open_recording
from unvoiced.features.feature_set import FeatureSet
from unvoiced.features.kernel.tables import has_kernel
from unvoiced.features.recording import BLOCK_SAMPLES, DEFAULT_MAX_SECONDS, Plain, Samples
from unvoiced.features.resample import resampled

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


def make_ready(
    feature_sets: Iterable[FeatureSet], say: Callable[[str], None] | None = None
) -> None:
    """Have all there is to compile for these feature sets compiled and found to agree with librosa.

    To be called before the first recording is opened: what fails here (a `VerificationError` or an
    `OSError`) is no recording's fault. `say` is told before seconds are spent; costs nothing the
    second time.
    """
    if compiled := [one for one in feature_sets if has_kernel(one)]:
        from unvoiced.features.kernel.prepare import prepare

        prepare(say, compiled)


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


def extract_samples(
    y: NDArray[np.floating] | NDArray[np.int16], sample_rate: int, feature_set: FeatureSet
) -> dict[str, Array]:
    """The features of mono samples of shape (n,), at `sample_rate` Hz; `y` is left as it is.

    Samples are floats with full scale at 1, or int16. Raises UndecodableError (no-audio, not-finite
    or too-short), and InputError for samples of another kind.
    """
    if y.ndim != 1 or (y.dtype.kind != "f" and y.dtype != np.int16):
        raise InputError("samples must be floats or int16, of shape (n,)")
    if not len(y):
        raise UndecodableError("no-audio")
    whole_numbers = y.dtype == np.int16
    samples: Samples = (
        np.ascontiguousarray(y, np.int16) if whole_numbers else np.ascontiguousarray(y, np.float64)
    )
    # The kernel takes any length at once; the resampler is to be given less.
    most = len(y) if sample_rate == feature_set.sample_rate else BLOCK_SAMPLES
    blocks = (samples[at : at + most] for at in range(0, len(y), most))
    return _arrays(resampled(blocks, sample_rate, feature_set.sample_rate), feature_set)


def _arrays(samples: Iterable[Samples], feature_set: FeatureSet) -> dict[str, Array]:
    # Here, as what compiles and what it compares with take longer to import than most commands run.
    if has_kernel(feature_set):
        from unvoiced.features.kernel.extraction import kernel_arrays

        return kernel_arrays(samples, feature_set)
    from unvoiced.features.uncompiled import uncompiled_arrays

    return uncompiled_arrays(samples, feature_set)
