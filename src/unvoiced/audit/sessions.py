"""The chains of sessions: what is missing from between, or before, the records that stand. No I/O.

Each record of a session says its number and the digest of the record before it. Several may bear
one number: a put whose answer was lost is made again, under another name; and a process that forks
goes on twice. So the one before is any of that number.

The last records of a session have none after them: that they are missing does not show here. A page
that tied them shows it (`audit.verify`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from unvoiced.audit.record import AccessRecord


@dataclass(frozen=True, slots=True)
class Link:
    """What one record says of its place in its session."""

    run: str
    sequence: int
    previous: str | None
    sha256: str  # of the record
    moment: datetime

    @classmethod
    def of(cls, record: AccessRecord, sha256: str) -> "Link":
        """Of a record, and the SHA-256 of its bytes."""
        return cls(record.run, record.sequence, record.previous, sha256, record.moment)


def gaps(links: Iterable[Link], *, since: datetime | None = None) -> Iterator[tuple[str, str]]:
    """What is missing, as (session, what is wrong with it), in order of session.

    A session whose first record here is older than `since` is taken from where it begins here.
    """
    runs: dict[str, dict[int, list[Link]]] = {}
    for link in links:
        runs.setdefault(link.run, {}).setdefault(link.sequence, []).append(link)
    for run, numbered in sorted(runs.items()):
        before: int | None = None
        for number in sorted(numbered):
            same = numbered[number]
            if before is None:
                old = since is not None and min(link.moment for link in same) < since
                if number and not old:
                    yield run, f"record(s) 0 to {number - 1} are missing"
            elif number != before + 1:
                yield run, f"record(s) {before + 1} to {number - 1} are missing"
            if before == number - 1:
                known = {link.sha256 for link in numbered[before]}
            elif not number:
                known = {None}  # type: ignore[arg-type]  # as a first record says it
            else:
                known = set()
            if known and any(link.previous not in known for link in same):
                yield run, f"record {number} follows on another record than the one before it"
            before = number
