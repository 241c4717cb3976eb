"""In which order an epoch goes through samples, how readers share it, how it is resumed. No I/O.

- Where a sample stands in a shuffled epoch, and in which shard, follows from seed, epoch and the
  sample's own name (BLAKE2b), and in an order by length from its size as well: from nothing else.
  So a sample that was erased or added moves no other one, neither in the order nor to another
  shard, and readers that saw the store at different times share it out alike.
- Every sample is in exactly one of the shards. They are of about the same size, not of the same.
- An epoch is resumed after the sample that was given out last, whether that is still there or not.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import InputError

# So many samples are brought into order by length at a time; those of one length follow each other.
_WINDOW = 2048
_CLASSES_PER_OCTAVE = 4

Rows = NDArray[np.int64]
_Key = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Mark:
    """A sample that was given out, as far as its place in any order depends on it."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order of samples that are known by name and size; by name where there is no seed."""

    seed: int | None = None
    epoch: int = 0
    shard: int = 0
    shards: int = 1
    windows: int = 0  # power of two: in each, samples of one length follow each other; 0: by none

    def part(self, shard: int, shards: int) -> "Order":
        """One of so many shards of this one. Raises `InputError` where there is none such."""
        if not 0 <= shard < shards:
            raise InputError(f"there is no shard {shard} of {shards}: they count from 0")
        return replace(self, shard=self.shard + self.shards * shard, shards=self.shards * shards)

    def by_length(self, count: int) -> "Order":
        """The same, with samples of similar length behind each other; for about so many samples."""
        windows = 1 << max(0, (count // _WINDOW).bit_length() - 1) if self.seed is not None else 1
        return replace(self, windows=windows)

    def arrange(self, names: Sequence[str], sizes: Rows, after: Mark | None = None) -> Rows:
        """Numbers of this shard's samples, in the order of the epoch; of those `after` one alone.

        `names` are in order.
        """
        place, where = self._hashes(names)
        rows = np.flatnonzero(where % np.uint64(self.shards) == self.shard)
        keys = self._keys(place[rows], sizes[rows])
        order = np.lexsort((rows, *reversed(keys)))
        rows, keys = rows[order], tuple(key[order] for key in keys)
        if after is None:
            return rows
        place, _ = self._hashes([after.name])
        mark = tuple(int(key[0]) for key in self._keys(place, np.array([after.size])))
        found = bisect_right(
            range(len(rows)),
            (*mark, after.name),
            key=lambda at: (*(int(key[at]) for key in keys), names[int(rows[at])]),
        )
        return rows[found:]

    def _hashes(self, names: Sequence[str]) -> tuple[_Key, _Key]:
        """Of each name: its place in a shuffled order, and what its shard is taken from."""
        if self.seed is None and self.shards == 1:
            return (np.zeros(len(names), np.uint64),) * 2
        keyed = hashlib.blake2b(digest_size=16, key=self._key())
        digests = bytearray()
        for name in names:
            one = keyed.copy()
            one.update(name.encode())
            digests += one.digest()
        both = np.frombuffer(bytes(digests), ">u8").reshape(-1, 2).astype(np.uint64)
        return both[:, 0] if self.seed is not None else np.zeros(len(names), np.uint64), both[:, 1]

    def _key(self) -> bytes:
        text = "by name" if self.seed is None else f"{self.seed} {self.epoch}"
        return hashlib.blake2b(f"unvoiced order\n{text}".encode(), digest_size=32).digest()

    def _keys(self, place: _Key, sizes: Rows) -> tuple[_Key, ...]:
        """What is compared first, second and so on."""
        if not self.windows:
            return (place,)
        lengths = length_classes(sizes)
        if self.seed is None:
            longest_first = np.uint64(255) - lengths.astype(np.uint64)
            return (longest_first, place)
        window = (
            place >> np.uint64(65 - self.windows.bit_length()) if self.windows > 1 else place * 0
        )
        both = (window << np.uint64(8)) | lengths.astype(np.uint64)
        # Lengths come in another order in each window.
        distinct, which = np.unique(both, return_inverse=True)
        runs = [hashlib.blake2b(one.tobytes(), digest_size=8, key=self._key()) for one in distinct]
        run = np.array([int.from_bytes(one.digest()) for one in runs], np.uint64)
        return (window, run[which] if len(run) else place, place)


def length_classes(sizes: Rows) -> Rows:
    """A number that samples of similar size share: sizes in one differ by less than a quarter."""
    mantissa, exponent = np.frexp(np.maximum(sizes, 1).astype(np.float64))
    step = ((mantissa - 0.5) * 2 * _CLASSES_PER_OCTAVE).astype(np.int64)
    return exponent.astype(np.int64) * _CLASSES_PER_OCTAVE + step
