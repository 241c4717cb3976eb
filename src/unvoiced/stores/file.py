"""A store in a folder of the local file system.

- An object is one file, complete before it bears its name: written and synced under `.tmp`, then
  linked (put_if_absent: the link fails where the name is taken) or renamed (replace).
- A put returns after the folder that names the object is on disk too, and so are new folders.
- A file's bytes never change; its version is its modification time in nanoseconds (set by us),
  inode and size, so the same bytes put again are another version.
- `replace` and `delete` take the file's own lock, look whether the name still means that file, and
  act. What a writer that died left behind goes as `staging` says.
- Locks stand in hidden files of their own (`file_locks`), found by an object's name and the digest
  of its bytes: only in a store that ever locked anything is an object read for that. This library
  keeps to them; the file system does not, so whoever may write to the folder need not.
- Files are 0600, folders 0700. A symlink, device or pipe under an object's name is refused and not
  listed; no symlink below the root is followed. A name that starts with a dot is not the store's.
"""

# ruff: noqa: D102 - what the methods promise stands once, at `Store`

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from unvoiced.clock import utc_now
from unvoiced.errors import AlreadyExists, Changed, Locked, NotFound, StoreError
from unvoiced.stores.file_locks import FileLock, FileLocks, PlacedLock, lock_key
from unvoiced.stores.folder import (
    DurableFolders,
    make_root,
    open_file,
    open_folder,
    opened,
    read_up_to,
    remove_empty,
    status_of,
    subfolders,
    walk,
)
from unvoiced.stores.interface import STANDARD, Entry, Keeping, Stored
from unvoiced.stores.object_name import folder_prefix, name_prefix, object_name
from unvoiced.stores.staging import Staging, file_version

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ATTEMPTS = 1000


class FileStore:
    """`Store` in a folder, which is made where it is missing; see the module for its promises.

    `now` is the clock by which locks end.
    """

    def __init__(self, root: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self._root = root.absolute()
        self._now = now
        self._folders = DurableFolders(self._root)
        self._locks = FileLocks(self._root, self._folders)
        self._staging = Staging(self._folders, self._locks)
        with _Refusals(self.url):
            make_root(self._root)

    @property
    def url(self) -> str:
        return self._root.as_uri()

    @property
    def quick_place(self) -> str:
        """The folder; for `quick_read`."""
        return str(self._root)

    def check_conditions(self, *, replacing: bool = True) -> None:
        """Nothing to ask anybody: the file system's link and this module's locks decide."""

    @property
    def together(self) -> int:
        return 1

    def put_if_absent(self, name: str, data: bytes) -> str:
        return self._create(name, data, None)

    def put_locked(
        self,
        name: str,
        data: bytes,
        *,
        until: datetime,
        mode: str,
        storage_class: str,
        labels: Mapping[str, str],
    ) -> str:
        # A folder has no storage classes; `keeping` says so.
        return self._create(name, data, FileLock(until, labels))

    def _create(self, name: str, data: bytes, lock: FileLock | None) -> str:
        object_name(name)
        with _Refusals(name):
            if self.head(name) is not None:
                raise _taken(name)
            key = lock_key(name, hashlib.sha256(data).hexdigest()) if lock is not None else ""
            with (
                self._staging.complete(data, key) as (tmp, source, version),
                contextlib.ExitStack() as undo,
            ):
                if lock is not None:
                    undo.callback(self._locks.remove, key, version)
                    self._staging.lock(key, version, lock)
                with self._linked(name, source, tmp) as target:
                    undo.pop_all()
                    os.unlink(source, dir_fd=tmp)
                    os.fsync(target)
                    return version

    @contextlib.contextmanager
    def _linked(self, name: str, source: str, tmp: int) -> Iterator[int]:
        """The folder that a staged file has got its name in. Raises `AlreadyExists`."""
        *folder, leaf = name.split("/")
        for _ in range(_ATTEMPTS):
            with self._folders.made(folder) as target:
                try:
                    os.link(source, leaf, src_dir_fd=tmp, dst_dir_fd=target, follow_symlinks=False)
                except FileNotFoundError:
                    # A delete removed the folder between its making and the link.
                    continue
                except FileExistsError:
                    raise self._in_the_way(name) from None
                yield target
                return
        raise StoreError(f"{name}: the folder does not stay")

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        *_, leaf = object_name(name).split("/")
        with _Refusals(name):
            current = self.head(name)
            if current is None or current.version != version:
                raise _changed(name, version)
            with self._staging.complete(data) as (tmp, source, new), self._locked(name) as held:
                if held is None or file_version(held[1]) != version:
                    raise _changed(name, version)
                target, old = held
                lock = self._lock_over(name, version)
                self._staging.unlink_second_names(old)
                os.rename(source, leaf, src_dir_fd=tmp, dst_dir_fd=target)
                os.fsync(target)
                if lock is not None:
                    self._locks.remove(lock.key, lock.file)
                return new

    def get(self, name: str, version: str | None = None) -> Stored:
        object_name(name)
        with _Refusals(name):
            data, status = self._read(name, version, None)
        if len(data) != status.st_size:
            raise StoreError(f"{name}: {len(data)} of {status.st_size} bytes could be read")
        return Stored(name, file_version(status), data)

    def get_start(self, name: str, version: str, length: int) -> bytes:
        object_name(name)
        with _Refusals(name):
            return self._read(name, version, length)[0]

    def _read(
        self, name: str, version: str | None, length: int | None
    ) -> tuple[bytes, os.stat_result]:
        found = self._open(name)
        if found is None:
            raise _missing(name, version)
        file, status = found
        try:
            if version not in (None, file_version(status)):
                raise _missing(name, version)
            # One byte more than there should be: that there is no more shows in the same call.
            return read_up_to(file, status.st_size + 1 if length is None else length), status
        finally:
            os.close(file)

    def head(self, name: str) -> Entry | None:
        object_name(name)
        with _Refusals(name):
            found = self._open(name)
        if found is None:
            return None
        os.close(found[0])
        return _entry(name, found[1])

    def list(self, prefix: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        return self._entries(prefix)

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        return self._entries(prefix, after)

    def folders(self, prefix: str = "") -> Iterator[str]:
        return self._subfolders(folder_prefix(prefix))

    def delete(self, name: str, version: str) -> None:
        (error,) = self.delete_many([(name, version)])
        if error is not None:
            raise error

    def delete_many(self, versions: Sequence[tuple[str, str]]) -> Sequence[StoreError | None]:
        folders: dict[str, list[tuple[str, str]]] = {}
        for one in versions:
            folders.setdefault(object_name(one[0]).rpartition("/")[0], []).append(one)
        outcome: dict[tuple[str, str], StoreError | None] = {}
        for path, there in folders.items():
            try:
                with _Refusals(there[0][0]):
                    outcome |= self._delete_in(path.split("/") if path else [], there)
            except StoreError as error:
                outcome |= dict.fromkeys(there, error)
        return [outcome[one] for one in versions]

    def _delete_in(
        self, path: Sequence[str], versions: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], StoreError | None]:
        """Delete in one folder, and see to it that all of it is on disk. Raises OSError."""
        outcome: dict[tuple[str, str], StoreError | None] = dict.fromkeys(versions)
        over: list[PlacedLock | None] = []
        with self._existing(path) as folder:
            if folder is None:
                return outcome
            for name, version in outcome:
                try:
                    with _Refusals(name):
                        over += self._unlink(folder, name, version)
                except StoreError as error:
                    outcome[name, version] = error
            if over:
                os.fsync(folder)
        for lock in over:
            if lock is not None:
                self._locks.remove(lock.key, lock.file)
        if over:
            remove_empty(self._root, path)
        return outcome

    def _unlink(self, folder: int, name: str, version: str) -> tuple[PlacedLock | None, ...]:
        """Take its name from this version's file: its lock, if it had one; () where it is gone.

        A version has its name once: no file that gets the name later, nor a folder, can be it.
        """
        leaf = name.rpartition("/")[2]
        found = open_file(leaf, folder, name)
        if found is None:
            return ()
        file, status = found
        try:
            if file_version(status) != version:
                return ()
            fcntl.flock(file, fcntl.LOCK_EX)
            # Its count of names may have changed while the lock was awaited.
            now = status_of(leaf, folder)
            if now is None or not os.path.samestat(now, status):
                return ()
            lock = self._lock_over(name, version)
            self._staging.unlink_second_names(now)
            os.unlink(leaf, dir_fd=folder)
        finally:
            os.close(file)
        return (lock,)

    def keeping(self, name: str, version: str) -> Keeping | None:
        found = self.head(name)
        if found is None or found.version != version:
            return None
        with _Refusals(name):
            placed = self._lock_of(name, version)
        if placed is None:
            return Keeping(found.size, STANDARD, None)
        return Keeping(found.size, STANDARD, placed.lock.until, labels=placed.lock.labels)

    def restore(self, name: str, version: str, *, days: int, tier: str) -> bool:
        found = self.head(name)
        if found is None or found.version != version:
            raise NotFound(f"{name}: no such object version {version}")
        return True

    def _lock_over(self, name: str, version: str) -> PlacedLock | None:
        """The version's lock, if it has one. Raises `Locked` before its day."""
        placed = self._lock_of(name, version)
        if placed is not None and placed.lock.until > self._now():
            raise Locked(f"{name}: the version is locked until {placed.lock.until:%F %R} UTC")
        return placed

    def _lock_of(self, name: str, version: str) -> PlacedLock | None:
        """The version's lock, over or not; None too where the name has another version now."""
        if not self._locks.any():
            return None
        with self._file(name) as found:
            if found is None or file_version(found[1]) != version:
                return None
            with os.fdopen(os.dup(found[0]), "rb") as reader:
                digest = hashlib.file_digest(reader, "sha256").hexdigest()
        return self._locks.find(lock_key(name, digest), version)

    def _subfolders(self, prefix: str) -> Iterator[str]:
        with _Refusals(f"{self.url} {prefix}".rstrip()):
            yield from subfolders(self._root, prefix)

    def _entries(self, prefix: str, after: str = "") -> Iterator[Entry]:
        with _Refusals(f"{self.url} {prefix}".rstrip()):
            for name, status in walk(self._root, prefix, after):
                yield _entry(name, status)

    def _open(self, name: str) -> tuple[int, os.stat_result] | None:
        """The object's file, for its caller to close, or None where the name has none."""
        *path, leaf = name.split("/")
        with self._existing(path) as folder:
            return None if folder is None else open_file(leaf, folder, name)

    @contextlib.contextmanager
    def _existing(self, path: Sequence[str]) -> Iterator[int | None]:
        """The folder's descriptor, or None where there is none."""
        try:
            folder = open_folder(self._root, path)
        except (FileNotFoundError, NotADirectoryError):
            # A store whose root is gone must not pass for one whose objects are.
            self._root.stat()
            yield None
            return
        try:
            yield folder
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _file(self, name: str) -> Iterator[tuple[int, os.stat_result] | None]:
        """As `_open`, and closed afterwards."""
        found = self._open(name)
        try:
            yield found
        finally:
            if found is not None:
                os.close(found[0])

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[tuple[int, os.stat_result] | None]:
        """The folder and the status of the object's file, which is locked and bears the name."""
        with contextlib.ExitStack() as held:
            yield self._lock(name, held)

    def _lock(self, name: str, held: contextlib.ExitStack) -> tuple[int, os.stat_result] | None:
        *folder, leaf = name.split("/")
        for _ in range(_ATTEMPTS):
            with contextlib.ExitStack() as attempt:
                found = attempt.enter_context(self._file(name))
                if found is None:
                    return None
                fcntl.flock(found[0], fcntl.LOCK_EX)
                with contextlib.suppress(FileNotFoundError):
                    parent = attempt.enter_context(opened(self._root, folder))
                    now = os.stat(leaf, dir_fd=parent, follow_symlinks=False)
                    if os.path.samestat(now, found[1]):
                        held.enter_context(attempt.pop_all())
                        # Its count of names may have changed while the lock was awaited.
                        return parent, now
        raise StoreError(f"{name}: changes too fast to be locked")

    def _in_the_way(self, name: str) -> StoreError:
        *folder, leaf = name.split("/")
        with opened(self._root, folder) as parent:
            try:
                mode = os.stat(leaf, dir_fd=parent, follow_symlinks=False).st_mode
            except FileNotFoundError:
                return _taken(name)
        return StoreError(f"{name}: is a folder") if stat.S_ISDIR(mode) else _taken(name)


def _entry(name: str, status: os.stat_result) -> Entry:
    modified = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
    return Entry(name, file_version(status), status.st_size, modified)


def _missing(name: str, version: str | None) -> NotFound:
    return NotFound(f"{name}: no such object{f' version {version}' if version else ''}")


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"{name}: an object is there already")


def _changed(name: str, version: str) -> Changed:
    return Changed(f"{name}: the current version is not {version}")


class _Refusals:
    """Turns the system's errors into ours: what it was about, and the system's words for it."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raise `StoreError` for an `OSError`."""
        if isinstance(error, OSError):
            raise StoreError(f"{self._what}: {error.strerror or type(error).__name__}") from None
