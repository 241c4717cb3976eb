"""Quarantine: recordings that could not become features, left sealed where they are.

The log says that one was quarantined and why, by digest. The record here says which object that is,
so that it is not read again at every run and an operator can find it. It holds a pseudonym and is
private, like the journal.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import rfc8785

from unvoiced.errors import AlreadyExists, NotFound, VerificationError
from unvoiced.stores.interface import Store

_PREFIX = "quarantine/"


@dataclass(frozen=True)
class QuarantineRecord:
    """One version of one object, the digest the log knows it by, and the reason."""

    name: str
    version: str
    sha256: str
    size: int
    reason: str
    time: str


class Held:
    """The object versions that have a record."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __contains__(self, place: tuple[str, str]) -> bool:
        return _record_name(*place) in self._names

    def __len__(self) -> int:
        return len(self._names)


class Quarantine:
    """Records in the journal store, under `quarantine/`, one per object version."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, record: QuarantineRecord) -> None:
        """Make a record durable; the first one about an object stands."""
        try:
            self._store.put_if_absent(
                _record_name(record.name, record.version), rfc8785.dumps(asdict(record))
            )
        except AlreadyExists:
            return

    def holds(self) -> "Held":
        """Which object versions have a record; reads no record."""
        return Held({listed.name for listed in self._store.list(_PREFIX)})

    def records(self) -> Iterator[QuarantineRecord]:
        """Every record there is."""
        for listed in self._store.list(_PREFIX):
            try:
                yield QuarantineRecord(**json.loads(self._store.get(listed.name).data))
            except NotFound:
                continue
            except (ValueError, TypeError):
                raise VerificationError(f"quarantine record {listed.name} is damaged") from None

    def find(self, name: str, version: str) -> QuarantineRecord | None:
        """The record of one object version, or None. Raises `VerificationError` if damaged."""
        place = _record_name(name, version)
        try:
            record = QuarantineRecord(**json.loads(self._store.get(place).data))
        except NotFound:
            return None
        except (ValueError, TypeError):
            raise VerificationError(f"quarantine record {place} is damaged") from None
        if (record.name, record.version) != (name, version):
            raise VerificationError(f"quarantine record {place} is of another object")
        return record

    def remove(self, record: QuarantineRecord) -> None:
        """Take a record out: the recording is released, or gone."""
        name = _record_name(record.name, record.version)
        listed = self._store.head(name)
        if listed is not None:
            self._store.delete(name, listed.version)


def _record_name(name: str, version: str) -> str:
    place = hashlib.sha256(f"{name}\n{version}".encode()).hexdigest()
    return f"{_PREFIX}{place}.json"
