"""What a decoder hands on: an opened recording, as mono blocks at its own sample rate."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import UndecodableError
from unvoiced.features.containers import Patch

Samples = NDArray[np.float64] | NDArray[np.int16]
INT16_FULL_SCALE = 32768.0
Plain = bytes | bytearray | memoryview

DEFAULT_MAX_SECONDS = 4 * 3600.0
BLOCK_SAMPLES = 32_768  # over all channels; 256 kB as float64, 2 s of 16 kHz mono
_RATES = range(1_000, 768_001)


@dataclass(frozen=True, slots=True)
class Recording:
    """An opened recording.

    `blocks` yields mono samples of shape (n,) at `sample_rate` Hz: all float64 with full scale at
    1.0, or all int16 as they were recorded. A block is only read: it may lie in the plaintext
    itself, and be of any length then. Else it holds until the next one is asked for, then it is
    overwritten with zeros. Iterating raises UndecodableError as soon as the recording proves not to
    be what its header says.
    """

    format: str
    sample_rate: int
    channels: int
    blocks: Iterator[Samples] = field(repr=False)


class Limit:
    """Counts decoded frames and refuses past `max_seconds`."""

    def __init__(self, sample_rate: int, max_seconds: float) -> None:
        if sample_rate not in _RATES:
            raise UndecodableError("sample-rate")
        self.frames = 0
        self._most = max_seconds * sample_rate

    def check(self, frames: int) -> None:
        """Refuse a header that states more frames than are accepted."""
        if frames > self._most:
            raise UndecodableError("too-long")

    def count(self, frames: int) -> None:
        """Add decoded frames."""
        self.frames += frames
        self.check(self.frames)


class PlaintextFile(io.RawIOBase):
    """The plaintext as a file that a decoder can read in place, without a copy.

    A seek out of bounds stops at the bound: raised inside a decoder's callback, an error would be
    printed by it. `patch` covers the length field of a recording that was written to a pipe.
    """

    def __init__(self, data: memoryview, patch: Patch | None = None) -> None:
        super().__init__()
        self._data = data
        self._patch = patch
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, and return the position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = min(max(origin + offset, 0), len(self._data))
        return self._at

    def tell(self) -> int:
        """The position, in bytes."""
        return self._at

    # typeshed's WriteableBuffer cannot be named at run time.
    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as there are bytes; the number filled."""
        target = memoryview(buffer).cast("B")
        start = self._at
        chunk = self._data[start : start + len(target)]
        target[: len(chunk)] = chunk
        self._at += len(chunk)
        if self._patch is not None:
            for index, byte in enumerate(self._patch.content, self._patch.offset):
                if start <= index < self._at:
                    target[index - start] = byte
        return len(chunk)


def float_blocks(blocks: Iterable[Samples]) -> Iterator[NDArray[np.float64]]:
    """The same samples as float64, full scale at 1.0, at most `BLOCK_SAMPLES` at once.

    A block that was made here is overwritten when the next one is asked for, or none will be.
    """
    for block in blocks:
        if block.dtype != np.int16:
            yield block.astype(np.float64, copy=False)
            continue
        for at in range(0, len(block), BLOCK_SAMPLES):
            made = block[at : at + BLOCK_SAMPLES].astype(np.float64)
            made *= 1.0 / INT16_FULL_SCALE
            try:
                yield made
            finally:
                made.fill(0.0)


def mix_down(block: NDArray[Any], downmix: str, full_scale: float) -> NDArray[np.float64]:
    """Channels of shape (n, channels), any real dtype, as new mono float64 of shape (n,).

    `downmix` is "mean" (librosa.to_mono) or "first"; `full_scale` is the value that becomes 1.0.
    """
    used = 1 if downmix == "first" else block.shape[1]
    mono = block[:, 0].astype(np.float64)
    for channel in range(1, used):
        mono += block[:, channel]
    mono *= 1.0 / (full_scale * used)
    return mono
