"""A server that lets a put overwrite what it must not is found out before it can."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble
from unvoiced.errors import StoreError
from unvoiced.stores import Store, open_store
from unvoiced.stores.s3 import S3Store

PROBE = "probe/conditional-put"

pytestmark = pytest.mark.server


@pytest.fixture(params=[False, True], ids=["unversioned", "versioned"])
def bucket(request: pytest.FixtureRequest, s3_server: Seaweed) -> str:
    """A new bucket."""
    return s3_server.bucket(versioned=request.param)


@pytest.fixture
def watched(s3_trouble: Trouble, bucket: str) -> Iterator[Store]:
    """A store in it, seen through the proxy."""
    return open_store(s3_trouble.store_url(bucket, "p"))


def test_every_store_here_keeps_its_conditions(store: Store) -> None:
    """Memory and disk have nobody to ask; SeaweedFS is asked and does keep them."""
    for _ in range(2):
        store.check_conditions()


def test_the_first_check_leaves_one_tiny_object_and_later_ones_two_refused_requests(
    s3_trouble: Trouble, watched: Store
) -> None:
    """The steady state costs two puts, changes nothing and adds no version."""
    watched.check_conditions()
    (probe,) = watched.versions()
    assert (probe.name, probe.size < 100) == (PROBE, True)
    s3_trouble.behave()
    watched.check_conditions()
    asked = [(one.method, one.path.rpartition("/p/")[2]) for one in s3_trouble.seen]
    assert asked == [("PUT", PROBE), ("PUT", PROBE)]
    assert list(watched.versions()) == [probe]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_a_server_that_ignores_a_condition_is_refused(
    s3_trouble: Trouble, watched: Store, header: str, times: int
) -> None:
    """Whether the probe is there already or not; the error names the promise it lacks."""
    if times > 1:
        watched.check_conditions()
    s3_trouble.hide(header)
    with pytest.raises(StoreError, match=f"does not honour {header} on a put.*cannot be used"):
        watched.check_conditions()


def test_what_such_a_server_would_do(s3_trouble: Trouble, watched: Store) -> None:
    """Without the check nobody would notice: the second put wins as if the first had not been."""
    s3_trouble.hide("If-None-Match")
    watched.put_if_absent("a/one", b"first")
    watched.put_if_absent("a/one", b"second")
    assert watched.get("a/one").data == b"second"


@pytest.mark.parametrize("code", ["NotImplemented", "AccessDenied"])
def test_a_check_that_cannot_be_made_is_not_passed(
    s3_trouble: Trouble, watched: Store, code: str
) -> None:
    """A server that refuses the condition itself, or the put, has proved nothing."""
    s3_trouble.always(trouble.refuse(501 if code == "NotImplemented" else 403, code), method="PUT")
    with pytest.raises(StoreError, match=code):
        watched.check_conditions()


def test_a_check_whose_first_answer_got_lost_passes(s3_trouble: Trouble, watched: Store) -> None:
    """The request nobody heard of made the probe; sent again it is refused, as it must be."""
    s3_trouble.next(trouble.hang_up_after, method="PUT")
    watched.check_conditions()
    assert [entry.name for entry in watched.versions()] == [PROBE]


def test_a_conflict_is_asked_again(s3_trouble: Trouble, watched: Store) -> None:
    """Amazon's word for two conditional puts at once is no answer."""
    s3_trouble.next(trouble.refuse(409, "ConditionalRequestConflict"), times=2, method="PUT")
    watched.check_conditions()


def test_many_may_check_at_once(s3_server: Seaweed, bucket: str) -> None:
    """Sixteen start together in an empty bucket: all pass, and one probe stands."""
    stores = [open_store(s3_server.store_url(bucket)) for _ in range(4)]
    start = threading.Barrier(16)

    def check(index: int) -> None:
        start.wait()
        stores[index % 4].check_conditions()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(check, range(16)))
    assert [entry.name for entry in stores[0].versions()] == [PROBE]


def test_the_check_needs_no_more_than_to_put(s3_trouble: Trouble, bucket: str) -> None:
    """Everything but PUT is refused, and no question about the bucket is asked."""
    for method in ("GET", "HEAD", "DELETE", "POST"):
        s3_trouble.always(trouble.refuse(403, "AccessDenied"), method=method)
    open_store(s3_trouble.store_url(bucket)).check_conditions()


@pytest.mark.parametrize("header", ["If-None-Match", "If-Match"])
def test_who_may_not_replace_asks_for_the_first_alone(
    s3_trouble: Trouble, watched: Store, header: str
) -> None:
    """One refused put, none with If-Match: a role that only creates has no right to that."""
    watched.check_conditions(replacing=False)
    s3_trouble.behave()
    watched.check_conditions(replacing=False)
    assert [one.method for one in s3_trouble.seen] == ["PUT"]
    s3_trouble.hide(header)
    if header == "If-Match":
        watched.check_conditions(replacing=False)
    else:
        with pytest.raises(StoreError, match="does not honour If-None-Match"):
            watched.check_conditions(replacing=False)


def test_an_object_put_there_by_somebody_else_is_left_alone(
    s3_server: Seaweed, bucket: str
) -> None:
    """Whatever stands under the probe's name serves as well."""
    store = open_store(s3_server.store_url(bucket))
    store.put_if_absent(PROBE, json.dumps("somebody's").encode())
    store.check_conditions()
    assert isinstance(store, S3Store)
    assert json.loads(store.get(PROBE).data) == "somebody's"
