"""Hugging Face: a view of the features as a streaming data set, and a collator for speech models.

Only `datasets.IterableDataset` is made. `datasets.Dataset.from_generator` writes every row to an
Arrow file under `HF_HOME`: opened features on a disk, which no erasure reaches and no record of the
trail names. So no `Dataset` is made here, nor should you make, save or push one.

No key travels to workers, as with `unvoiced.reader.torch`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unvoiced.errors import InputError
from unvoiced.extras import missing
from unvoiced.reader.sample import Sample
from unvoiced.reader.view import View

try:
    import datasets
except ImportError:
    raise missing("datasets is not installed", "hugging-face") from None

IGNORED = -100  # what losses of transformers leave out of account


def streaming(view: View, shards: int = 64) -> "datasets.IterableDataset":
    """A streaming data set of the samples of a view, in so many shards.

    A row has `name`, `pseudonym`, `sample`, `duration_seconds`, the arrays (rows, T) as numpy under
    their names, and the labels under theirs. It is shared out by shards: over DataLoader's workers,
    and by `datasets.distributed.split_dataset_by_node`; there have to be at least as many. Its own
    `shuffle` changes the order of the shards, and shuffles rows in a buffer; `view.shuffle(seed)`
    has shuffled them all.

    A data set that was resumed by its `load_state_dict` reads the shard it was in again from its
    beginning, records that, and passes over as many rows as it gave out. So of every sample of that
    shard that was erased meanwhile, another one may be passed over, in that epoch; more shards make
    both less.

    Raises `InputError` where a label has the name of another column.
    """
    if shards < 1:
        raise InputError("a data set has at least one shard")
    parts = [view.shard(part, shards) for part in range(shards)]
    return datasets.IterableDataset.from_generator(_rows, gen_kwargs={"parts": parts})


def _rows(parts: Sequence[View]) -> Iterator[dict[str, Any]]:
    for part in parts:
        for sample in part:
            yield _row(sample)


def _row(sample: Sample) -> dict[str, Any]:
    row = {
        "name": f"{sample.pseudonym}/{sample.sample}",
        "pseudonym": sample.pseudonym,
        "sample": sample.sample,
        "duration_seconds": sample.duration_seconds,
        **sample.arrays,
    }
    if both := row.keys() & sample.labels.keys():
        raise InputError(f"labels have names of other columns: {', '.join(sorted(both))}")
    return {**row, **sample.labels}


@dataclass(frozen=True)
class SpeechCollator:
    """Pads rows to what speech models of transformers that take features of any length expect.

    Speech2Text and Wav2Vec2-BERT do. Whisper does not: it wants 30 s, (80, 3000), in a scale of its
    own.

    `array` is the one of the arrays that is the input, `label` a column, `encode` what makes token
    ids, or one class, of its values. Needs PyTorch.
    """

    array: str = "log_mel"
    label: str | None = None
    encode: Callable[[Any], int | Sequence[int]] | None = None

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """`input_features`: float32 (batch, T, rows); `attention_mask`: int64 (batch, T), 1 inside.

        `labels`, where there is a label: int64 (batch,) of classes, or (batch, tokens), -100 behind
        the end. Raises `InputError` for a row without a label.
        """
        import torch

        longest = max(row[self.array].shape[1] for row in rows)
        bands = rows[0][self.array].shape[0]
        features = np.zeros((len(rows), longest, bands), np.float32)
        mask = np.zeros((len(rows), longest), np.int64)
        for nth, row in enumerate(rows):
            array = np.asarray(row[self.array])
            features[nth, : array.shape[1]] = array.T
            mask[nth, : array.shape[1]] = 1
        batch = {
            "input_features": torch.from_numpy(features),
            "attention_mask": torch.from_numpy(mask),
        }
        if self.label is not None:
            batch["labels"] = torch.from_numpy(self._labels(self.label, rows))
        return batch

    def _labels(self, column: str, rows: Sequence[dict[str, Any]]) -> np.ndarray:
        if without := [row["name"] for row in rows if row[column] is None]:
            raise InputError(
                f"{without[0]} has no {column}: choose with view.where('{column} is not null')"
            )
        encoded: list[Any] = [
            self.encode(row[column]) if self.encode else row[column] for row in rows
        ]
        if all(isinstance(one, int) for one in encoded):
            return np.array(encoded, np.int64)
        tokens = np.full((len(encoded), max(map(len, encoded))), IGNORED, np.int64)
        for nth, one in enumerate(encoded):
            tokens[nth, : len(one)] = one
        return tokens
