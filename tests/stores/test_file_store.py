"""What only a store in a folder can get wrong: modes, symlinks, rights, neighbours, urls."""

import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stores.child import exit_status, start, wait
from unvoiced.errors import AlreadyExists, Changed, InputError, StoreError
from unvoiced.stores import open_store
from unvoiced.stores.file import FileStore

NOBODY = 65534


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store whose root has two objects."""
    store = FileStore(tmp_path / "store")
    store.put_if_absent("p/one", b"1")
    store.put_if_absent("q/two", b"2")
    return store


def test_nobody_else_may_look(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask, the store's own folder included."""
    before = os.umask(0)
    try:
        FileStore(tmp_path / "new" / "store").put_if_absent("p/q/one", b"1")
    finally:
        os.umask(before)
    for path in (tmp_path / "new").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_symlink_is_no_object(store: FileStore, tmp_path: Path) -> None:
    """A symlink under an object's name is refused by every method, not listed, not followed."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    (tmp_path / "store" / "p" / "link").symlink_to(outside)
    for act in (
        lambda: store.get("p/link"),
        lambda: store.head("p/link"),
        lambda: store.put_if_absent("p/link", b"x"),
        lambda: store.replace("p/link", b"x", version="v"),
        lambda: store.delete("p/link", "v"),
    ):
        with pytest.raises(StoreError, match="p/link: ") as caught:
            act()
        assert not isinstance(caught.value, AlreadyExists)
    assert [entry.name for entry in store.list()] == ["p/one", "q/two"]
    assert outside.read_bytes() == b"secret"


def test_a_symlinked_folder_leads_nowhere(store: FileStore, tmp_path: Path) -> None:
    """Nothing is read, written or destroyed through a folder that is a symlink."""
    outside = FileStore(tmp_path / "outside")
    version = outside.put_if_absent("x", b"secret")
    (tmp_path / "store" / "link").symlink_to(tmp_path / "outside")
    for act in (
        lambda: store.get("link/x"),
        lambda: store.head("link/x"),
        lambda: store.put_if_absent("link/new", b"x"),
        lambda: store.delete("link/x", version),
        lambda: list(store.list("link/")),
    ):
        with pytest.raises(StoreError, match="link"):
            act()
    assert [entry.name for entry in store.list()] == ["p/one", "q/two"]
    assert [entry.name for entry in outside.list()] == ["x"]


def test_a_pipe_is_refused_without_waiting(store: FileStore, tmp_path: Path) -> None:
    """A named pipe under an object's name blocks nobody."""
    os.mkfifo(tmp_path / "store" / "p" / "pipe")
    with pytest.raises(StoreError, match="p/pipe: not a plain file"):
        store.get("p/pipe")
    assert [entry.name for entry in store.list("p/")] == ["p/one"]


def test_a_name_cannot_be_both_object_and_folder(store: FileStore) -> None:
    """A file system has no room for p and p/one: said as such, not as AlreadyExists."""
    with pytest.raises(StoreError, match="p: is a folder") as caught:
        store.put_if_absent("p", b"x")
    assert not isinstance(caught.value, AlreadyExists)
    with pytest.raises(StoreError, match="p/one/x: Not a directory"):
        store.put_if_absent("p/one/x", b"x")


def test_delete_leaves_no_empty_folder(store: FileStore, tmp_path: Path) -> None:
    """A folder's name is a pseudonym: it goes with the last object in it; the root stays."""
    for entry in list(store.list()):
        store.delete(entry.name, entry.version)
    assert [path.name for path in (tmp_path / "store").iterdir()] == [".tmp"]


def test_a_store_that_vanished_is_not_an_empty_store(store: FileStore, tmp_path: Path) -> None:
    """With its root gone (unmounted, moved), a store answers with an error, never "absent"."""
    shutil.rmtree(tmp_path / "store")
    for act in (lambda: store.head("p/one"), lambda: list(store.list())):
        with pytest.raises(StoreError, match="No such file"):
            act()


def test_foreign_names_are_listed(store: FileStore, tmp_path: Path) -> None:
    """A listing shows files this library would not write, hidden ones apart; get refuses them."""
    root = tmp_path / "store"
    (root / "p" / "not ours").write_bytes(b"x")
    (root / "p" / ".hidden").write_bytes(b"x")
    os.close(os.open(os.fsencode(root / "p") + b"/\xff", os.O_CREAT | os.O_WRONLY))
    assert [entry.name for entry in store.list("p/")] == ["p/\\xff", "p/not ours", "p/one"]
    assert [entry.name for entry in store.versions("p/", "p/\\xff")] == ["p/not ours", "p/one"]
    with pytest.raises(InputError):
        store.get("p/not ours")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that another user can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_what_lies_before_is_not_walked(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that goes on behind a name opens the folders on the way there and those behind."""
    for name in ("q/a/1", "q/b/1", "q/b/2", "q/c/1", "q/d/1", "r/1"):
        store.put_if_absent(name, b"1")
    opened, scandir = [], os.scandir

    def counted(folder: int) -> Any:
        opened.append(str(Path(f"/proc/self/fd/{folder}").readlink()).rpartition("store")[2])
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    listed = [entry.name for entry in store.versions("", "q/b/1")]
    assert listed == ["q/b/2", "q/c/1", "q/d/1", "q/two", "r/1"]
    assert opened == ["", "/q", "/q/b", "/q/c", "/q/d", "/r"]


def test_a_store_one_may_only_read(reachable: Path) -> None:
    """Without the right to write, reading works and writing says so, changing nothing."""
    root = reachable / "store"
    version = FileStore(root).put_if_absent("p/one", b"1")
    for path in (*root.rglob("*"), root):
        path.chmod(0o555 if path.is_dir() else 0o444)

    def as_reader() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        store = FileStore(root)
        assert store.get("p/one").data == b"1"
        for act in (
            lambda: store.put_if_absent("p/two", b"2"),
            lambda: store.replace("p/one", b"2", version=version),
            lambda: store.delete("p/one", version),
        ):
            with pytest.raises(StoreError, match=r"p/(one|two): Permission denied"):
                act()

    try:
        assert exit_status(as_reader) == 0
        assert [entry.version for entry in FileStore(root).list()] == [version]
    finally:
        for path in (root, *(p for p in root.rglob("*") if p.is_dir())):
            path.chmod(0o755)


def test_two_processes_in_one_folder(tmp_path: Path) -> None:
    """One process's delete may remove the folder the other is about to put into: both go on."""
    root = tmp_path / "store"
    FileStore(root)

    def busy(name: str) -> None:
        store, until, turns = FileStore(root), time.monotonic() + 1, 0
        while time.monotonic() < until:
            version = store.put_if_absent(name, b"x")
            assert store.get(name).version == version
            store.delete(name, version)
            turns += 1
        assert turns > 20

    children = [start(lambda name=name: busy(name)) for name in ("p/q/a", "p/q/b")]
    store = FileStore(root)
    seen = {entry.name for _ in range(100) for entry in store.list()}
    assert [wait(child) for child in children] == [0, 0]
    assert seen <= {"p/q/a", "p/q/b"}
    assert list(store.list()) == []
    assert [path.name for path in root.iterdir()] == [".tmp"]


def test_a_delete_under_way_holds_a_replace_back(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between delete's check and its unlink no replace gets in: its object would be destroyed."""
    entry = store.head("p/one")
    assert entry is not None
    inside, go, refused = threading.Event(), threading.Event(), threading.Event()
    unlink = os.unlink

    def slow(path: str, *, dir_fd: int) -> None:
        if path == "one":
            inside.set()
            assert go.wait(20)
        unlink(path, dir_fd=dir_fd)

    def replace() -> None:
        with pytest.raises(Changed):
            store.replace("p/one", b"new", version=entry.version)
        refused.set()

    monkeypatch.setattr(os, "unlink", slow)
    deleting = threading.Thread(target=store.delete, args=("p/one", entry.version))
    replacing = threading.Thread(target=replace)
    deleting.start()
    assert inside.wait(20)
    replacing.start()
    replacing.join(0.3)
    assert replacing.is_alive()
    go.set()
    deleting.join()
    replacing.join()
    assert refused.is_set()
    assert store.head("p/one") is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/data/raw", "file:///data/raw"),
        ("file://data/raw", "three slashes"),
        ("file:data", "in full"),
        ("file:///data?x=1", "three slashes"),
        ("gs://bucket", "s3://"),
        ("s3://", "names no bucket"),
        ("s3://Bad_Bucket/x", "names no bucket"),
        ("s3://bucket/../x", "not an object name"),
        ("s3://bucket/x?verify=0", "verify"),
        ("s3://bucket/x?endpoint=ftp://h", "http"),
    ],
)
def test_a_url_that_opens_no_store_says_what_would(url: str, said: str) -> None:
    """A path or a half-right url is refused with the form that was probably meant."""
    with pytest.raises(InputError, match=said):
        open_store(url)


@pytest.mark.parametrize(
    "url", ["s3://AKIA:hunter2@bucket/x", "s3://bucket?endpoint=http://u:hunter2@h"]
)
def test_a_url_with_credentials_is_refused_unquoted(url: str) -> None:
    """Credentials in a url would end up in logs; the refusal does not repeat them."""
    with pytest.raises(InputError) as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)


def test_a_url_survives_odd_folders(tmp_path: Path) -> None:
    """Spaces and percent signs in a store's path come back from its url."""
    store = FileStore(tmp_path / "a b%20ü")
    store.put_if_absent("p/one", b"1")
    assert open_store(store.url).get("p/one").data == b"1"


def test_a_memory_store_is_shared_by_name() -> None:
    """memory:// urls mean one store per name in a process."""
    open_store("memory://shared").put_if_absent("p/one", b"1")
    assert open_store("memory://shared").get("p/one").data == b"1"
    assert open_store("memory://other").head("p/one") is None
