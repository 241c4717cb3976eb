"""Locks and labels of a file store's objects: one hidden file each, named by the object's version.

- A lock is on disk before its object bears a name. Where its writer dies in between, it goes with
  the file that was staged for the object (`staging`).
- It goes after its object. A process that dies between the two leaves the labels, and no bytes of
  the object, under a name that is never looked up again.
- One that cannot be read holds: nobody can say that its day is over.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unvoiced.errors import StoreError
from unvoiced.stores.folder import DurableFolders, opened

_FOLDER = (".locks",)


@dataclass(frozen=True)
class FileLock:
    """Until when a version is not to be destroyed, and what it was labelled with."""

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


class FileLocks:
    """Reads and removes locks; `Staging` writes them, as it does all files."""

    def __init__(self, root: Path, folders: DurableFolders) -> None:
        self._root = root
        self._folders = folders

    def place(self, version: str, staged: str, staging: int) -> None:
        """Make a complete, synced file of the staging folder the lock of a version, durably."""
        with self._folders.made(_FOLDER) as folder:
            os.rename(staged, version, src_dir_fd=staging, dst_dir_fd=folder)
            os.fsync(folder)

    def read(self, version: str) -> FileLock | None:
        """The lock of a version, over or not. Raises `StoreError` for a damaged one."""
        try:
            with opened(self._root, _FOLDER) as folder:
                file = os.open(version, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
                with os.fdopen(file, "rb") as reader:
                    data = reader.read()
        except FileNotFoundError:
            return None
        try:
            return FileLock.decode(data)
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"the lock of version {version} is damaged: the object stays"
            ) from None

    def remove(self, version: str) -> None:
        """Take a lock away, of an object that is gone or never was."""
        with suppress(FileNotFoundError), opened(self._root, _FOLDER) as folder:
            os.unlink(version, dir_fd=folder)
