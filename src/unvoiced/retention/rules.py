"""What [retention] makes due, and when: pure decisions over listings.

- Age is counted from the time that the store gives an object, or that the log gives an event. A
  date that whoever writes an object chooses can put its day off by a day and never bring it on.
- Nothing under a legal hold is due, whatever its age.
- An object is due from the moment its days are over; what is newer by a second is not.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby, pairwise

from unvoiced.audit.page import age_begins
from unvoiced.disposal import Cause, Held
from unvoiced.names import SUFFIX
from unvoiced.stores import Entry
from unvoiced.stores.object_name import is_object_name

FOREIGN = "no name that this library gives: see who put it there, and destroy it by hand"
# In the audit store; what else is there (`reads/`, `pages/`, `watch/`) has no day of its own.
_APPROVALS, _REVIEWS = "approvals/", "reviews/"
_DAY_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(-.*)?")
_DAY = timedelta(days=1)
# For how long an approval may be given (`audit.approvals`), and some days for clocks.
APPROVED_AT_MOST = timedelta(days=370)


class Rule(StrEnum):
    """The settings under [retention] that destroy something, in the order they are kept."""

    PURPOSE = "purpose_satisfied"
    INACTIVE = "inactive_days"
    RAW = "raw_days"
    QUARANTINE = "quarantine_days"
    ARCHIVE = "archive_days"
    FEATURES = "features_days"
    RETIRED = "retired_feature_sets"
    AUDIT = "audit_days"
    NONCURRENT = "noncurrent_days"

    @property
    def cause(self) -> Cause:
        """What a recording's receipt says of it. Raises `KeyError` where none is ever due by it."""
        return _CAUSES[self]

    @property
    def says(self) -> str:
        """What a leaf says of it."""
        return _CAUSES[self].value if self in _CAUSES else f"retention: {_SAYS[self]}"


_CAUSES = {
    Rule.PURPOSE: Cause.PURPOSE,
    Rule.INACTIVE: Cause.INACTIVE,
    Rule.RAW: Cause.BACKLOG_AGE,
    Rule.QUARANTINE: Cause.QUARANTINE_AGE,
}
_SAYS = {
    Rule.ARCHIVE: "archived long enough",
    Rule.FEATURES: "features kept long enough",
    Rule.RETIRED: "feature set retired",
    Rule.AUDIT: "access records kept long enough",
    Rule.NONCURRENT: "replaced or hidden before",
}


@dataclass(frozen=True, slots=True)
class Dated:
    """A version, when it is due, and whose it is ("" where it is no contributor's).

    `sha256` is the digest by which the log knows it, where that is known without reading it;
    `held` says what else holds it than a legal hold of ours, and `unknown` why it is left although
    nothing holds it.
    """

    entry: Entry
    due: datetime
    whose: str = ""
    sha256: str = ""
    held: str = ""
    unknown: str = ""


@dataclass
class Decision:
    """What a rule says of one store at one moment."""

    rule: Rule
    store: str
    due: list[Dated] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)  # why -> objects that would be due
    left: dict[str, str] = field(default_factory=dict)  # object name -> why it cannot go
    next: datetime | None = None  # when the first of the others is due

    @property
    def objects(self) -> int:
        """How many objects are due; a delete marker is none."""
        return sum(not one.entry.delete_marker for one in self.due)


def sort_out(rule: Rule, store: str, dated: Iterable[Dated], held: Held, now: datetime) -> Decision:
    """Which of these are due now, which are held back, and when the next one is due."""
    decision = Decision(rule, store)
    for one in dated:
        if one.due > now:
            decision.next = min(decision.next or one.due, one.due)
        elif why := _holds(one, held):
            decision.held[why] += not one.entry.delete_marker
        elif not is_object_name(one.entry.name):
            decision.left[ascii(one.entry.name)] = FOREIGN
        elif one.unknown:
            decision.left[one.entry.name] = one.unknown
        else:
            decision.due.append(one)
    return decision


def _holds(one: Dated, held: Held) -> str:
    by = held.by(f"{one.whose}/")
    return f"under a legal hold ({by})" if by else one.held


def owner(store: str, name: str) -> str:
    """The pseudonym in an object's name, as the store's names go; "" where none belongs there."""
    first, *rest = name.split("/")
    if store in {"raw", "archive"}:
        return first
    if store == "training" and first == "features" and len(rest) > 1:
        return rest[1]
    if store == "training" and first == "keys" and rest:
        return rest[0].removesuffix(SUFFIX)
    return ""


def after_put(store: str, entries: Iterable[Entry], days: int) -> Iterator[Dated]:
    """Every version, due so many days after it was put."""
    for entry in entries:
        yield Dated(entry, entry.modified + timedelta(days=days), owner(store, entry.name))


def on_day(store: str, entries: Iterable[Entry], day: date) -> Iterator[Dated]:
    """Every version, due when this day begins, in UTC."""
    for entry in entries:
        yield Dated(entry, datetime.combine(day, time(), UTC), owner(store, entry.name))


def at_once(store: str, entries: Iterable[Entry]) -> Iterator[Dated]:
    """Every version, due since it was put."""
    return after_put(store, entries, 0)


def access_records(entries: Iterable[Entry], days: int) -> Iterator[Dated]:
    """What is in the audit store: all of a day at once, once that day is long over.

    The day is the one in a name, and where there is none that of the put. One in a name is
    whoever's who wrote it, and so only moves a record's age to the end of a day that is over by a
    day after it was put. A page of the trail does not go before the records that it ties into the
    log.

    An approval stays while it may be in force: who destroys may not read it, so that is as long as
    any may be. Of the reviews those of the newest day stay, however old: they are in force until
    there are others.
    """
    listed = list(entries)
    reviews = [one for one in listed if one.name.startswith(_REVIEWS)]
    last = max((one.modified for one in reviews), default=None)
    newest = [one for one in reviews if last is not None and last - one.modified < _DAY]
    for entry in listed:
        if entry in newest:
            continue
        day = _day_in(entry.name) or entry.modified.astimezone(UTC).date()
        since = age_begins(day, entry.modified)
        kept = timedelta(days=days)
        if entry.name.startswith(_APPROVALS):
            kept = max(kept, APPROVED_AT_MOST)
        yield Dated(entry, since + kept)


def _day_in(name: str) -> date | None:
    """The first of a name's parts that is a day, or begins with one and a hyphen.

    The last day that there can be is none: it does not end.
    """
    for part in name.split("/"):
        found = _DAY_NAME.fullmatch(part)
        with suppress(ValueError):
            if found and (day := date.fromisoformat(found[1])) < date.max:
                return day
    return None


def noncurrent(
    store: str, entries: Iterable[Entry], days: int, *, markers_only: bool = False
) -> Iterator[Dated]:
    """Versions that were replaced or hidden, due so many days after that.

    A delete marker goes with the last version that it hides. With `markers_only`, only markers that
    hide nothing: where every version is a recording of its own. `entries` are in order of name, a
    name's newest first.
    """
    for name, found in groupby(entries, key=lambda entry: entry.name):
        versions = list(found)
        whose = owner(store, name)
        if versions[0].delete_marker and not (
            markers_only and any(not one.delete_marker for one in versions)
        ):
            yield Dated(versions[0], versions[0].modified + timedelta(days=days), whose)
        elif markers_only:
            continue
        for newer, entry in pairwise(versions):
            yield Dated(entry, newer.modified + timedelta(days=days), whose)
