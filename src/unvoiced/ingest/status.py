"""The conservation count: where is every recording that was ever accepted?

INV-5 accepted = disposed + quarantined + backlog. The log says how many of each there are; this
module then looks for every one that is not disposed of in the stores themselves. One that the log
says is waiting, and that stands neither in the raw store nor in the journal or a disposal intent,
is missing.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.config import Settings
from unvoiced.disposal import (
    Held,
    Intents,
    Journal,
    JournalEntry,
    LegalHolds,
    Quarantine,
    SuppressionList,
)
from unvoiced.disposal.quarantine import Records
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.ingest.archived_copy import standing_copy
from unvoiced.ingest.late_uploads import contributor
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader
from unvoiced.names import parse_sealed_name
from unvoiced.stores import Store
from unvoiced.stores.interface import CONDITIONS_PROBE
from unvoiced.stores.object_name import is_object_name

_LOOKS = 4
MOST_FOREIGN = 1_000  # names that are kept


def name_digits(name: str) -> str:
    """By which a name is known where it must not be shown: the first digits of its SHA-256."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]


@dataclass
class Status:
    """Counts of recordings; `missing` holds digests."""

    log_size: int
    accepted: int
    disposed: int
    quarantined: int
    backlog: int
    waiting: int = 0  # of the backlog: stands in the raw store
    finishing: int = 0  # destroyed, and journalled or intended so; the next run finishes it
    archived: int = 0  # of those disposed of: originals that stand in the archive, by the log
    in_archive: int = 0  # current objects in the archive, by its listing
    found_missing: int = 0  # of those disposed of: found gone, and logged as that
    held: int = 0  # objects in the raw store that are under a legal hold
    holds: int = 0  # legal holds there are, on whomever
    not_accepted: int = 0  # in the raw store, and no run has seen it yet
    raw_objects: int = 0
    raw_bytes: int = 0
    oldest_waiting: datetime | None = None  # upload of the first that is free to go
    oldest_quarantined: datetime | None = None  # and of those in quarantine
    foreign: dict[str, str] = field(default_factory=dict)  # the first names of no recording: digits
    foreign_objects: int = 0  # raw objects under such names
    unread: int = 0  # raw objects of which one that is missing may be any: they cannot be read
    missing: list[str] = field(default_factory=list)
    quarantine_reasons: dict[str, int] = field(default_factory=dict)
    in_quarantine: frozenset[str] = field(default=frozenset(), repr=False)  # digests, by the log
    finishing_quarantined: int = 0  # of those to be finished: quarantined, by the log

    @property
    def missing_quarantined(self) -> int:
        """How many of those missing are in quarantine by the log; the others are in the backlog."""
        return len(self.in_quarantine.intersection(self.missing))

    @property
    def may_be_unread(self) -> bool:
        """Whether all that is missing may be among the raw objects that could not be read."""
        return 0 < len(self.missing) <= self.unread

    @property
    def adds_up(self) -> bool:
        """Whether the count holds and every recording it speaks of was found."""
        return self.accepted == self.disposed + self.quarantined + self.backlog and not self.missing


def take_status(
    settings: Settings, reader: LogReader | None = None, ledger: Ledger | None = None
) -> Status:
    """Read the log (verifying it on the way), then look into the stores. Needs no secret.

    A run may be at work meanwhile: what is not found is looked for again before it is called
    missing. Objects of the raw store are read and hashed only while something of the backlog or
    quarantine has not been found. `ledger` is the fold of what `reader` has read, where there is
    one: the log is not folded again unless something is missing.
    """
    reader = reader or settings.log_reader()
    quarantine = Quarantine(settings.store("journal"), Verifier.parse(settings.log_vkey))
    status = _look(settings, reader, quarantine, ledger or _fold(reader))
    for attempt in range(1, _LOOKS):
        if not status.missing:
            break
        time.sleep(0.1 * attempt)
        missing = set(status.missing)
        status = _look(settings, reader, quarantine, _fold(reader))
        status.missing = sorted(missing.intersection(status.missing))
    return status


def _fold(reader: LogReader) -> Ledger:
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    return ledger


def _look(settings: Settings, reader: LogReader, quarantine: Quarantine, ledger: Ledger) -> Status:
    held = LegalHolds(settings.store("journal")).held()
    sought = ledger.backlog | ledger.quarantined.keys()
    raw = _list_raw(settings, held, quarantine.records(), sought)
    if unseen := sought - raw.found:
        _read_raw(settings, unseen, raw)
    unseen -= raw.found
    finishing = _being_finished(unseen, settings, ledger) if unseen else set()
    later = ledger
    if unseen - finishing:  # what a run has settled while we looked is not missing
        later = _fold(reader)
    return Status(
        log_size=ledger.size,
        accepted=ledger.accepted,
        disposed=ledger.disposed,
        quarantined=len(ledger.quarantined),
        backlog=len(ledger.backlog),
        waiting=len(ledger.backlog & raw.found),
        finishing=len(finishing),
        archived=len(ledger.archived),
        in_archive=_in_archive(settings),
        found_missing=ledger.found_missing,
        held=raw.held,
        holds=len(held.whose),
        not_accepted=max(0, raw.objects - len(raw.found)),  # some may be put while it is counted
        raw_objects=raw.objects,
        raw_bytes=raw.bytes,
        oldest_waiting=raw.oldest,
        oldest_quarantined=raw.oldest_quarantined,
        foreign=raw.foreign,
        foreign_objects=raw.foreign_objects,
        unread=raw.unread,
        missing=sorted(one for one in unseen - finishing if later.is_unsettled(one)),
        quarantine_reasons=dict(Counter(ledger.quarantined.values())),
        in_quarantine=frozenset(ledger.quarantined),
        finishing_quarantined=len(finishing & ledger.quarantined.keys()),
    )


def _in_archive(settings: Settings) -> int:
    if "archive" not in settings.stores:
        return 0
    return sum(one.name != CONDITIONS_PROBE for one in settings.store("archive").list())


@dataclass
class _Raw:
    """What was seen of the raw store; grows with what is sought in it, not with what is there."""

    objects: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    oldest_quarantined: datetime | None = None
    held: int = 0
    found: set[str] = field(default_factory=set)  # of the digests that are sought
    foreign: dict[str, str] = field(default_factory=dict)
    foreign_objects: int = 0
    unread: int = 0  # objects that could not be read on the way


def _list_raw(settings: Settings, held: Held, records: Records, sought: Set[str]) -> _Raw:
    """Count what stands in the raw store; what a record is about need not be read to be found."""
    seen = _Raw()
    for entry in settings.store("raw").versions():
        if entry.delete_marker:
            continue
        seen.objects += 1
        seen.bytes += entry.size
        seen.held += held.by(entry.name) is not None
        if parse_sealed_name(entry.name) is None and entry.name != CONDITIONS_PROBE:
            seen.foreign_objects += 1
            if len(seen.foreign) < MOST_FOREIGN:
                seen.foreign[entry.name] = name_digits(entry.name)
        record = records.of(entry.name, entry.version)
        if record is not None and record.sha256 in sought:
            seen.found.add(record.sha256)
            seen.oldest_quarantined = min(seen.oldest_quarantined or entry.modified, entry.modified)
        elif not held.by(entry.name):
            seen.oldest = min(seen.oldest or entry.modified, entry.modified)
    return seen


def _read_raw(settings: Settings, unseen: Set[str], seen: _Raw) -> None:
    """Read and hash raw objects, whole, until each of these digests was found.

    A record spares reading what it is about only while nothing else is sought.
    """
    raw, limit = settings.store("raw"), settings.ingest.max_recording_bytes
    left = set(unseen)
    for entry in raw.versions():
        if not left:
            break
        if entry.delete_marker or not is_object_name(entry.name):
            continue
        if entry.size > limit:
            seen.unread += 1
            continue
        # One that cannot be read (it is gone, or in another storage class) is not found.
        try:
            digest = hashlib.sha256(raw.get(entry.name, entry.version).data).hexdigest()
        except CredentialsExpired:
            raise
        except NotFound:
            continue
        except StoreError:
            seen.unread += 1
            continue
        if digest in left:
            left.remove(digest)
            seen.found.add(digest)


def _being_finished(digests: Set[str], settings: Settings, ledger: Ledger) -> set[str]:
    """Which of these recordings the next run finishes: intended to be destroyed without features,
    or journalled, and then erased with all of their contributor's or with all standing that has to.
    """
    store, verifier = settings.store("journal"), Verifier.parse(settings.log_vkey)
    targets = (one for intent in Intents(store, verifier).all() for one in intent.targets)
    found = {target.sha256 for target in targets if target.sha256 in digests}
    left = set(digests) - found
    suppressed = SuppressionList(store, verifier, lambda: ledger).now()
    training = settings.store("training")
    archive = settings.archive()
    for page in Journal(store).pages():
        for entry in page.entries:
            if entry.sha256 in left and (
                contributor(entry.name) in suppressed or _stands(entry, training, archive, verifier)
            ):
                left.remove(entry.sha256)
    return set(digests) - left


def _stands(
    entry: JournalEntry, training: Store, archive: Store | None, verifier: Verifier
) -> bool:
    needed = {placed.name: placed.sha256 for placed in entry.features}
    needed[entry.key_name] = entry.key_sha256
    return all(_digest(training, name) == digest for name, digest in needed.items()) and (
        entry.archived is None or standing_copy(archive, entry.archived, verifier) is not None
    )


def _digest(store: Store, name: str) -> str | None:
    try:
        return hashlib.sha256(store.get(name).data).hexdigest()
    except NotFound:
        return None
