"""Daft: a view of the features as a DataFrame, for those who outgrow one machine.

Rows are names, labels, and what the catalog knows. Features are opened by a UDF in the process that
executes it, with a session and records of its own: no key travels there, and no feature before it.
What a query does with opened features is the engine's: shuffles of its distributed runner, and
Ray's object store, spill to local disks. Reduce them in the query that opens them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unvoiced.extras import missing
from unvoiced.reader.view import View

try:
    import daft
    from daft import DataType, col
except ImportError:
    raise missing("Daft is not installed", "daft") from None

if TYPE_CHECKING:
    from daft import DataFrame

_OPENED = "unvoiced_opened"


def frame(view: View, arrays: Sequence[str] = ("log_mel",), *, batch: int = 64) -> "DataFrame":
    """A DataFrame of the samples of a view; nothing is read until it is executed.

    Columns: those of `view.table()`, and each of `arrays`, a tensor of float32 (rows, T), or null
    where the sample was erased or cannot be read. So many samples a `batch` are opened together,
    with one record in the audit trail.

    Each execution opens and records again, also for a `count` or `show`. Where it is executed there
    have to be the settings file, at the same path, and credentials. Raises `InputError`.
    """
    arrays = view.choose_arrays(arrays)
    opener = _opener(arrays)(view)
    rows = daft.from_arrow(view.table()).into_batches(batch)
    opened = rows.with_column(_OPENED, opener.open(col("name")))
    for array in arrays:
        opened = opened.with_column(array, col(_OPENED).get(array))
    return opened.exclude(_OPENED)


def _opener(arrays: tuple[str, ...]) -> Any:  # mypy does not look into daft
    tensor = DataType.tensor(DataType.float32())
    kind = DataType.struct(dict.fromkeys(arrays, tensor))

    class Opener:
        """Made in each process that executes; its view opens a session there."""

        def __init__(self, view: View) -> None:
            self._view = view

        @daft.method.batch(return_dtype=kind)  # type: ignore[untyped-decorator]
        def open(self, names: Any) -> list[dict[str, np.ndarray | None]]:
            """The arrays of each of these objects."""
            asked = names.to_pylist()
            samples = {one.name: one for one in self._view.read(asked, skip=True)}
            return [
                {
                    array: samples[name][array].astype(np.float32) if name in samples else None
                    for array in arrays
                }
                for name in asked
            ]

    return daft.cls(Opener)
