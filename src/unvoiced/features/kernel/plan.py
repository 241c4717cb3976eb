"""What the kernel needs to know of a feature set, and the memory it works in.

Tables are made once; buffers are lent to one recording at a time and hold nothing of it afterwards.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from unvoiced.features.feature_set import FeatureSet
from unvoiced.features.kernel import tables
from unvoiced.features.kernel.finish import TILE
from unvoiced.features.kernel.vector import lanes, rounds_to_half

Array = NDArray[np.generic]
CHUNK_FRAMES = 1024
KEPT_CHUNKS = 8
_TURNED_BYTES = 1 << 18  # half of an L2 cache or less
_DEGREE = {"float64": 13, "float32": 8}
_CACHE_LINE = 64


@dataclass(frozen=True, eq=False)
class Plan:
    """A feature set as the kernel sees it. `lead`: how far before its centre a frame begins."""

    feature_set: FeatureSet
    lanes: int
    lead: int
    tile: int
    stride: int
    tables: tuple[object, ...]
    window: dict[str, Array]  # by the type of the samples
    spectral: tuple[Array, ...]
    cosines: Array

    @property
    def derivatives(self) -> bool:
        """Whether any array is a derivative of the cepstra."""
        return any("delta" in array for array in self.feature_set.arrays)

    @cached_property
    def stored_as(self) -> str:
        """What the kernel writes: half precision is to numba sixteen bits, if it can be had."""
        return "uint16" if self.feature_set.dtype == "float16" and rounds_to_half() else "float32"

    @property
    def chunk_groups(self) -> int:
        """How many groups of frames a chunk of decibels holds."""
        return CHUNK_FRAMES // self.lanes


@lru_cache(maxsize=16)
def plan(feature_set: FeatureSet) -> Plan:
    """The plan of a feature set that `has_kernel` is true of."""
    dtype = np.dtype(feature_set.precision)
    n_fft, hop, length = feature_set.n_fft, feature_set.hop_length, feature_set.win_length
    points, wide = n_fft // 2, lanes(dtype.itemsize)
    passes = tables.radices(points)
    if passes is None:
        raise ValueError(f"the kernel knows no transform of {n_fft}")
    more = -(-length // hop)  # hops that a frame reaches into
    tile = max(1, min(4, _TURNED_BYTES // (hop * wide * dtype.itemsize)))
    stride = tile * wide + more
    stride += -stride % wide
    n = np.arange(n_fft)
    where = np.where(n < length, n % hop * stride + n // hop, 0)
    window = np.zeros(n_fft)
    window[:length] = tables.hann(length)
    spans, weights = tables.bands(
        tables.mel_basis(
            feature_set.sample_rate, n_fft, feature_set.n_mels, feature_set.fmin, feature_set.fmax
        )
    )
    stretches = tables.reversed_digits(points // tables.LAST_RADIX, passes)
    spectral = (
        tables.factors(points, passes),
        tables.turns(n_fft),
        weights * 0.25,  # powers come as 4 |X|^2
        tables.decibel_polynomial(_DEGREE[feature_set.precision]),
    )
    cosines = tables.folded_cosines(feature_set.n_mfcc or 0, feature_set.n_mels, TILE)
    indices = (np.array(passes or (0,)), where, stretches, spans.ravel())
    return Plan(
        feature_set=feature_set,
        lanes=wide,
        lead=points - (n_fft - length) // 2,
        tile=tile,
        stride=stride,
        tables=(points, -(-length // 2), tile, stride, *indices),
        window={
            # int16 goes in as it is: full scale is folded into the window.
            "int16": (window / 32768).astype(dtype),
            "float64": window.astype(dtype),
        },
        spectral=tuple(table.astype(dtype) for table in spectral),
        cosines=cosines.astype(dtype),
    )


class Buffers:
    """The memory one recording is worked on in."""

    def __init__(self, plan: Plan) -> None:
        feature_set, wide = plan.feature_set, plan.lanes
        dtype = np.dtype(feature_set.precision)
        self._turned = feature_set.hop_length * plan.stride
        points, n_mels = feature_set.n_fft // 2, feature_set.n_mels
        work = _aligned(2 * points * wide, dtype)
        # A band is read in steps of four bins.
        power = _aligned((points + 1 + 3) * wide, dtype)
        self.mel = _aligned(n_mels * wide, dtype)
        self.peaks = _aligned(wide, dtype)
        self.folded = _aligned(2 * (n_mels + 1) // 2 * wide + wide, dtype)
        self.spectral = (work, power, self.mel, self.peaks)
        self._by_source: dict[str, Array] = {}
        self._dtype = dtype
        self._chunk = plan.chunk_groups * n_mels * wide
        self._chunks: list[Array] = []

    def turned(self, source: np.dtype[np.generic]) -> Array:
        """Where samples are turned into columns: as int16, or in the kernel's precision."""
        dtype = source if source == np.int16 else self._dtype
        if dtype.name not in self._by_source:
            self._by_source[dtype.name] = _aligned(self._turned, dtype)
        return self._by_source[dtype.name]

    def chunk(self, number: int) -> Array:
        """Chunk `number` of the recording's decibels; the first few are kept for the next one."""
        if number < len(self._chunks):
            return self._chunks[number]
        made = _aligned(self._chunk, np.dtype(np.float32))
        if number < KEPT_CHUNKS:
            self._chunks.append(made)
        return made

    def cepstra(self, length: int) -> Array:
        """Memory for cepstra whose derivatives are still to be had; not kept."""
        return _aligned(length, np.dtype(np.float32))

    def wipe(self, *lent: Array) -> None:
        """Overwrite all that held something of a recording, and what was lent to it alone."""
        for buffer in (*self.spectral, self.folded, *self._by_source.values(), *lent):
            buffer.fill(0)


_idle: dict[Plan, list[Buffers]] = {}


@contextmanager
def borrowed(plan: Plan) -> Iterator[Buffers]:
    """Buffers for one recording; whoever borrows wipes them."""
    idle = _idle.setdefault(plan, [])
    buffers = idle.pop() if idle else Buffers(plan)
    yield buffers
    idle.append(buffers)


def _aligned(length: int, dtype: np.dtype[np.generic]) -> Array:
    """Zeros that begin with a cache line: a vector across two costs twice."""
    size = length * dtype.itemsize
    raw = np.zeros(size + _CACHE_LINE, np.uint8)
    offset = -raw.ctypes.data % _CACHE_LINE
    return raw[offset : offset + size].view(dtype)
