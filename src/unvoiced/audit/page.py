"""One page of the audit trail: what it says, and reading it.

    pages/{day}/{number}.json

A page names records of one day by name and SHA-256, and the page of that day before it. What ties
records, and when, is `audit.pages`.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from unvoiced.audit.record import LARGEST, READS, canonical, parse_name, rfc3339_milliseconds
from unvoiced.errors import VerificationError
from unvoiced.stores import Entry, Store

FORMAT = "unvoiced-audit-page/1"
PAGES = "pages/"
DAY_NAME = re.compile(r"\d{4}-\d\d-\d\d")
_DAY = timedelta(days=1)
FETCHES = 8  # objects of the trail that are read at once
_PAGE_NAME = re.compile(r"pages/(?P<day>\d{4}-\d\d-\d\d)/(?P<number>\d{6})\.json")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Named:
    """A record as a page names it."""

    name: str
    sha256: str
    put: datetime  # by the store's clock; retention counts its age from then

    def is_entry(self, entry: Entry) -> bool:
        """Whether this is what a listing shows, as far as a listing can."""
        put = rfc3339_milliseconds(self.put) == rfc3339_milliseconds(entry.modified)
        return put and self.name == entry.name


@dataclass(frozen=True)
class Page:
    """One page."""

    day: str
    number: int  # on its day, from 0
    previous: str | None  # SHA-256 of the page of this day before it
    time: str  # when it was made
    whole: bool  # whether all days were looked through, for this page or an earlier one of the day
    named: int  # records that the pages of this day name, this one included
    names: str  # `digest_of_names` of all of these
    records: tuple[Named, ...]  # in order of name

    @property
    def name(self) -> str:
        """Where it stands."""
        return f"{PAGES}{self.day}/{self.number:06d}.json"

    def encode(self) -> bytes:
        """Its bytes: canonical JSON (RFC 8785) on one line; names without their first folders."""
        folder = f"{READS}{self.day}/"
        records = {
            one.name.removeprefix(folder): {
                "put": rfc3339_milliseconds(one.put),
                "sha256": one.sha256,
            }
            for one in self.records
        }
        return canonical({**self.__dict__, "records": records, "format": FORMAT}) + b"\n"


@dataclass(frozen=True)
class StandingPage:
    """An object under `pages/`; `page` is None where it is none, or stands in a wrong place.

    `sha256` is empty where the object is larger than a page, and so was not read.
    """

    entry: Entry
    sha256: str
    page: Page | None


def age_begins(day: date, put: datetime) -> datetime:
    """From when retention counts the age of what was put then, and is about that day.

    When the day has ended, so that all of it goes at once. The day is whoever's who chose the name:
    it adds no more than a day, and takes nothing off.
    """
    ended = datetime.combine(day, time(), UTC) + _DAY if day < date.max else put
    return max(put, min(ended, put + _DAY))


def is_over(put: datetime, audit_days: int, now: datetime, day: str = "") -> bool:
    """Whether retention may have destroyed by now what was put into the audit store then.

    `day` is the one in its name; without it the answer may be yes a day early. An hour early in any
    case: who destroyed it went by another clock.
    """
    try:
        begins = age_begins(date.fromisoformat(day), put) if day else put
    except ValueError:  # a name whose day is none in the calendar
        begins = put
    return begins + timedelta(days=audit_days) <= now + timedelta(hours=1)


def digest_of_names(names: Iterable[str]) -> str:
    """The SHA-256 of names, in order, a line each."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def parse_page(name: str, data: bytes) -> Page:
    """Read a page strictly. Raises `VerificationError` for anything that is none of this name."""
    place = _PAGE_NAME.fullmatch(name)
    try:
        fields = json.loads(data)
        folder = f"{READS}{fields['day']}/"
        records = tuple(
            Named(folder + short, said["sha256"], datetime.fromisoformat(said["put"]))
            for short, said in fields.pop("records").items()
        )
        known = fields.pop("format") == FORMAT
        page = Page(**fields, records=records)
        well_formed = (
            known
            and place is not None
            and (page.day, page.number) == (place["day"], int(place["number"]))
            and page.encode() == data
            and all(parse_name(one.name) and _is_digest(one.sha256) for one in records)
            and (page.previous is None or _is_digest(page.previous))
            and type(page.named) is int
            and isinstance(page.names, str)
            and type(page.whole) is bool
            and rfc3339_milliseconds(datetime.fromisoformat(page.time)) == page.time
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        well_formed = False
    if not well_formed:
        raise VerificationError(f"{name}: no page of the audit trail ({FORMAT})")
    return page


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def read_page(audit: Store, entry: Entry) -> StandingPage:
    """One object under `pages/`. Raises `NotFound`, `StoreError`."""
    if entry.size > LARGEST:
        return StandingPage(entry, "", None)
    data = audit.get(entry.name).data
    try:
        page: Page | None = parse_page(entry.name, data)
    except VerificationError:
        page = None
    return StandingPage(entry, hashlib.sha256(data).hexdigest(), page)


def read_pages(audit: Store, entries: Iterable[Entry]) -> list[StandingPage]:
    """Several, at once. Raises `NotFound`, `StoreError`."""
    with ThreadPoolExecutor(FETCHES, "page") as pool:
        return list(pool.map(lambda entry: read_page(audit, entry), entries))


def days_of(audit: Store, prefix: str) -> set[str]:
    """The days that have a folder under `reads/` or `pages/`."""
    return {day for day in audit.folders(prefix) if DAY_NAME.fullmatch(day)}


def record_entries_of(audit: Store, day: str) -> dict[str, Entry]:
    """The objects of a day that bear a record's name, by name."""
    listed = audit.list(f"{READS}{day}/")
    return {entry.name: entry for entry in listed if parse_name(entry.name)}
