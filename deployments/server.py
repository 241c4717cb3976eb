"""`prefect server start` with a SQLite that is waited for: `python deployments/server.py`.

What Prefect 3.8 does on SQLite, seen on a busy machine:

- A connection waits up to 60 s for another one's write, inside SQLite, in a thread of its own that
  holds the connection's mutex. When Python's garbage collector then frees a cursor of the same
  connection (an earlier error left it), it does so in the event loop's thread, and wants that
  mutex: the loop stands still, so the writer that all wait for cannot go on, and the server
  answers nobody for a minute.
- A transaction that reads, and then writes after somebody else has written, fails at once with
  `database is locked`. Requests are answered 503, events are lost.

Started from here, no connection waits inside SQLite: what finds it locked asks again from the event
loop, for as long as Prefect would have waited. And a transaction's first write starts it anew where
what it has read is stale, which is what PostgreSQL does for it, and what Prefect is written for
(`READ COMMITTED`). PostgreSQL itself is not touched.
"""

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.pool import Pool
from sqlalchemy.util import await_only

# As long as Prefect's own `PRAGMA busy_timeout`.
_SECONDS = 60
_ASKED_EVERY = (0.005, 0.05)


def listeners() -> list[tuple[Any, str, Callable[..., object]]]:
    """What SQLAlchemy is to call for the SQLite connections of this process, from now on."""
    return [
        (Pool, "checkout", _never_wait_inside),
        (SQLiteDialect_aiosqlite, "do_execute", _execute),
        (SQLiteDialect_aiosqlite, "do_execute_no_params", _execute_no_params),
        (SQLiteDialect_aiosqlite, "do_executemany", _executemany),
    ]


def _never_wait_inside(connection: Any, record: Any, _proxy: Any) -> None:
    # Not at "connect": Prefect sets its own waiting time there, after us.
    if isinstance(connection, AsyncAdapt_aiosqlite_connection) and "told" not in record.info:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        cursor.close()
        record.info["told"] = True


def _execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    _patiently(cursor, context, lambda: cursor.execute(statement, parameters))
    return True


def _execute_no_params(cursor: Any, statement: str, context: Any) -> bool:
    _patiently(cursor, context, lambda: cursor.execute(statement))
    return True


def _executemany(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
    if _in_transaction(context):
        _patiently(cursor, context, lambda: cursor.executemany(statement, parameters))
        return True
    # Each row would be written for itself, and what was written must not be asked for again.
    _begin(cursor)
    try:
        cursor.executemany(statement, parameters)
        rows = cursor.rowcount
        cursor.execute("COMMIT")
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.rowcount = rows
    return True


def _patiently(cursor: Any, context: Any, execute: Callable[[], object]) -> None:
    """Execute a statement, waiting for whoever writes."""
    try:
        _asking_again(execute)
    except sqlite3.OperationalError as error:
        if (
            _code(error) != sqlite3.SQLITE_BUSY_SNAPSHOT
            or context.root_connection.in_nested_transaction()
        ):
            raise
        # The first write of this transaction, so nothing of it is undone.
        cursor.execute("ROLLBACK")
        _begin(cursor)
        execute()


def _begin(cursor: Any) -> None:
    _asking_again(lambda: cursor.execute("BEGIN IMMEDIATE"))


def _asking_again(execute: Callable[[], object]) -> None:
    limit = time.monotonic() + _SECONDS
    while True:
        try:
            execute()
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= limit:
                raise
        else:
            return
        await_only(asyncio.sleep(random.uniform(*_ASKED_EVERY)))  # noqa: S311


def _code(error: sqlite3.OperationalError) -> int:
    return getattr(error, "sqlite_errorcode", 0)  # errors of Python's own have none


def _in_transaction(context: Any) -> bool:
    return bool(context.root_connection.connection.driver_connection.in_transaction)


if __name__ == "__main__":
    from prefect.cli import app

    for one in listeners():
        event.listen(*one)
    sys.argv[0] = "prefect"
    sys.argv[1:1] = ["server", "start"]
    app()
