"""Opening features: recorded, genuine, with a key that the log does not call destroyed.

INV-8  what is opened was recorded in the audit trail first.
INV-10 a key that the log says was destroyed opens nothing, wherever it turns up again.

Some objects are opened together, in these steps:

1. Find each contributor's key object, and ask the log about it. (Stops: a restored backup bringing
   somebody's features back; a key of another's making.)
2. Record what is about to be read, where the digests are known: before the store is asked for it.
   Then a read that the store's own log shows and the trail does not was not made by this reader,
   however it was killed.
3. Fetch.
4. Where a digest was not known, or is another one than was recorded: record it now. (Stops: bytes
   opened under somebody else's record.)
5. Refuse what no receipt of the log names: a contributor's public key is in plain sight, so
   whoever can write the training store could seal arrays of their own to it.
6. Open.

What cannot be read is skipped, with the error that says why, and stops nothing else; but a key that
does not open is the wrong dataset key, and an error.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.errors import NotFound, UnvoicedError, VerificationError
from unvoiced.features import unpack
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader
from unvoiced.log.verify import features_of
from unvoiced.reader.objects import FeatureName, FeatureObject, parse_feature_name
from unvoiced.sealing import Json, Keyring, PrivateKey, open_sealed, parse_header
from unvoiced.stores import Store

Arrays = dict[str, np.ndarray]


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
    error: UnvoicedError


@dataclass(frozen=True, slots=True)
class _Fetched:
    said: FeatureName
    sealed: bytes
    sha256: str


class FeatureOpener:
    """Opens feature objects for one purpose; one call at a time.

    The log is read as far as it goes by `follow`, and whenever an object turns up that no receipt
    read so far names. A key that was opened by then is used until `follow` finds it destroyed.
    """

    def __init__(
        self,
        training: Store,
        log: LogReader,
        dataset: PrivateKey,
        trail: AuditTrail,
        purpose: Purpose,
        fetches: int = 1,
        admit: Callable[[int, Ledger], None] = lambda _count, _ledger: None,
    ) -> None:
        """`fetches` is how many requests the store is sent at once.

        `admit` is asked before so many objects are read, with the ledger as far as it was read;
        it raises `AccessError` where a quota is used up (`audit.quota`).
        """
        self._training = training
        self._log = log
        self._ledger = Ledger()
        self._genuine: set[str] = set()
        self._dataset = dataset
        self._trail = trail
        self._purpose = purpose
        self._key_objects: dict[str, tuple[str, bytes]] = {}  # pseudonym -> digest, sealed
        self._keys: dict[str, PrivateKey] = {}  # pseudonym -> opened
        self._admit = admit
        self._pool = ThreadPoolExecutor(fetches, "fetch") if fetches > 1 else None

    def close(self) -> None:
        """Let go of threads and keys."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._keys.clear()
        self._key_objects.clear()

    def follow(self) -> None:
        """Take in what was logged since the log was read last; drop keys that it calls destroyed.

        Raises `VerificationError`, `StoreError`.
        """
        for data in self._log.entries(self._ledger.size, self._log.checkpoint().size):
            self._genuine |= features_of(self._ledger.enter(data))
        destroyed = self._ledger.destroyed_contributor_keys
        for pseudonym, (digest, _) in list(self._key_objects.items()):
            if digest in destroyed:
                del self._key_objects[pseudonym]
                self._keys.pop(pseudonym, None)

    def open(self, wanted: Sequence[Wanted]) -> list[Opened | Skipped]:
        """Read some objects; the answers are in the order of the questions.

        Raises `StoreError` where the trail cannot be written (nothing was opened then) or a store
        does not answer; `OpenError` where the dataset key opens no contributor's key.
        """
        skipped: dict[str, UnvoicedError] = {}
        reading: dict[str, Wanted] = {}
        no_key = self._find_keys(one.name for one in wanted)  # (1)
        for one in wanted:
            said = parse_feature_name(one.name)
            if said is None:
                skipped[one.name] = NotFound(f"{one.name}: no feature object's name")
            elif said.pseudonym in no_key:
                skipped[one.name] = no_key[said.pseudonym]
            else:
                reading[one.name] = one
        self._record(  # (2)
            self._read(one.name, one.sha256, one.size) for one in reading.values() if one.sha256
        )
        fetched: dict[str, _Fetched] = {}
        for name, got in self._fetch(reading):  # (3)
            if isinstance(got, UnvoicedError):
                skipped[name] = got
            else:
                fetched[name] = got
        self._record(  # (4)
            self._read(name, got.sha256, len(got.sealed))
            for name, got in fetched.items()
            if got.sha256 != reading[name].sha256
        )
        return [
            Skipped(one.name, skipped[one.name])
            if one.name in skipped
            else self._open(fetched[one.name])
            for one in wanted
        ]

    def _read(self, name: str, sha256: str, size: int) -> Read:
        said = parse_feature_name(name)
        assert said is not None  # noqa: S101 - `open` has parsed it
        return Read(name, sha256, self._key_objects[said.pseudonym][0], size)

    def _record(self, reads: Iterable[Read]) -> None:
        if known := list(reads):
            self._admit(len(known), self._ledger)
            self._trail.record(known, self._purpose)

    def _fetch(self, names: Iterable[str]) -> Iterator[tuple[str, "_Fetched | UnvoicedError"]]:
        ordered = list(names)
        answers = (
            map(self._get, ordered) if self._pool is None else self._pool.map(self._get, ordered)
        )
        yield from zip(ordered, answers, strict=True)

    def _get(self, name: str) -> "_Fetched | UnvoicedError":
        said = parse_feature_name(name)
        assert said is not None  # noqa: S101 - `open` has parsed it
        try:
            sealed = self._training.get(name).data
        except NotFound as error:
            return error
        return _Fetched(said, sealed, hashlib.sha256(sealed).hexdigest())

    def _open(self, got: _Fetched) -> Opened | Skipped:
        name, said = got.said.name, got.said
        if got.sha256 not in self._genuine:
            self.follow()
        if got.sha256 not in self._genuine:  # (5)
            error = VerificationError(f"{name}: no receipt of the log names this object")
            return Skipped(name, error)
        if said.pseudonym not in self._key_objects:  # as `follow` has just found
            key = key_object_name(said.pseudonym)
            return Skipped(name, VerificationError(f"{key}: the log says that it was destroyed"))
        header = parse_header(got.sealed)
        digest = str(header.context.get("feature_set"))
        if not digest.startswith(said.digest8):
            return Skipped(name, VerificationError(f"{name}: its header names another feature set"))
        expect: dict[str, Json] = {
            "purpose": "features",
            "pseudonym": said.pseudonym,
            "sample": said.sample,
            "feature_set": digest,
        }
        keyring = Keyring([self._key(said.pseudonym)])
        with open_sealed(got.sealed, keyring, expect) as packed:  # (6)
            arrays = unpack(packed.data)
        return Opened(said, got.sha256, len(got.sealed), header.context, arrays)

    def _key(self, pseudonym: str) -> PrivateKey:
        if pseudonym not in self._keys:
            _, sealed = self._key_objects[pseudonym]
            with open_sealed(sealed, self._dataset, key_context(pseudonym)) as secret:
                self._keys[pseudonym] = PrivateKey(secret.data)
        return self._keys[pseudonym]

    def _find_keys(self, names: Iterable[str]) -> dict[str, UnvoicedError]:
        """Fetch contributors' key objects, still sealed; by pseudonym, why one is not to be used.

        The log is asked anew about every key that this reader does not hold yet.
        """
        said = (parse_feature_name(name) for name in names)
        new = {one.pseudonym for one in said if one is not None} - self._key_objects.keys()
        if new:
            self.follow()
        refused: dict[str, UnvoicedError] = {}
        for pseudonym in sorted(new):
            name = key_object_name(pseudonym)
            try:
                sealed = self._training.get(name).data
            except NotFound as error:
                refused[pseudonym] = error
                continue
            digest = hashlib.sha256(sealed).hexdigest()
            if digest in self._ledger.destroyed_contributor_keys:
                why = "the log says that this key was destroyed"
                refused[pseudonym] = VerificationError(f"{name}: {why}")
            elif digest not in self._ledger.contributor_keys:
                refused[pseudonym] = VerificationError(f"{name}: the log knows no such key object")
            else:
                self._key_objects[pseudonym] = (digest, sealed)
        return refused


class FeatureReader:
    """Reads one object at a time, and says why it cannot."""

    def __init__(
        self,
        training: Store,
        log: LogReader,
        dataset: PrivateKey,
        audit: AuditTrail,
        purpose: Purpose,
    ) -> None:
        self._opener = FeatureOpener(training, log, dataset, audit, purpose)

    def read(self, feature: FeatureObject) -> Arrays:
        """The arrays of one object, each (rows, frames).

        Raises `NotFound`; `VerificationError` where no receipt names it, or where its
        contributor's key is unknown to the log, or destroyed by it; `OpenError`.
        """
        (answer,) = self._opener.open([Wanted(feature.name)])
        if isinstance(answer, Skipped):
            raise answer.error
        return answer.arrays
