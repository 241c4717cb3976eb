"""Where Prefect keeps its own data: a SQLite file of the server's, or PostgreSQL."""

import asyncio
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # Prefect's own driver
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from unvoiced.errors import InputError, StoreError

SQLITE = "sqlite"
_DRIVER = "postgresql+asyncpg"
_SECONDS = 10


def database_url(given: str) -> str:
    """The URL that `--database` says: itself, what stands in @FILE, or "" for `sqlite`.

    A command line can be read by everybody on the machine, so no password may stand on it. Raises
    `InputError`.
    """
    if given == SQLITE:
        return ""
    from_file = given.startswith("@")
    if from_file:
        try:
            given = Path(given[1:]).expanduser().read_text().strip()
        except OSError as error:
            raise InputError(f"--database: {error.filename}: {error.strerror}") from None
    url = _parsed(given)
    if url.password and not from_file:
        raise InputError(
            "--database: everybody on this machine can read a command line. Put the URL with its"
            " password into a file that only you can read, and say --database @FILE"
        )
    return given


def described(url: str) -> str:
    """A database as it may be shown: without its password."""
    return _parsed(url).render_as_string(hide_password=True) if url else "SQLite"


def check_reachable(url: str) -> None:
    """Raises `StoreError` where the server would not reach its database; says why."""
    if url:
        asyncio.run(_connect(_parsed(url)))


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername != _DRIVER or not url.database:
        raise InputError(
            f"--database: not of the form {_DRIVER}://USER@HOST/DATABASE, nor {SQLITE}"
        )
    return url


async def _connect(url: URL) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = await asyncpg.connect(plain, timeout=_SECONDS)
        await connection.close()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        why = str(error) or "no answer"
        if url.password:
            why = why.replace(url.password, "***")
        shown = url.render_as_string(hide_password=True)
        raise StoreError(f"the database {shown} cannot be used: {why}") from None
