"""Which feature objects a receipt of the log names, for many questions and little memory.

Every receipt has to be looked at for one question, and a set of what they name would be 100 bytes
and more for each recording there ever was. So only a table is kept, of 12 bytes for each digest
that an entry names: its first 8 bytes, and which entry. What the table suggests is looked up in
that entry, and the answer comes from there.
"""

import re
from array import array
from collections.abc import Iterable
from itertools import groupby

from unvoiced.log.leaves import parse_leaf
from unvoiced.log.reader import LogReader
from unvoiced.log.tiles import WIDTH
from unvoiced.log.verify import features_of

_PREFIX_DIGITS = 16
_DIGEST = re.compile(r"[0-9a-f]{64}")
# In canonical JSON a digest has this one spelling; what is found so is looked at before it counts.
_NAMED = re.compile(rb'"sha256":"([0-9a-f]{16})[0-9a-f]{48}"')


class FeatureReceipts:
    """Reads the log once, and then only what came since."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._size = 0
        self._prefixes = array("Q")
        self._entries = array("I")

    def among(self, digests: Iterable[str]) -> set[str]:
        """Those of these feature objects that some receipt names: none of what is no digest."""
        wanted = set(filter(_DIGEST.fullmatch, digests))
        self._follow(self._reader.checkpoint().size)
        found: set[str] = set()
        for _, group in groupby(self._suggested(wanted), lambda entry: entry // WIDTH):
            entries = list(group)
            there = list(self._reader.entries(entries[0], entries[-1] + 1))
            for entry in entries:
                found |= features_of(parse_leaf(there[entry - entries[0]]))
        return wanted & found

    def _follow(self, size: int) -> None:
        for entry, data in enumerate(self._reader.entries(self._size, size), self._size):
            if b'"features":' in data:
                prefixes = [int(prefix, 16) for prefix in _NAMED.findall(data)]
                self._prefixes.extend(prefixes)
                self._entries.extend([entry] * len(prefixes))
        self._size = size

    def _suggested(self, wanted: set[str]) -> list[int]:
        """Entries that may name one of them, in order, once each."""
        # Only here, as it takes long to import, and few processes ask.
        import numpy as np

        if not wanted or not self._prefixes:
            return []
        sought = np.unique(np.array([int(one[:_PREFIX_DIGITS], 16) for one in wanted], np.uint64))
        named = np.frombuffer(self._prefixes, np.uint64)
        nearest = sought[np.searchsorted(sought[1:], named, side="right")]
        return sorted({self._entries[at] for at in np.flatnonzero(nearest == named)})
