"""Opening features: recorded, genuine, with a key that the log does not call destroyed.

INV-8  what is opened was recorded in the audit trail first.
INV-10 a key that the log says was destroyed opens nothing, wherever it turns up again.

Some objects are opened together, in these steps:

1. Find each contributor's key object, and ask the log about it. (Stops: a restored backup bringing
   somebody's features back; a key of another's making.)
2. Record what is about to be read, where the digests are known: before the store is asked for it.
   Then a read that the store's own log shows and the trail does not was not made by this reader,
   however it was killed. A digest that several names claim is not known: a record has one name
   under each.
3. Fetch.
4. Where a digest was not known, or is another one than was recorded: record it now. (Stops: bytes
   opened under somebody else's record.)
5. Refuse what no receipt of the log names: a contributor's public key is in plain sight, so
   whoever can write the training store could seal arrays of their own to it.
6. Open.

What cannot be read is skipped, with the error that says why, and stops nothing else; but the wrong
dataset key is an error.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.clock import utc_now
from unvoiced.errors import NotFound, OpenError, UnvoicedError, VerificationError
from unvoiced.features import unpack_in_place
from unvoiced.log.digests import DigestSet
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import features_of
from unvoiced.names import FeatureName, parse_feature_name
from unvoiced.reader.key_cache import Found, KeyCache, Refusal
from unvoiced.reader.reason import Reason
from unvoiced.sealing import Json, PrivateKey, open_parsed, parse_header
from unvoiced.stores import Store
from unvoiced.stores.quick_read import quick_read

Arrays = dict[str, np.ndarray]
Admit = Callable[[int, Ledger], None]
# Whoever is erased while an epoch is under way is read no longer than this.
FOLLOW_EVERY = timedelta(minutes=5)


def no_quota(_count: int, _ledger: Ledger) -> None:
    """No quota: for tests, whose reads nobody counts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object to be read; `sha256` and `size` as a catalog or an earlier read have them."""

    name: str
    sha256: str | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """An object that was read: its arrays, each (rows, frames), and its authenticated header."""

    name: FeatureName
    sha256: str
    size: int
    context: Mapping[str, Json]
    arrays: Arrays


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object that was not read, and why."""

    name: str
    reason: Reason
    error: UnvoicedError


@dataclass(slots=True)
class _Asked:
    """One question on its way to its answer."""

    at: int
    wanted: Wanted
    said: FeatureName
    recorded: str | None = None  # the digest that a record names, put before it was fetched
    sealed: bytes = b""
    sha256: str = ""


class FeatureOpener:
    """Opens feature objects for one purpose; one call at a time.

    The log is read as far as it goes by `follow`, whenever a key or an object turns up that is not
    known yet, and when five minutes have passed. A key that was found by then is used until the log
    is read again and calls it destroyed.
    """

    def __init__(
        self,
        training: Store,
        log: LogReader,
        dataset: PrivateKey,
        trail: AuditTrail,
        purpose: Purpose,
        admit: Admit,
        *,
        fetches: int = 1,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`fetches` is how many requests the store is sent at once.

        `admit` is asked before so many objects are fetched, with the ledger as far as it was read;
        it raises `AccessError` where a quota is used up (`audit.quota`).
        """
        self._get = quick_read(training)
        self._log = log
        self._ledger = Ledger()
        self._genuine = DigestSet()
        self._keys = KeyCache(dataset, self._fetch)
        self._trail = trail
        self._purpose = purpose
        self._admit = admit
        self._now = now
        self._followed_at: datetime | None = None
        self._pool = ThreadPoolExecutor(fetches, "fetch") if fetches > 1 else None
        self.records = 0  # put by this opener
        self.recorded = 0  # objects that they name

    def stop(self) -> None:
        """Have no more fetched; a call in another thread ends soon, with an error."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Let go of threads and keys."""
        self.stop()
        self._keys.clear()

    def follow(self) -> None:
        """Take in what was logged since the log was read last; drop keys that it calls destroyed.

        Raises `VerificationError`, `StoreError`.
        """
        now = self._now()
        for data in self._log.entries(self._ledger.size, self._log.checkpoint().size):
            self._genuine.update(features_of(self._ledger.enter(data)))
        self._keys.drop_destroyed(self._ledger)
        self._followed_at = now

    def open(self, wanted: Sequence[Wanted]) -> list[Opened | Skipped]:
        """Read some objects; the answers are in the order of the questions.

        Raises `StoreError` where the trail cannot be written (nothing was opened then) or a store
        does not answer; `AccessError` where a quota is used up (nothing was opened then);
        `OpenError` where contributors' keys are sealed to another dataset key.
        """
        if self._followed_at is not None and not _just_now(self._now() - self._followed_at):
            self.follow()
        answers: dict[int, Opened | Skipped] = {}
        asked = list(self._with_keys(wanted, answers))  # (1)
        claimed = _claimed_by_several(asked)
        for one in asked:
            one.recorded = None if one.wanted.sha256 in claimed else one.wanted.sha256
        if asked:
            self._admit(len(asked), self._ledger)
        self._record(  # (2)
            Read(
                one.said.name, one.recorded, self._keys.digest(one.said.pseudonym), one.wanted.size
            )
            for one in asked
            if one.recorded
        )
        fetched = self._fetch([one.wanted.name for one in asked])  # (3)
        new = []
        for one, (name, got) in zip(asked, fetched, strict=True):
            if not isinstance(got, bytes):
                reason = Reason.GONE if isinstance(got, NotFound) else Reason.TOO_LARGE
                answers[one.at] = Skipped(name, reason, got)
                continue
            one.sealed, one.sha256 = got, hashlib.sha256(got).hexdigest()
            if one.sha256 == one.recorded and one.sha256 in self._genuine:
                answers[one.at] = self._open(one)
            else:
                new.append(one)
        self._record(  # (4)
            Read(one.said.name, one.sha256, self._keys.digest(one.said.pseudonym), len(one.sealed))
            for one in new
            if one.sha256 != one.recorded
        )
        if any(one.sha256 not in self._genuine for one in new):
            self.follow()
        for one in new:
            answers[one.at] = self._open(one)
        return [answers[at] for at in range(len(wanted))]

    def _with_keys(
        self, wanted: Sequence[Wanted], answers: dict[int, Opened | Skipped]
    ) -> Iterator[_Asked]:
        """Those whose contributors' keys may be used; the answer to the others."""
        named = [parse_feature_name(one.name) for one in wanted]
        pseudonyms = {said.pseudonym for said in named if said is not None}
        refused: Mapping[str, Refusal] = {}
        if self._keys.missing(pseudonyms):
            self.follow()
            refused = self._keys.find(pseudonyms, self._ledger)
        for at, (one, said) in enumerate(zip(wanted, named, strict=True)):
            if said is None:
                error = NotFound(f"{one.name}: no feature object's name")
                answers[at] = Skipped(one.name, Reason.NO_NAME, error)
            elif (refusal := refused.get(said.pseudonym)) is not None:
                answers[at] = Skipped(one.name, refusal.reason, refusal.error)
            else:
                yield _Asked(at, one, said)

    def _record(self, reads: Iterable[Read]) -> None:
        for some in _one_name_a_digest(reads):
            self._trail.record(some, self._purpose)
            self.records += 1
            self.recorded += len(some)

    def _fetch(self, names: Iterable[str]) -> Iterator[tuple[str, Found]]:
        ordered = list(names)
        if self._pool is None:
            yield from ((name, self._found(name)) for name in ordered)
        else:
            yield from zip(ordered, self._pool.map(self._found, ordered), strict=True)

    def _found(self, name: str) -> Found:
        try:
            return self._get(name)
        except (NotFound, VerificationError) as error:
            return error

    def _open(self, one: _Asked) -> Opened | Skipped:
        name, said = one.said.name, one.said
        sealed, one.sealed = one.sealed, b""  # not all in memory twice
        if one.sha256 not in self._genuine:  # (5)
            error = VerificationError(f"{name}: no receipt of the log names this object")
            return Skipped(name, Reason.NO_RECEIPT, error)
        key = self._keys.open(said.pseudonym)
        if isinstance(key, Refusal):
            return Skipped(name, key.reason, key.error)
        header = parse_header(sealed)
        context = header.context
        expected = (context.get("purpose"), context.get("pseudonym"), context.get("sample"))
        in_place = str(context.get("feature_set")).startswith(said.digest8)
        if not in_place or expected != ("features", said.pseudonym, said.sample):
            return Skipped(name, Reason.NOT_OPENED, OpenError())
        try:
            with open_parsed(sealed, header, key) as packed:  # (6)
                arrays = unpack_in_place(packed.keep())
        except OpenError as error:
            return Skipped(name, Reason.NOT_OPENED, error)
        return Opened(said, one.sha256, len(sealed), context, arrays)


def _just_now(passed: timedelta) -> bool:
    """False too where the clock was set back."""
    return timedelta() <= passed < FOLLOW_EVERY


def _claimed_by_several(asked: Iterable[_Asked]) -> set[str]:
    """The digests that are said of objects of different names: a false catalog's."""
    names: dict[str, str] = {}
    return {
        digest
        for one in asked
        if (digest := one.wanted.sha256)
        and names.setdefault(digest, one.wanted.name) != one.wanted.name
    }


def _one_name_a_digest(reads: Iterable[Read]) -> Iterator[list[Read]]:
    """All reads, in as many parts as it takes: copies under other names go into other records."""
    rest = list(reads)
    while rest:
        names: dict[str, str] = {}
        some: list[Read] = []
        others: list[Read] = []
        for read in rest:
            first = names.setdefault(read.sha256, read.name)
            (some if first == read.name else others).append(read)
        yield some
        rest = others
