"""Many calls to one store under way at once, where that is worth it, and their results in order.

- A store says itself how many (`Store.together`): in a folder, or in memory, calls are made one
  after the other in the caller's own thread; at a bucket, each waits for an answer most of its
  time, and a pool of threads makes them.
- No more than that many items are taken ahead of what the caller has had, so memory is bounded.
- A result stands where its item stood. So does an exception, and it is the end: who wants what
  comes behind it returns errors and does not raise them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from unvoiced.errors import CredentialsExpired, StoreError
from unvoiced.stores.interface import Store

T = TypeVar("T")
R = TypeVar("R")


def together(store: Store, call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `call` returns for each item, in order of the items.

    Who stops before the end waits for what is under way; nothing else is begun.
    """
    most = store.together
    if most == 1:
        yield from map(call, items)
        return
    waiting = iter(items)
    under_way: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(most, thread_name_prefix="unvoiced-store")
    try:
        under_way.extend(pool.submit(call, item) for item in islice(waiting, most))
        while under_way:
            result = under_way.popleft().result()
            under_way.extend(pool.submit(call, item) for item in islice(waiting, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


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
            expired.append(error)
            return error
        except StoreError as error:
            return error

    return together(store, attempt, items)
