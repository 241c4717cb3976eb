"""The conservation count: where is every recording that was ever accepted?

INV-5 accepted = disposed + quarantined + backlog. The log says how many of each there are; this
module then looks for every one that is not disposed of in the stores themselves. One that the log
says is waiting, and that stands neither in the raw store nor in the journal, is missing.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field

from unvoiced.config import Settings
from unvoiced.disposal import Journal, Quarantine
from unvoiced.errors import CredentialsExpired, NotFound, StoreError
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader
from unvoiced.stores import Entry, Store
from unvoiced.stores.object_name import is_object_name

_LOOKS = 4


@dataclass
class Status:
    """Counts of recordings; `missing` holds digests."""

    log_size: int
    accepted: int
    disposed: int
    quarantined: int
    backlog: int
    waiting: int = 0  # of the backlog: stands in the raw store
    finishing: int = 0  # of the backlog: journalled; the next run finishes it
    not_accepted: int = 0  # in the raw store, and no run has seen it yet
    raw_objects: int = 0
    raw_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    quarantine_reasons: dict[str, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether the count holds and every recording it speaks of was found."""
        return self.accepted == self.disposed + self.quarantined + self.backlog and not self.missing


def take_status(settings: Settings) -> Status:
    """Read the log (verifying it on the way), then look into the stores. Needs no secret.

    A run may be at work meanwhile: what is not found is looked for again before it is called
    missing. Objects of the raw store are read and hashed only while something of the backlog or
    quarantine has not been found.
    """
    reader = settings.log_reader()
    status = _look(settings, reader)
    for attempt in range(1, _LOOKS):
        if not status.missing:
            break
        time.sleep(0.1 * attempt)
        missing = set(status.missing)
        status = _look(settings, reader)
        status.missing = sorted(missing.intersection(status.missing))
    return status


def _look(settings: Settings, reader: LogReader) -> Status:
    raw, journal = settings.store("raw"), settings.store("journal")
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    listed = [entry for entry in raw.versions() if not entry.delete_marker]
    sought = ledger.backlog | ledger.quarantined.keys()
    in_raw = _digests(settings, listed, Quarantine(journal), sought)
    unseen = sought - in_raw
    finishing = _standing(unseen, Journal(journal), settings.store("training"))
    later = ledger
    if unseen - finishing:  # what a run has settled while we looked is not missing
        later = Ledger()
        later.follow(reader.entries, reader.checkpoint().size)
    return Status(
        log_size=ledger.size,
        accepted=ledger.accepted,
        disposed=ledger.disposed,
        quarantined=len(ledger.quarantined),
        backlog=len(ledger.backlog),
        waiting=len(ledger.backlog & in_raw),
        finishing=len(finishing),
        not_accepted=len(listed) - len(in_raw & sought),
        raw_objects=len(listed),
        raw_bytes=sum(entry.size for entry in listed),
        missing=sorted(one for one in unseen - finishing if later.is_unsettled(one)),
        quarantine_reasons=dict(Counter(ledger.quarantined.values())),
    )


def _digests(
    settings: Settings, listed: list[Entry], quarantine: Quarantine, sought: Set[str]
) -> set[str]:
    """The digests of raw objects, as far as they are needed to find what is sought."""
    raw, limit = settings.store("raw"), settings.ingest.max_recording_bytes
    records = {(record.name, record.version): record.sha256 for record in quarantine.records()}
    places = {(entry.name, entry.version) for entry in listed}
    found = {digest for place, digest in records.items() if place in places}
    for entry in listed:
        if not sought - found:
            break
        readable = entry.size <= limit and is_object_name(entry.name)
        if readable and (entry.name, entry.version) not in records:
            # One that cannot be read (it is gone, or in another storage class) is not found.
            try:
                found.add(hashlib.sha256(raw.get(entry.name, entry.version).data).hexdigest())
            except CredentialsExpired:
                raise
            except StoreError:
                continue
    return found


def _standing(digests: Set[str], journal: Journal, training: Store) -> set[str]:
    """Which of these recordings a journalled entry covers whose features stand as it says."""
    standing = set()
    for page in journal.pages() if digests else ():
        for entry in page.entries:
            needed = {placed.name: placed.sha256 for placed in entry.features}
            needed[entry.key_name] = entry.key_sha256
            if entry.sha256 in digests and all(
                _digest(training, name) == digest for name, digest in needed.items()
            ):
                standing.add(entry.sha256)
    return standing


def _digest(store: Store, name: str) -> str | None:
    try:
        return hashlib.sha256(store.get(name).data).hexdigest()
    except NotFound:
        return None
