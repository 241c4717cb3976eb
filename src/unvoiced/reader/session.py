"""Sessions: one process's reading for one purpose, with stores, log, dataset key and trail.

- An `Access` can be sent to another process, and survives a fork: what travels is settings, no key.
  Whichever process uses it opens a session of its own there, with records of its own.
- In a process it is one session, however many views and iterations use it, in whichever thread.
"""

import os
import secrets
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit.quota import ReadQuota
from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.errors import InputError
from unvoiced.log.note import Verifier
from unvoiced.reader.opener import FeatureOpener, Opened, Skipped, Wanted
from unvoiced.reader.prefetch import Ahead
from unvoiced.reader.reason import Reason
from unvoiced.reader.report import ReadReport
from unvoiced.sealing import PrivateKey

_FETCHES = 16  # requests at once to a store in a bucket
_accesses: "weakref.WeakValueDictionary[str, Access]" = weakref.WeakValueDictionary()


class Session:
    """Reads, one call at a time, and counts.

    Raises `AccessError` where the dataset key is not to be had, or it cannot be told who reads.
    """

    def __init__(
        self, settings: Settings, purpose: Purpose, run: str, now: Callable[[], datetime] = utc_now
    ) -> None:
        dataset = PrivateKey(settings.vault("dataset").get("dataset/dataset"))
        self.training = settings.store("training")
        audit = settings.store("audit")
        trail = AuditTrail(audit, run, now)
        verifier = Verifier.parse(settings.log_vkey)
        quota = ReadQuota(audit, trail.requester, purpose, settings.reading, verifier, now)
        self._opener = FeatureOpener(
            self.training,
            settings.log_reader(),
            dataset,
            trail,
            purpose,
            quota.admit,
            fetches=_FETCHES if self.training.url.startswith("s3://") else 1,
            now=now,
        )
        self._reading = threading.Lock()
        self._counting = threading.Lock()
        self._closed = False
        self._read = self._bytes = 0
        self._skipped: Counter[Reason] = Counter()
        self._ahead: weakref.WeakSet[Ahead[Any]] = weakref.WeakSet()

    def follow(self) -> None:
        """Take in what was logged meanwhile; drop the keys of those who were erased."""
        with self._reading:
            self._check_open()
            self._opener.follow()

    def read(self, wanted: Sequence[Wanted]) -> list[Opened | Skipped]:
        """As `FeatureOpener.open`. Raises `InputError` once this is closed."""
        with self._reading:
            self._check_open()
            return self._opener.open(wanted)

    def count(self, answer: Opened | Skipped) -> None:
        """Count what was given out, or passed over."""
        with self._counting:
            if isinstance(answer, Skipped):
                self._skipped[answer.reason] += 1
            else:
                self._read += 1
                self._bytes += answer.size

    def ahead(self, most: int) -> "Ahead[Any]":
        """Room to read ahead; closed with this session."""
        ahead: Ahead[Any] = Ahead(most)
        self._ahead.add(ahead)
        self._check_open()
        return ahead

    @property
    def report(self) -> ReadReport:
        """What was read so far."""
        with self._counting:
            skipped = dict(self._skipped)
            return ReadReport(
                self._read, self._bytes, skipped, self._opener.records, self._opener.recorded
            )

    def close(self) -> None:
        """End all iterations, and let go of the keys; waits for the requests under way."""
        self._closed = True
        for ahead in list(self._ahead):
            ahead.close()
        self._opener.stop()
        with self._reading:
            self._opener.close()

    def _check_open(self) -> None:
        if self._closed:
            raise InputError("these features were closed")


class Access:
    """Leave to read: opens a session in each process in which it is used."""

    def __init__(self, settings: Settings, purpose: Purpose, run: str, token: str = "") -> None:
        self._how = (settings, purpose, run)
        self._token = token or secrets.token_hex(8)
        self._process = 0
        self._lock = threading.Lock()
        self._session: Session | None = None
        _accesses[self._token] = self

    @property
    def purpose(self) -> Purpose:
        """What for."""
        return self._how[1]

    def session(self) -> Session:
        """This process's session. Raises as `Session` does, and `InputError` once it is closed."""
        if self._process != os.getpid():
            # Forked since. The lock may be held by a thread that is not here, and what the session
            # has open is the other process's.
            self._lock, self._session = threading.Lock(), None
            self._process = os.getpid()
        with self._lock:
            if self._session is None:
                self._session = Session(*self._how)
            return self._session

    def close(self) -> None:
        """End this process's session for good."""
        self.session().close()

    def __reduce__(self) -> tuple[Any, ...]:
        return (_arrive, (*self._how, self._token))


def _arrive(settings: Settings, purpose: Purpose, run: str, token: str) -> Access:
    """The access of that name in this process, or a new one."""
    return _accesses.get(token) or Access(settings, purpose, run, token)
