"""Reading the trail: the records of some time, as they stand in the store."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from unvoiced.audit.record import READS, AccessRecord, agrees, parse_name, parse_record
from unvoiced.errors import VerificationError
from unvoiced.stores import Entry, Store

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Recorded:
    """An object of the trail as it was found; `record` is None where it is none of ours."""

    entry: Entry
    sha256: str
    record: AccessRecord | None


def record_entries(audit: Store, start: datetime, end: datetime) -> Iterator[Entry]:
    """The objects under `reads/` whose names lie in [start, end), by requester and time.

    Names that are none of a record are listed with their day, whatever its hours.
    """
    day = start.astimezone(UTC).date()
    while day <= end.astimezone(UTC).date():
        for entry in audit.list(f"{READS}{day:%Y-%m-%d}/"):
            said = parse_name(entry.name)
            if said is None or start <= said.moment < end:
                yield entry
        day += _DAY


def read_records(audit: Store, start: datetime, end: datetime) -> Iterator[Recorded]:
    """What `record_entries` lists, read and parsed.

    Raises `StoreError`.
    """
    for entry in record_entries(audit, start, end):
        yield read_record(audit, entry)


def read_record(audit: Store, entry: Entry) -> Recorded:
    """One object of the trail. Raises `NotFound`, `StoreError`."""
    data = audit.get(entry.name).data
    try:
        record: AccessRecord | None = parse_record(data)
    except VerificationError:
        record = None
    if record is not None and not agrees(entry.name, record):
        record = None
    return Recorded(entry, hashlib.sha256(data).hexdigest(), record)
