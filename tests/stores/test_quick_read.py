"""Reading many objects: the quick way gives what the careful way gives, errors included."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.servers import seaweed
from tests.servers.trouble import Act, Trouble, break_off, hang_up_before, refuse
from unvoiced.errors import InputError, NotFound, StoreError, VerificationError
from unvoiced.stores import Store, open_store
from unvoiced.stores.file import FileStore
from unvoiced.stores.memory import MemoryStore
from unvoiced.stores.quick_read import quick_read
from unvoiced.stores.s3_url import open_s3

DATA = os.urandom(50_000)


@pytest.fixture
def url(s3_server: seaweed.Seaweed) -> str:
    """A folder of a bucket with one object in it."""
    bucket = s3_server.bucket(versioned=True)
    url = f"s3://{bucket}/deep/down?endpoint={s3_server.endpoint}&region={seaweed.REGION}"
    open_store(url).put_if_absent("a/one.unv", DATA)
    return url


class Careful:
    """A store that counts how often it is asked itself."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, name: str) -> object:
        """As the store does."""
        self.asked += 1
        return self._store.get(name)


@pytest.mark.server
def test_the_current_object_is_read_without_the_careful_way(url: str) -> None:
    """The same bytes, in a folder of the bucket; a newer one, once it was put over it."""
    store: Any = Careful(open_store(url))
    read = quick_read(store)
    assert read("a/one.unv") == DATA
    open_store(url).replace("a/one.unv", b"newer", version=store.head("a/one.unv").version)
    assert read("a/one.unv") == b"newer"
    assert not store.asked


@pytest.mark.server
def test_errors_are_those_of_the_careful_way(url: str) -> None:
    """A missing object, a name that is none, credentials that are nobody's."""
    read = quick_read(open_store(url))
    with pytest.raises(NotFound, match=r"a/two\.unv"):
        read("a/two.unv")
    with pytest.raises(InputError):
        read("../a/one.unv")
    strangers = boto3.Session("nobody", "no secret")
    with pytest.raises(StoreError, match=r"a/one\.unv"):
        quick_read(open_s3(url, strangers))("a/one.unv")


@pytest.mark.server
def test_an_object_of_a_bucket_that_is_too_large_is_not_read(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the answer says of its size, before its bytes; the careful way is not asked."""
    store: Any = Careful(open_store(url))
    monkeypatch.setattr("unvoiced.stores.quick_read.MOST", len(DATA) - 1)
    with pytest.raises(VerificationError, match=r"a/one\.unv: has 50,000 bytes"):
        quick_read(store)("a/one.unv")
    assert not store.asked


@pytest.mark.server
@pytest.mark.parametrize("act", [refuse(503, "SlowDown"), hang_up_before, break_off])
def test_a_server_in_trouble_is_asked_again_patiently(
    s3_server: seaweed.Seaweed, s3_trouble: Trouble, act: Act
) -> None:
    """Two answers fail, one to each way of asking: the bytes come all the same."""
    bucket = s3_server.bucket(versioned=True)
    store: Any = Careful(open_store(s3_trouble.store_url(bucket)))
    store.put_if_absent("a/one.unv", DATA)
    s3_trouble.next(act, times=2, method="GET", part="a/one")
    assert quick_read(store)("a/one.unv") == DATA
    assert store.asked == 1
    assert all(rule.used == 2 for rule in s3_trouble.rules)


def in_a_child(act: Callable[[], bool]) -> int:
    """The exit status of a forked process that does this, at most for ten seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        os._exit(0 if act() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.server
def test_a_forked_process_does_not_wait_for_threads_it_left_behind(url: str) -> None:
    """As workers of a DataLoader are forked, after the parent has read something."""
    read = quick_read(open_store(url))
    assert read("a/one.unv") == DATA
    assert in_a_child(lambda: read("a/one.unv") == DATA) == 0
    assert in_a_child(lambda: quick_read(open_store(url))("a/one.unv") == DATA) == 0
    assert read("a/one.unv") == DATA


def test_a_file_is_read_without_the_careful_way(tmp_path: Path) -> None:
    """The same bytes; and what is no file of the store's is the careful way's to refuse."""
    store: Any = Careful(FileStore(tmp_path / "store"))
    store.put_if_absent("a/one.unv", DATA)
    store.put_if_absent("a/empty.unv", b"")
    read = quick_read(store)
    assert read("a/one.unv") == DATA
    assert not store.asked
    assert read("a/empty.unv") == b""
    folder = tmp_path / "store" / "a"
    os.mkfifo(folder / "pipe.unv")
    (folder / "link.unv").symlink_to(folder / "one.unv")
    for name in ("a/none.unv", "a/pipe.unv", "a/link.unv", "a"):
        with pytest.raises(StoreError, match=name):
            read(name)
    with pytest.raises(InputError):
        read("../store/a/one.unv")


def test_a_file_of_terabytes_is_not_read(tmp_path: Path) -> None:
    """A sparse one; nor does the careful way try to hold it in memory."""
    store: Any = Careful(FileStore(tmp_path / "store"))
    store.put_if_absent("a/one.unv", DATA)
    os.truncate(tmp_path / "store/a/one.unv", 3 * 10**12)
    with pytest.raises(VerificationError, match=r"a/one\.unv: has 3,000,000,000,000 bytes"):
        quick_read(store)("a/one.unv")
    assert not store.asked


def test_a_store_that_knows_nothing_quicker_is_read_as_ever() -> None:
    """There is nothing quicker there."""
    store = MemoryStore("training")
    store.put_if_absent("a", b"1")
    assert quick_read(store)("a") == b"1"
