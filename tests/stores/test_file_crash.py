"""A file store after a crash, and after the file system refused: all of an object or none of it."""

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tests.stores.child import before_touch, exit_status
from unvoiced.errors import StoreError
from unvoiced.stores.file import FileStore

pytestmark = pytest.mark.slow  # a process for each touch of the file system

OLD, NEW = b"old" * 1000, b"new" * 1500
NAME = "p/q/one.unv"
# More touches than any operation makes; a test that never gets through fails at this number.
ENOUGH = 200


def put(store: FileStore) -> None:
    """Create the object."""
    store.put_if_absent(NAME, NEW)


def replace(store: FileStore) -> None:
    """Put over what is there."""
    entry = store.head(NAME)
    assert entry is not None
    store.replace(NAME, NEW, version=entry.version)


def delete(store: FileStore) -> None:
    """Destroy what is there."""
    entry = store.head(NAME)
    assert entry is not None
    store.delete(NAME, entry.version)


def put_locked(store: FileStore) -> None:
    """Create the object with a lock."""
    lock_it(store, NEW, datetime.now(UTC) + timedelta(days=1))


def lock_it(store: FileStore, data: bytes, until: datetime) -> None:
    """Put it until then."""
    store.put_locked(
        NAME,
        data,
        until=until,
        mode="GOVERNANCE",
        storage_class="GLACIER",
        labels={"digest": sha256(data).hexdigest()},
    )


CASES = [
    pytest.param(put, None, {None, NEW}, NEW, id="put"),
    pytest.param(replace, OLD, {OLD, NEW}, NEW, id="replace"),
    pytest.param(delete, OLD, {None, OLD}, None, id="delete"),
    pytest.param(put_locked, None, {None, NEW}, NEW, id="put locked"),
]


def prepared(root: Path, before: bytes | None) -> FileStore:
    """A new store, with the object in it where one is given."""
    store = FileStore(root)
    if before is not None:
        store.put_if_absent(NAME, before)
    return store


def contents(root: Path) -> bytes | None:
    """What stands under the one name there may be, read as another process would."""
    store = FileStore(root)
    names = [entry.name for entry in store.list()]
    assert names in ([], [NAME])
    return store.get(NAME).data if names else None


def locked(root: Path) -> list[str]:
    """The locks there are, by the version of the put, and nothing besides."""
    folder = root / ".locks"
    keys = list(folder.iterdir()) if folder.exists() else []
    return [path.name for key in keys for path in key.iterdir()]


def staged(root: Path) -> list[str]:
    """The temporary files there are."""
    folder = root / ".tmp"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


@pytest.mark.parametrize(("act", "before", "allowed", "after"), CASES)
def test_a_kill_at_any_call_leaves_all_or_nothing(
    tmp_path: Path,
    act: Callable[[FileStore], None],
    before: bytes | None,
    allowed: set[bytes | None],
    after: bytes | None,
) -> None:
    """SIGKILL before each call that touches the disk: whole, old or absent, and nothing staged."""
    for nth in range(ENOUGH):
        root = tmp_path / str(nth)
        store = prepared(root, before)

        def die_there(store: FileStore = store, nth: int = nth) -> None:
            with pytest.MonkeyPatch.context() as patch:
                before_touch(patch, nth, lambda: os.kill(os.getpid(), signal.SIGKILL))
                act(store)

        status = exit_status(die_there)
        assert status in (0, -signal.SIGKILL)
        found = contents(root)
        assert found in allowed
        FileStore(root).put_if_absent("other/next", b"")
        assert staged(root) == []
        entry = store.head(NAME)
        assert locked(root) == ([entry.version] if act is put_locked and entry else [])
        if status == 0:
            assert found == after
            assert nth > 5
            return
    pytest.fail("never got through")


@pytest.mark.parametrize(("act", "before", "allowed", "after"), CASES)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_refusal_at_any_call_leaves_all_or_nothing(
    tmp_path: Path,
    act: Callable[[FileStore], None],
    before: bytes | None,
    allowed: set[bytes | None],
    after: bytes | None,
    code: int,
) -> None:
    """The system refuses each call in turn: a StoreError in its words, nothing half or staged."""
    refused = 0
    for nth in range(ENOUGH):
        root = tmp_path / str(nth)
        store = prepared(root, before)
        reached: list[int] = []

        def refuse(reached: list[int] = reached, nth: int = nth) -> None:
            reached.append(nth)
            raise OSError(code, os.strerror(code), "/secret/path")

        said = None
        with pytest.MonkeyPatch.context() as patch:
            before_touch(patch, nth, refuse)
            try:
                act(store)
            except StoreError as error:
                refused += 1
                said = str(error)
        found = contents(root)
        assert found in allowed
        # Removing a folder that became empty is all that may fail without a word.
        assert said == f"{NAME}: {os.strerror(code)}" or found == after
        FileStore(root).put_if_absent("other/next", b"")
        assert staged(root) == []
        if not reached:
            break
    assert refused > 5


@pytest.mark.parametrize("act", [delete, replace])
def test_a_kill_never_leaves_an_object_without_its_labels(
    tmp_path: Path, act: Callable[[FileStore], None]
) -> None:
    """Its day is over and it is destroyed: until it is gone, its labels say what it is."""
    for nth in range(ENOUGH):
        root = tmp_path / str(nth)
        store = FileStore(root)
        lock_it(store, OLD, datetime.now(UTC) - timedelta(days=1))

        def die_there(store: FileStore = store, nth: int = nth) -> None:
            with pytest.MonkeyPatch.context() as patch:
                before_touch(patch, nth, lambda: os.kill(os.getpid(), signal.SIGKILL))
                act(store)

        status = exit_status(die_there)
        entry = FileStore(root).head(NAME)
        if entry is not None and FileStore(root).get(NAME).data == OLD:
            kept = FileStore(root).keeping(NAME, entry.version)
            assert kept is not None
            assert kept.labels == {"digest": sha256(OLD).hexdigest()}
        if status == 0:
            assert locked(root) == []
            assert nth > 5
            return
    pytest.fail("never got through")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of 64 kB, or None where this process may not mount one."""
    mount = tmp_path / "mount"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=64", "none", str(mount)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    yield mount if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def no_space(*_: object) -> int:
    """What os.write does on a full disk, for where none can be mounted."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, full_disk: Path | None) -> None:
    """A put that does not fit is refused whole, and the next one that fits goes through."""
    root = (full_disk or tmp_path) / "store"
    store = FileStore(root)
    store.put_if_absent("p/small", b"1")
    with pytest.MonkeyPatch.context() as patch:
        if full_disk is None:
            patch.setattr(os, "write", no_space)
        with pytest.raises(StoreError, match="p/large: No space left on device"):
            store.put_if_absent("p/large", bytes(200_000))
    assert [entry.name for entry in store.list()] == ["p/small"]
    assert staged(root) == []
    store.put_if_absent("p/fits", bytes(20_000))


def test_bytes_reach_the_disk_before_their_name_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File synced, then linked, then its folder synced; new folders synced into theirs first."""
    root = tmp_path / "store"
    store = FileStore(root)
    done: list[str] = []
    fsync, link, rename, unlink = os.fsync, os.link, os.rename, os.unlink

    def synced(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        kind = "staged file" if path.is_file() else str(path.relative_to(root))
        fsync(fd)
        done.append(f"sync {kind}")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "link", lambda *a, **k: (done.append("link"), link(*a, **k)))
    monkeypatch.setattr(os, "rename", lambda *a, **k: (done.append("rename"), rename(*a, **k)))
    monkeypatch.setattr(os, "unlink", lambda *a, **k: (done.append("unlink"), unlink(*a, **k)))
    version = store.put_if_absent(NAME, NEW)
    assert done == [
        "sync .",
        "sync staged file",
        "sync .",
        "sync p",
        "link",
        "unlink",
        "sync p/q",
        "unlink",
    ]
    done.clear()
    version = store.replace(NAME, OLD, version=version)
    assert done[:3] == ["sync staged file", "rename", "sync p/q"]
    done.clear()
    store.delete(NAME, version)
    assert done == ["unlink", "sync p/q"]


def test_a_dead_writers_second_name_goes_with_the_object(tmp_path: Path) -> None:
    """Killed between link and unlink, a put leaves two names; deleting leaves neither's bytes."""
    for nth in range(ENOUGH):
        root = tmp_path / str(nth)
        store = FileStore(root)
        # This store has swept already, so only the delete itself can notice.
        store.put_if_absent("other/first", b"1")

        def die_there(store: FileStore = store, nth: int = nth) -> None:
            with pytest.MonkeyPatch.context() as patch:
                before_touch(patch, nth, lambda: os.kill(os.getpid(), signal.SIGKILL))
                store.put_if_absent(NAME, NEW)

        assert exit_status(die_there) == -signal.SIGKILL
        entry = store.head(NAME)
        if entry is not None and staged(root):
            assert (root / NAME).stat().st_nlink == 2
            store.delete(NAME, entry.version)
            assert staged(root) == []
            return
    pytest.fail("no kill fell between the two")


def test_a_living_writers_file_is_not_swept(tmp_path: Path) -> None:
    """What a dead process staged goes at the next first write; what a living one stages stays."""
    root = tmp_path / "store"
    store = FileStore(root)
    dead = root / ".tmp" / "dead"
    inside, go = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow(fd: int) -> None:
        if (
            threading.current_thread() is writer
            and Path(f"/proc/self/fd/{fd}").readlink().is_file()
        ):
            inside.set()
            assert go.wait(20)
        fsync(fd)

    writer = threading.Thread(target=lambda: store.put_if_absent(NAME, NEW))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", slow)
        writer.start()
        assert inside.wait(20)
        dead.write_bytes(b"half")
        FileStore(root).put_if_absent("other/next", b"1")
        assert not dead.exists()
        assert len(staged(root)) == 1
        go.set()
        writer.join()
    assert {entry.name for entry in store.list()} == {NAME, "other/next"}
    assert staged(root) == []
