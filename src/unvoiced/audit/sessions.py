"""The chains of sessions: what is missing from between, or before, the records that stand. No I/O.

Each record of a session says its number and the digest of the record before it. Several may bear
one number: a put whose answer was lost is made again, under another name; and a process that forks
goes on twice. So the one before is any of that number.

The last records of a session have none after them: that they are missing does not show here. A page
that tied them shows it (`audit.verify`).
"""

from collections.abc import Collection, Iterable, Iterator
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


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that was tied and is gone, or is not what it was: already told of by its name."""

    sha256: str
    moment: datetime


def gaps(
    links: Iterable[Link], lost: Collection[Lost] = (), *, since: datetime | None = None
) -> Iterator[tuple[str, str]]:
    """What is missing, as (session, what is wrong with it), in order of session.

    A session whose first record here is older than `since` is taken from where it begins here. What
    is missing because it was `lost` is left out: where the record after it says that it follows on
    one of these, and as many were lost between it and the record before as are missing.
    """
    digests = {one.sha256 for one in lost}
    runs: dict[str, dict[int, list[Link]]] = {}
    for link in links:
        runs.setdefault(link.run, {}).setdefault(link.sequence, []).append(link)
    for run, numbered in sorted(runs.items()):
        before: int | None = None
        for number in sorted(numbered):
            same = numbered[number]
            first = 0 if before is None else before + 1
            moment = min(link.moment for link in same)
            old = before is None and since is not None and moment < since
            if number != first and not old:
                after = None if before is None else min(link.moment for link in numbered[before])
                told = all(link.previous in digests for link in same) and number - first <= sum(
                    (after is None or after <= one.moment) and one.moment <= moment for one in lost
                )
                if not told:
                    yield run, f"record(s) {first} to {number - 1} are missing"
            if before == number - 1:
                known = {link.sha256 for link in numbered[before]}
            elif not number:
                known = {None}  # type: ignore[arg-type]  # as a first record says it
            else:
                known = set()
            if known and any(link.previous not in known for link in same):
                yield run, f"record {number} follows on another record than the one before it"
            before = number
