"""A file store's locks: they outlive their process, travel with copies, go with their object."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stores.conftest import Clock
from tests.stores.test_contract import race
from tests.stores.test_locked_contract import LABELS, NAME, put, tomorrow
from unvoiced.errors import AlreadyExists, Locked, StoreError
from unvoiced.stores.file import FileStore


def lock_files(root: Path) -> list[str]:
    """The locks there are: versions of puts."""
    return sorted(path.name for path in locks(root))


def locks(root: Path) -> list[Path]:
    """The files of locks there are."""
    return list(root.glob(".locks/*/*"))


def test_a_lock_survives_the_process(tmp_path: Path) -> None:
    """Opened anew, the store still refuses, and still knows labels and day."""
    until = tomorrow()
    version = put(FileStore(tmp_path), until=until)
    again = FileStore(tmp_path)
    kept = again.keeping(NAME, version)
    assert kept is not None
    assert (kept.labels, kept.retain_until) == (LABELS, until)
    with pytest.raises(Locked, match=NAME):
        again.delete(NAME, version)


def test_a_lock_is_no_object(tmp_path: Path) -> None:
    """Not listed, not a folder, for nobody else to read, and gone with its object."""
    clock = Clock()
    store = FileStore(tmp_path, now=clock)
    version = put(store)
    assert [entry.name for entry in store.versions()] == [NAME]
    assert list(store.folders()) == ["p"]
    assert lock_files(tmp_path) == [version]
    assert (tmp_path / ".locks").stat().st_mode & 0o777 == 0o700
    (lock,) = locks(tmp_path)
    assert lock.stat().st_mode & 0o777 == 0o600
    assert lock.parent.stat().st_mode & 0o777 == 0o700
    clock.skip_to(tomorrow())
    store.delete(NAME, version)
    assert list((tmp_path / ".locks").iterdir()) == []


def test_a_replaced_objects_lock_goes_too(tmp_path: Path) -> None:
    """After its day."""
    clock = Clock()
    store = FileStore(tmp_path, now=clock)
    version = put(store)
    clock.skip_to(tomorrow())
    store.replace(NAME, b"newer", version=version)
    assert lock_files(tmp_path) == []


def test_a_put_that_was_refused_leaves_no_lock(tmp_path: Path) -> None:
    """Where the name is taken, is a folder, or has a file in its way."""
    store = FileStore(tmp_path)
    version = put(store)
    with pytest.raises(AlreadyExists):
        store._create(NAME, b"2", None)
    for name in (NAME, "p", f"{NAME}/below"):
        with pytest.raises(StoreError):
            put(store, name=name)
    assert lock_files(tmp_path) == [version]


def test_a_put_that_lost_a_race_leaves_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing stood there when it looked, and something when it linked."""
    store = FileStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(
            store, "head", lambda _: FileStore(tmp_path).put_if_absent(NAME, b"1") and None
        )
        with pytest.raises(AlreadyExists):
            put(store)
    assert lock_files(tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"retain_until": "soon", "labels": {}}'])
def test_a_damaged_lock_holds(tmp_path: Path, damage: bytes) -> None:
    """Nobody can say that its day is over, so the object stays, and the error says why."""
    clock = Clock(timedelta(days=10_000))
    store = FileStore(tmp_path, now=clock)
    version = put(store)
    (lock,) = locks(tmp_path)
    lock.write_bytes(damage)
    for act in (
        lambda: store.delete(NAME, version),
        lambda: store.replace(NAME, b"2", version=version),
        lambda: store.keeping(NAME, version),
    ):
        with pytest.raises(StoreError, match="damaged"):
            act()
    assert store.get(NAME).data == b"12345"


@pytest.mark.parametrize("keep_times", [True, False])
def test_a_copy_of_the_folder_keeps_its_locks(tmp_path: Path, keep_times: bool) -> None:
    """Other files with other versions, and before the day nothing destroys what they hold."""
    until = tomorrow()
    put(FileStore(tmp_path / "one"), until=until)
    copy = shutil.copy2 if keep_times else shutil.copyfile
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=copy)
    clock = Clock()
    again = FileStore(tmp_path / "two", now=clock)
    entry = again.head(NAME)
    assert entry is not None
    for _ in range(2):
        kept = again.keeping(NAME, entry.version)
        assert kept is not None
        assert (kept.labels, kept.retain_until) == (LABELS, until)
        with pytest.raises(Locked, match=NAME):
            again.delete(NAME, entry.version)
        with pytest.raises(Locked, match=NAME):
            again.replace(NAME, b"newer", version=entry.version)
    clock.skip_to(until)
    again.delete(NAME, entry.version)
    assert list(again.list()) == []
    assert lock_files(tmp_path / "two") == []


def test_a_lock_is_of_its_own_name_and_bytes(tmp_path: Path) -> None:
    """The same bytes under another name, and other bytes under the name, have no part in it."""
    store = FileStore(tmp_path)
    version = put(store)
    shutil.copy(tmp_path / NAME, tmp_path / "p/two.unv")
    for name, data in (("p/two.unv", None), (NAME, b"54321")):
        if data is not None:
            (tmp_path / name).unlink()
            (tmp_path / name).write_bytes(data)
        entry = store.head(name)
        assert entry is not None
        assert entry.version != version
        kept = store.keeping(name, entry.version)
        assert kept is not None
        assert (kept.labels, kept.retain_until) == ({}, None)
        store.delete(name, entry.version)


def test_racing_puts_of_the_same_bytes_keep_the_winners_lock(tmp_path: Path) -> None:
    """The loser's lock has the same key; neither its labels nor its clearing away touch another."""
    for turn in range(20):
        root = tmp_path / str(turn)

        def act(racer: int, root: Path = root) -> str | None:
            try:
                return put(FileStore(root), labels={"racer": str(racer)})
            except AlreadyExists:
                return None

        ((version, racer),) = {v: racer for racer, v in enumerate(race(4, act)) if v}.items()
        kept = FileStore(root).keeping(NAME, version)
        assert kept is not None
        assert kept.labels == {"racer": str(racer)}
        assert lock_files(root) == [version]


def test_where_nothing_was_ever_locked_no_object_is_read_to_destroy_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Digests are made only where there are locks to find by them."""
    store = FileStore(tmp_path)
    version = store.put_if_absent(NAME, b"1")
    with monkeypatch.context() as patch:
        patch.setattr("unvoiced.stores.file.hashlib.file_digest", None)
        assert store.keeping(NAME, version) is not None
        store.delete(NAME, version)
    assert list(store.list()) == []
