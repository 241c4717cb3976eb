"""`deployments/server.py`: Prefect's SQLite under writers that get in each other's way."""

import asyncio
import gc
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from deployments import server

COUNT = sa.text("SELECT count(*) FROM words")
WRITE = sa.text("INSERT INTO words VALUES (:word)")


@pytest.fixture(autouse=True)
def waiting() -> Iterator[None]:
    """As a server that we start."""
    listeners = server.listeners()
    for one in listeners:
        event.listen(*one)
    yield
    for one in listeners:
        event.remove(*one)


@pytest.fixture
def database(tmp_path: Path) -> AioSqliteConfiguration:
    """Prefect's own way to a SQLite file, which has one table."""
    path = tmp_path / "prefect.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE words (word TEXT UNIQUE)")
    made.close()
    return AioSqliteConfiguration(f"sqlite+aiosqlite:///{path}")


@asynccontextmanager
async def transaction(database: AioSqliteConfiguration) -> AsyncIterator[AsyncSession]:
    """One of Prefect's: it begins without the right to write."""
    async with (
        await database.session(await engine(database)) as session,
        database.begin_transaction(session),
    ):
        yield session


async def engine(database: AioSqliteConfiguration) -> AsyncEngine:
    """The engine, of this event loop."""
    return await database.engine()


async def words(database: AioSqliteConfiguration) -> list[str]:
    """What is written."""
    async with transaction(database) as session:
        return list((await session.execute(sa.text("SELECT word FROM words"))).scalars())


def test_a_waiting_connection_never_stops_the_event_loop(
    database: AioSqliteConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One writes, one waits, and the collector frees a cursor of the one that waits.

    Inside SQLite, that lasted until the wait was over, with the loop standing still.
    """

    async def scene() -> float:
        async with transaction(database) as writer:
            await writer.execute(WRITE, {"word": "first"})

            async def other() -> None:
                async with transaction(database) as session:
                    raw = await (await session.connection()).get_raw_connection()
                    assert raw.driver_connection is not None
                    left = await raw.driver_connection.execute("SELECT 1 UNION SELECT 2")
                    await left.fetchone()
                    # An error's traceback makes such a ring, and nobody closes the cursor.
                    ring = [left]
                    ring.append(ring)  # type: ignore[arg-type]
                    del left, ring
                    await session.execute(WRITE, {"word": "second"})

            waits = asyncio.create_task(other())
            await asyncio.sleep(0.5)
            begun = time.monotonic()
            gc.collect()
            stood = time.monotonic() - begun
        await waits
        return stood

    monkeypatch.setattr(server, "_SECONDS", 20)
    gc.disable()
    try:
        assert asyncio.run(scene()) < 1
    finally:
        gc.enable()
    assert asyncio.run(words(database)) == ["first", "second"]


def test_a_transaction_that_read_what_is_stale_still_writes(
    database: AioSqliteConfiguration,
) -> None:
    """And sees what others have written from its first write on, as on PostgreSQL."""

    async def scene() -> tuple[int | None, int | None]:
        async with transaction(database) as session:
            before = (await session.execute(COUNT)).scalar()
            async with transaction(database) as other:
                await other.execute(WRITE, {"word": "other"})
            await session.execute(WRITE, {"word": "own"})
            return before, (await session.execute(COUNT)).scalar()

    assert asyncio.run(scene()) == (0, 2)
    assert asyncio.run(words(database)) == ["other", "own"]


def test_what_a_savepoint_stands_on_is_not_begun_anew(database: AioSqliteConfiguration) -> None:
    """It would be gone, so that transaction fails as it always did, and writes nothing."""

    async def scene() -> None:
        async with transaction(database) as session:
            await session.execute(COUNT)
            async with session.begin_nested():
                await session.execute(COUNT)
                async with transaction(database) as other:
                    await other.execute(WRITE, {"word": "other"})
                await session.execute(WRITE, {"word": "own"})

    with pytest.raises(OperationalError, match="locked"):
        asyncio.run(scene())
    assert asyncio.run(words(database)) == ["other"]


def test_whoever_waits_longest_is_told(
    database: AioSqliteConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever: a transaction inside another of the same task would never end."""

    async def scene() -> None:
        async with transaction(database) as outer:
            await outer.execute(WRITE, {"word": "outer"})
            with pytest.raises(OperationalError, match="locked"):
                async with transaction(database) as inner:
                    await inner.execute(WRITE, {"word": "inner"})

    monkeypatch.setattr(server, "_SECONDS", 0.5)
    asyncio.run(scene())
    assert asyncio.run(words(database)) == ["outer"]


@pytest.mark.parametrize("begun", [True, False], ids=["in a transaction", "each for itself"])
def test_many_rows_are_written_once_or_not_at_all(
    database: AioSqliteConfiguration, begun: bool
) -> None:
    """While somebody else writes, and where one of them may not be written."""
    rows = [{"word": str(number)} for number in range(100)]

    async def write(what: list[dict[str, str]]) -> None:
        if begun:
            async with transaction(database) as session:
                await session.execute(WRITE, what)
        else:
            async with await database.session(await engine(database)) as session:
                await session.execute(WRITE, what)
                await session.commit()

    async def scene() -> None:
        async with transaction(database) as writer:
            await writer.execute(WRITE, {"word": "first"})
            waits = asyncio.create_task(write(rows))
            await asyncio.sleep(0.3)
        await waits
        with pytest.raises(IntegrityError):
            await write([{"word": "new"}, {"word": "7"}])

    asyncio.run(scene())
    assert asyncio.run(words(database)) == ["first", *(row["word"] for row in rows)]


def test_twenty_writers_at_once_all_get_their_turn(database: AioSqliteConfiguration) -> None:
    """Each reads before it writes, ten times."""

    async def write(who: int) -> None:
        for number in range(10):
            async with transaction(database) as session:
                await session.execute(COUNT)
                await asyncio.sleep(0)
                await session.execute(WRITE, {"word": f"{who}-{number}"})

    async def scene() -> None:
        await asyncio.gather(*(write(who) for who in range(20)))

    asyncio.run(scene())
    assert len(set(asyncio.run(words(database)))) == 200
