"""The features of one set, as data scientists hold them: to iterate, look up, choose and share out.

- Views are light: they share names and one session, and each is an order of some of the samples.
- Every read is recorded before it is given out (INV-8); a sample that cannot be read is skipped,
  and counted by reason.
- Leaving an iteration in any way ends its reading ahead.
"""

import operator
import warnings
from bisect import bisect_left
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from unvoiced.catalog.row import length_in_words
from unvoiced.errors import InputError, NotFound, VerificationError
from unvoiced.names import FEATURES, SUFFIX
from unvoiced.reader.batches import Batches
from unvoiced.reader.inventory import Inventory, aligned, catalog_of
from unvoiced.reader.opener import Opened, Skipped
from unvoiced.reader.order import Mark, Order, Rows
from unvoiced.reader.position import Position
from unvoiced.reader.prefetch import read_ahead
from unvoiced.reader.reason import Reason
from unvoiced.reader.report import ReadReport, in_words
from unvoiced.reader.sample import Sample, sample_of
from unvoiced.reader.session import Access
from unvoiced.reader.where import columns, rows_where

if TYPE_CHECKING:
    import pyarrow

_FIRST, _MOST = 8, 256  # objects in a chunk: few at first, so that the first comes soon
_GROWTH = 4


@dataclass(frozen=True)
class Giving:
    """What is given out of each sample, and how much is read ahead."""

    arrays: tuple[str, ...] | None  # None: all
    prefetch_bytes: int

    def __post_init__(self) -> None:
        """Refuse what cannot work, with `InputError`."""
        if self.prefetch_bytes < 1:
            raise InputError("prefetch_bytes is at least 1")


class View:
    """Samples of one feature set in some order; what `unvoiced.open` returns, and views of it.

    Iterating reads them one after the other, some ahead. A position (`view[17]`) counts in the
    order of iteration.
    """

    def __init__(
        self, access: Access, inventory: Inventory, giving: Giving, rows: Rows | None = None
    ) -> None:
        self._access = access
        self._inventory = inventory
        self._giving = giving
        self._order = Order()
        # Which of the inventory's, ascending; before they are shared out.
        self._rows = np.arange(len(inventory.names)) if rows is None else rows
        self._position = Position(self._order)
        self._resume: Position | None = None

    # What there is

    @property
    def feature_set(self) -> str:
        """The feature set: its name and the first 8 digits of its digest."""
        return self._inventory.feature_set

    @property
    def names(self) -> list[str]:
        """The samples' names in the training store, in order of name."""
        return [self._inventory.names[row] for row in self._members]

    def choose_arrays(self, arrays: Sequence[str]) -> tuple[str, ...]:
        """Some of the arrays that samples have, by name. Raises `InputError` for any other."""
        chosen, given = self._inventory.choose_arrays(arrays), self._giving.arrays
        if given is not None and (others := [one for one in chosen if one not in given]):
            raise InputError(f"opened without {others[0]}: these features have {', '.join(given)}")
        return chosen

    def table(self) -> "pyarrow.Table":
        """What is known without reading any: names, labels, and what the catalog knows, by name.

        Raises `InputError` where pyarrow is not installed.
        """
        return columns(self._with_catalog()).take(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self._rows_of(key))

    @property
    def report(self) -> ReadReport:
        """What was read in this process, by all views that share the session."""
        return self._access.session().report

    def __repr__(self) -> str:
        members, order = self._members, self._order
        seconds = float(self._inventory.seconds[members].sum())
        megabytes = self._inventory.sizes[members].sum() / 1e6
        count = f"{len(members):,} sample{'s' if len(members) != 1 else ''}"
        said = [f"{count}", f"{megabytes:,.1f} MB", f"for {self._access.purpose}"]
        if not np.isnan(seconds):
            said.insert(1, length_in_words(seconds))
        if (labelled := self._inventory.labels.labelled) is not None:
            said.append(f"{labelled[members].sum():,} labelled")
        if order.seed is not None:
            said.append(f"shuffled by {order.seed} in epoch {order.epoch}")
        if order.shards > 1:
            said.append(f"shard {order.shard} of {order.shards}")
        return f"<features {self.feature_set}: {', '.join(said)}>"

    # Views

    def shuffle(self, seed: int) -> "View":
        """In an order that follows from the seed, the epoch and each sample's name."""
        return self._ordered(replace(self._order, seed=operator.index(seed)))

    def epoch(self, epoch: int) -> "View":
        """In the order of that epoch, from 0; of a shuffled view."""
        return self._ordered(replace(self._order, epoch=operator.index(epoch)))

    def shard(self, shard: int, shards: int) -> "View":
        """One of so many disjoint parts of about the same size, from 0, which together are all.

        Which part a sample is in follows from its name, the seed and the epoch: shard after
        shuffling, alike everywhere. Of a shard, a shard of that.
        """
        return self._ordered(self._order.part(operator.index(shard), operator.index(shards)))

    def where(self, condition: str) -> "View":
        """Those for which a condition in SQL is true, over the catalog's columns and the labels."""
        view = self._ordered(self._order)
        view.__dict__.pop("_numbers", None)
        view._rows = np.intersect1d(self._rows, rows_where(self._with_catalog(), condition))
        return view

    def batches(
        self,
        size: int | None = None,
        *,
        frames: int | None = None,
        pad: float | Mapping[str, float] = 0.0,
        dtype: str = "float32",
    ) -> Batches:
        """Padded batches: of so many samples each, or of as many as fit into so many frames.

        With `frames`, samples of similar length come together (and the order of a shuffled view is
        another one than without); a batch takes no more than that many frames with its padding,
        unless it is of one sample that is longer. `pad` is the value behind a sample's end, for all
        arrays or by name. Raises `InputError`.
        """
        return Batches(self, size=size, frames=frames, pad=pad, dtype=dtype)

    def _ordered(self, order: Order) -> "View":
        view = copy(self)
        view.__dict__.pop("_members", None)
        view.__dict__.pop("_arranged", None)
        view._order, view._position, view._resume = order, Position(order), None
        return view

    # Reading

    def __iter__(self) -> Iterator[Sample]:
        position, self._resume = self._resume or Position(self._order), None
        self._position = position
        # Closed with this one, whatever ends it: it reads ahead.
        with closing(self.samples(position.order, position.after)) as samples:
            for sample, mark in samples:
                position.after = mark
                yield sample

    def samples(
        self, order: Order, after: Mark | None
    ) -> Generator[tuple[Sample, Mark], None, None]:
        """The samples in some order, from after a mark on, each with its own mark.

        Where none could be read, raises `VerificationError`; but `NotFound` where that is what
        erasure and retention leave behind, and of a shard, which may be small, it warns of that.
        """
        session, inventory = self._access.session(), self._inventory
        rows = self._arrange(order, after)

        def chunks() -> Iterator[tuple[list[int], int]]:
            session.follow()
            yield from _chunks(rows, inventory.sizes, self._giving.prefetch_bytes // 2)

        def read(some: Sequence[int]) -> list[tuple[tuple[int, Opened | Skipped], int]]:
            answers = session.read([inventory.wanted(row) for row in some])
            return [
                ((row, answer), self._learn(row, answer))
                for row, answer in zip(some, answers, strict=True)
            ]

        ahead = session.ahead(self._giving.prefetch_bytes)
        skipped: Counter[Reason] = Counter()
        given = 0
        try:
            read_ahead(ahead, chunks(), read)
            for row, answer in ahead.take():
                session.count(answer)
                if isinstance(answer, Skipped):
                    skipped[answer.reason] += 1
                    continue
                given += 1
                yield self._sample(row, answer), inventory.mark(row)
        finally:
            ahead.close()
        if skipped and not given and after is None:
            nothing = _nothing(skipped)
            if order.shards == 1 or not isinstance(nothing, NotFound):
                raise nothing
            # Others may have had more luck with theirs, which may be as small as one sample.
            warnings.warn(str(nothing), stacklevel=2)

    @overload
    def __getitem__(self, key: int | str) -> Sample: ...

    @overload
    def __getitem__(self, key: slice) -> list[Sample]: ...

    def __getitem__(self, key: int | str | slice) -> Sample | list[Sample]:
        """One sample, by position, name, pseudonym/sample or its id; a list of those of a slice.

        Raises `IndexError`; `InputError` for a name that is not in this view, or an id that several
        have; `NotFound` or `VerificationError` where it cannot be read.
        """
        if isinstance(key, slice):
            return self.read(range(*key.indices(len(self))))
        (sample,) = self.read([key])
        return sample

    def read(self, keys: Sequence[int | str], *, skip: bool = False) -> list[Sample]:
        """Some samples at once; raises as `view[key]` does, for the first.

        With `skip`, samples that cannot be read are left out, and counted, as in an iteration.
        """
        rows = [self._row(key) for key in keys]
        session = self._access.session()
        samples = []
        for row, answer in zip(
            rows, session.read([self._inventory.wanted(row) for row in rows]), strict=True
        ):
            session.count(answer)
            if isinstance(answer, Skipped):
                if skip:
                    continue
                raise answer.error
            self._learn(row, answer)
            samples.append(self._sample(row, answer))
        return samples

    def state_dict(self) -> dict[str, Any]:
        """How far the iteration that was begun last has come: texts, numbers and None."""
        return (self._resume or self._position).state(self.feature_set)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next iteration go on after the sample that was given out last.

        Also where samples were erased since. That iteration is of the state's epoch, whichever this
        view's is. Raises `InputError` for the state of another view.
        """
        self._resume = Position.of_state(state, self.feature_set, self._order)

    def close(self) -> None:
        """End this process's session, for all views that share it."""
        self._access.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Inside

    @property
    def order(self) -> Order:
        """In which order the samples come."""
        return self._order

    @cached_property
    def _members(self) -> Rows:
        """The rows of this view, shared out, ascending."""
        if self._order.shards == 1:
            return self._rows
        return np.sort(self._arranged)

    @cached_property
    def _numbers(self) -> frozenset[str]:
        """Of the labels: alike in all shards."""
        return self._inventory.labels.numbers(self._rows)

    @cached_property
    def _arranged(self) -> Rows:
        return self._arrange(self._order, None)

    def _arrange(self, order: Order, after: Mark | None) -> Rows:
        names: Sequence[str] = self._inventory.names
        if len(self._rows) < len(names):
            names = [names[row] for row in self._rows.tolist()]
        return self._rows[order.arrange(names, self._inventory.sizes[self._rows], after)]

    def _row(self, key: int | str) -> int:
        if isinstance(key, str):
            rows = self._rows_of(key)
            if not rows:
                raise InputError(f"{key!r} is not among these features")
            if len(rows) > 1:
                raise InputError(f"{key} is the id of samples of several: say pseudonym/sample")
            return rows[0]
        return int(self._arranged[operator.index(key)])

    def _rows_of(self, key: str) -> list[int]:
        names = self._inventory.names
        if "/" not in key:
            end = f"/{key}{SUFFIX}"
            return [row for row in self._members.tolist() if names[row].endswith(end)]
        name = key if key.startswith(FEATURES) else f"{FEATURES}{self.feature_set}/{key}{SUFFIX}"
        row = bisect_left(names, name)
        if row == len(names) or names[row] != name:
            return []
        at = int(np.searchsorted(self._members, row))
        return [row] if at < len(self._members) and self._members[at] == row else []

    def _learn(self, row: int, answer: Opened | Skipped) -> int:
        """Keep what an answer says for the next time; its bytes."""
        if isinstance(answer, Skipped):
            return 0
        self._inventory.learn(row, answer.sha256)
        return answer.size

    def _with_catalog(self) -> Inventory:
        """The inventory, with the catalog's columns, which are loaded when they are asked for."""
        inventory = self._inventory
        if inventory.has_catalog and inventory.catalog is None:
            catalog = catalog_of(self._access.session().training, self.feature_set)
            if catalog is not None:
                inventory.catalog = aligned(inventory, catalog)
        return inventory

    def _sample(self, row: int, opened: Opened) -> Sample:
        labels = self._inventory.labels
        return sample_of(opened, self._giving.arrays, labels.of(row), self._numbers)


def _chunks(rows: Rows, sizes: Rows, most: int) -> Iterator[tuple[list[int], int]]:
    """Rows to be read at once, and their bytes: `most`, unless it is one that has more."""
    chunk: list[int] = []
    size, count = 0, _FIRST
    for row in rows.tolist():
        its = int(sizes[row])
        if chunk and (len(chunk) == count or size + its > most):
            yield chunk, size
            chunk, size, count = [], 0, min(_MOST, count * _GROWTH)
        chunk.append(row)
        size += its
    if chunk:
        yield chunk, size


def _nothing(skipped: Mapping[Reason, int]) -> NotFound | VerificationError:
    kind = NotFound if all(reason.is_absence for reason in skipped) else VerificationError
    count = sum(skipped.values())
    return kind(f"none of the {count:,} samples could be read: {in_words(skipped)}")
