"""The conservation count: where is every recording that was ever accepted?

INV-5 accepted = disposed + quarantined + backlog. The log says how many of each there are; this
module then looks for every one that is not disposed of in the stores themselves. One that the log
says is waiting, and that stands neither in the raw store nor in the journal, is missing.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from unvoiced.config import Settings
from unvoiced.disposal import Journal, Quarantine
from unvoiced.errors import NotFound
from unvoiced.log.ledger import Ledger
from unvoiced.stores import Entry, Store
from unvoiced.stores.object_name import is_object_name


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
    """Read the log (verifying it as far as the ledger needs), then look into the stores.

    Needs no secret. Objects of the raw store are read and hashed only while something of the
    backlog or quarantine has not been found.
    """
    raw, log = settings.store("raw"), settings.store("log")
    reader = settings.log_reader()
    # The stores are listed before the log is read: what a run accepts and destroys in between is
    # then settled in the log, never missing from it.
    listed = [entry for entry in raw.versions() if not entry.delete_marker]
    journalled = {entry.sha256 for page in Journal(log).pages() for entry in page.entries}
    ledger = Ledger()
    ledger.follow(reader.entries, reader.checkpoint().size)
    status = Status(
        log_size=ledger.size,
        accepted=ledger.accepted,
        disposed=ledger.disposed,
        quarantined=len(ledger.quarantined),
        backlog=len(ledger.backlog),
        raw_objects=len(listed),
        raw_bytes=sum(entry.size for entry in listed),
        quarantine_reasons=dict(Counter(ledger.quarantined.values())),
    )
    in_raw = _digests(raw, listed, Quarantine(log), ledger)
    sought = ledger.backlog | ledger.quarantined.keys()
    status.waiting = len(ledger.backlog & in_raw)
    unseen = sought - in_raw
    status.finishing = len(unseen & journalled)
    status.missing = sorted(unseen - journalled)
    status.not_accepted = len(listed) - len(in_raw & sought)
    return status


def _digests(raw: Store, listed: list[Entry], quarantine: Quarantine, ledger: Ledger) -> set[str]:
    """The digests of raw objects, as far as they are needed to find what the ledger seeks."""
    records = {(record.name, record.version): record.sha256 for record in quarantine.records()}
    sought = set(ledger.backlog | ledger.quarantined.keys())
    found: set[str] = set()
    for entry in listed:
        known = records.get((entry.name, entry.version))
        if known is None and sought - found and is_object_name(entry.name):
            try:
                known = hashlib.sha256(raw.get(entry.name, entry.version).data).hexdigest()
            except NotFound:
                continue
        if known is not None:
            found.add(known)
    return found
