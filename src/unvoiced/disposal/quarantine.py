"""Quarantine: recordings that could not become features, left sealed where they are.

The log says that one was quarantined and why, by digest. The record here says which object that is,
so that it is not read again at every run and an operator can find it. It holds a pseudonym and is
private, like the journal.

What has a record is not ingested, and goes by another rule of retention. So each is signed by the
log's key, for the object version that its own name is made of: who can write to the store can hide
no recording with one, nor have one destroyed. What nobody of ours signed counts as no record. One
that was taken out can be put back as it was, so a record holds only while the log says the same
(`Records.in_quarantine`).
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from unvoiced.errors import (
    AlreadyExists,
    CredentialsExpired,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.log.note import MAX_NOTE_BYTES, Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores.interface import Entry, Store

_PREFIX = "quarantine/"
_TITLE = "unvoiced quarantine record v1"


@dataclass(frozen=True)
class QuarantineRecord:
    """One version of one object, the digest the log knows it by, and the reason."""

    name: str
    version: str
    sha256: str
    size: int
    reason: str
    time: str
    log_size: int  # entries in the log by then: what it said of the digest before is older


@dataclass(frozen=True)
class Records:
    """The genuine records at one moment, by (name, version) of what they are about."""

    by_place: Mapping[tuple[str, str], QuarantineRecord] = field(default_factory=dict)
    planted: tuple[str, ...] = ()  # names of objects that are no genuine records

    def __iter__(self) -> Iterator[QuarantineRecord]:
        return iter(self.by_place.values())

    def __len__(self) -> int:
        return len(self.by_place)

    def of(self, name: str, version: str) -> QuarantineRecord | None:
        """The record of one object version, or None."""
        return self.by_place.get((name, version))

    def in_quarantine(self, by_the_log: Collection[str]) -> "Records":
        """Those whose digest the log has in quarantine too."""
        found = {place: one for place, one in self.by_place.items() if one.sha256 in by_the_log}
        return Records(found, self.planted)


class Quarantine:
    """Records in the journal store, under `quarantine/`; `verifier` is the log's public key."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier
        # (object name, version) -> what it is; None for what is no genuine record
        self._read: dict[tuple[str, str], QuarantineRecord | None] = {}

    def add(self, record: QuarantineRecord, signer: Signer) -> None:
        """Make a record durable. The first genuine one of these bytes stands; others make way."""
        place = _record_name(record.name, record.version)
        note = sign_statement(_TITLE, asdict(record), signer)
        try:
            self._store.put_if_absent(place, note)
        except AlreadyExists:
            listed = self._store.head(place)
            there = self._genuine(listed) if listed is not None else None
            if there is None or there.sha256 != record.sha256:
                self._put_in_place_of(place, note)

    def records(self) -> Records:
        """What there is. Each object is read once in the life of this one, or when it changed."""
        found: dict[tuple[str, str], QuarantineRecord] = {}
        planted: list[str] = []
        for entry in self._store.list(_PREFIX):
            try:
                record = self._genuine(entry)
            except NotFound:  # taken out meanwhile
                continue
            if record is None:
                planted.append(entry.name)
            else:
                found[record.name, record.version] = record
        return Records(found, tuple(planted))

    def remove(self, record: QuarantineRecord) -> None:
        """Take a record out: the recording is released, or gone."""
        name = _record_name(record.name, record.version)
        listed = self._store.head(name)
        if listed is not None:
            self._store.delete(name, listed.version)

    def _put_in_place_of(self, place: str, note: bytes) -> None:
        for entry in list(self._store.versions(place)):
            if entry.name == place:
                self._store.delete(place, entry.version)
        try:
            self._store.put_if_absent(place, note)
        except AlreadyExists:  # another run's, or one planted again: the next run sees which
            return

    def _genuine(self, entry: Entry) -> QuarantineRecord | None:
        """Raises `NotFound` where it is gone, `CredentialsExpired`, and nothing for what it says.

        What cannot be read counts as none: one object in a cold storage class must stop nobody.
        """
        known = (entry.name, entry.version)
        if known not in self._read:
            if entry.size > MAX_NOTE_BYTES:
                return None
            try:
                note = self._store.get(*known).data
            except (NotFound, CredentialsExpired):
                raise
            except StoreError:
                return None
            self._read[known] = self._opened(entry.name, note)
        return self._read[known]

    def _opened(self, place: str, note: bytes) -> QuarantineRecord | None:
        try:
            record = QuarantineRecord(**open_statement(_TITLE, note, self._verifier))
        except (VerificationError, TypeError):
            return None
        return record if _record_name(record.name, record.version) == place else None


def _record_name(name: str, version: str) -> str:
    place = hashlib.sha256(f"{name}\n{version}".encode()).hexdigest()
    return f"{_PREFIX}{place}.json"
