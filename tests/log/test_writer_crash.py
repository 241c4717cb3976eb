"""A writer that dies, or is overtaken, at every single operation on the store."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.log.histories import (
    check_batches,
    check_no_superseded_tiles,
    check_published,
    check_tidy,
    logged,
    numbered,
)
from tests.log.troubled_stores import Crash, WatchedStore, at, crash
from unvoiced.errors import AlreadyExists, NotFound
from unvoiced.log.note import Signer
from unvoiced.log.pending import APPENDS
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.interface import Store
from unvoiced.stores.memory import MemoryStore

FIRST = numbered("first", 250)
BATCHES = [numbered("second", 10), numbered("third", 300)]


def no_waiting(_: int) -> None:
    """Racing writers of one thread need not wait for each other."""


def log_of_250(signer: Signer) -> WatchedStore:
    """A log six entries short of its first full tile."""
    store = WatchedStore(MemoryStore())
    LogWriter.create(store, signer).append(lambda _: FIRST)
    return store


def append_all(store: Store, signer: Signer, batches: list[list[bytes]], done: list[int]) -> None:
    """Open a writer and append each batch, noting each that was acknowledged."""
    writer = LogWriter(store, signer, back_off=no_waiting)
    for number, batch in enumerate(batches):
        writer.append(lambda _, batch=batch: batch)
        done.append(number)


def operations(signer: Signer) -> int:
    """How many operations the appends take that the tests below interrupt."""
    store = WatchedStore(log_of_250(signer))
    append_all(store, signer, BATCHES, [])
    return store.operations


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_any_operation_loses_and_doubles_nothing(when: str, signer: Signer) -> None:
    """The next writer finishes what was committed; what was not is not there in part."""
    for number in range(operations(signer)):
        inner = log_of_250(signer)
        done: list[int] = []
        with pytest.raises(Crash):
            append_all(WatchedStore(inner, **{when: at(number, crash)}), signer, BATCHES, done)
        LogWriter(inner, signer).append(lambda _: [b"after"])
        everything = [FIRST, *BATCHES, [b"after"]]
        entries = logged(inner, signer)
        assert entries[-1] == b"after"
        check_batches(entries, everything, 1 + len(done))
        check_published(inner, signer, inner.published)
        check_tidy(inner, signer)
        check_no_superseded_tiles(inner)


@pytest.mark.inv("INV-7")
@given(data=st.data())
def test_writers_that_die_one_after_another_lose_and_double_nothing(
    data: st.DataObject, signer: Signer
) -> None:
    """The next one dies while it finishes for the last one, and so on."""
    inner = log_of_250(signer)
    everything, sure = [FIRST], [FIRST]
    for number in range(data.draw(st.integers(2, 5))):
        batch = numbered(f"writer {number}", data.draw(st.sampled_from([1, 6, 300])))
        hook = {
            data.draw(st.sampled_from(["before", "after"])): at(
                data.draw(st.integers(0, 30)), crash
            )
        }
        done: list[int] = []
        everything.append(batch)
        with suppress(Crash):
            append_all(WatchedStore(inner, **hook), signer, [batch], done)
        sure += [batch] if done else []
    LogWriter(inner, signer)
    entries = logged(inner, signer)
    check_batches(entries, everything, 0)
    for batch in sure:
        assert batch[0] in entries
    check_published(inner, signer, inner.published)
    check_tidy(inner, signer)
    check_no_superseded_tiles(inner)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_while_a_log_is_created_leaves_none_or_one(when: str, signer: Signer) -> None:
    """Either it can be created still, or it is there and can be opened."""
    clean = WatchedStore(MemoryStore())
    LogWriter.create(clean, signer)
    for number in range(clean.operations):
        inner = MemoryStore()
        with pytest.raises(Crash):
            LogWriter.create(WatchedStore(inner, **{when: at(number, crash)}), signer)
        try:
            writer = LogWriter(inner, signer)
            with pytest.raises(AlreadyExists):
                LogWriter.create(inner, signer)
        except NotFound:
            writer = LogWriter.create(inner, signer)
        writer.append(lambda _: [b"entry"])
        assert logged(inner, signer) == [b"entry"]


@pytest.mark.inv("INV-7")
@pytest.mark.parametrize("count", [1, 6, 300])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rival_that_appends_at_any_operation_costs_nothing(
    when: str, count: int, signer: Signer
) -> None:
    """Whenever another writer comes in between, both have all their entries in the log once."""
    rivals = numbered("rival", count)
    for number in range(operations(signer)):
        inner = log_of_250(signer)

        def overtake(inner: Store = inner) -> None:
            LogWriter(inner, signer).append(lambda _: rivals)

        done: list[int] = []
        store = WatchedStore(inner, **{when: at(number, overtake)})
        append_all(store, signer, BATCHES, done)
        assert list(inner.list(APPENDS)) == []
        entries = logged(inner, signer)
        mine = [each for each in entries if not each.startswith(b"rival")]
        check_batches(mine, [FIRST, *BATCHES], 3)
        start = entries.index(rivals[0])
        assert entries[start : start + count] == rivals
        assert len(entries) == len(mine) + count
        check_published(inner, signer, inner.published)
        check_tidy(inner, signer)


def test_a_rival_that_appends_the_same_entries_is_told_apart(signer: Signer) -> None:
    """Two writers that log the same bytes at the same size both have them logged."""
    for number in range(operations(signer)):
        inner = log_of_250(signer)

        def overtake(inner: Store = inner) -> None:
            LogWriter(inner, signer).append(lambda _: BATCHES[0])

        append_all(WatchedStore(inner, before=at(number, overtake)), signer, BATCHES, [])
        expected = [*FIRST, *BATCHES[0], *BATCHES[0], *BATCHES[1]]
        assert sorted(logged(inner, signer)) == sorted(expected)


def test_build_can_drop_what_a_rival_logged(signer: Signer) -> None:
    """It is asked again at the size the log has by then, with everything below it readable."""
    wanted = numbered("wanted", 5)
    for number in range(operations(signer)):
        inner = log_of_250(signer)

        def build(size: int, inner: Store = inner) -> list[bytes]:
            known = set(LogReader(inner, signer.verifier).entries(0, size))
            return [each for each in wanted if each not in known]

        def overtake(inner: Store = inner, build=build) -> None:  # type: ignore[no-untyped-def]
            LogWriter(inner, signer).append(build)

        store = WatchedStore(inner, before=at(number, overtake))
        writer = LogWriter(store, signer, back_off=no_waiting)
        writer.append(build)
        assert logged(inner, signer) == FIRST + wanted
