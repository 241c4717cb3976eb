"""How many different things, and how many of them new, in a few kilobytes. No I/O.

A sketch holds those hashes that begin with so many zero bits, all of them, and one bit more
whenever it is full (distinct sampling: P. B. Gibbons, VLDB 2001). So of each thing it is settled
for ever whether a sketch of that level holds it, and two sketches can be compared: what is in this
one and not in that one is new, up to the level of the coarser one. Nothing is ever taken for new
that was seen, but for hashes that are alike (one in a million).

While no bit is asked for, counts are exact. Of n hashes held, a count of distinct things is off by
about 1/sqrt(n) (2 % of 2,048); of k new things in it, by 1/sqrt(k).

The hashes are keyed (`unvoiced.watch.windows`): who does not know the key cannot choose things that
no sketch would hold.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]
_BITS = 32
NOTHING: Hashes = np.empty(0, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Some of the hashes that were added; the arrays are never changed."""

    capacity: int
    level: int = 0  # hashes held begin with so many zero bits
    hashes: Hashes = field(default_factory=lambda: NOTHING)  # sorted, each once

    def add(self, hashes: Hashes) -> "Sketch":
        """With these too; they need be neither sorted nor distinct."""
        wanted = _missing(_at(hashes, self.level), self.hashes)
        if not wanted.size:
            return self
        both = np.sort(np.concatenate([self.hashes, wanted]))
        held, level = both[np.append(True, both[1:] != both[:-1])], self.level
        while held.size > self.capacity:
            level += 1
            held = _at(held, level)
        return replace(self, level=level, hashes=held)

    def union(self, other: "Sketch") -> "Sketch":
        """What was added to either, in a sketch of this one's capacity."""
        level = max(self.level, other.level)
        mine = replace(self, level=level, hashes=_at(self.hashes, level))
        return mine.add(other.hashes)

    @property
    def count(self) -> int:
        """About how many different things were added."""
        return int(self.hashes.size) << self.level

    def new(self, seen: "Sketch") -> int:
        """About how many things were added to this and never to the other."""
        level = max(self.level, seen.level)
        return int(_missing(_at(self.hashes, level), seen.hashes).size) << level

    def encode(self) -> list[object]:
        """As JSON has it."""
        return [self.capacity, self.level, b64encode(self.hashes.astype(">u4").tobytes()).decode()]

    @classmethod
    def decode(cls, fields: list[object]) -> "Sketch":
        """What `encode` made. Raises `ValueError` or `TypeError` for anything else."""
        capacity, level, text = fields
        if type(capacity) is not int or type(level) is not int or not isinstance(text, str):
            raise TypeError("no sketch")
        hashes = np.frombuffer(b64decode(text, validate=True), ">u4").astype(np.uint32)
        if not 0 <= level < _BITS or hashes.size > capacity or np.any(np.diff(hashes) <= 0):
            raise ValueError("no sketch")
        return cls(capacity, level, hashes)


def _at(hashes: Hashes, level: int) -> Hashes:
    """Those of a level."""
    return hashes if level == 0 else hashes[hashes < np.uint32(1 << (_BITS - level))]


def _missing(hashes: Hashes, held: Hashes) -> Hashes:
    """Those that are not held; what is held is sorted."""
    if not held.size or not hashes.size:
        return hashes
    at = np.minimum(np.searchsorted(held, hashes), held.size - 1)
    missing: Hashes = hashes[held[at] != hashes]
    return missing
