"""Choosing samples by a condition in SQL, over the catalog's columns and labels.

The condition is an expression that DuckDB computes in memory; it can read no file and change no
setting.
"""

from typing import TYPE_CHECKING

import numpy as np

from unvoiced.catalog.query import closed_connection
from unvoiced.catalog.table import no_catalog
from unvoiced.errors import InputError
from unvoiced.extras import missing
from unvoiced.names import SUFFIX
from unvoiced.reader.inventory import Inventory
from unvoiced.reader.order import Rows

if TYPE_CHECKING:
    import pyarrow

_ROW = "unvoiced_row"


def rows_where(inventory: Inventory, condition: str) -> Rows:
    """The rows for which it is true, in order.

    Columns: those of the catalog, null where it does not know the object (name, pseudonym, sample,
    feature_set and size always are known), and those of the labels. Raises `InputError` for a
    condition that DuckDB does not understand, or where it is not installed.
    """
    connection = closed_connection()
    import duckdb

    known = columns(inventory)
    try:
        table = connection.from_arrow(known.append_column(_ROW, [range(known.num_rows)]))
        found = table.filter(condition).project(_ROW).fetchnumpy()[_ROW]
    except duckdb.Error as error:
        said = str(error).partition("\n")[0]
        if isinstance(error, duckdb.BinderException):
            said = f"{said.rstrip('!')}; columns are: {', '.join(known.column_names)}"
            if inventory.catalog is None:
                said = f"{said}; {no_catalog()}"
        raise InputError(f"where {condition!r}: {said}") from None
    finally:
        connection.close()
    return np.sort(np.asarray(found, np.int64))


def columns(inventory: Inventory) -> "pyarrow.Table":
    """What a condition is about, a row a sample. Raises `InputError` for a label's bad name."""
    try:
        import pyarrow as pa
    except ImportError:
        raise missing("a table needs pyarrow", "catalog") from None

    import pyarrow.compute as pc

    names = pa.array(inventory.names, pa.string())
    said = pc.extract_regex(names, r"/(?P<pseudonym>[^/]+)/(?P<sample>[^/]+)" + f"{SUFFIX}$")
    known = {
        "name": names,
        "pseudonym": pc.struct_field(said, "pseudonym"),
        "sample": pc.struct_field(said, "sample"),
        "feature_set": pa.repeat(inventory.feature_set, len(names)),
        "size": pa.array(inventory.sizes, pa.int64()),
    }
    if inventory.catalog is not None:
        for column in inventory.catalog.column_names:
            known.setdefault(column, inventory.catalog[column])
    for column, values in inventory.labels.columns.items():
        if column.lower() in {one.lower() for one in known}:
            raise InputError(f"a column of labels is called {column!r}, as the catalog's is")
        known[column] = pa.array(values)
    return pa.table(known)
