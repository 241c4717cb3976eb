"""Writing the trail: one object for each record, put before what it speaks of is opened."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from unvoiced.audit.record import (
    LARGEST,
    AccessRecord,
    Purpose,
    Read,
    by_contributor,
    rfc3339_milliseconds,
)
from unvoiced.audit.requester import requester_of, source
from unvoiced.audit.texts import LONGEST, is_text, printable
from unvoiced.clock import utc_now
from unvoiced.errors import AccessError
from unvoiced.stores import Store


class AuditTrail:
    """Appends the records of one session; safe to share between threads, not between processes.

    What is not printable in the names of users, machines and runs is escaped. Raises `AccessError`
    where it cannot be told who is asking.
    """

    def __init__(self, store: Store, run: str, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._run = f"{printable(run)[: LONGEST - 9]}-{secrets.token_hex(4)}"
        self._now = now
        self._requester = printable(requester_of(store.url))
        if not is_text(self._requester):
            raise AccessError(f"who reads has a name of more than {LONGEST} characters")
        self._source = printable(source())[:LONGEST]
        self._lock = threading.Lock()
        self._sequence = 0
        self._previous: str | None = None

    @property
    def requester(self) -> str:
        """Who reads."""
        return self._requester

    @property
    def run(self) -> str:
        """The session, as its records name it."""
        return self._run

    def record(self, reads: Sequence[Read], purpose: Purpose) -> AccessRecord:
        """Make a record of some reads durable; call before opening.

        Raises `StoreError`; `ValueError` for reads that one record cannot name (`by_contributor`),
        or for too many.
        """
        with self._lock:
            record = AccessRecord(
                requester=self._requester,
                purpose=purpose.value,
                time=rfc3339_milliseconds(self._now()),
                source=self._source,
                run=self._run,
                sequence=self._sequence,
                previous=self._previous,
                size=sum(read.size for read in reads),
                contributors=by_contributor(reads),
            )
            data = record.encode()
            if len(data) > LARGEST:
                raise ValueError(f"a record of {len(reads)} objects is larger than {LARGEST} bytes")
            count = len(record.objects)
            self._store.put_if_absent(f"{record.name}{secrets.token_hex(8)}-{count}.json", data)
            self._sequence += 1
            self._previous = hashlib.sha256(data).hexdigest()
        return record
