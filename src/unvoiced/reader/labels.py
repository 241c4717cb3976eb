"""Labels: what users know of samples, attached by sample id; they stay with whoever gives them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unvoiced.errors import InputError
from unvoiced.names import parse_feature_name

if TYPE_CHECKING:
    import pyarrow

_KEY = "sample"


@dataclass(frozen=True, eq=False)
class Labels:
    """Columns of values, one for each of some samples; None where a sample has none."""

    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def of(self, row: int) -> dict[str, Any]:
        """The labels of one of the samples."""
        return {column: values[row] for column, values in self.columns.items()}


def attach(given: Any, names: Sequence[str]) -> Labels:
    """Labels for the feature objects of these names.

    `given`: the path of a CSV or Parquet file, a pyarrow, pandas or polars table, or a list of
    dicts. Its column `sample` holds sample ids, or pseudonym/sample; labels of samples that are not
    among these are left aside. Raises `InputError` where that column is missing, a sample is named
    twice, an id is more than one contributor's, or nothing fits.
    """
    table = _table(given)
    if _KEY not in table.column_names:
        raise InputError(f"labels have a column {_KEY!r}: a sample id, or pseudonym/sample")
    rows = _rows_by_sample(names)
    wanted = [str(one) for one in table[_KEY].to_pylist()]
    found: dict[int, int] = {}  # row of the names -> row of the labels
    for at, sample in enumerate(wanted):
        those = rows.get(sample, [])
        if len(those) > 1:
            raise InputError(f"{sample} is the id of samples of several: say pseudonym/sample")
        for row in those:
            if row in found:
                raise InputError(f"{sample} has more than one row of labels")
            found[row] = at
    if wanted and names and not found:
        raise InputError(f"none of the {len(wanted):,} labels is of a sample that is here")
    columns = {}
    for column in table.column_names:
        if column != _KEY:
            values: list[Any] = [None] * len(names)
            given_values = table[column].to_pylist()
            for row, at in found.items():
                values[row] = given_values[at]
            columns[column] = values
    return Labels(columns)


def _rows_by_sample(names: Sequence[str]) -> dict[str, list[int]]:
    """Which rows go by a sample's id, and by pseudonym/sample."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if (said := parse_feature_name(name)) is not None:
            rows.setdefault(said.sample, []).append(row)
            rows.setdefault(f"{said.pseudonym}/{said.sample}", []).append(row)
    return rows


def _table(given: Any) -> "pyarrow.Table":
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError:
        raise InputError("labels need pyarrow: pip install 'unvoiced[catalog]'") from None
    try:
        if isinstance(given, str | Path):
            path = Path(given)
            if path.suffix == ".parquet":
                return parquet.read_table(path)
            # An id that is all digits is still a text.
            ids = csv.ConvertOptions(column_types={_KEY: pa.string()})
            return csv.read_csv(path, convert_options=ids)
        if hasattr(given, "iloc"):  # pandas, whose index is no column
            return pa.Table.from_pandas(given, preserve_index=False)
        if hasattr(given, "__arrow_c_stream__"):
            return pa.table(given)
        if isinstance(given, Iterable):
            return pa.Table.from_pylist(list(given))
    except OSError as error:
        raise InputError(f"{given}: {error.strerror or 'cannot be read'}") from None
    except (pa.ArrowException, AttributeError, TypeError):
        pass
    raise InputError(
        "labels are the path of a CSV or Parquet file, a pyarrow, pandas or polars table, or a"
        " list of dicts"
    )
