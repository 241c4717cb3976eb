"""Samples side by side: each array of a batch is one block, padded behind each sample's end."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import InputError
from unvoiced.reader.opener import Arrays
from unvoiced.reader.order import Mark, Order, length_classes
from unvoiced.reader.position import Position
from unvoiced.reader.sample import Sample

if TYPE_CHECKING:
    from unvoiced.reader.view import View


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Batch:
    """Some samples: arrays (samples, rows, frames of the longest), by name."""

    arrays: Arrays
    frames: NDArray[np.int64]  # (samples,): how many frames of each are not padding
    samples: tuple[Sample, ...]

    def __getitem__(self, array: str) -> np.ndarray:
        """One of the arrays, (samples, rows, frames of the longest)."""
        return self.arrays[array]

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"<batch of {len(self)}: {shapes}>"


def padded(samples: Sequence[Sample], pad: float | Mapping[str, float], dtype: str) -> Batch:
    """At least one sample as a batch; `pad` is what stands behind the end, of all or by array."""
    frames = np.array([sample.frames for sample in samples], np.int64)
    longest = int(frames.max())
    arrays: Arrays = {}
    for name, first in samples[0].arrays.items():
        value = pad.get(name, 0.0) if isinstance(pad, Mapping) else pad
        block = np.empty((len(samples), first.shape[0], longest), dtype)
        for each, sample in zip(block, samples, strict=True):
            each[:, : sample.frames] = sample.arrays[name]
            each[:, sample.frames :] = value
        arrays[name] = block
    return Batch(arrays, frames, tuple(samples))


class Batches:
    """The batches of a view, one after the other; the last one may be smaller."""

    def __init__(
        self,
        view: "View",
        *,
        size: int | None,
        frames: int | None,
        pad: float | Mapping[str, float],
        dtype: str,
    ) -> None:
        if (size is None) == (frames is None):
            raise InputError(
                "a batch is of so many samples (32), or of so many frames (frames=...)"
            )
        if (size if size is not None else frames or 0) < 1:
            raise InputError("a batch has room for at least 1")
        if np.dtype(dtype).kind != "f":
            raise InputError(f"a batch is of floating point numbers, not of {dtype}")
        self._view = view
        self._size = size
        self._frames = frames
        self._pad = pad
        self._dtype = dtype
        self._position = Position(self._order)
        self._resume: Position | None = None

    def __iter__(self) -> Iterator[Batch]:
        position, self._resume = self._resume or Position(self._order), None
        self._position = position
        # Closed with this one, whatever ends it: it reads ahead.
        with closing(self._groups(position)) as groups:
            for samples, mark in groups:
                position.after = mark
                yield padded(samples, self._pad, self._dtype)

    def __repr__(self) -> str:
        size = f"{self._size} samples" if self._frames is None else f"{self._frames:,} frames"
        return f"<batches of {size}, of {self._view!r}>"

    def state_dict(self) -> dict[str, Any]:
        """How far the iteration that was begun last has come, by whole batches."""
        return (self._resume or self._position).state(self._view.feature_set)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next iteration go on with the batch after the last. Raises `InputError`."""
        self._resume = Position.of_state(state, self._view.feature_set, self._order)

    @property
    def _order(self) -> Order:
        order = self._view.order
        return order if self._frames is None else order.by_length(len(self._view))

    def _groups(self, position: Position) -> Generator[tuple[list[Sample], Mark], None, None]:
        """Samples that make a batch together, with the mark of the last of them."""
        group: list[Sample] = []
        last: Mark | None = None
        with closing(self._view.samples(position.order, position.after)) as samples:
            for sample, mark in samples:
                if last is not None and group and not self._fits(group, last, sample, mark):
                    yield group, last
                    group = []
                group.append(sample)
                last = mark
                if len(group) == self._size:
                    yield group, last
                    group = []
        if last is not None and group:
            yield group, last

    def _fits(self, group: list[Sample], last: Mark, sample: Sample, mark: Mark) -> bool:
        if self._frames is None:
            return True
        longest = max(sample.frames, *(one.frames for one in group))
        alike = length_classes(np.array([last.size, mark.size]))
        return longest * (len(group) + 1) <= self._frames and bool(alike[0] == alike[1])
