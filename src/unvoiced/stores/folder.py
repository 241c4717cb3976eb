"""Folders below a store's root, reached segment by segment so that no symlink is ever followed.

Names come in as checked by `object_name`; everything below works on open folders (`dir_fd`), so a
folder that is swapped for a symlink between two calls leads nowhere.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from unvoiced.errors import StoreError

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY
# A folder has gone and come back under a writer this often only if something is badly wrong.
_ATTEMPTS = 1000
_REMEMBERED = 10_000


def open_folder(root: Path, segments: Sequence[str]) -> int:
    """The folder's descriptor, for its caller to close.

    Raises OSError (ENOENT, ENOTDIR, ELOOP) where it is none.
    """
    folder = os.open(root, _OPEN_FOLDER)
    try:
        for segment in segments:
            inner = _open_inner(folder, segment)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


@contextlib.contextmanager
def opened(root: Path, segments: Sequence[str]) -> Iterator[int]:
    """As `open_folder`, and closed afterwards."""
    folder = open_folder(root, segments)
    try:
        yield folder
    finally:
        os.close(folder)


def open_file(leaf: str, folder: int, name: str) -> tuple[int, os.stat_result] | None:
    """A plain file of an open folder, for its caller to close; None where there is none.

    Raises OSError for a symlink of this name, and `StoreError` for a device or a pipe.
    """
    try:
        file = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    status = os.fstat(file)
    if stat.S_ISREG(status.st_mode):
        return file, status
    os.close(file)
    if stat.S_ISDIR(status.st_mode):
        return None
    raise StoreError(f"{name}: not a plain file")


def status_of(leaf: str, folder: int) -> os.stat_result | None:
    """What an open folder has under a name, or None where it has nothing."""
    try:
        return os.stat(leaf, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def read_up_to(file: int, length: int) -> bytes:
    """That many bytes of an open file, from where it is, or as many as there are."""
    data = os.read(file, length)
    if len(data) == length or not data:
        return data
    parts = [data]
    while more := os.read(file, length - sum(map(len, parts))):
        parts.append(more)
    return data if len(parts) == 1 else b"".join(parts)


def make_root(root: Path) -> None:
    """Make the store's own folder (0700) and those above it, each on disk under its name."""
    try:
        root.mkdir(mode=0o700)
    except FileNotFoundError:
        make_root(root.parent)
        make_root(root)
        return
    except FileExistsError:
        if not root.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder") from None
        return
    above = os.open(root.parent, _OPEN_FOLDER)
    try:
        os.fsync(above)
    finally:
        os.close(above)


class DurableFolders:
    """Makes folders whose own entries are on disk before anything in them counts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        # Folders whose entry this process has seen to the disk. Another process may have made one
        # and not have synced it yet, hence once each and not only where the mkdir was ours.
        self._synced: dict[tuple[str, ...], int] = {}

    @contextlib.contextmanager
    def made(self, segments: Sequence[str]) -> Iterator[int]:
        """As `reach`, and closed afterwards."""
        folder = self.reach(segments)
        try:
            yield folder
        finally:
            os.close(folder)

    def reach(self, segments: Sequence[str]) -> int:
        """The folder's descriptor, for its caller to close; made where it is missing (0700)."""
        segments = tuple(segments)
        for _ in range(_ATTEMPTS):
            folder = os.open(self._root, _OPEN_FOLDER)
            try:
                for depth in range(len(segments)):
                    inner = self._step(folder, segments[: depth + 1])
                    os.close(folder)
                    folder = inner
            except FileNotFoundError:
                # A delete removed a folder on the way, empty at that moment: make it again.
                os.close(folder)
            except BaseException:
                os.close(folder)
                raise
            else:
                return folder
        raise FileNotFoundError(errno.ENOENT, "the folder does not stay")

    def _step(self, folder: int, segments: tuple[str, ...]) -> int:
        made = False
        try:
            inner = _open_inner(folder, segments[-1])
        except FileNotFoundError:
            self._synced.pop(segments, None)  # for whoever finds the new one before it is synced
            with contextlib.suppress(FileExistsError):
                os.mkdir(segments[-1], 0o700, dir_fd=folder)
                made = True  # it may have the inode of the one that was there before
            inner = _open_inner(folder, segments[-1])
        inode = os.fstat(inner).st_ino
        if made or self._synced.get(segments) != inode:
            try:
                os.fsync(folder)
            except BaseException:
                os.close(inner)
                raise
            if len(self._synced) >= _REMEMBERED:
                self._synced.clear()
            self._synced[segments] = inode
        return inner


def remove_empty(root: Path, segments: Sequence[str]) -> None:
    """Remove the folder and those above it as far as they are empty; the root stays.

    Nothing is synced: a folder that comes back after a power cut is empty and harmless.
    """
    for depth in range(len(segments), 0, -1):
        try:
            with opened(root, segments[: depth - 1]) as parent:
                os.rmdir(segments[depth - 1], dir_fd=parent)
        except OSError:
            return


def walk(root: Path, prefix: str, after: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Plain files whose path starts with the prefix, in the order of the path's bytes.

    Of paths greater than `after` alone; no folder is opened that holds none of them.
    Symlinks, devices and names that start with a dot are passed over; files and folders that
    vanish meanwhile are left out. Holds the names of one folder per level in memory.
    """
    *segments, _ = prefix.split("/")
    try:
        with opened(root, segments) as folder:
            yield from _walk(folder, "".join(f"{s}/" for s in segments), prefix, after)
    except (FileNotFoundError, NotADirectoryError):
        # A store whose root is gone is not an empty store.
        root.stat()


def subfolders(root: Path, prefix: str) -> Iterator[str]:
    """The names of the folders right below a prefix that is "" or ends in "/", in order.

    Of those that hold a file: a writer that died, or is about to write, leaves empty ones.
    """
    try:
        with opened(root, prefix.split("/")[:-1]) as folder, os.scandir(folder) as found:
            names = sorted(
                (_printable(entry.name), entry.name)
                for entry in found
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
            for shown, name in names:
                if _holds_a_file(folder, name):
                    yield shown
    except (FileNotFoundError, NotADirectoryError):
        root.stat()


def _holds_a_file(folder: int, name: str) -> bool:
    try:
        with _inner(folder, name) as inner:
            return next(_walk(inner, "", "", ""), None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False


def _walk(folder: int, path: str, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
    slash = ("", "/")
    with os.scandir(folder) as found:
        # The slash makes a folder sort as its objects' names do: "a-b/x" before "a/x". The order
        # is that of the names as they are shown, so that one of them can say where to go on.
        names = sorted(
            (here + slash[entry.is_dir(follow_symlinks=False)], entry.name)
            for entry in found
            if not entry.name.startswith(".")
            and (here := path + _printable(entry.name)).startswith(prefix)
            and (here > after or after.startswith(here))
        )
    for here, name in names:
        try:
            if here.endswith("/"):
                if here > after or after.startswith(here):
                    with _inner(folder, name) as inner:
                        yield from _walk(inner, here, prefix, after)
            elif here > after:
                found_now = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(found_now.st_mode):
                    yield here, found_now
        except (FileNotFoundError, NotADirectoryError):
            continue


def _printable(name: str) -> str:
    """A foreign file's name may be no UTF-8; what is listed must be printable."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def _inner(folder: int, name: str) -> Iterator[int]:
    inner = _open_inner(folder, name)
    try:
        yield inner
    finally:
        os.close(inner)


def _open_inner(folder: int, name: str) -> int:
    try:
        return os.open(name, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    except NotADirectoryError:
        # Linux says ENOTDIR for both; a plain file means "no such object", a symlink is refused.
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, "a symlink is in the way") from None
        raise
