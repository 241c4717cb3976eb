"""Reading the trail: the records of some time, as they stand in the store."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from unvoiced.audit.page import FETCHES, days_of
from unvoiced.audit.record import (
    LARGEST,
    READS,
    AccessRecord,
    agrees,
    parse_name,
    parse_record,
)
from unvoiced.errors import NotFound, VerificationError
from unvoiced.stores import Entry, Store

_PORTION = 64  # records that are held at once: of 256 objects each, some MB


@dataclass(frozen=True)
class Recorded:
    """An object of the trail as it was found; `record` is None where it is none of ours.

    `sha256` is empty where the object is larger than a record, and so was not read.
    """

    entry: Entry
    sha256: str
    record: AccessRecord | None


def record_entries(audit: Store, start: datetime, end: datetime) -> Iterator[Entry]:
    """The objects under `reads/` whose names lie in [start, end), by requester and time.

    Names that are none of a record are listed with their day, whatever its hours.
    """
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%d}" for moment in (start, end))
    # Only days that there are: one that is centuries off is somebody's clock, and no reason to ask
    # for every day in between.
    for day in sorted(days_of(audit, READS)):
        if not first <= day <= last:
            continue
        for entry in audit.list(f"{READS}{day}/"):
            said = parse_name(entry.name)
            if said is None or start <= said.moment < end:
                yield entry


def read_records(audit: Store, start: datetime, end: datetime) -> Iterator[Recorded]:
    """What `record_entries` lists, read and parsed; some are read at once.

    What went since it was listed is left out. Raises `StoreError`.
    """
    entries = record_entries(audit, start, end)
    with ThreadPoolExecutor(FETCHES, "record") as pool:
        while portion := list(islice(entries, _PORTION)):
            for found in pool.map(lambda entry: record_if_there(audit, entry), portion):
                if found is not None:
                    yield found


def record_if_there(audit: Store, entry: Entry) -> Recorded | None:
    """`read_record`, and None where it is not there any more. Raises `StoreError`."""
    try:
        return read_record(audit, entry)
    except NotFound:
        return None


def read_record(audit: Store, entry: Entry) -> Recorded:
    """One object of the trail. Raises `NotFound`, `StoreError`."""
    if entry.size > LARGEST:
        return Recorded(entry, "", None)
    data = audit.get(entry.name).data
    try:
        record: AccessRecord | None = parse_record(data)
    except VerificationError:
        record = None
    if record is not None and not agrees(entry.name, record):
        record = None
    return Recorded(entry, hashlib.sha256(data).hexdigest(), record)
