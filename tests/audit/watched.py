"""A trail, a log it is tied into, and a clock: no deployment around them."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ingest.hooked_store import CHANGES, Around, HookedStore
from unvoiced.audit import AuditTrail, Purpose, Read
from unvoiced.audit.pages import Tied, tie
from unvoiced.audit.report import TrailReport
from unvoiced.audit.verify import verify_trail
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import Leaf, encode_leaf, parse_leaf
from unvoiced.log.note import Signer
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores import Store
from unvoiced.stores.memory import MemoryStore

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AUDIT_DAYS = 365


class Clock:
    """A second later each time it is asked."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        """The time."""
        self.time += timedelta(seconds=1)
        return self.time

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.time += timedelta(**by)


def reads(count: int, of: str = "one") -> list[Read]:
    """So many objects of one contributor."""
    contributor = hashlib.sha256(of.encode()).hexdigest()
    return [
        Read(f"features/x-00000000/{'a' * 26}/{of}-{n}.unv", digest(f"{of}{n}"), contributor, 10)
        for n in range(count)
    ]


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Watched:
    """The two stores as those who use them see them; `hooked` gives a view of the same."""

    signer: Signer
    clock: Clock = field(default_factory=Clock)
    audit: Store = field(default_factory=lambda: MemoryStore("audit"))
    log: Store = field(default_factory=lambda: MemoryStore("log"))

    @classmethod
    def new(cls) -> "Watched":
        """With an empty log, and a trail in a store that dates by the clock."""
        made = cls(Signer("example/log", Ed25519PrivateKey.generate()))
        made.audit = MemoryStore("audit", versioned=True, now=lambda: made.clock.time)
        LogWriter.create(made.log, made.signer)
        return made

    def seen_through(self, around: Around) -> "Watched":
        """The same, every call to both stores going through `around`."""
        audit, log = HookedStore(self.audit, around), HookedStore(self.log, around)
        return Watched(self.signer, self.clock, audit, log)

    def session(self, run: str = "run") -> AuditTrail:
        """A reader's trail."""
        return AuditTrail(self.audit, run, self.clock)

    def read(self, *counts: int, run: str = "run") -> list[str]:
        """One session reads; returns the names of its records."""
        trail, before = self.session(run), set(self.names("reads/"))
        for each in counts:
            trail.record(reads(each), Purpose.TRAINING)
        made = [name for name in self.names("reads/") if name not in before]
        return sorted(made, key=lambda name: name.rpartition("/")[2])

    def names(self, prefix: str = "") -> list[str]:
        """What stands in the audit store."""
        return [entry.name for entry in self.audit.list(prefix)]

    @property
    def reader(self) -> LogReader:
        """The log, read anew."""
        return LogReader(self.log, self.signer.verifier)

    def accounts(self) -> Accounts:
        """The log, to write to."""
        return Accounts(LogWriter(self.log, self.signer), self.reader)

    def tie(self) -> Tied:
        """What the watch does every five minutes."""
        return tie(self.audit, self.accounts(), self.clock)

    def verify(self) -> TrailReport:
        """What an auditor does."""
        return verify_trail(self.audit, self.reader, audit_days=AUDIT_DAYS, now=self.clock.time)

    def leaves(self, kind: str = "audited") -> list[Leaf]:
        """Those of a kind."""
        found = map(parse_leaf, self.reader.entries())
        return [leaf for leaf in found if leaf.kind == kind]

    def sweep(self, names: list[str], *, logged: bool = True) -> None:
        """What retention does."""
        for name in names:
            self.delete(name)
        if logged:
            leaf = encode_leaf(
                "swept",
                digest("".join(names)),
                self.clock(),
                store="audit",
                objects=len(names),
                records=sum(name.startswith("reads/") for name in names),
                pages=sum(name.startswith("pages/") for name in names),
            )
            self.accounts().append([leaf])

    def delete(self, name: str) -> None:
        """Destroy every version, as who holds the store may."""
        for entry in list(self.audit.versions(name)):
            if entry.name == name:
                self.audit.delete(name, entry.version)

    def put(self, name: str, data: bytes) -> None:
        """Put, whatever stands there."""
        current = self.audit.head(name)
        if current is None:
            self.audit.put_if_absent(name, data)
        else:
            self.audit.replace(name, data, version=current.version)

    def get(self, name: str) -> bytes:
        """An object's bytes."""
        return self.audit.get(name).data


class Died(BaseException):
    """The process is no more."""


def dying(nth: int, *, after: bool) -> Around:
    """Dies at the nth change to any store, before or after it was made."""
    changes = count()

    def around(operation: str, _: str, proceed: Callable[[], object]) -> object:
        if operation in CHANGES and next(changes) == nth:
            if after:
                proceed()
            raise Died
        return proceed()

    return around


def deaths() -> Iterator[tuple[int, bool]]:
    """Every moment, for ever."""
    for nth in count():
        for after in (False, True):
            yield nth, after
