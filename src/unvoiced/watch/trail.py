"""The trail as the watch reads it: what was recorded and not looked at yet, and whether it stands.

New is what a page names that was not looked at. Pages are made of whatever no page names, however
late it came (`audit.pages`), so nothing is missed; and which were looked at is remembered by day
and number, so nothing is looked at twice. A page that is gone or another one is told, and what it
named is in a new page by then: of such a day, what stood when the watch looked last was looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from unvoiced.audit.page import PAGES, Named, days_of, read_pages, record_entries_of
from unvoiced.audit.pages import Tied
from unvoiced.audit.records import Recorded, record_entries, record_if_there
from unvoiced.stores import Entry, Store
from unvoiced.watch.compare import Recorded as RecordedObject
from unvoiced.watch.event import AccessEvent, Origin
from unvoiced.watch.state import State

_AT_ONCE = 8  # requests
# How far a reader's clock may be off before its records are not found by their names.
_SKEW = timedelta(hours=1)
# How far this machine's clock may be off from the store's.
_SLACK = timedelta(minutes=1)
_DIGITS = 16  # of a page's digest that are remembered


@dataclass
class NewRecords:
    """What pages name that was not looked at yet."""

    records: list[Recorded] = field(default_factory=list)
    changed: list[Named] = field(default_factory=list)  # another one than its page says, or gone
    pages: dict[str, int] = field(default_factory=dict)  # `State.pages`, with these
    # `State.digests`, with these, of the days that are looked at in every run
    digests: dict[str, dict[int, str]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)  # pages that were looked at, gone or changed


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
        there_now = list(audit.list(f"{PAGES}{day}/"))
        before = dict(state.digests.get(day, {})) if day in recent else {}
        damaged = _damaged(audit, before, there_now, state.looked)
        found.damaged += [f"{PAGES}{day}/{number:06d}.json" for number in damaged]
        found.digests[day] = {each: before[each] for each in before.keys() - damaged}
        entries = [
            entry
            for entry in there_now
            if (number := _number(entry.name)) is None or number > last or number in damaged
        ]
        seen_until = state.looked - _SLACK if damaged and state.looked else None
        pages = read_pages(audit, entries)
        listed = record_entries_of(audit, day) if pages else {}
        for standing in pages:
            if standing.page is None or standing.sha256 not in logged:
                continue
            records = standing.page.records
            new = [one for one in records if seen_until is None or one.put >= seen_until]
            _take(audit, new, listed, found)
            found.pages[day] = max(found.pages.get(day, -1), standing.page.number)
            found.digests[day][standing.page.number] = standing.sha256[:_DIGITS]
    found.digests = {day: found.digests[day] for day in recent & found.digests.keys()}
    return found


def _damaged(
    audit: Store, before: Mapping[int, str], there: Iterable[Entry], looked: datetime | None
) -> set[int]:
    """The numbers of pages that were looked at and are gone, or are others by now.

    Only what was put since is read.
    """
    numbered = {_number(entry.name): entry for entry in there}
    since = looked - _SLACK if looked else None
    put = [
        entry
        for number, entry in numbered.items()
        if number in before and (since is None or entry.modified >= since)
    ]
    others = {
        number
        for one in read_pages(audit, put)
        if (number := _number(one.entry.name)) is not None
        and one.sha256[:_DIGITS] != before[number]
    }
    return others | (before.keys() - numbered.keys())


def _number(name: str) -> int | None:
    stem = name.rpartition("/")[2].removesuffix(".json")
    return int(stem) if stem.isdigit() else None


def _take(
    audit: Store, named: Iterable[Named], listed: Mapping[str, Entry], found: NewRecords
) -> None:
    with ThreadPoolExecutor(_AT_ONCE, "record") as pool:
        for one, recorded in zip(
            named, pool.map(lambda one: _read(audit, one, listed), named), strict=True
        ):
            if recorded is None or recorded.sha256 != one.sha256:
                found.changed.append(one)
            else:
                found.records.append(recorded)


def _read(audit: Store, named: Named, listed: Mapping[str, Entry]) -> Recorded | None:
    entry = listed.get(named.name)
    if entry is None:
        return None
    # Its size as listed: what is too large is not read. Its time as the page has it from the store.
    return record_if_there(audit, replace(entry, modified=named.put))


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
        found = list(pool.map(lambda entry: record_if_there(audit, entry), entries))
    return [
        RecordedObject(one.record.requester, tag, one.entry.modified)
        for one in found
        if one is not None and one.record is not None
        for objects in one.record.contributors.values()
        for tag in objects.values()
    ]
