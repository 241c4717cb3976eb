"""Who read features, by the audit trail.

Numbers and purposes are from the names of the records, all of them. Who it was, and from where, is
from one record of each requester and day, the last: over months there are too many to read each.
"""

from dataclasses import dataclass
from datetime import datetime

from unvoiced.audit.record import RecordName, parse_name
from unvoiced.audit.records import read_record, record_entries
from unvoiced.errors import NotFound, UnvoicedError
from unvoiced.posture.facts import Unknown
from unvoiced.stores import Entry, Store


@dataclass(frozen=True)
class Use:
    """What one requester read."""

    requester: str
    records: int
    objects: int
    days: int
    first: datetime
    last: datetime
    purposes: tuple[str, ...]
    sources: tuple[str, ...]


def uses(audit: Store, start: datetime, end: datetime) -> tuple[Use, ...] | Unknown:
    """Every requester's use in [start, end); unknown as soon as one record of it is no record."""
    by_day: dict[tuple[str, str], list[tuple[RecordName, Entry]]] = {}
    found: dict[str, list[RecordName]] = {}
    said: dict[str, tuple[str, set[str]]] = {}
    try:
        for entry in record_entries(audit, start, end):
            name = parse_name(entry.name)
            if name is None:
                return Unknown(f"{entry.name} in the audit trail is no record", "unvoiced audit ls")
            by_day.setdefault((name.requester, name.day), []).append((name, entry))
            found.setdefault(name.requester, []).append(name)
        for (tag, _), of_day in by_day.items():
            _, entry = max(of_day, key=lambda pair: pair[0].moment)
            record = read_record(audit, entry).record
            if record is None:
                return Unknown(f"{entry.name} in the audit trail is no record", "unvoiced audit ls")
            of_one = said.setdefault(tag, (record.requester, set()))
            of_one[1].add(record.source)
    except NotFound as error:
        return Unknown(f"a record of the audit trail went while it was read: {error}")
    except UnvoicedError as error:
        return Unknown(f"the audit trail could not be read: {error}")
    return tuple(
        Use(
            requester=said[tag][0],
            records=len(names),
            objects=sum(name.objects for name in names),
            days=len({name.day for name in names}),
            first=min(name.moment for name in names),
            last=max(name.moment for name in names),
            purposes=tuple(sorted({name.purpose for name in names})),
            sources=tuple(sorted(said[tag][1])),
        )
        for tag, names in sorted(found.items(), key=lambda pair: said[pair[0]][0])
    )
