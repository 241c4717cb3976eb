"""The quota: how many objects one requester may read on a day for one purpose.

- What was read is counted from the names of the records of the day, so all sessions of one
  requester share one quota.
- The listing is asked for once a minute at most; what this session reads meanwhile is added. So
  what all sessions read together goes beyond the quota by no more than the other sessions read
  within a minute, and by what is being read at the same time.
- A day is a day of UTC, by this machine's clock.

It is kept by the reader, on its user's machine. Who changes the reader goes around it; what they
read is in the provider's log, and the watch looks there (docs/audit.md).
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from unvoiced.audit.approvals import approvals
from unvoiced.audit.record import Purpose, parse_name, reads_folder
from unvoiced.errors import AccessError
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Verifier
from unvoiced.sections import ReadingSettings
from unvoiced.stores import Store

REFRESH = timedelta(minutes=1)


class ReadQuota:
    """Admits reads of one requester for one purpose; safe to share between threads."""

    def __init__(
        self,
        audit: Store,
        requester: str,
        purpose: Purpose,
        settings: ReadingSettings,
        verifier: Verifier,
        now: Callable[[], datetime],
    ) -> None:
        """`requester` is `AuditTrail.requester`; `verifier` the log's public key."""
        self._audit = audit
        self._requester = requester
        self._purpose = purpose
        self._quota = settings.per_day(purpose.value)
        self._verifier = verifier
        self._now = now
        self._lock = threading.Lock()
        self._day = ""
        self._counted_at: datetime | None = None
        self._read = 0  # on this day: as listed, and by this session since
        self._approved_at: tuple[datetime, int] | None = None  # when, and the log's size
        self._approved = 0  # objects a day

    def admit(self, count: int, ledger: Ledger) -> None:
        """Let so many objects be read; call before their record is put.

        `ledger` is of the log as far as it was read: an approval counts once it is in there. Raises
        `AccessError`, and admits none of them, where the quota does not suffice; `StoreError`.
        """
        if not self._quota:
            return
        with self._lock:
            now = self._now().astimezone(UTC)
            self._count(now)
            if self._read + count > self._quota:
                self._look_for_approvals(now, ledger)
                if self._read + count > self._approved:
                    raise AccessError(self._refusal(count))
            self._read += count

    def _count(self, now: datetime) -> None:
        day = f"{now:%Y-%m-%d}"
        fresh = self._counted_at is not None and timedelta() <= now - self._counted_at < REFRESH
        if day == self._day and fresh:
            return
        if day != self._day:
            self._approved_at, self._approved = None, 0
        self._day, self._counted_at = day, now
        folder = reads_folder(day, self._requester, self._purpose)
        names = (parse_name(entry.name) for entry in self._audit.list(folder))
        self._read = sum(said.objects for said in names if said is not None)

    def _look_for_approvals(self, now: datetime, ledger: Ledger) -> None:
        """Again only after a minute, or once more of the log was read."""
        if self._approved_at is not None:
            then, size = self._approved_at
            if timedelta() <= now - then < REFRESH and size == ledger.size:
                return
        self._approved_at = now, ledger.size
        found = approvals(self._audit, self._verifier, ledger, self._requester)
        self._approved = max(
            (
                one.approval.objects
                for one in found
                if one.approval is not None
                and one.approval.covers(self._requester, self._purpose, self._day)
            ),
            default=0,
        )

    def _refusal(self, count: int) -> str:
        # How many are wanted in all is not known here: only the next chunk. So N is left open.
        limit = max(self._quota, self._approved)
        return (
            f"{self._requester} may read {limit:,} objects a day for {self._purpose}, has read "
            f"{self._read:,} on {self._day} (UTC), and asks for {count:,} more. Go on tomorrow, or "
            f"have somebody else approve it: unvoiced audit approve '{self._requester}' "
            f"--purpose {self._purpose} --objects N --until {self._day} --because TEXT, where N is "
            f"the {self._read:,} of today plus all that is still wanted, not only the next "
            f"{count:,}; then resume (a view's state_dict says where)"
        )
