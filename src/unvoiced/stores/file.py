"""A store in a folder of the local file system.

- An object is one file, complete before it bears its name: written and synced under `.tmp`, then
  linked (put_if_absent: the link fails where the name is taken) or renamed (replace).
- A put returns after the folder that names the object is on disk too, and so are new folders.
- A file's bytes never change; its version is its modification time in nanoseconds (set by us),
  inode and size, so the same bytes put again are another version.
- `replace` and `delete` take the file's own lock, look whether the name still means that file, and
  act. A put holds the lock of its new file until its temporary name is gone, so a temporary file
  that nobody has locked is a dead writer's: it is removed at the next write of any process, and
  with the object itself where it is a second name of the same bytes.
- Files are 0600, folders 0700. A symlink, device or pipe under an object's name is refused and not
  listed; no symlink below the root is followed. A name that starts with a dot is not the store's.
"""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time_ns

from unvoiced.errors import AlreadyExists, Changed, NotFound, StoreError
from unvoiced.stores.folder import DurableFolders, opened, remove_empty, walk
from unvoiced.stores.interface import Entry, Stored
from unvoiced.stores.object_name import name_prefix, object_name

_TMP = (".tmp",)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ATTEMPTS = 1000


class FileStore:
    """`Store` in a folder, which is made where it is missing; see the module for its promises."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._folders = DurableFolders(self._root)
        self._swept = False
        with _refusals(self.url):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return self._root.as_uri()

    def put_if_absent(self, name: str, data: bytes) -> str:
        *folder, leaf = object_name(name).split("/")
        with _refusals(name):
            if self.head(name) is not None:
                raise _taken(name)
            with self._temporary(data) as (tmp, source, version):
                for _ in range(_ATTEMPTS):
                    with self._folders.made(folder) as target:
                        try:
                            os.link(
                                source, leaf, src_dir_fd=tmp, dst_dir_fd=target,
                                follow_symlinks=False,
                            )
                        except FileNotFoundError:
                            # A delete removed the folder between its making and the link.
                            continue
                        except FileExistsError:
                            raise self._in_the_way(name) from None
                        _unlink(tmp, source)
                        os.fsync(target)
                        return version
        raise StoreError(f"{name}: the folder does not stay")

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        *_, leaf = object_name(name).split("/")
        with _refusals(name):
            current = self.head(name)
            if current is None or current.version != version:
                raise _changed(name, version)
            with self._temporary(data) as (tmp, source, new), self._locked(name) as held:
                if held is None or _version(held[1]) != version:
                    raise _changed(name, version)
                target, old = held
                self._unlink_second_names(old)
                os.rename(source, leaf, src_dir_fd=tmp, dst_dir_fd=target)
                os.fsync(target)
                return new

    def get(self, name: str, version: str | None = None) -> Stored:
        object_name(name)
        with _refusals(name), self._file(name) as found:
            if found is None or version not in (None, _version(found[1])):
                wanted = f" version {version}" if version else ""
                raise NotFound(f"{name}: no such object{wanted}")
            file, status = found
            with os.fdopen(os.dup(file), "rb") as reader:
                data = reader.read()
            if len(data) != status.st_size:
                raise StoreError(f"{name}: {len(data)} of {status.st_size} bytes could be read")
            return Stored(name, _version(status), data)

    def head(self, name: str) -> Entry | None:
        object_name(name)
        with _refusals(name), self._file(name) as found:
            return _entry(name, found[1]) if found else None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        return self._entries(prefix)

    def versions(self, prefix: str = "") -> Iterator[Entry]:
        return self.list(prefix)

    def delete(self, name: str, version: str) -> None:
        *folder, leaf = object_name(name).split("/")
        with _refusals(name):
            with self._locked(name) as held:
                if held is None or _version(held[1]) != version:
                    return
                target, status = held
                self._unlink_second_names(status)
                os.unlink(leaf, dir_fd=target)
                os.fsync(target)
            remove_empty(self._root, folder)

    def _entries(self, prefix: str) -> Iterator[Entry]:
        with _refusals(f"{self.url} {prefix}".rstrip()):
            for name, status in walk(self._root, prefix):
                yield _entry(name, status)

    @contextlib.contextmanager
    def _file(self, name: str) -> Iterator[tuple[int, os.stat_result] | None]:
        """The object's file, open, or None where the name has none."""
        *folder, leaf = name.split("/")
        try:
            with opened(self._root, folder) as parent:
                file = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            # A store whose root is gone must not pass for one whose objects are.
            self._root.stat()
            file = -1
        if file < 0:
            yield None
            return
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                raise StoreError(f"{name}: not a plain file")
            yield (file, status) if stat.S_ISREG(status.st_mode) else None
        finally:
            os.close(file)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[tuple[int, os.stat_result] | None]:
        """The folder and the status of the object's file, which is locked and bears the name."""
        *folder, leaf = name.split("/")
        for _ in range(_ATTEMPTS):
            with self._file(name) as found:
                if found is None:
                    yield None
                    return
                fcntl.flock(found[0], fcntl.LOCK_EX)
                try:
                    with opened(self._root, folder) as parent:
                        now = os.stat(leaf, dir_fd=parent, follow_symlinks=False)
                        if os.path.samestat(now, found[1]):
                            # Its count of names may have changed while the lock was awaited.
                            yield parent, now
                            return
                except FileNotFoundError:
                    continue
        raise StoreError(f"{name}: changes too fast to be locked")

    @contextlib.contextmanager
    def _temporary(self, data: bytes) -> Iterator[tuple[int, str, str]]:
        """The temporary folder, and name and version of a complete, synced and locked file in it.

        The file is gone afterwards unless it was renamed.
        """
        with self._folders.made(_TMP) as tmp:
            if not self._swept:
                _sweep(tmp)
                self._swept = True
            source, file = _locked_new_file(tmp)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(file, rest) :]
                now = time_ns()
                os.utime(file, ns=(now, now))
                os.fsync(file)
                status = os.fstat(file)
                if status.st_mtime_ns != now:
                    raise StoreError("this file system keeps no time in nanoseconds")
                yield tmp, source, _version(status)
            finally:
                _unlink(tmp, source)
                os.close(file)

    def _unlink_second_names(self, status: os.stat_result) -> None:
        """Remove what a writer left that died between linking its file and unlinking `.tmp`'s."""
        if status.st_nlink > 1:
            with self._folders.made(_TMP) as tmp:
                for name in os.listdir(tmp):
                    with contextlib.suppress(FileNotFoundError):
                        if os.path.samestat(os.stat(name, dir_fd=tmp), status):
                            os.unlink(name, dir_fd=tmp)
                os.fsync(tmp)

    def _in_the_way(self, name: str) -> StoreError:
        *folder, leaf = name.split("/")
        with opened(self._root, folder) as parent:
            try:
                mode = os.stat(leaf, dir_fd=parent, follow_symlinks=False).st_mode
            except FileNotFoundError:
                return _taken(name)
        return StoreError(f"{name}: is a folder") if stat.S_ISDIR(mode) else _taken(name)


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"


def _entry(name: str, status: os.stat_result) -> Entry:
    modified = _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)
    return Entry(name, _version(status), status.st_size, modified)


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"{name}: an object is there already")


def _changed(name: str, version: str) -> Changed:
    return Changed(f"{name}: the current version is not {version}")


def _unlink(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _locked_new_file(tmp: int) -> tuple[str, int]:
    while True:
        name = secrets.token_hex(16)
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=tmp)
        fcntl.flock(file, fcntl.LOCK_EX)
        # A sweep may have come between the two lines above and taken it for a dead writer's.
        if os.fstat(file).st_nlink:
            return name, file
        os.close(file)


def _sweep(tmp: int) -> None:
    for name in os.listdir(tmp):
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=tmp)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name, dir_fd=tmp)
            finally:
                os.close(file)


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Turn the system's errors into ours: what it was about, and the system's words for it."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{what}: {error.strerror or type(error).__name__}") from None
