"""Labels: what users know of samples, attached by sample id; they stay with whoever gives them."""

import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unvoiced.errors import InputError
from unvoiced.extras import missing
from unvoiced.names import parse_feature_name
from unvoiced.reader.order import Rows

if TYPE_CHECKING:
    import pyarrow

_KEY = "sample"


@dataclass(frozen=True, eq=False)
class Labels:
    """Columns of values, one for each of some samples; None where a sample has none."""

    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    # Which samples have a row of labels; None where no labels were given.
    labelled: NDArray[np.bool_] | None = None

    def of(self, row: int) -> dict[str, Any]:
        """The labels of one of the samples."""
        return {column: values[row] for column, values in self.columns.items()}

    def numbers(self, rows: Rows) -> frozenset[str]:
        """The columns that have a number for every one of these samples."""
        at = rows.tolist()
        return frozenset(
            column
            for column, values in self.columns.items()
            if all(isinstance(values[row], int | float) for row in at)
        )


def attach(given: Any, names: Sequence[str]) -> Labels:
    """Labels for the feature objects of these names.

    `given`: the path of a CSV or Parquet file, a pyarrow, pandas or polars table, or a list of
    dicts. Its column `sample` holds sample ids, or pseudonym/sample; labels of samples that are not
    among these are left aside, with a warning that says how many. Raises `InputError` where that
    column is missing, a sample is named twice, an id is more than one contributor's, or nothing
    fits.
    """
    table = _table(given)
    if _KEY not in table.column_names:
        raise InputError(f"labels have a column {_KEY!r}: a sample id, or pseudonym/sample")
    wanted = [str(one) for one in table[_KEY].to_pylist()]
    found = _found(wanted, names)
    if wanted and names and not found:
        raise InputError(f"none of the {len(wanted):,} labels is of a sample that is here")
    if names and (strangers := len(wanted) - len(found)):
        warnings.warn(
            f"for {strangers:,} of the {len(wanted):,} labels there is no sample here",
            stacklevel=4,
        )
    labelled = np.zeros(len(names), np.bool_)
    labelled[list(found)] = True
    columns = {}
    for column in table.column_names:
        if column != _KEY:
            values: list[Any] = [None] * len(names)
            given_values = table[column].to_pylist()
            for row, at in found.items():
                values[row] = given_values[at]
            columns[column] = values
    return Labels(columns, labelled)


def _found(wanted: Sequence[str], names: Sequence[str]) -> dict[int, int]:
    """Which row of the labels is of which of the names, by the name's row."""
    rows = _rows_by_sample(names, frozenset(wanted))
    found: dict[int, int] = {}
    for at, sample in enumerate(wanted):
        those = rows.get(sample, [])
        if len(those) > 1:
            raise InputError(f"{sample} is the id of samples of several: say pseudonym/sample")
        for row in those:
            if row in found:
                raise InputError(f"{sample} has more than one row of labels")
            found[row] = at
    return found


def _rows_by_sample(names: Sequence[str], wanted: Set[str]) -> dict[str, list[int]]:
    """Which rows go by a sample's id, and by pseudonym/sample, of those that are wanted."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if (said := parse_feature_name(name)) is not None:
            for key in (said.sample, f"{said.pseudonym}/{said.sample}"):
                if key in wanted:
                    rows.setdefault(key, []).append(row)
    return rows


def _table(given: Any) -> "pyarrow.Table":
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError:
        raise missing("labels need pyarrow", "catalog") from None
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.is_file():
            raise InputError(f"{path}: there is no such file of labels")
        try:
            if path.suffix == ".parquet":
                return parquet.read_table(path)
            # An id that is all digits is still a text.
            ids = csv.ConvertOptions(column_types={_KEY: pa.string()})
            return csv.read_csv(path, convert_options=ids)
        except (OSError, pa.ArrowException):
            form = "Parquet" if path.suffix == ".parquet" else "CSV"
            raise InputError(f"{path}: cannot be read as {form}") from None
    try:
        if hasattr(given, "iloc"):  # pandas, whose index is no column
            return pa.Table.from_pandas(given, preserve_index=False)
        if hasattr(given, "__arrow_c_stream__"):
            return pa.table(given)
        if isinstance(given, Iterable):
            return pa.Table.from_pylist(list(given))
    except (pa.ArrowException, AttributeError, TypeError):
        pass
    raise InputError(
        "labels are the path of a CSV or Parquet file, a pyarrow, pandas or polars table, or a"
        " list of dicts"
    )
