"""A store in the memory of one process: for tests, with or without versions."""

# ruff: noqa: D102 - what the methods promise stands once, at `Store`

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from unvoiced.errors import AlreadyExists, Changed, Locked, NotFound, StoreError
from unvoiced.stores.deleting import delete_each
from unvoiced.stores.interface import STANDARD, Entry, Keeping, Stored
from unvoiced.stores.object_name import folder_prefix, name_prefix, object_name


@dataclass(frozen=True, slots=True)
class _Version:
    entry: Entry
    data: bytes
    retain_until: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


class MemoryStore:
    """Holds the contract of `Store` except durability; safe to share between threads.

    With `versioned`, a replaced object stays as a noncurrent version, as in a versioned bucket.
    `now` is the clock by which objects are dated and locks end.
    """

    def __init__(
        self,
        label: str = "unnamed",
        *,
        versioned: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.url = f"memory://{label}"
        self.together = 1
        self._versioned = versioned
        self._now = now
        self._lock = threading.Lock()
        self._tokens = itertools.count(1)
        # Oldest version first; a name without versions has no key.
        self._objects: dict[str, tuple[_Version, ...]] = {}

    def check_conditions(self, *, replacing: bool = True) -> None:
        """Nothing to ask anybody: a lock in this process decides."""

    def put_if_absent(self, name: str, data: bytes) -> str:
        object_name(name)
        with self._lock:
            if self._current(name) is not None:
                raise AlreadyExists(f"{name}: an object is there already")
            return self._add(name, data)

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        object_name(name)
        with self._lock:
            current = self._current(name)
            if current is None or current.entry.version != version:
                raise Changed(f"{name}: the current version is not {version}")
            if not self._versioned:
                self._refuse_locked(current)
            return self._add(name, data)

    def get(self, name: str, version: str | None = None) -> Stored:
        object_name(name)
        with self._lock:
            if version is None:
                found = self._current(name)
            else:
                found = next(
                    (
                        kept
                        for kept in self._objects.get(name, ())
                        if kept.entry.version == version and not kept.entry.delete_marker
                    ),
                    None,
                )
        if found is None:
            raise NotFound(f"{name}: no such object" + (f" version {version}" if version else ""))
        return Stored(name, found.entry.version, found.data)

    def get_start(self, name: str, version: str, length: int) -> bytes:
        return self.get(name, version).data[:length]

    def head(self, name: str) -> Entry | None:
        object_name(name)
        with self._lock:
            current = self._current(name)
        return current.entry if current else None

    def list(self, prefix: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        with self._lock:
            found = [
                kept[-1].entry
                for name, kept in self._objects.items()
                if name.startswith(prefix) and not kept[-1].entry.delete_marker
            ]
        return iter(sorted(found, key=lambda entry: entry.name))

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        name_prefix(prefix)
        with self._lock:
            found = [
                version.entry
                for name, kept in self._objects.items()
                if name.startswith(prefix) and name > after
                for version in reversed(kept)
            ]
        return iter(sorted(found, key=lambda entry: entry.name))

    def folders(self, prefix: str = "") -> Iterator[str]:
        folder_prefix(prefix)
        with self._lock:
            below = [name.removeprefix(prefix) for name in self._objects if name.startswith(prefix)]
        return iter(sorted({name.partition("/")[0] for name in below if "/" in name}))

    def delete(self, name: str, version: str) -> None:
        object_name(name)
        with self._lock:
            for found in self._objects.get(name, ()):
                if found.entry.version == version:
                    self._refuse_locked(found)
            kept = tuple(v for v in self._objects.get(name, ()) if v.entry.version != version)
            if kept:
                self._objects[name] = kept
            else:
                self._objects.pop(name, None)

    def delete_many(self, versions: Sequence[tuple[str, str]]) -> Sequence[StoreError | None]:
        return delete_each(self, versions)

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
        object_name(name)
        with self._lock:
            if self._current(name) is not None:
                raise AlreadyExists(f"{name}: an object is there already")
            return self._add(name, data, until=until, storage_class=storage_class, labels=labels)

    def keeping(self, name: str, version: str) -> Keeping | None:
        object_name(name)
        with self._lock:
            for found in self._objects.get(name, ()):
                if found.entry.version == version and not found.entry.delete_marker:
                    entry = found.entry
                    return Keeping(
                        entry.size, entry.storage_class, found.retain_until, labels=found.labels
                    )
        return None

    def restore(self, name: str, version: str, *, days: int, tier: str) -> bool:
        self.get(name, version)
        return True  # whatever its class is called, it is in memory

    def hide(self, name: str) -> str:
        """Put a delete marker on top, as a plain DELETE does in a versioned bucket."""
        object_name(name)
        if not self._versioned:
            raise ValueError("only a versioned store has delete markers")
        with self._lock:
            return self._add(name, b"", delete_marker=True)

    def _refuse_locked(self, found: _Version) -> None:
        until = found.retain_until
        if until is not None and until > self._now():
            raise Locked(f"{found.entry.name}: the version is locked until {until:%F %R} UTC")

    def _current(self, name: str) -> _Version | None:
        kept = self._objects.get(name)
        return kept[-1] if kept and not kept[-1].entry.delete_marker else None

    def _add(
        self,
        name: str,
        data: bytes,
        *,
        delete_marker: bool = False,
        until: datetime | None = None,
        storage_class: str = STANDARD,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        token = f"{next(self._tokens):08x}"
        entry = Entry(name, token, len(data), self._now(), delete_marker, storage_class)
        earlier = self._objects.get(name, ()) if self._versioned else ()
        added = _Version(entry, bytes(data), until, dict(labels or {}))
        self._objects[name] = (*earlier, added)
        return token
