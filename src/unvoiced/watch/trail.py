"""The trail as the watch reads it: what was recorded and not looked at yet, and whether it stands.

New is what a page names that was not looked at. Pages are made of whatever no page names, however
late it came (`audit.pages`), so nothing is missed; and which were looked at is remembered by day
and number, so nothing is looked at twice.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from unvoiced.audit.page import PAGES, Named, days_of, read_pages
from unvoiced.audit.pages import Tied
from unvoiced.audit.record import AccessRecord
from unvoiced.audit.records import Recorded, read_record, record_entries
from unvoiced.errors import NotFound
from unvoiced.stores import Entry, Store
from unvoiced.watch.compare import Recorded as RecordedObject
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.state import State

_AT_ONCE = 8  # requests
# How far a reader's clock may be off before its records are not found by their names.
_SKEW = timedelta(hours=1)


@dataclass
class NewRecords:
    """What pages name that was not looked at yet."""

    records: list[Recorded] = field(default_factory=list)
    changed: list[Named] = field(default_factory=list)  # another one than its page says, or gone
    pages: dict[str, int] = field(default_factory=dict)  # `State.pages`, with these


def new_records(
    audit: Store, audited: Iterable[str], tied: Tied, state: State, now: datetime
) -> NewRecords:
    """The records of new pages; `audited` are the digests of pages that the log has.

    Pages of old days, for records that came late, are looked for on the first run of a day and
    whenever `tied` made some. Raises `StoreError`.
    """
    logged = frozenset(audited)
    there = days_of(audit, PAGES)
    found = NewRecords(pages={day: last for day, last in state.pages.items() if day in there})
    today = now.astimezone(UTC).date()
    recent = {f"{today + timedelta(days=each):%Y-%m-%d}" for each in (-1, 0, 1)}
    days = recent | {name.split("/")[1] for name in tied.pages}
    if state.looked is None or state.looked.astimezone(UTC).date() != today:
        days |= there
    for day in sorted(days & there):
        last = state.pages.get(day, -1)
        entries = [
            entry
            for entry in audit.list(f"{PAGES}{day}/")
            if (number := _number(entry.name)) is None or number > last
        ]
        for standing in read_pages(audit, entries):
            if standing.page is None or standing.sha256 not in logged:
                continue
            _take(audit, standing.page.records, found)
            found.pages[day] = max(found.pages.get(day, -1), standing.page.number)
    return found


def _number(name: str) -> int | None:
    stem = name.rpartition("/")[2].removesuffix(".json")
    return int(stem) if stem.isdigit() else None


def _take(audit: Store, named: Iterable[Named], found: NewRecords) -> None:
    with ThreadPoolExecutor(_AT_ONCE, "record") as pool:
        for one, recorded in zip(
            named, pool.map(lambda one: _read(audit, one), named), strict=True
        ):
            if recorded is None or recorded.sha256 != one.sha256:
                found.changed.append(one)
            else:
                found.records.append(recorded)


def _read(audit: Store, named: Named) -> Recorded | None:
    # The page has the store's time of when it was put.
    entry = Entry(named.name, "", 0, named.put)
    try:
        return read_record(audit, entry)
    except NotFound:
        return None


def events_of(recorded: Recorded) -> Iterator[AccessEvent]:
    """What detectors look at, dated by the store: the reader's clock is its user's to set."""
    record = recorded.record
    if record is None:
        return
    size = record.size // max(1, len(record.objects))
    for contributor, objects in record.contributors.items():
        for tag in objects.values():
            yield AccessEvent(
                origin=Origin.TRAIL,
                moment=recorded.entry.modified,
                requester=record.requester,
                source=record.source,
                object=tag,
                contributor=contributor,
                size=size,
                purpose=record.purpose,
                run=record.run,
            )


def recorded_objects(audit: Store, start: datetime, end: datetime) -> list[RecordedObject]:
    """Which objects the store received records of in [start, end], by its own clock.

    Raises `StoreError`.
    """
    entries = [
        entry
        for entry in record_entries(audit, start - _SKEW, end + _SKEW)
        if start <= entry.modified <= end
    ]
    with ThreadPoolExecutor(_AT_ONCE, "record") as pool:
        records = list(pool.map(lambda entry: _or_none(audit, entry), entries))
    return [
        RecordedObject(record.requester, tag, entry.modified)
        for entry, record in zip(entries, records, strict=True)
        if record is not None
        for objects in record.contributors.values()
        for tag in objects.values()
    ]


def _or_none(audit: Store, entry: Entry) -> AccessRecord | None:
    try:
        return read_record(audit, entry).record
    except NotFound:
        return None
