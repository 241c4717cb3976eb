"""Many calls at once: in order, bounded, and what is raised comes out where it belongs."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.stores.memory import MemoryStore
from unvoiced.stores.together import together, try_together

AT_ONCE = 4


def store(at_once: int = AT_ONCE) -> MemoryStore:
    """A store that says it is worth asking so much at once."""
    made = MemoryStore()
    made.together = at_once
    return made


def test_one_at_a_time_is_the_callers_own_thread() -> None:
    """No thread is made where the store gains nothing by it, and nothing is called early."""
    called: list[int] = []

    def call(n: int) -> int:
        assert threading.current_thread() is threading.main_thread()
        called.append(n)
        return n

    results = together(store(1), call, range(10))
    assert (next(results), next(results), called) == (0, 1, [0, 1])


def test_results_are_in_order_and_calls_overlap() -> None:
    """The first item is the slowest: the others are under way meanwhile."""
    everybody = threading.Barrier(AT_ONCE, timeout=10)

    def call(n: int) -> int:
        everybody.wait()
        time.sleep(0.02 * (n == 0))
        return -n

    assert list(together(store(), call, range(4 * AT_ONCE))) == [-n for n in range(4 * AT_ONCE)]


def test_no_more_is_taken_ahead_than_the_store_is_good_for() -> None:
    """An endless row of items, read by a consumer that stops: memory is bounded."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in itertools.count():
            taken.append(n)
            yield n

    results = together(store(), lambda n: n, items())
    for n in range(100):
        assert next(results) == n
        assert len(taken) <= n + 1 + AT_ONCE
    results.close()  # type: ignore[attr-defined]
    so_far = len(taken)
    time.sleep(0.05)
    assert len(taken) == so_far


def test_an_exception_comes_out_once_nothing_is_under_way() -> None:
    """What is put and what is cleaned up afterwards do not cross."""
    begun: list[int] = []
    ended: list[int] = []

    def call(n: int) -> int:
        if n == 0:
            time.sleep(0.02)
            raise NotFound("0")
        begun.append(n)
        time.sleep(0.1)
        ended.append(n)
        return n

    with pytest.raises(NotFound):
        list(together(store(), call, range(AT_ONCE)))
    assert begun
    assert sorted(ended) == sorted(begun)


def test_who_abandons_it_anywhere_waits_for_nobody() -> None:
    """The collector closes what was abandoned in whichever thread it runs: one of these, even."""
    go_on = threading.Event()
    abandoned = together(store(), lambda n: go_on.wait(20) and n, range(AT_ONCE))
    starter = threading.Thread(target=lambda: next(abandoned))
    starter.start()
    time.sleep(0.05)
    others = together(store(2 * AT_ONCE), lambda n: n, range(100))
    assert next(others) == 0
    others.close()  # type: ignore[attr-defined]
    go_on.set()
    starter.join()
    closing = together(store(), lambda n: n, range(100))
    assert next(closing) == 0

    def close_it(_: int) -> str:
        closing.close()  # type: ignore[attr-defined]
        abandoned.close()  # type: ignore[attr-defined]
        return "closed"

    assert list(together(store(), close_it, [1])) == ["closed"]


def test_calls_may_call_together() -> None:
    """Were each to wait for threads that wait themselves, none would ever end."""

    def call(n: int) -> int:
        return sum(together(store(), lambda m: m, range(n)))

    assert list(together(store(), call, [10] * (3 * AT_ONCE))) == [45] * (3 * AT_ONCE)


def test_an_exception_comes_out_in_its_place_and_nothing_is_begun_behind_it() -> None:
    """What stood before it was had; what was under way is finished."""
    called: list[int] = []

    def call(n: int) -> int:
        called.append(n)
        if n == 5:
            raise NotFound("5")
        return n

    had: list[int] = []
    with pytest.raises(NotFound, match="5"):
        had.extend(iter_into(had, together(store(), call, range(1000))))
    assert had == [0, 1, 2, 3, 4]
    assert len(called) <= 5 + AT_ONCE + 1


def iter_into(had: list[int], results: Iterator[int]) -> Iterator[int]:
    """Append as they come; yields nothing."""
    for one in results:
        had.append(one)
    yield from ()


@pytest.mark.parametrize("at_once", [1, AT_ONCE])
def test_errors_are_results_until_the_credentials_run_out(at_once: int) -> None:
    """A refusal is one item's; expired credentials are the end, and every later item says so."""
    called: list[int] = []

    def call(n: int) -> int:
        called.append(n)
        if n == 3:
            raise NotFound("3")
        if n == 10:
            raise CredentialsExpired("10")
        return n

    results = list(try_together(store(at_once), call, range(50)))
    assert results[:3] == [0, 1, 2]
    assert type(results[3]) is NotFound
    assert results[4:10] == list(range(4, 10))
    assert type(results[10]) is CredentialsExpired
    assert len(results) == 50
    assert len(called) <= 10 + 2 * at_once
    # One under way meanwhile has its own result.
    assert all(one is results[10] or one == n for n, one in enumerate(results) if n > 10)
    assert results[-1] is results[10]


def test_what_is_no_error_of_the_stores_is_raised() -> None:
    """A mistake of ours does not pass for a recording that was left."""
    with pytest.raises(ZeroDivisionError):
        list(try_together(store(), lambda n: StoreError(str(1 // n)), [1, 0]))
