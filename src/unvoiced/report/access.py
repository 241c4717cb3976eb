"""Who read how many features on which day, and what the watch and the review have to say of it.

A listing of the trail is enough to add up reads: a record's name says day, requester, purpose and
number. Of each requester one record is read, for the name behind the digest. Whether all records
stand, and say what their names do, `unvoiced audit verify` tells.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from unvoiced.audit.record import parse_name, requester_tag
from unvoiced.audit.records import record_entries, record_if_there
from unvoiced.audit.reviews import last_review
from unvoiced.audit.texts import printable
from unvoiced.config import Settings
from unvoiced.log.note import Verifier
from unvoiced.log.reader import LogReader
from unvoiced.report.window import Window
from unvoiced.stores import Entry, Store
from unvoiced.watch import raised, remembered

_NAMED = 100  # requesters whose name is looked up; the others are digests


@dataclass
class Reader:
    """One requester's reading in the time that is looked at."""

    requester: str  # as credentials or the operating system name them
    objects: int = 0
    days: set[str] = field(default_factory=set)
    last: str = ""  # day
    purposes: Counter[str] = field(default_factory=Counter)


@dataclass
class Access:
    """What was read, by the names of records."""

    by_step: dict[str, Counter[int]] = field(default_factory=dict)  # purpose -> step -> objects
    readers: list[Reader] = field(default_factory=list)  # who read most, first

    @property
    def objects(self) -> int:
        """How many feature objects, each time one was read."""
        return sum(reader.objects for reader in self.readers)


@dataclass(frozen=True)
class Alarm:
    """One alert of the watch, without what it says of anything but requesters."""

    raised: datetime
    level: str
    kind: str
    who: str
    told: bool
    accepted: bool


@dataclass(frozen=True)
class Watched:
    """What the watch raised in the time that is looked at, and when it looked last."""

    looked: datetime | None
    alarms: tuple[Alarm, ...]
    trouble: str = ""  # why what it remembers is not what it wrote last


@dataclass(frozen=True)
class Reviewed:
    """The last review that counts, if there was one, and when the next is due."""

    last: datetime | None
    by: str
    findings: int
    due: datetime | None


def read_access(audit: Store, window: Window) -> Access:
    """List the trail. Raises `StoreError`."""
    access, found, sample = Access(), dict[str, Reader](), dict[str, Entry]()
    for entry in record_entries(audit, window.start, window.end + timedelta(days=1)):
        said = parse_name(entry.name)
        if said is None:
            continue
        step = window.number_of(said.moment)
        if step is None:
            continue
        access.by_step.setdefault(said.purpose, Counter())[step] += said.objects
        reader = found.setdefault(said.requester, Reader(said.requester))
        reader.objects += said.objects
        reader.days.add(said.day)
        reader.last = max(reader.last, said.day)
        reader.purposes[said.purpose] += said.objects
        sample[said.requester] = entry
    access.readers = sorted(found.values(), key=lambda one: (-one.objects, one.requester))
    for reader in access.readers[:_NAMED]:
        read = record_if_there(audit, sample[reader.requester])
        if read and read.record and requester_tag(read.record.requester) == reader.requester:
            reader.requester = printable(read.record.requester)
    return access


def read_alarms(audit: Store, verifier: Verifier, window: Window) -> Watched:
    """The alerts of the watch. Raises `StoreError`."""
    found = remembered.recall(audit, verifier)
    state = found.state
    kept = raised.kept(audit, window.start, state.accepted if state else ())
    return Watched(
        state.looked if state else None,
        tuple(
            Alarm(
                one.time,
                str(one.alert.level),
                str(one.alert.kind),
                printable(one.alert.who),
                one.told,
                one.accepted is not None,
            )
            for one in kept
        ),
        found.trouble,
    )


def read_review(settings: Settings, audit: Store, reader: LogReader, now: datetime) -> Reviewed:
    """The last review. Raises `StoreError`."""
    signed = last_review(audit, reader, Verifier.parse(settings.log_vkey), now)
    if signed is None:
        return Reviewed(None, "", 0, None)
    last = signed.review.moment
    due = last + timedelta(days=settings.review.every_days)
    return Reviewed(last, printable(signed.review.reviewer), signed.review.findings, due)
