"""Many names of objects in little memory: what they have in common is kept once.

A million take 70 MB, and no more in processes that are forked: Python's own texts are 150 bytes
each, and every one that a process looks at is copied there.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from unvoiced.names import FEATURES, SUFFIX


class FeatureNames(Sequence[str]):
    """The names of one feature set's objects, in the order they were given."""

    def __init__(self, feature_set: str, names: Iterable[str]) -> None:
        """`feature_set` is the folder; every name is of an object in it."""
        self._before = f"{FEATURES}{feature_set}/"
        texts, self._ends = bytearray(), array("q", [0])
        start, end = len(self._before), -len(SUFFIX)
        for name in names:
            texts += name[start:end].encode()
            self._ends.append(len(texts))
        self._texts = bytes(texts)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[str]:
        return map(self._at, range(len(self)))

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        chosen = range(len(self))[at]
        return self._at(chosen) if isinstance(chosen, int) else [self._at(each) for each in chosen]

    def _at(self, row: int) -> str:
        text = self._texts[self._ends[row] : self._ends[row + 1]].decode()
        return f"{self._before}{text}{SUFFIX}"
