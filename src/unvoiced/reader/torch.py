"""PyTorch: a view of the features as a data set, and what pads its samples to batches.

- No key travels to a DataLoader's workers: each opens a session of its own, with records of its own
  in the audit trail, whether it was forked or spawned.
- Samples are shared out over the ranks of `torch.distributed` and, within a rank, over workers.
- A sample that was erased or is missing is left out and counted, and ends no epoch.

Opened features lie in the memory of the workers, and in shared memory on their way to the trainer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from unvoiced.errors import InputError
from unvoiced.extras import missing
from unvoiced.reader.batches import Batch, Batches, padded
from unvoiced.reader.sample import Sample
from unvoiced.reader.view import View

try:
    import torch
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ImportError:
    raise missing("PyTorch is not installed", "torch") from None


def iterable(view: View, *, frames: int | None = None) -> "Stream":
    """The samples of a view, in its order, as a `torch.utils.data.IterableDataset`.

    Do not shard the view: that is done here, by rank and worker. `set_epoch` gives each epoch of a
    shuffled view its own order. With `frames` it is of batches, as `view.batches(frames=...)` makes
    them; the DataLoader then has `batch_size=None`, and `collate_fn=collate` all the same.

    With torchdata's `StatefulDataLoader` an epoch that was interrupted is resumed where it was,
    with as many ranks and workers as before.
    """
    return Stream(view, frames)


def indexed(view: View) -> "Indexed":
    """The samples of a view by position, as a map-style `torch.utils.data.Dataset`.

    For samplers. A batch is one record in the audit trail; it is smaller where samples are missing.
    """
    return Indexed(view)


class Stream(IterableDataset):  # type: ignore[misc]  # mypy does not look into torch
    """What `iterable` makes."""

    def __init__(self, view: View, frames: int | None) -> None:
        self._view = view
        self._frames = frames
        # Shared, as workers that persist have a copy of everything else.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next iteration is, from 0; also for workers that are at work already."""
        self._epoch.fill_(epoch)

    def __iter__(self) -> "Reading":
        worker = get_worker_info()
        rank, world = _rank_and_world()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        part = self._view.epoch(int(self._epoch)).shard(rank * workers + number, world * workers)
        return Reading(part if self._frames is None else part.batches(frames=self._frames))


class Reading:
    """One worker in one epoch; reads nothing before the first sample is asked for."""

    def __init__(self, part: View | Batches) -> None:
        self._part = part
        self._iterator: Iterator[Sample | Batch] | None = None

    def __iter__(self) -> "Reading":
        return self

    def __next__(self) -> Sample | Batch:
        if self._iterator is None:
            part: Iterable[Sample | Batch] = self._part
            self._iterator = iter(part)
        return next(self._iterator)

    def state_dict(self) -> dict[str, Any]:
        """Where to go on; texts and numbers alone."""
        return self._part.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on there. Raises `InputError` where there were other ranks or workers then."""
        self._part.load_state_dict(state)
        self._iterator = None


class Indexed(Dataset):  # type: ignore[misc]  # mypy does not look into torch
    """What `indexed` makes."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, position: int) -> Sample:
        return self._view[position]

    def __getitems__(self, positions: Sequence[int]) -> list[Sample]:
        """What DataLoader asks for a whole batch with."""
        return self._view.read(positions, skip=True)


def collate(samples: Sequence[Sample] | Batch) -> dict[str, Any]:
    """Samples as one padded batch of tensors, for `collate_fn`.

    Each array by its name: float32 (batch, rows, T), T the frames of the longest, zeros behind the
    others. `frames`: int64 (batch,), how many of T are the sample's. `samples`: their names,
    pseudonym/sample. `labels`: by column, a tensor where each sample of the view has a number, else
    a list, of all batches alike. Of no samples there are no arrays and no labels.

    Raises `InputError` for a list of batches: `iterable(view, frames=...)` gives them one by one.
    """
    if not samples:
        return {"frames": torch.zeros(0, dtype=torch.int64), "samples": [], "labels": {}}
    if not isinstance(samples, Batch) and isinstance(samples[0], Batch):
        raise InputError("these are batches: DataLoader(..., batch_size=None, collate_fn=collate)")
    batch = samples if isinstance(samples, Batch) else padded(samples, 0.0, "float32")
    columns = {
        column: [one.labels[column] for one in batch.samples] for column in batch.samples[0].labels
    }
    numbers = frozenset.intersection(*(one.numbers for one in batch.samples))
    return {
        **{name: torch.from_numpy(array) for name, array in batch.arrays.items()},
        "frames": torch.from_numpy(batch.frames),
        "samples": [f"{one.pseudonym}/{one.sample}" for one in batch.samples],
        "labels": {
            column: torch.tensor(values) if column in numbers else values
            for column, values in columns.items()
        },
    }


def _rank_and_world() -> tuple[int, int]:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1
