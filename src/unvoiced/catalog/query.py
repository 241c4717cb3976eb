"""SQL over the catalog: DuckDB in this process, which sees one table and nothing else.

A query is its user's own, but may be pasted from anywhere: it reaches no file, no network and no
extension, and cannot let itself.
"""

from typing import TYPE_CHECKING, Any

from unvoiced.errors import InputError
from unvoiced.extras import missing

if TYPE_CHECKING:
    import duckdb
    import pyarrow

TABLE = "catalog"


def closed_connection() -> "duckdb.DuckDBPyConnection":
    """DuckDB in memory, without access to anything outside of it, for good."""
    try:
        import duckdb
    except ImportError:
        raise missing("queries need DuckDB", "catalog") from None
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def run_query(catalog: "pyarrow.Table", sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The columns and rows that a query over the table `catalog` gives. Raises `InputError`."""
    with closed_connection() as connection:
        import duckdb

        connection.register(TABLE, catalog)
        try:
            if not connection.extract_statements(sql):
                raise InputError("nothing was asked: a query is a select over the table catalog")
            found = connection.execute(sql)
            columns = [str(one[0]) for one in found.description or ()]
            return columns, found.fetchall()
        except duckdb.Error as error:
            raise InputError(f"the query does not work: {error}") from None
