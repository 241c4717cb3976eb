"""Where Prefect keeps its own data: a SQLite file of the server's, or PostgreSQL."""

import asyncio
import re
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # Prefect's own driver
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from unvoiced.errors import InputError, StoreError

SQLITE = "sqlite"
_DRIVER = "postgresql+asyncpg"
_SECONDS = 10
# What a URL may say after its `?`: anything else could be a password, which is not known for one.
_OPTIONS = re.compile(r"host=/[\w./-]+|ssl=(disable|allow|prefer|require|verify-ca|verify-full)")


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
    for name, value in url.query.items():
        if not (isinstance(value, str) and _OPTIONS.fullmatch(f"{name}={value}")):
            raise InputError(
                "--database: after `?` stand only ssl=MODE (as of libpq's sslmode) and host=/FOLDER"
                " of a socket; a password stands before the @"
            )
    return url


async def _connect(url: URL) -> None:
    _, as_prefect_does = url.get_dialect()().create_connect_args(url)
    try:
        connection = await asyncpg.connect(**as_prefect_does, timeout=_SECONDS)
        await connection.close()
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError) as error:
        why = str(error) or "no answer"
        if url.password:
            why = why.replace(url.password, "***")
        shown = url.render_as_string(hide_password=True)
        raise StoreError(f"the database {shown} cannot be used: {why}") from None
