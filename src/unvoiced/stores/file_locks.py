"""Locks and labels of a file store's objects: hidden files, one for each locked put.

- A lock belongs to a name and the bytes under it, `.locks/{lock_key}/{version}`, so that a copy or
  a restored backup of the folder, whose files are other files, has its locks too. The version in it
  is that of the put: of two writers that race with one name, each has a lock of its own.
- A lock is on disk before its object bears a name. Where its writer dies in between, it goes with
  the file that was staged for the object (`staging`).
- It goes after its object. A process that dies between the two leaves the labels, and no bytes of
  the object, under a key that is looked up again only for the same bytes under the same name.
- One that cannot be read holds: nobody can say that its day is over.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unvoiced.errors import StoreError
from unvoiced.stores.folder import DurableFolders, opened

_FOLDER = ".locks"
_ATTEMPTS = 1000


def lock_key(name: str, sha256: str) -> str:
    """What the locks of an object are found by; `sha256` is the digest of its bytes, in hex."""
    return hashlib.sha256(f"{name}\0{sha256}".encode()).hexdigest()


@dataclass(frozen=True)
class FileLock:
    """Until when an object is not to be destroyed, and what it was labelled with."""

    until: datetime
    labels: Mapping[str, str]

    def encode(self) -> bytes:
        """As it stands in its file."""
        until = self.until.astimezone(UTC).isoformat()
        return json.dumps({"retain_until": until, "labels": dict(self.labels)}).encode()

    @classmethod
    def decode(cls, data: bytes) -> "FileLock":
        """Raises ValueError, KeyError or TypeError for what is none."""
        found = json.loads(data)
        until = datetime.fromisoformat(found["retain_until"])
        if until.tzinfo is None:
            raise ValueError("a time without its zone")
        return cls(until, dict(found["labels"]))


@dataclass(frozen=True)
class PlacedLock:
    """A lock and where it stands."""

    key: str
    file: str
    lock: FileLock


class FileLocks:
    """Finds and removes locks; `Staging` writes them, as it does all files."""

    def __init__(self, root: Path, folders: DurableFolders) -> None:
        self._root = root
        self._folders = folders

    def place(self, key: str, version: str, staged: str, staging: int) -> None:
        """Make a complete, synced file of the staging folder the lock of a put, durably."""
        for _ in range(_ATTEMPTS):
            with self._folders.made((_FOLDER, key)) as folder:
                try:
                    os.rename(staged, version, src_dir_fd=staging, dst_dir_fd=folder)
                except FileNotFoundError:
                    # Another lock of this key was removed, and the folder with it.
                    continue
                os.fsync(folder)
                return
        raise StoreError("the folder of a lock does not stay")

    def any(self) -> bool:
        """Whether anything was ever locked here."""
        return os.path.lexists(self._root / _FOLDER)

    def find(self, key: str, version: str) -> PlacedLock | None:
        """The lock of a version, over or not: that of its own put, else the longest of its bytes.

        Raises `StoreError` for a damaged one.
        """
        found: list[PlacedLock] = []
        with suppress(FileNotFoundError), opened(self._root, (_FOLDER, key)) as folder:
            files = os.listdir(folder)  # noqa: PTH208 - it is a descriptor
            for file in [version] if version in files else files:
                with suppress(FileNotFoundError):
                    found.append(PlacedLock(key, file, _read(folder, file)))
        return max(found, key=lambda one: one.lock.until, default=None)

    def remove(self, key: str, file: str) -> None:
        """Take a lock away, of an object that is gone or never was."""
        with suppress(FileNotFoundError):
            with opened(self._root, (_FOLDER, key)) as folder:
                os.unlink(file, dir_fd=folder)
            with opened(self._root, (_FOLDER,)) as folder, suppress(OSError):
                os.rmdir(key, dir_fd=folder)


def _read(folder: int, file: str) -> FileLock:
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as reader:
        data = reader.read()
    try:
        return FileLock.decode(data)
    except (ValueError, KeyError, TypeError):
        raise StoreError(f"the lock of version {file} is damaged: the object stays") from None
