"""Adding up the trail: who read how much on which day, and which records are about somebody. Pure.

Of records that stand; `audit.verify` says whether any is missing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass

from unvoiced.audit.record import AccessRecord, name_tag


@dataclass(frozen=True)
class Usage:
    """What one requester read on one day (UTC) for one purpose."""

    day: str
    requester: str
    purpose: str
    records: int
    sessions: int
    objects: int  # read, each time it was
    contributors: int  # different ones
    bytes: int  # of sealed objects


def usage(records: Iterable[AccessRecord]) -> list[Usage]:
    """What records add up to, in order of day, requester and purpose."""
    sums: dict[tuple[str, str, str], _Sum] = {}
    for record in records:
        sums.setdefault((record.time[:10], record.requester, record.purpose), _Sum()).add(record)
    return [
        Usage(*key, found.records, len(found.runs), found.objects, len(found.people), found.bytes)
        for key, found in sorted(sums.items())
    ]


class _Sum:
    def __init__(self) -> None:
        self.records = self.objects = self.bytes = 0
        self.runs: set[str] = set()
        self.people: set[str] = set()

    def add(self, record: AccessRecord) -> None:
        """Take one in."""
        self.records += 1
        self.runs.add(record.run)
        self.objects += sum(len(of_one) for of_one in record.contributors.values())
        self.people |= record.contributors.keys()
        self.bytes += record.size


@dataclass(frozen=True)
class Touch:
    """A record that names something of one contributor's."""

    time: str
    requester: str
    purpose: str
    source: str
    run: str
    objects: int  # of theirs


@dataclass(frozen=True)
class Visit:
    """One session's records that name something of one contributor's."""

    first: str  # when, by the reader's clock
    last: str
    requester: str
    purpose: str
    source: str
    run: str
    records: int
    objects: int  # of theirs, each time that it was named


def visits(touches: Iterable[Touch]) -> list[Visit]:
    """The sessions that records are of, in order of time.

    Whoever may create records may put a session's name into theirs: so it is one session only
    where requester, purpose and machine are the same too.
    """
    sessions: dict[tuple[str, str, str, str], list[Touch]] = {}
    for one in touches:
        key = (one.requester, one.purpose, one.source, one.run)
        sessions.setdefault(key, []).append(one)
    found = (
        Visit(
            min(one.time for one in of_one),
            max(one.time for one in of_one),
            *key,
            len(of_one),
            sum(one.objects for one in of_one),
        )
        for key, of_one in sessions.items()
    )
    return sorted(found, key=astuple)


def touching(
    records: Iterable[AccessRecord], key_objects: frozenset[str], names: frozenset[str] | None
) -> Iterator[Touch]:
    """The records about one contributor.

    `key_objects` are the SHA-256 of the objects that hold, or held, their keys. `names` are the
    names of the feature objects that are meant, in the training store; None for all of theirs.
    """
    tags = None if names is None else {name_tag(name) for name in names}
    for record in records:
        objects = sum(
            tags is None or tag in tags
            for key in key_objects
            for tag in record.contributors.get(key, {}).values()
        )
        if objects:
            yield Touch(
                record.time,
                record.requester,
                record.purpose,
                record.source,
                record.run,
                objects,
            )
