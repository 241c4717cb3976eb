"""Pages: what ties the audit trail into the log, so that nothing of it goes unseen.

INV-12 A record that a page tied into the log cannot be changed or removed unseen.

- A page names records of one day by name and SHA-256, and the page of that day before it. The log
  has its digest, and says nothing else about it.
- What a page names, and what was tied before, is told by names alone, never by a clock: a record
  that comes late, or under an older day, or from a machine whose clock is wrong, is not in any
  page, and so goes into the next.
- The first page of a day is made when all days were looked through; the others when today,
  yesterday and what lies ahead were. So every record is tied within a day of when it was put, those
  of the current day within minutes, and a day without any `audited` leaf is one on which nobody
  tied.
- A page says how many records the pages of its day name by then, and the digest of all their names:
  a day at which nothing changed is known by reading one page.
- Numbers are taken by creating the page, so of two that tie at once one starts over.
- A page that stands and is not in the log was put by somebody who died before they logged it, or by
  somebody else. It is logged if all that it says is so; else it counts for nothing.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from unvoiced.audit.page import (
    FETCHES,
    PAGES,
    Named,
    Page,
    StandingPage,
    days_of,
    digest_of_names,
    read_page,
    read_pages,
    record_entries_of,
)
from unvoiced.audit.record import READS, rfc3339_milliseconds
from unvoiced.errors import AlreadyExists, NotFound, StoreError
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.stores import Entry, Store

RECORDS = 2_000  # that one page names at most
_ATTEMPTS = 8  # to take a number
_DAY = timedelta(days=1)


@dataclass
class Tied:
    """What `tie` did and saw."""

    pages: list[str] = field(default_factory=list)  # that were logged
    records: int = 0  # that they name
    days: int = 0  # that were looked at
    whole: bool = False  # whether these were all
    # Records of these days that pages name and that are not there any more. Retention may have
    # destroyed them: `is_over`.
    missing: list[Named] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)  # records that went while they were read
    foreign: list[str] = field(default_factory=list)  # pages that nobody of ours made


def tie(audit: Store, accounts: Accounts, now: Callable[[], datetime]) -> Tied:
    """Name all records that no page names yet, and log the pages; several may do so at once.

    Stopped at any moment, the next call goes on. Raises `StoreError`; `VerificationError` where the
    log went back.
    """
    tying = _Tying(audit, accounts, now)
    today = f"{now().astimezone(UTC):%Y-%m-%d}"
    yesterday = f"{now().astimezone(UTC) - _DAY:%Y-%m-%d}"
    recorded = sorted(days_of(audit, READS) - {today, yesterday})
    whole = not tying.says_whole(today)
    # The newest two as well: where this machine's clock is ahead, they are the current ones.
    ahead = {day for day in recorded if day > yesterday} | set(recorded[-2:])
    for day in sorted({yesterday, *(recorded if whole else ahead)}):
        tying.tie_day(day, whole=False)
    tying.tie_day(today, whole=True)  # last: it says that all days were looked through
    tying.tied.whole = whole
    if tying.tied.pages:
        accounts.remember()
    return tying.tied


class _Tying:
    """One call of `tie`."""

    def __init__(self, audit: Store, accounts: Accounts, now: Callable[[], datetime]) -> None:
        self.tied = Tied()
        self._audit = audit
        self._accounts = accounts
        self._now = now
        self._audited = set(accounts.current().audited)

    def says_whole(self, day: str) -> bool:
        """Whether the last page of a day that the log has says that all days were looked at."""
        for entry in reversed(list(self._audit.list(f"{PAGES}{day}/"))):
            standing = read_page(self._audit, entry)
            if standing.page is not None and self._is_logged(standing.sha256):
                return standing.page.whole
        return False

    def tie_day(self, day: str, *, whole: bool) -> None:
        """Make pages until all of a day is named; with `whole`, one at least that says so."""
        self.tied.days += 1
        for _ in range(_ATTEMPTS):
            # Pages first: what they name stood by then, so what is not listed now has gone.
            standing = list(self._audit.list(f"{PAGES}{day}/"))
            listed = record_entries_of(self._audit, day)
            if self._is_unchanged(standing, listed, whole=whole):
                return
            known = self._known(read_pages(self._audit, standing))
            try:
                self._add_pages(day, known, standing, listed, whole=whole)
            except AlreadyExists:
                continue  # somebody else ties this day at this moment
            self.tied.missing += [one for one in known.records.values() if one.name not in listed]
            return
        raise StoreError(f"{PAGES}{day}/: others take every number; try again")

    def _is_unchanged(
        self, standing: Sequence[Entry], listed: Mapping[str, Entry], *, whole: bool
    ) -> bool:
        """Whether the newest page says that exactly these are named, which saves reading all."""
        if not standing:
            return not listed and not whole
        newest = read_page(self._audit, standing[-1])
        return (
            newest.page is not None
            and newest.page.number == len(standing) - 1
            and (newest.page.whole or not whole)
            and newest.page.named == len(listed)
            and newest.page.names == digest_of_names(listed)
            and self._is_logged(newest.sha256)
        )

    def _known(self, standing: Sequence[StandingPage]) -> "_Known":
        """What pages of the log name by now.

        A page that is not in the log is logged now, if what it says is so.
        """
        known = _Known()
        for one in standing:
            page = one.page
            if page is None:
                self._found_foreign(one.entry.name)
            elif self._is_logged(one.sha256):
                known.take(page, one.sha256)
            elif known.would_take(page) and self._stand(page):
                self._log(page, one.sha256)
                known.take(page, one.sha256)
            else:
                self._found_foreign(one.entry.name)
        return known

    def _stand(self, page: Page) -> bool:
        """Whether the records of a page are there, and these."""
        if page.whole and page.day > f"{self._now().astimezone(UTC):%Y-%m-%d}":
            return False  # nobody can have looked through all days on a day that has not come
        try:
            with ThreadPoolExecutor(FETCHES, "record") as pool:
                digests = list(pool.map(self._digest, (one.name for one in page.records)))
        except NotFound:
            return False
        return digests == [one.sha256 for one in page.records]

    def _add_pages(
        self,
        day: str,
        known: "_Known",
        standing: Sequence[Entry],
        listed: Mapping[str, Entry],
        *,
        whole: bool,
    ) -> None:
        taken = {entry.name for entry in standing}
        new = [entry for name, entry in sorted(listed.items()) if name not in known.records]
        portions = [new[at : at + RECORDS] for at in range(0, len(new), RECORDS)]
        if whole and not known.whole and not portions:
            portions = [[]]
        for portion in portions:
            records = self._read(portion)
            if portion and not records:
                continue
            page = known.following(day, records, whole=whole, time=self._now())
            while page.name in taken:  # by somebody who is not of ours
                page = replace(page, number=page.number + 1)
            data = page.encode()
            self._audit.put_if_absent(page.name, data)
            digest = hashlib.sha256(data).hexdigest()
            self._log(page, digest)
            known.take(page, digest)

    def _is_logged(self, digest: str) -> bool:
        if digest not in self._audited:
            self._audited |= self._accounts.current().audited
        return digest in self._audited

    def _log(self, page: Page, digest: str) -> None:
        self._accounts.append([encode_leaf("audited", digest, self._now())])
        self._audited.add(digest)
        self.tied.pages.append(page.name)
        self.tied.records += len(page.records)

    def _read(self, entries: Sequence[Entry]) -> list[Named]:
        with ThreadPoolExecutor(FETCHES, "record") as pool:
            found = list(pool.map(self._named, entries))
        return [one for one in found if one is not None]

    def _named(self, entry: Entry) -> Named | None:
        try:
            return Named(entry.name, self._digest(entry.name), entry.modified)
        except NotFound:
            self.tied.vanished.append(entry.name)
            return None

    def _digest(self, name: str) -> str:
        return hashlib.sha256(self._audit.get(name).data).hexdigest()

    def _found_foreign(self, name: str) -> None:
        if name not in self.tied.foreign:
            self.tied.foreign.append(name)


class _Known:
    """What the pages of one day name, up to one of them."""

    def __init__(self) -> None:
        self.records: dict[str, Named] = {}
        self.whole = False
        self._last: str | None = None
        self._next = 0

    def would_take(self, page: Page) -> bool:
        """Whether a page is one that follows on these."""
        names = {*self.records, *(one.name for one in page.records)}
        return (page.previous, page.named, page.names) == (
            self._last,
            len(names),
            digest_of_names(names),
        )

    def take(self, page: Page, digest: str) -> None:
        """Go on to a page that the log has."""
        self.records |= {one.name: one for one in page.records}
        self.whole, self._last, self._next = page.whole, digest, page.number + 1

    def following(self, day: str, records: Sequence[Named], *, whole: bool, time: datetime) -> Page:
        """The page that names these next."""
        names = {*self.records, *(one.name for one in records)}
        return Page(
            day=day,
            number=self._next,
            previous=self._last,
            time=rfc3339_milliseconds(time),
            whole=whole or self.whole,
            named=len(names),
            names=digest_of_names(names),
            records=tuple(records),
        )
