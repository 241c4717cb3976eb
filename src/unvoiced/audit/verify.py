"""Verifying the audit trail: its store, and the log that its pages are tied into.

For whoever does not trust who runs the store. It shows that every record that was tied stands
unchanged, or was destroyed when its days were over (INV-12). It cannot show

- a record that was removed before a page tied it, and that no later record of its session follows:
  a session's number of records is in no other place. What the provider's log shows to have been
  read then has no record, and the watch says so;
- reads by a reader that was changed to write no records: the watch again;
- whether it was retention that removed a record whose days were over, or somebody else: only that
  no more records, and no more pages, are gone than the log says were swept.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from unvoiced.audit.known import Known
from unvoiced.audit.page import (
    DAY_NAME,
    FETCHES,
    PAGES,
    Named,
    StandingPage,
    days_of,
    is_over,
    read_pages,
)
from unvoiced.audit.record import LARGEST, READS, parse_name
from unvoiced.audit.records import read_record
from unvoiced.audit.report import Damage, TrailReport
from unvoiced.audit.sessions import Link, Lost, gaps
from unvoiced.errors import NotFound
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.reader import LogReader
from unvoiced.stores import Entry, Store
from unvoiced.stores.interface import CONDITIONS_PROBE

# What else the store of the trail holds.
OTHERS = ("approvals/", "reviews/", "watch/")
# A session that was idle for longer than this, at the edge of what retention has destroyed, counts
# as begun anew.
_LONGEST_PAUSE = timedelta(days=31)
# By how much a page may be older than its leaf: put by somebody who died before they logged it.
_LOGGED_LATE = timedelta(days=1)


def verify_trail(
    audit: Store,
    log: LogReader,
    *,
    audit_days: int,
    now: datetime,
    since: date | None = None,
) -> TrailReport:
    """Verify the trail, from some day on or all of it; what is wrong stands in the report.

    (1) The log is read, checked as every reader of it does, for the digests of pages, and for how
        many objects of this store retention destroyed. (Stops: a page of somebody else's.)
    (2) Every page that stands is one, for its name, and the log has it. (Stops: a page edited,
        moved or put in.)
    (3) Every page that the log has stands, or its days are over. (Stops: a page deleted; with (2),
        one replaced.)
    (4) Every page follows on the one before it on its day, counts the records that the pages of
        its day name, and says of none what another page does not. (Stops: pages reordered; a record
        tied anew with other bytes, or an older date.)
    (5) Every record that a page names stands under this name with these bytes, or retention's day
        for it has come. (Stops: a record deleted, edited, replaced or moved.)
    (6) Every object under `reads/` is a record, in its place. (Stops: one planted, or misnamed to
        count for less, or for somebody else.)
    (7) The records of each session follow on one another. (Stops: a record deleted before it was
        tied, unless it was the last of its session.)
    (8) No more records and no more pages are gone for age than the log says were swept.

    Each object is told of once, by its strongest reason.

    `audit_days` is [retention] audit_days. With `since`, (4) to (7) are for those days but for any
    more than two ahead, (3) is for what was logged from then on, and (8) is left out. Raises
    `VerificationError` for a log that does not hold, `StoreError`.
    """
    looking = _Looking(audit, audit_days, now, since, TrailReport(0))
    leaves = looking.read_log(log)  # (1)
    pages = looking.read_pages()
    by_digest = looking.match_pages(pages, leaves)  # (2), (3)
    of_days: dict[str, list[StandingPage]] = {}
    for one in by_digest.values():
        if one.page:
            of_days.setdefault(one.page.day, []).append(one)
    for day in looking.days(of_days):
        named = looking.follow_pages(day, of_days.pop(day, ()))  # (4)
        looking.compare(day, named)  # (5), (6)
    looking.report_gone()
    looking.follow_sessions()  # (7)
    if since is None:
        looking.find_foreign()
    else:
        looking.report.records_over = looking.report.pages_over = 0  # (8) is about all of it
    return looking.report


class _Looking:
    """One verification."""

    def __init__(
        self,
        audit: Store,
        audit_days: int,
        now: datetime,
        since: date | None,
        report: TrailReport,
    ) -> None:
        self.report = report
        self._audit = audit
        self._days = audit_days
        self._now = now
        self._since = since
        self._links: list[Link] = []
        self._gone: list[Named] = []  # that are not there, and should be
        self._told: set[str] = set()  # names of what is damaged
        self._lost: list[Lost] = []  # these, and those that are not what was tied
        self._loose: dict[str, str] = {}  # SHA-256 -> name of what stands and no page names
        self._absent: set[str] = set()  # digests of pages that the log has and that do not stand

    def read_log(self, log: LogReader) -> dict[str, Leaf]:
        """The leaves of pages, by digest, in the log's order."""
        self.report.log_size = log.checkpoint().size
        audited: dict[str, Leaf] = {}
        for leaf in map(parse_leaf, log.entries(0, self.report.log_size)):
            if leaf.kind == "audited":
                audited[leaf.digest] = leaf
                self.report.last_tied = _logged(leaf)
            elif leaf.kind == "swept" and leaf.fields.get("store") == "audit":
                self.report.records_swept += _count(leaf, "records")
                self.report.pages_swept += _count(leaf, "pages")
        return audited

    def read_pages(self) -> list[StandingPage]:
        """All pages; with `since`, those that were put, or are about a day, from then on."""
        listed: Iterable[Entry] = self._audit.list(PAGES)
        if self._since is not None:
            day = f"{self._since:%Y-%m-%d}"
            put = datetime.combine(self._since, time(), UTC) - timedelta(days=1)
            listed = [
                entry
                for entry in listed
                if entry.modified >= put or entry.name.removeprefix(PAGES) >= day
            ]
        return read_pages(self._audit, listed)

    def match_pages(
        self, standing: Iterable[StandingPage], leaves: dict[str, Leaf]
    ) -> dict[str, StandingPage]:
        """The pages that the log has, by digest."""
        matched: dict[str, StandingPage] = {}
        strange: list[StandingPage] = []
        for one in standing:
            if one.page is not None and one.sha256 in leaves:
                matched[one.sha256] = one
            else:
                strange.append(one)
        self.report.pages = len(matched)
        missing = {digest: leaf for digest, leaf in leaves.items() if digest not in matched}
        self._absent = set(missing)
        elsewhere = {one.sha256 for one in strange}
        for digest, leaf in missing.items():
            logged = _logged(leaf)
            if is_over(logged - _LOGGED_LATE, self._days, self._now):
                self.report.pages_over += 1
            elif digest in elsewhere:
                pass  # told of below, by where it stands
            elif self._since is None or logged.date() >= self._since:
                self._damaged(digest, f"the page that was logged on {logged:%F %R} UTC is gone")
        for one in strange:
            if one.sha256 in missing:
                self._damaged(one.entry.name, "a page of the log, moved here from its own place")
            elif one.page is None:
                self._planted(one.entry.name, "no page: edited, or put here by somebody else")
            else:
                self.report.unlogged.append(one.entry.name)
        return matched

    def days(self, of_pages: Iterable[str]) -> list[str]:
        """All days to be looked at, in order."""
        days = {*of_pages, *days_of(self._audit, READS)}
        if self._since is None:
            return sorted(days)
        # Whoever may create records may have made up thousands of days to come.
        last = f"{self._now.astimezone(UTC) + timedelta(days=2):%Y-%m-%d}"
        return sorted(day for day in days if f"{self._since:%Y-%m-%d}" <= day <= last)

    def follow_pages(self, day: str, pages: Iterable[StandingPage]) -> dict[str, Named]:
        """What `pages`, which are those of a day, name; the first of them that names it.

        Where one is missing in between, (3) has said so, unless its days are over; what the pages
        name together cannot be counted then.
        """
        of_day = sorted(
            ((one.page, one.sha256) for one in pages if one.page),
            key=lambda pair: pair[0].number,
        )
        known, complete = Known(), True
        for page, digest in of_day:
            if page.previous != known.last:
                complete = False
                if page.previous not in self._absent:
                    self._damaged(page.name, "does not follow on the page before it")
            for one in page.records:
                if known.records.get(one.name, one) != one:
                    self._damaged(one.name, f"tied twice, as two things: again by {page.name}")
            known.take(page, digest)
            if complete and (page.named, page.names) != known.counts():
                self._damaged(page.name, "counts other records than the pages of its day name")
        return known.records

    def compare(self, day: str, named: Mapping[str, Named]) -> None:
        """Hold the records that stand on a day against those that its pages name."""
        standing = set()
        for one in self._seen(day):
            standing.add(one.name)
            if one.link is None and parse_name(one.name) is None:
                self.report.foreign.append(one.name)
                continue
            self._take(one, named.get(one.name))
        for name, tied in named.items():
            if name in standing:
                continue
            if is_over(tied.put, self._days, self._now, day):
                self.report.records_over += 1
            else:
                self._gone.append(tied)

    def _take(self, one: "_Seen", tied: Named | None) -> None:
        self.report.records += 1
        if tied is not None and tied.sha256 != one.sha256:
            self._lose(tied)
            kept = self._kept(tied)
            self._damaged(one.name, f"not what was tied: edited, or replaced{kept}")
            return
        if one.link is None:
            self._planted(one.name, "no record, or not one that belongs under this name")
        else:
            self._links.append(one.link)
        if tied is None:
            self.report.untied += 1
            self.report.oldest_untied = min(self.report.oldest_untied or one.put, one.put)
            self._loose[one.sha256] = one.name
        else:
            self.report.tied += 1

    def _seen(self, day: str) -> Iterator["_Seen"]:
        with ThreadPoolExecutor(FETCHES, "record") as pool:
            for one in pool.map(self._see, self._audit.list(f"{READS}{day}/")):
                if one is not None:
                    yield one

    def _see(self, entry: Entry) -> "_Seen | None":
        try:
            found = read_record(self._audit, entry)
        except NotFound:  # gone since it was listed
            return None
        link = Link.of(found.record, found.sha256) if found.record else None
        return _Seen(entry.name, found.sha256, entry.modified, link)

    def report_gone(self) -> None:
        """Say of each record that is gone before its days were over whether it stands elsewhere."""
        moved = set()
        for tied in self._gone:
            self._lose(tied)
            if tied.sha256 in self._loose:
                moved.add(self._loose[tied.sha256])
                self._damaged(tied.name, f"moved to {self._loose[tied.sha256]}")
            else:
                self._damaged(tied.name, f"deleted{self._kept(tied)}")
        self.report.planted = [one for one in self.report.planted if one.name not in moved]

    def _lose(self, tied: Named) -> None:
        if said := parse_name(tied.name):
            self._lost.append(Lost(tied.sha256, said.moment))

    def _kept(self, tied: Named) -> str:
        """Whether an earlier version is what was tied: in a bucket with versions it can be put
        back.
        """
        for entry in self._audit.versions(tied.name):
            if entry.delete_marker or entry.name != tied.name or entry.size > LARGEST:
                continue
            try:
                data = self._audit.get(entry.name, entry.version).data
            except NotFound:
                continue
            if hashlib.sha256(data).hexdigest() == tied.sha256:
                return f"; its version {entry.version} is what was tied"
        return ""

    def follow_sessions(self) -> None:
        """Find what is missing from sessions."""
        self.report.sessions = len({link.run for link in self._links})
        edge: datetime | None = None
        if self._since is not None:
            edge = datetime.max.replace(tzinfo=UTC)
        elif self.report.records_swept:
            edge = self._now - timedelta(days=self._days) + _LONGEST_PAUSE
        found = gaps(self._links, self._lost, since=edge)
        self.report.gaps += [Damage(f"session {run}", what) for run, what in found]

    def find_foreign(self) -> None:
        """Find what stands anywhere else."""
        for entry in self._audit.list():
            name = entry.name
            day = name.removeprefix(READS).partition("/")[0]
            looked_at = name.startswith(READS) and DAY_NAME.fullmatch(day)
            ours = name.startswith((PAGES, *OTHERS)) or name == CONDITIONS_PROBE
            if not looked_at and not ours:
                self.report.foreign.append(name)

    def _damaged(self, name: str, what: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self.report.damage.append(Damage(name, what))

    def _planted(self, name: str, what: str) -> None:
        self.report.planted.append(Damage(name, what))


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record as it stands."""

    name: str
    sha256: str
    put: datetime
    link: Link | None  # None where it is none


def _count(leaf: Leaf, what: str) -> int:
    count = leaf.fields.get(what)
    return count if isinstance(count, int) else 0


def _logged(leaf: Leaf) -> datetime:
    return datetime.fromisoformat(str(leaf.fields["time"]))
