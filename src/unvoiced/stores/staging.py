"""Files on their way into a store: complete and on disk before they get an object's name.

A writer holds the lock of its new file until the temporary name is gone, so a temporary file that
nobody has locked is a dead writer's, whatever its age. Each process removes those at its first
write, and with a file that never became an object the lock that was written for it. Where the
writer died between the two names of one file, the temporary one goes with the object: otherwise
bytes that were deleted would live on under it.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from time import time_ns

from unvoiced.errors import StoreError
from unvoiced.stores.file_locks import FileLock, FileLocks
from unvoiced.stores.folder import DurableFolders

_FOLDER = (".tmp",)


def file_version(status: os.stat_result) -> str:
    """The token of the one put that made this file."""
    return f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"


class Staging:
    """The hidden folder for temporary files, on the store's own file system."""

    def __init__(self, folders: DurableFolders, locks: FileLocks) -> None:
        self._folders = folders
        self._locks = locks
        self._swept = False

    @contextlib.contextmanager
    def complete(self, data: bytes, key: str = "") -> Iterator[tuple[int, str, str]]:
        """The staging folder, and name and version of a complete, synced, locked file in it.

        The file is gone afterwards unless it was linked or renamed. `key` is that of the lock it
        is to have, if any: a sweep finds the lock by it.
        """
        with self._folders.made(_FOLDER) as folder:
            if not self._swept:
                self._sweep(folder)
                self._swept = True
            name, file = _locked_new_file(folder, f".{key}" if key else "")
            try:
                yield folder, name, _filled(file, data)
            finally:
                try:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=folder)
                finally:
                    os.close(file)

    def lock(self, key: str, version: str, lock: FileLock) -> None:
        """Write the lock of a version that is staged and bears no name yet."""
        with self.complete(lock.encode()) as (folder, name, _):
            self._locks.place(key, version, name, folder)

    def unlink_second_names(self, status: os.stat_result) -> None:
        """Remove any staging name of this object's file, which its caller has locked."""
        if status.st_nlink == 1:
            return
        with self._folders.made(_FOLDER) as folder:
            for name in os.listdir(folder):  # noqa: PTH208 - it is a descriptor
                with contextlib.suppress(FileNotFoundError):
                    staged = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if os.path.samestat(staged, status):
                        os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    def _sweep(self, folder: int) -> None:
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    status = os.fstat(file)
                    key = name.partition(".")[2]
                    if key and status.st_nlink == 1:
                        self._locks.remove(key, file_version(status))
                    os.unlink(name, dir_fd=folder)
                finally:
                    os.close(file)


def _filled(file: int, data: bytes) -> str:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    now = time_ns()
    os.utime(file, ns=(now, now))
    os.fsync(file)
    status = os.fstat(file)
    if status.st_mtime_ns != now:
        raise StoreError("this file system keeps no time in nanoseconds: versions would repeat")
    return file_version(status)


def _locked_new_file(folder: int, suffix: str) -> tuple[str, int]:
    while True:
        name = secrets.token_hex(16) + suffix
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        fcntl.flock(file, fcntl.LOCK_EX)
        # A sweep may have come between the two lines above and taken it for a dead writer's.
        if os.fstat(file).st_nlink:
            return name, file
        os.close(file)
