"""What a reader gives out: one sample's arrays and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unvoiced.errors import InputError
from unvoiced.reader.opener import Arrays, Opened
from unvoiced.sealing import Json


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Sample:
    """One sample's features; its arrays are the caller's own and may be written to."""

    name: str  # of the object in the training store
    pseudonym: str
    sample: str
    feature_set: str  # name and first 8 digits of the digest
    sha256: str  # of the sealed object
    arrays: Arrays  # by name, each (rows, frames)
    context: Mapping[str, Json]  # the sealed object's header, authenticated
    labels: Mapping[str, Any]  # column -> value; None where the sample has no label
    numbers: frozenset[str]  # the columns that have a number for every sample of the view

    def __getitem__(self, array: str) -> np.ndarray:
        """One of the arrays, (rows, frames)."""
        return self.arrays[array]

    @property
    def frames(self) -> int:
        """How many columns each array has."""
        return int(next(iter(self.arrays.values())).shape[1])

    @property
    def duration_seconds(self) -> float:
        """How long the recording was."""
        seconds = self.context.get("duration_seconds")
        return float(seconds) if isinstance(seconds, int | float) else float("nan")

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in self.arrays.items())
        return f"<sample {self.pseudonym}/{self.sample}: {self.duration_seconds:.2f} s, {shapes}>"


def sample_of(
    opened: Opened,
    arrays: tuple[str, ...] | None,
    labels: Mapping[str, Any],
    numbers: frozenset[str],
) -> Sample:
    """A sample of an opened object, with these of its arrays or with all. Raises `InputError`."""
    kept = opened.arrays
    if missing := set(arrays or ()) - kept.keys():
        raise InputError(
            f"{opened.name.feature_set} has no {', '.join(sorted(missing))}: it has"
            f" {', '.join(kept)}"
        )
    if arrays is not None and kept.keys() - arrays:
        # Copied, as a part would keep all that was opened in memory.
        kept = {name: array.copy() for name, array in kept.items() if name in arrays}
    name = opened.name
    return Sample(
        name=name.name,
        pseudonym=name.pseudonym,
        sample=name.sample,
        feature_set=name.feature_set,
        sha256=opened.sha256,
        arrays=kept,
        context=opened.context,
        labels=labels,
        numbers=numbers,
    )
