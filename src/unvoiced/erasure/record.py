"""The record of an erasure: who is to be erased, how far it has come, and what it waits for.

- A record is acted upon, so it is signed by the log's key and bound to its name: who can write to
  the journal store cannot get anybody erased. Nor by a copy of an old record: the log knows the
  requests that are done (`request`), and which were made before their suppression was lifted.
- One that needs an approval is not acted upon before it has it (`awaits_approval`). An approval is
  for the one request it was shown, and a request that was withdrawn can no longer get one.
- It is replaced only as the version it was read as: two runs at once do not undo each other.
- While an erasure is under way its record names the contributor; the finished one does not, and
  no older version of it stays. An approval names a run and a reference, and nobody.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from unvoiced.disposal import lifting, suppression_id
from unvoiced.errors import (
    AlreadyExists,
    Changed,
    InputError,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.log.leaves import rfc3339
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.sealing import Json
from unvoiced.stores import Store

_PREFIX = "erasures/"
_TITLE = "unvoiced erasure v1"
_ATTEMPTS = 32


class Stage(StrEnum):
    """How far an erasure has come; each has its time in the record."""

    REQUESTED = "requested"
    KEY_DESTROYED = "key destroyed"
    BYTES_DELETED = "bytes deleted"
    OBSERVED = "observed"
    LOGGED = "logged"


@dataclass(frozen=True)
class Approval:
    """That somebody other than who made the request agreed to it."""

    time: str  # RFC 3339
    reference: str  # what they gave: a ticket's number
    run: str  # the id of the run that they answered


@dataclass(frozen=True)
class Erasure:
    """One request, as far as it has come.

    `pseudonym` and `nonce` are empty once it is finished, or withdrawn.
    """

    id: str  # the contributor's suppression id
    pseudonym: str
    nonce: str  # 32 random bytes in hex: what the log is given is known by nothing else
    as_of: int  # the size of the log when it was made
    lifting: str  # what the log knows the lifting of their suppression by
    stages: Mapping[str, str]  # stage -> when it was reached, RFC 3339
    destroyed: Mapping[str, int] = field(default_factory=dict)  # versions, by store; at least
    key_objects: tuple[str, ...] = ()  # digests of key objects that the log knows
    archived: tuple[str, ...] = ()  # digests of archived objects about to go
    pending: tuple[str, ...] = ()  # why it is not finished
    held: bool = False  # whether that is a legal hold
    body: Mapping[str, Json] | None = None  # of the certificate, once all was seen to be gone
    needs_approval: bool = False
    approval: Approval | None = None

    @property
    def awaits_approval(self) -> bool:
        """Whether nothing may be done for it yet."""
        return self.needs_approval and self.approval is None

    @property
    def withdrawn(self) -> bool:
        """Whether it was taken back before anything was done for it."""
        return self.awaits_approval and not self.pseudonym

    @property
    def finished(self) -> bool:
        """Whether it is in the log that nothing was left."""
        return Stage.LOGGED in self.stages

    @property
    def stage(self) -> Stage:
        """The last stage that was reached."""
        return [stage for stage in Stage if stage in self.stages][-1]

    @property
    def request(self) -> str:
        """What the log knows the request by: nothing says from it whose it is."""
        return hashlib.sha256(f"unvoiced erasure request\0{self.nonce}".encode()).hexdigest()

    def refuse_old(self, ledger: Ledger) -> None:
        """Raises `VerificationError` for a request that was made before a suppression was lifted.

        Lifting takes no request that is open, so somebody has put this one back.
        """
        done = self.finished or self.withdrawn or self.request in ledger.requests
        if not done and ledger.is_lifted(self.lifting, self.as_of):
            raise VerificationError(
                f"{_name(self.id)} in the journal store was made before their suppression was "
                "lifted, and put back by somebody: nothing is erased for it; look who, remove it"
            )

    def reached(self, stage: Stage, now: datetime) -> "Erasure":
        """The same, having come so far; a time that is there already stays."""
        return replace(self, stages={stage.value: rfc3339(now), **self.stages})

    def unobserved(self) -> "Erasure":
        """The same, before all was seen to be gone: what was seen then may stand again."""
        before = {Stage.REQUESTED, Stage.KEY_DESTROYED}
        stages = {name: time for name, time in self.stages.items() if name in before}
        return self if self.body is None else replace(self, body=None, stages=stages)

    def counting(self, store: str, versions: int) -> "Erasure":
        """The same, with that many more versions destroyed in a store."""
        count = self.destroyed.get(store, 0) + versions
        return replace(self, destroyed={**self.destroyed, store: count})


Change = Callable[[Erasure], Erasure]


class Erasures:
    """The records, in the journal store under `erasures/`."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def request(
        self, pseudonym: str, now: datetime, ledger: Ledger, *, needs_approval: bool = False
    ) -> Erasure:
        """Make a request durable; one that is under way is returned as it is.

        One that is finished is taken up again, with the counts and the approval it had: what has
        come back goes too.
        What the log says is done, or was lifted since, is not under way, whatever a record says.
        Raises `InputError` while one is being withdrawn: what is made then would be taken for old.
        """
        fresh = Erasure(
            id=suppression_id(pseudonym),
            pseudonym=pseudonym,
            nonce=secrets.token_hex(32),
            as_of=ledger.size,
            lifting=lifting(pseudonym, self._signer),
            stages={Stage.REQUESTED.value: rfc3339(now)},
            needs_approval=needs_approval,
        )
        try:
            self._store.put_if_absent(_name(fresh.id), self._encode(fresh))
        except AlreadyExists:
            return self.change(fresh.id, lambda found: _again(found, fresh, ledger))
        return fresh

    def load(self, erasure_id: str) -> Erasure | None:
        """A record, or None. Raises `VerificationError` for one that nobody of ours signed."""
        found = self._read(erasure_id)
        return found[0] if found else None

    def change(self, erasure_id: str, change: Change) -> Erasure:
        """Replace a record by what `change` makes of it as it stands; returns what stands then.

        Raises `InputError` where there is none.
        """
        for _ in range(_ATTEMPTS):
            found = self._read(erasure_id)
            if found is None:
                raise InputError(f"there is no request of erasure {erasure_id[:16]}")
            record, version = found
            changed = change(record)
            if changed == record:
                return record
            try:
                self._store.replace(_name(erasure_id), self._encode(changed), version=version)
            except Changed:
                continue
            return changed
        raise StoreError(f"the record of erasure {erasure_id[:16]} keeps changing")

    def finish(self, erasure_id: str, now: datetime) -> Erasure:
        """Take the contributor's name out of the record and of all its older versions."""

        def close(record: Erasure) -> Erasure:
            if record.finished:
                return record
            closed = replace(
                record, pseudonym="", nonce="", archived=(), pending=(), held=False, body=None
            )
            return closed.reached(Stage.LOGGED, now)

        record = self.change(erasure_id, close)
        self.forget_older(erasure_id)
        return record

    def forget_older(self, erasure_id: str) -> None:
        """Destroy the versions under the current one. Raises `StoreError` where one stays."""
        name = _name(erasure_id)
        # Newest first: one that is put meanwhile is in no listing that was taken before.
        for entry in [one for one in self._store.versions(name) if one.name == name][1:]:
            self._store.delete(name, entry.version)

    def all(self) -> Iterator[Erasure]:
        """Every record there is. Raises `VerificationError` for one that nobody of ours signed."""
        for listed in self._store.list(_PREFIX):
            record = self.load(listed.name.removeprefix(_PREFIX).removesuffix(".json"))
            if record is not None:
                yield record

    def remove(self, erasure_id: str) -> None:
        """Take a record out, with all its versions."""
        for entry in list(self._store.versions(_name(erasure_id))):
            self._store.delete(entry.name, entry.version)

    def remove_withdrawn(self, erasure_id: str) -> None:
        """Take out the version that was withdrawn and all older ones; what was put since stays."""
        name = _name(erasure_id)
        entries = [one for one in self._store.versions(name) if one.name == name]
        for at, entry in enumerate(entries):
            if entry.delete_marker:
                continue
            try:
                stored = self._store.get(name, entry.version)
            except NotFound:  # another withdrawal takes them out too
                continue
            if self._decode(erasure_id, stored.data).withdrawn:
                # Oldest first: none of them becomes the current one.
                for old in reversed(entries[at:]):
                    self._store.delete(name, old.version)
                return

    def is_own(self, name: str, erasure_id: str) -> bool:
        """Whether an object of the journal store is this erasure's record."""
        return name == _name(erasure_id)

    def _read(self, erasure_id: str) -> tuple[Erasure, str] | None:
        try:
            stored = self._store.get(_name(erasure_id))
        except NotFound:
            return None
        return self._decode(erasure_id, stored.data), stored.version

    def _encode(self, record: Erasure) -> bytes:
        return sign_statement(_TITLE, asdict(record), self._signer)

    def _decode(self, erasure_id: str, note: bytes) -> Erasure:
        fields = open_statement(_TITLE, note, self._signer.verifier)
        try:
            tuples = {name: tuple(fields[name]) for name in ("key_objects", "archived", "pending")}
            given = fields.get("approval")
            record = Erasure(**{**fields, **tuples, "approval": given and Approval(**given)})
            whose = suppression_id(record.pseudonym) if record.pseudonym else record.id
            if {record.id, whose} != {erasure_id}:
                raise ValueError
            _ = record.stage
        except (ValueError, KeyError, TypeError, IndexError, InputError):
            raise VerificationError(
                f"{_name(erasure_id)} is not a record of erasure of its own name"
            ) from None
        return record


def _again(found: Erasure, fresh: Erasure, ledger: Ledger) -> Erasure:
    if ledger.is_lifted(found.lifting, found.as_of):
        return fresh
    if found.withdrawn:
        raise InputError(
            "their last request is being withdrawn; ask again in a moment, or finish that first: "
            "unvoiced erasure withdraw"
        )
    if not found.finished and found.request not in ledger.requests:
        return found
    began = {Stage.REQUESTED.value: found.stages[Stage.REQUESTED.value]}
    # What was done had its approval, whatever copy of the record this is.
    return replace(
        fresh, stages=began, destroyed=found.destroyed, key_objects=found.key_objects,
        needs_approval=found.approval is not None, approval=found.approval,
    )  # fmt: skip


def _name(erasure_id: str) -> str:
    if len(erasure_id) != 64 or not set(erasure_id) <= set("0123456789abcdef"):
        raise InputError("a request of erasure is known by 64 hex digits, as `erasure ls` shows")
    return f"{_PREFIX}{erasure_id}.json"
