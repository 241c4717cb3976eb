"""The provider's logs as they stand in a store: which of their files are new, and what they say.

A file is read once all it says is old enough to be judged, and then it is done with: its name is
remembered, as `short`, for as long as its day is looked at. Files come late and in no order, so
what was seen is told by name and not by time.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from unvoiced.errors import InputError, NotFound, StoreError
from unvoiced.stores import Entry, Store
from unvoiced.watch import access_log, cloudtrail
from unvoiced.watch.compare import SETTLED, short
from unvoiced.watch.event import Origin
from unvoiced.watch.provider import Buckets, Parsed

LOOK_BACK = timedelta(days=2)  # files that come later than this are not seen
# A file of which something is always too new (a clock that is wrong) is not put off for longer.
_PUT_OFF = timedelta(hours=1)
_AHEAD = timedelta(days=1)  # nothing that is dated later was read yet
_MOST_BYTES = 256 * 2**20  # of one file as it stands; the provider's have some megabytes
_ACCOUNT = re.compile(r"\d{12}")
_ORGANISATION = re.compile(r"o-[a-z0-9]{10,32}")

Seen = Mapping[str, Collection[str]]  # day -> files, `short`


@dataclass
class Taken:
    """What there was new in one of the provider's logs."""

    parsed: Parsed = field(default_factory=Parsed)
    seen: dict[str, set[str]] = field(default_factory=dict)  # of all days that are looked at
    files: int = 0  # read now
    waiting: int = 0  # too new to be judged
    trouble: str = ""  # why not all of it could be read


def take(
    store: Store, origin: Origin, buckets: Buckets, seen: Seen, since: datetime, now: datetime
) -> Taken:
    """Read what is new. `since` is when it was read last. Raises nothing a store raises."""
    parse, files = _KINDS[origin]
    taken = Taken()
    day, last = (since - LOOK_BACK).astimezone(UTC).date(), now.astimezone(UTC).date()
    days = [day + timedelta(days=each) for each in range((last - day).days + 1)]
    try:
        for of_day, entry in files(store, days):
            known = taken.seen.setdefault(of_day, set(seen.get(of_day, ())))
            if short(entry.name) not in known:
                _take_file(store, entry, parse, buckets, now, taken, known)
    except (StoreError, InputError) as error:
        taken.trouble = f"the log could not be read: {type(error).__name__}"
        for of_day, known_before in seen.items():  # what was seen stays seen
            taken.seen.setdefault(of_day, set(known_before))
    return taken


def _take_file(
    store: Store,
    entry: Entry,
    parse: Callable[[bytes, Buckets], Parsed],
    buckets: Buckets,
    now: datetime,
    taken: Taken,
    known: set[str],
) -> None:
    try:
        large = entry.size > _MOST_BYTES
        parsed = Parsed(unreadable=1) if large else parse(store.get(entry.name).data, buckets)
    except NotFound:
        return
    dated = [read for read in parsed.reads if read.moment <= now + _AHEAD]
    parsed = Parsed(dated, parsed.unreadable + len(parsed.reads) - len(dated))
    newest = max((read.moment for read in parsed.reads), default=None)
    if newest is not None and newest > now - SETTLED and entry.modified > now - _PUT_OFF:
        taken.waiting += 1
        return
    taken.parsed.add(parsed)
    taken.files += 1
    known.add(short(entry.name))


def _cloudtrail_files(store: Store, days: list[date]) -> Iterator[tuple[str, Entry]]:
    """AWSLogs/[ORGANISATION/]ACCOUNT/CloudTrail/REGION/YEAR/MONTH/DAY/..."""
    roots = []
    for folder in store.folders("AWSLogs/"):
        if _ORGANISATION.fullmatch(folder):
            below = f"AWSLogs/{folder}/"
            roots += [f"{below}{account}/" for account in store.folders(below)]
        else:
            roots.append(f"AWSLogs/{folder}/")
    if not roots:
        raise InputError("there is no AWSLogs/ in the place that [watch] cloudtrail names")
    for root in roots:
        for region in store.folders(f"{root}CloudTrail/"):
            for day in days:
                for entry in store.list(f"{root}CloudTrail/{region}/{day:%Y/%m/%d}/"):
                    yield f"{day:%Y-%m-%d}", entry


def _access_log_files(store: Store, days: list[date]) -> Iterator[tuple[str, Entry]]:
    """YEAR-MONTH-DAY-..., or the same below ACCOUNT/REGION/BUCKET/YEAR/MONTH/DAY/."""
    folders = [
        f"{account}/{region}/{bucket}/"
        for account in store.folders("")
        if _ACCOUNT.fullmatch(account)
        for region in store.folders(f"{account}/")
        for bucket in store.folders(f"{account}/{region}/")
    ]
    for day in days:
        for entry in store.list(f"{day:%Y-%m-%d}-"):
            yield f"{day:%Y-%m-%d}", entry
        for folder in folders:
            for entry in store.list(f"{folder}{day:%Y/%m/%d}/"):
                yield f"{day:%Y-%m-%d}", entry


_KINDS: Mapping[
    Origin,
    tuple[
        Callable[[bytes, Buckets], Parsed],
        Callable[[Store, list[date]], Iterator[tuple[str, Entry]]],
    ],
] = {
    Origin.CLOUDTRAIL: (cloudtrail.parse_file, _cloudtrail_files),
    Origin.ACCESS_LOG: (access_log.parse_file, _access_log_files),
}
