"""Pages: what ties the audit trail into the log, so that nothing of it goes unseen.

INV-12 A record that a page tied into the log cannot be changed or removed unseen.

- A page names records of one day by name and SHA-256, and the page of that day before it. The log
  has its digest, and says nothing else about it.
- What a page names, and what was tied before, is told by names alone, never by a clock: a record
  that comes late, or under an older day, or from a machine whose clock is wrong, is not in any
  page, and so goes into the next.
- The first page of a day is made when all days were looked through; the others when today,
  yesterday and the two days to come were. So every record is tied within a day of when it was put,
  those of the current day within minutes, and a day without any `audited` leaf is one on which
  nobody tied. Days further ahead are some clock's mistake, or somebody's plan to keep this busy:
  only so many of them are looked at each time (`FAR`, `FAR_A_DAY`).
- A page says how many records the pages of its day name by then, and the digest of all their names:
  a day at which nothing changed is known by reading one page.
- Numbers are taken by creating the page, so of two that tie at once one starts over.
- A page that stands and is not in the log was put by somebody who died before they logged it, or by
  somebody else. It is logged if this call might have made it: it follows on those before it, names
  nothing that they name, and what it names stands there with that digest, put at that time. Else it
  counts for nothing, and a page of our own is made. So who can write to the store, and has not the
  log's key, has no say in what the log holds to be tied.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from unvoiced.audit.known import Known
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
from unvoiced.audit.record import LARGEST, READS
from unvoiced.errors import AlreadyExists, NotFound, StoreError
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.stores import Entry, Store

RECORDS = 2_000  # that one page names at most
_ATTEMPTS = 8  # to take a number
_LAST_NUMBER = 999_999
# Days more than two ahead that are looked at: of those without pages at every call, of all others
# once a day, by turns.
FAR, FAR_A_DAY = 8, 100
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
    # What nobody of ours made: pages, and objects under records' names that are too large for one.
    foreign: list[str] = field(default_factory=list)
    ahead: list[str] = field(default_factory=list)  # days more than two ahead that have records


def tie(audit: Store, accounts: Accounts, now: Callable[[], datetime]) -> Tied:
    """Name all records that no page names yet, and log the pages; several may do so at once.

    Stopped at any moment, the next call goes on. Raises `StoreError`; `VerificationError` where the
    log went back.
    """
    tying = _Tying(audit, accounts, now)
    this_day = now().astimezone(UTC).date()
    today, yesterday, soon = (f"{this_day + each * _DAY:%Y-%m-%d}" for each in (0, -1, 2))
    recorded, paged = days_of(audit, READS), days_of(audit, PAGES)
    others = sorted((recorded | paged) - {today, yesterday})
    past = [day for day in others if day < today]
    far = [day for day in others if day > soon]
    tying.tied.ahead = [day for day in far if day in recorded]
    whole = not tying.says_whole(today)
    # The newest two as well: where this machine's clock is ahead, they are the current ones.
    days = {yesterday, *(past if whole else past[-2:])}
    days |= {day for day in others if today < day <= soon}
    if far:
        days |= _some(far, paged, this_day if whole else None)
    for day in sorted(days):
        tying.tie_day(day, whole=False)
    tying.tie_day(today, whole=True)  # last: it says that all days were looked through
    tying.tied.whole = whole
    if tying.tied.pages:
        accounts.remember()
    return tying.tied


def _some(far: Sequence[str], paged: Collection[str], day: date | None) -> set[str]:
    """Those of many days ahead to look at now: some, so that each has its turn within days.

    First those that have no page yet. The last two: where this machine's clock is behind, they are
    the current ones. And others, once a day: `day` is today's.
    """
    chosen = {*[each for each in far if each not in paged][:FAR], *far[-2:]}
    if day is not None:
        at = day.toordinal() * FAR_A_DAY % len(far)
        chosen |= set([*far, *far][at : at + FAR_A_DAY])
    return chosen


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
            listed = self._records_of(day)
            if self._is_unchanged(standing, listed, whole=whole):
                return
            known = self._known(read_pages(self._audit, standing), listed, whole=whole)
            try:
                self._add_pages(day, known, standing, listed, whole=whole)
            except AlreadyExists:
                continue  # somebody else ties this day at this moment
            self.tied.missing += [one for one in known.records.values() if one.name not in listed]
            return
        raise StoreError(f"{PAGES}{day}/: others take every number; try again")

    def _records_of(self, day: str) -> dict[str, Entry]:
        listed = record_entries_of(self._audit, day)
        for name in [name for name, entry in listed.items() if entry.size > LARGEST]:
            del listed[name]
            self._found_foreign(name)
        return listed

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

    def _known(
        self, standing: Sequence[StandingPage], listed: Mapping[str, Entry], *, whole: bool
    ) -> Known:
        """What pages of the log name by now.

        A page that is not in the log is logged now, if this call might have made it.
        """
        known, taken = Known(), {one.entry.name for one in standing}
        for one in standing:
            page = one.page
            if page is None:
                self._found_foreign(one.entry.name)
            elif self._is_logged(one.sha256):
                known.take(page, one.sha256)
            elif one.entry.modified > self._now() - _DAY and self._might_be_ours(
                page, known, taken, listed, whole=whole
            ):
                self._log(page, one.sha256)
                known.take(page, one.sha256)
            else:
                self._found_foreign(one.entry.name)
        return known

    def _might_be_ours(
        self,
        page: Page,
        known: Known,
        taken: Collection[str],
        listed: Mapping[str, Entry],
        *,
        whole: bool,
    ) -> bool:
        """Whether this call might have made a page that is not in the log: all that it says is so.

        `whole`: whether this call has looked through all days, if no page said so already.
        """
        says_more = page.whole and not known.whole
        today = f"{self._now().astimezone(UTC):%Y-%m-%d}"
        between = (replace(page, number=each) for each in range(known.next, page.number))
        return (
            known.is_followed_by(page)
            and len(page.records) <= RECORDS
            and (says_more or len(page.records) > 0)
            and (whole or not says_more or page.day < today)
            and all(each.name in taken for each in between)
            and all(one.name in listed and one.is_entry(listed[one.name]) for one in page.records)
            and [one.sha256 for one in self._read([listed[one.name] for one in page.records])]
            == [one.sha256 for one in page.records]
        )

    def _add_pages(
        self,
        day: str,
        known: Known,
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
            if page.number > _LAST_NUMBER:
                raise StoreError(f"{PAGES}{day}/: no number is left for a page")
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
            data = self._audit.get(entry.name).data
        except NotFound:
            if entry.name not in self.tied.vanished:
                self.tied.vanished.append(entry.name)
            return None
        return Named(entry.name, hashlib.sha256(data).hexdigest(), entry.modified)

    def _found_foreign(self, name: str) -> None:
        if name not in self.tied.foreign:
            self.tied.foreign.append(name)
