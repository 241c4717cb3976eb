"""Recordings through the compiled kernel, block by block.

- One frame's numbers do not depend on how the samples are divided into blocks.
- Beyond the samples given, memory is what is returned, the decibels in float32, cepstra where
  derivatives are asked for, and buffers of a size that no recording changes. All but what is
  returned is overwritten when a recording ends, however it ends.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import UndecodableError
from unvoiced.features.feature_set import FeatureSet
from unvoiced.features.kernel.analyse import analyse
from unvoiced.features.kernel.finish import differentiate, finish
from unvoiced.features.kernel.plan import KEPT_CHUNKS, Buffers, Plan, borrowed, plan
from unvoiced.features.kernel.prepare import ensure
from unvoiced.features.recording import Samples

CEPSTRAL = ("mfcc", "mfcc_delta", "mfcc_delta2")
_FEWEST_FOR_DELTAS = 9


def kernel_arrays(
    samples: Iterable[Samples], feature_set: FeatureSet
) -> dict[str, NDArray[np.floating]]:
    """The arrays of a feature set that `has_kernel` from blocks of samples at its rate.

    Blocks are of shape (n,), all int16 (full scale 32,768) or all float64 (full scale 1). Raises
    UndecodableError: not-finite or too-short.
    """
    made = plan(feature_set)
    with borrowed(made) as buffers:
        recording = _Recording(made, buffers)
        try:
            for block in samples:
                recording.take(block)
            recording.end()
            return recording.arrays()
        finally:
            recording.wipe()


class _Recording:
    """One recording's way through the kernel."""

    def __init__(self, plan: Plan, buffers: Buffers) -> None:
        self._plan, self._buffers = plan, buffers
        self._carried: NDArray[Any] = np.empty(0)
        # Where the next frame begins in what is carried: before it, at first.
        self._start = -plan.lead
        self._samples = self._frames = 0
        self._peak = 0.0
        self._chunks: list[NDArray[Any]] = []
        self._cepstra: NDArray[Any] = np.empty(0, np.float32)
        self._filled: list[int] = []  # how many groups of frames are in each chunk

    def take(self, block: NDArray[Any]) -> None:
        """Analyse as many whole groups of frames as the samples so far complete."""
        feature_set, wide = self._plan.feature_set, self._plan.lanes
        x = np.concatenate((self._carried, block)) if len(self._carried) else block
        complete = (len(x) - feature_set.win_length - self._start) // feature_set.hop_length + 1
        groups = max(0, complete) // wide
        try:
            self._analyse(x, groups, groups * wide)
        finally:
            used = max(0, self._start)
            self._carried.fill(0)
            self._carried = x[used:].copy()
            self._start -= used
            if x is not block:
                x.fill(0)
        self._samples += len(block)

    def end(self) -> None:
        """Analyse what is left: frames that reach beyond the last sample."""
        frames = 1 + self._samples // self._plan.feature_set.hop_length
        left = frames - self._frames
        self._analyse(self._carried, -(-left // self._plan.lanes), left)

    def _analyse(self, x: NDArray[Any], groups: int, frames: int) -> None:
        """`frames` frames of x, in that many groups, behind those that were."""
        plan, buffers = self._plan, self._buffers
        source = x.dtype.name
        ensure(plan, source)
        per_group = plan.feature_set.n_mels * plan.lanes
        x = x.view()
        x.flags.writeable = False  # one type to compile for, and the plaintext cannot be touched
        while groups:
            if not self._filled or self._filled[-1] == plan.chunk_groups:
                self._chunks.append(buffers.chunk(len(self._chunks)))
                self._filled.append(0)
            at, some = self._filled[-1], min(groups, plan.chunk_groups - self._filled[-1])
            there = min(frames, some * plan.lanes)
            peak = analyse(
                x, self._start, plan.feature_set.hop_length, some, there,
                self._chunks[-1], at * per_group,
                *plan.tables, plan.window[source], *plan.spectral,
                buffers.turned(x.dtype), *buffers.spectral,
            )  # fmt: skip
            if not math.isfinite(peak):
                raise UndecodableError("not-finite")
            self._peak = max(self._peak, peak)
            self._filled[-1] += some
            self._start += there * plan.feature_set.hop_length
            self._frames += there
            groups, frames = groups - some, frames - there

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """The arrays, once all has been analysed."""
        plan, feature_set = self._plan, self._plan.feature_set
        frames, n_mels, n_mfcc = self._frames, feature_set.n_mels, feature_set.n_mfcc or 0
        if plan.derivatives and frames < _FEWEST_FOR_DELTAS:
            raise UndecodableError("too-short")
        dtype = np.float16 if plan.stored_as == "uint16" else np.float32
        arrays: dict[str, NDArray[np.floating]] = {
            name: np.empty(((n_mels if name == "log_mel" else n_mfcc), frames), dtype)
            for name in feature_set.arrays
        }
        # numba knows no half precision: to it, they are the sixteen bits that they are.
        flat = {name: array.reshape(-1).view(plan.stored_as) for name, array in arrays.items()}
        none = np.empty(0, plan.stored_as)
        if plan.derivatives:
            self._cepstra = self._buffers.cepstra(n_mfcc * frames + plan.lanes)
            mfcc = self._cepstra
        else:
            mfcc = flat.get("mfcc", none)
        floor = 10 * math.log10(self._peak) - feature_set.top_db
        keep, start = "log_mel" in arrays, 0
        for number, groups in enumerate(self._filled):
            finish(
                self._chunks[number], groups, start, frames, floor, n_mels, n_mfcc,
                plan.cosines, self._buffers.mel, self._buffers.folded,
                keep, flat.get("log_mel", none), mfcc,
            )  # fmt: skip
            start += groups * plan.lanes
            if number >= KEPT_CHUNKS:  # memory for what is returned
                self._chunks[number].fill(0)
                self._chunks[number] = none
        if plan.derivatives:
            differentiate(
                mfcc, n_mfcc, frames, self._buffers.mel,
                *(name in flat for name in CEPSTRAL), *(flat.get(name, none) for name in CEPSTRAL),
            )  # fmt: skip
        return {name: a.astype(feature_set.dtype, copy=False) for name, a in arrays.items()}

    def wipe(self) -> None:
        """Overwrite what the recording left."""
        self._carried.fill(0)
        self._buffers.wipe(*self._chunks, self._cepstra)
