"""A server in trouble: asked again after a pause, never for ever, and never twice for one put."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Act, Trouble
from unvoiced.errors import AlreadyExists, NotFound, StoreError
from unvoiced.stores import open_store
from unvoiced.stores.s3 import S3Store
from unvoiced.stores.s3_url import s3_client

pytestmark = [pytest.mark.server, pytest.mark.slow]

READ_TIMEOUT = 0.6


@pytest.fixture
def bucket(s3_server: Seaweed) -> str:
    """A new versioned bucket."""
    return s3_server.bucket(versioned=True)


def opened(s3_trouble: Trouble, bucket: str) -> S3Store:
    """A store as `open_store` makes it, save that it does not wait a minute for an answer."""
    client = s3_client(s3_trouble.endpoint, "us-east-1", read_timeout=READ_TIMEOUT)
    return S3Store(bucket, client=client)


TROUBLES: dict[str, Callable[[Trouble], Act]] = {
    "slow down": lambda _: trouble.refuse(503, "SlowDown"),
    "internal error": lambda _: trouble.refuse(500, "InternalError"),
    "closed": lambda _: trouble.hang_up_before,
    "closed after": lambda _: trouble.hang_up_after,
    "stalled": lambda s3_trouble: s3_trouble.stall,
}


@pytest.mark.parametrize("kind", TROUBLES)
def test_one_failure_of_any_request_is_nobodys_business(
    s3_trouble: Trouble, bucket: str, kind: str
) -> None:
    """Put, replace, get, head, list, delete: each fails first and then does what it promises."""
    store = opened(s3_trouble, bucket)
    act = TROUBLES[kind](s3_trouble)
    s3_trouble.next(act, method="PUT")
    first = store.put_if_absent("p/one", b"first")
    s3_trouble.next(act, method="PUT")
    second = store.replace("p/one", b"second", version=first)
    s3_trouble.next(act, method="GET", part="p/one")
    assert store.get("p/one", second).data == b"second"
    s3_trouble.next(act, method="HEAD")
    head = store.head("p/one")
    assert head is not None
    assert head.version == second
    s3_trouble.next(act, method="GET", part="versions")
    assert [entry.version for entry in store.versions()] == [second, first]
    s3_trouble.next(act, method="DELETE")
    store.delete("p/one", second)
    assert [entry.version for entry in store.versions()] == [first]
    assert all(rule.used for rule in s3_trouble.rules)


@pytest.mark.parametrize("kind", ["closed after", "stalled after"])
def test_a_put_that_nobody_heard_the_answer_to_is_recognised(
    s3_trouble: Trouble, bucket: str, kind: str
) -> None:
    """Done once, sent twice: the version it made is returned, and there is no second one."""

    def stalled_after(forward: trouble.Forward) -> trouble.Answer:
        forward()
        return s3_trouble.stall(forward)

    act: Act = trouble.hang_up_after if kind == "closed after" else stalled_after
    store = opened(s3_trouble, bucket)
    s3_trouble.next(act, method="PUT")
    first = store.put_if_absent("p/one", b"first")
    s3_trouble.next(act, method="PUT")
    second = store.replace("p/one", b"second", version=first)
    assert [entry.version for entry in store.versions()] == [second, first]
    assert len([one for one in s3_trouble.seen if one.method == "PUT"]) == 4
    with pytest.raises(AlreadyExists):
        store.put_if_absent("p/one", b"first")


def test_pauses_grow_and_are_never_the_same(s3_trouble: Trouble, bucket: str) -> None:
    """Clients that failed together do not come back together: each pause is drawn at random."""
    pauses = []
    for name in ("a", "b", "c"):
        store = opened(s3_trouble, bucket)
        s3_trouble.behave()
        s3_trouble.next(trouble.refuse(500, "InternalError"), times=4, method="PUT")
        store.put_if_absent(f"p/{name}", b"1")
        times = [one.time for one in s3_trouble.seen]
        assert len(times) == 5
        pauses.append([later - sooner for sooner, later in itertools.pairwise(times)])
    # 50 ms, doubled with each attempt, times a random share; half a second for a busy machine.
    assert all(pause < 0.05 * 2**n + 0.5 for row in pauses for n, pause in enumerate(row))
    last = sorted(row[-1] for row in pauses)
    assert min(later - sooner for sooner, later in itertools.pairwise(last)) > 0.0005


@pytest.mark.parametrize("kind", TROUBLES)
@pytest.mark.parametrize("ask", ["put", "get", "list", "delete", "check"])
def test_trouble_without_end_is_an_error_in_bounded_time(
    s3_trouble: Trouble, bucket: str, kind: str, ask: str
) -> None:
    """Three attempts here; not one more, and no longer than their timeouts and pauses."""
    client = s3_client(s3_trouble.endpoint, "us-east-1", read_timeout=READ_TIMEOUT, attempts=3)
    store = S3Store(bucket, client=client)
    version = store.put_if_absent("p/there", b"1")
    s3_trouble.behave()
    s3_trouble.always(TROUBLES[kind](s3_trouble))
    acts = {
        "put": lambda: store.put_if_absent("p/one", b"1"),
        "get": lambda: store.get("p/there"),
        "list": lambda: list(store.list()),
        "delete": lambda: store.delete("p/there", version),
        "check": store.check_conditions,
    }
    begin = time.monotonic()
    with pytest.raises(StoreError) as caught:
        acts[ask]()
    # Timeouts, then pauses of at most 1 and 2 seconds.
    assert time.monotonic() - begin < 3 * READ_TIMEOUT + 3 + 2
    assert not isinstance(caught.value, NotFound | AlreadyExists)
    assert len(s3_trouble.seen) == 3


def test_a_flipped_byte_is_refused(s3_trouble: Trouble, bucket: str) -> None:
    """Bytes that are not those that were stored are an error; asked again, the right ones come."""
    store = opened(s3_trouble, bucket)
    store.put_if_absent("p/one", bytes(100_000))
    s3_trouble.next(trouble.flip_a_byte, method="GET", part="p/one")
    with pytest.raises(StoreError, match="FlexibleChecksumError: the bytes were changed"):
        store.get("p/one")
    assert store.get("p/one").data == bytes(100_000)


def test_an_answer_that_breaks_off_is_fetched_again(s3_trouble: Trouble, bucket: str) -> None:
    """Half of the bytes are never taken for all of them; breaking off for good is an error."""
    store = opened(s3_trouble, bucket)
    store.put_if_absent("p/one", bytes(100_000))
    s3_trouble.next(trouble.break_off, times=2, method="GET", part="p/one")
    assert store.get("p/one").data == bytes(100_000)
    s3_trouble.always(trouble.break_off, method="GET", part="p/one")
    with pytest.raises(StoreError, match="the answer broke off"):
        store.get("p/one")


def test_requests_one_after_the_other_share_a_connection(s3_trouble: Trouble, bucket: str) -> None:
    """Sixty requests, one connection."""
    store = open_store(s3_trouble.store_url(bucket))
    for n in range(20):
        version = store.put_if_absent(f"p/{n}", bytes(50_000))
        assert len(store.get(f"p/{n}").data) == 50_000
        store.delete(f"p/{n}", version)
    assert len(s3_trouble.seen) == 60
    assert s3_trouble.connections == 1


@pytest.mark.parametrize("threads", [8, 32])
def test_threads_share_the_client_and_its_connections(
    s3_trouble: Trouble, bucket: str, threads: int
) -> None:
    """No more connections than threads, up to the 32 that are kept open."""
    store = open_store(s3_trouble.store_url(bucket))

    def work(n: int) -> int:
        store.put_if_absent(f"p/{n}", b"%d" % n)
        return int(store.get(f"p/{n}").data)

    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(work, range(200))) == list(range(200))
    assert len(s3_trouble.seen) == 400
    assert s3_trouble.connections <= threads
