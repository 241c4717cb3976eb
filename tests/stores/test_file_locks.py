"""A file store's locks: they outlive the process that made them, and go with their object."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.stores.conftest import Clock
from tests.stores.test_locked_contract import LABELS, NAME, put, tomorrow
from unvoiced.errors import AlreadyExists, Locked, StoreError
from unvoiced.stores.file import FileStore


def lock_files(root: Path) -> list[str]:
    """The names of the locks there are: versions."""
    folder = root / ".locks"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


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
    assert (tmp_path / ".locks" / version).stat().st_mode & 0o777 == 0o600
    clock.skip_to(tomorrow())
    store.delete(NAME, version)
    assert lock_files(tmp_path) == []


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
    (tmp_path / ".locks" / version).write_bytes(damage)
    for act in (
        lambda: store.delete(NAME, version),
        lambda: store.replace(NAME, b"2", version=version),
        lambda: store.keeping(NAME, version),
    ):
        with pytest.raises(StoreError, match="damaged"):
            act()
    assert store.get(NAME).data == b"12345"
