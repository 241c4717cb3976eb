"""Many calls to one store under way at once, where that is worth it, and their results in order.

- A store says itself how many (`Store.together`): in a folder, or in memory, calls are made one
  after the other in the caller's own thread; at a bucket, each waits for an answer most of its
  time, and a pool of threads makes them.
- No more than that many items are taken ahead of what the caller has had, so memory is bounded.
- A result stands where its item stood. So does an exception, and it is the end: who wants what
  comes behind it returns errors and does not raise them.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from unvoiced.errors import CredentialsExpired, StoreError
from unvoiced.stores.interface import Store

T = TypeVar("T")
R = TypeVar("R")


class _Threads(threading.local):
    pooled = False  # whether this is a thread of a pool


_here = _Threads()
_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}
_making = threading.Lock()


def _mark() -> None:
    _here.pooled = True


def _pool(threads: int) -> ThreadPoolExecutor:
    """This process's pool of so many threads.

    It is never shut down: whoever abandons an iteration may be the garbage collector, in a thread
    that must not wait for others.
    """
    key = (os.getpid(), threads)  # the threads of a pool are not in a forked child
    with _making:
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(threads, "unvoiced-store", _mark)
        return _pools[key]


def together(store: Store, call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `call` returns for each item, in order of the items.

    An exception comes out once nothing of this is under way any more. Who stops before the end does
    not wait; nothing else is begun.
    """
    most = store.together
    if most == 1 or _here.pooled:  # threads of a pool that waited for it could all wait
        yield from map(call, items)
        return
    waiting, pool = iter(items), _pool(most)
    under_way: deque[Future[R]] = deque()
    try:
        under_way.extend(pool.submit(call, item) for item in islice(waiting, most))
        while under_way:
            result = under_way.popleft().result()
            under_way.extend(pool.submit(call, item) for item in islice(waiting, 1))
            yield result
    except GeneratorExit:
        raise
    except BaseException:
        wait([future for future in under_way if not future.cancel()])
        raise
    finally:
        for future in under_way:
            future.cancel()


def try_together(
    store: Store, call: Callable[[T], R], items: Iterable[T]
) -> Iterator[R | StoreError]:
    """As `together`, with a `StoreError` that the call raises as the result in its place.

    Once the credentials have run out nothing more is called: the results that are left say so.
    """
    expired: list[CredentialsExpired] = []

    def attempt(item: T) -> R | StoreError:
        if expired:
            return expired[0]
        try:
            return call(item)
        except CredentialsExpired as error:
            expired.append(error.with_traceback(None))
            return error
        except StoreError as error:
            return error.with_traceback(None)  # its frames would hold this call's results

    return together(store, attempt, items)
