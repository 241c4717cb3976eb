"""The accounts: what the leaves of the log, taken in order, say is where.

INV-5 accepted = disposed + quarantined + backlog. By this fold alone it always holds; what gives it
teeth is `ingest.status`, which looks for every recording of the backlog in the stores themselves.

A recording is in the backlog from `accepted` until `disposed`. The same sealed object turning up
again after its disposal (a restored backup) is accepted, and disposed, once more.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from unvoiced.errors import VerificationError
from unvoiced.log.leaves import FOUND_MISSING, Leaf, parse_leaf

# Of an intake key's digest, as headers of sealed objects and acceptances name it.
KEY_ID_DIGITS = 32
_RECORDS = frozenset({"swept", "erased", "suppression-lifted", "audited", "approved", "reviewed"})


class Ledger:
    """Folds leaves into counts and into the digests of what is not settled.

    Its size grows with the backlog, the quarantine, the archive and the number of keys and records,
    not with what has been disposed of. `ledger_state` writes all of it down.
    """

    def __init__(self, parse: Callable[[bytes], Leaf] = parse_leaf) -> None:
        """`parse` reads leaves as `parse_leaf` does: for who has read some of them before."""
        self._parse = parse
        self.size = 0
        self.accepted = 0
        self.disposed = 0
        self.found_missing = 0  # of those disposed of: found gone, by nobody here
        self.backlog: set[str] = set()
        self.quarantined: dict[str, str] = {}  # digest -> reason
        self.contributor_keys: set[str] = set()
        self.destroyed_contributor_keys: set[str] = set()
        self.intake_keys: dict[str, str] = {}  # digest of the public key -> epoch
        self.retired_intake_keys: dict[str, str] = {}
        self.archived: set[str] = set()  # digests of the objects in the archive
        # Digests of the records of sweeps, erasures, the audit trail, approvals and reviews.
        self.records: set[str] = set()
        self.approved: set[str] = set()  # of those: approvals to read beyond a quota
        self.audited: set[str] = set()  # and pages of the audit trail
        self.requests: set[str] = set()  # digests of the requests of erasures that are done
        self.lifted: dict[str, int] = {}  # digest of a suppression -> index of its last lifting
        # Of what is not settled: the id of the intake key it is sealed to, where that is ours.
        self.sealed_to: dict[str, str] = {}
        self._unsettled_under: Counter[str] = Counter()  # key id -> how many of `sealed_to`
        # Key id -> digests of intake keys, retired or not: one, where nobody made two to collide.
        self._intake_keys_of: defaultdict[str, set[str]] = defaultdict(set)

    def is_lifted(self, digest: str, as_of: int) -> bool:
        """Whether what was signed when the log had `as_of` leaves was taken back since."""
        return self.lifted.get(digest, -1) >= as_of

    def is_unsettled(self, digest: str) -> bool:
        """Whether a recording was accepted and not disposed of: in the backlog or quarantine."""
        return digest in self.backlog or digest in self.quarantined

    def unsettled_under(self, intake_digest: str) -> int:
        """How many recordings that are not settled are sealed to this intake key."""
        return self._unsettled_under[intake_digest[:KEY_ID_DIGITS]]

    def intake_key_of(self, key_id: bytes) -> str | None:
        """The digest of the intake key, retired or not, that a sealed object's header names.

        Of several with one id: one that is not retired before one that is, then the least digest.
        No order of leaves comes into it, so the ledger read back from its state says the same.
        """
        alike = self._intake_keys_of.get(key_id.hex(), ())
        return min(alike, key=lambda one: (one in self.retired_intake_keys, one), default=None)

    def admits(self, leaf: Leaf) -> bool:
        """Whether the leaf may follow what is logged: no receipt without an acceptance, say.

        No intake key is retired while a recording sealed to it is not settled (INV-9), a key that
        was destroyed does not come back, and no record is logged twice, so that whoever does not
        know whether it was may try again.
        """
        if "-key" in leaf.kind:
            return self._admits_key(leaf.kind, leaf.digest)
        digest = leaf.digest
        match leaf.kind:
            case "accepted":
                return not self.is_unsettled(digest)
            case "disposed":
                return self.is_unsettled(digest)
            case "quarantined":
                return digest in self.backlog
            case "released":
                return digest in self.quarantined
            case "extracted":
                return self.is_unsettled(digest) or digest in self.archived
            case "archive-destroyed":
                return digest in self.archived
            case "suppression-lifted":
                return True
            case _:
                request = leaf.fields.get("request")
                done = isinstance(request, str) and request in self.requests
                return digest not in self.records and not done

    def _admits_key(self, kind: str, digest: str) -> bool:
        match kind:
            case "intake-key":
                return digest not in self.intake_keys and digest not in self.retired_intake_keys
            case "intake-key-retired":
                return digest in self.intake_keys and not self.unsettled_under(digest)
            case "contributor-key":
                return not (
                    digest in self.contributor_keys or digest in self.destroyed_contributor_keys
                )
            case _:
                return digest in self.contributor_keys

    def enter(self, data: bytes) -> Leaf:
        """Take one logged leaf into the accounts. Raises `VerificationError` if it cannot be."""
        leaf = self._parse(data)
        self.enter_parsed(leaf)
        return leaf

    def enter_parsed(self, leaf: Leaf) -> None:
        """`enter`, of a leaf that was read already."""
        if not self.admits(leaf):
            raise VerificationError(
                f"leaf {self.size}: {leaf.kind!r} of {leaf.digest[:16]} contradicts earlier leaves"
            )
        self.take(leaf)

    def take(self, leaf: Leaf) -> None:
        """Take in a leaf that `admits` lets follow."""
        if "-key" in leaf.kind:
            self._enter_key(leaf)
        elif leaf.kind in _RECORDS:
            self._enter_record(leaf)
        else:
            self._enter_recording(leaf)
        self.size += 1

    def _enter_key(self, leaf: Leaf) -> None:
        digest = leaf.digest
        match leaf.kind:
            case "intake-key":
                self.intake_keys[digest] = str(leaf.fields.get("epoch", ""))
                self._know_intake_key(digest)
            case "intake-key-retired":
                self.retired_intake_keys[digest] = self.intake_keys.pop(digest)
            case "contributor-key":
                self.contributor_keys.add(digest)
            case _:
                self.contributor_keys.discard(digest)
                self.destroyed_contributor_keys.add(digest)

    def _enter_recording(self, leaf: Leaf) -> None:
        digest = leaf.digest
        match leaf.kind:
            case "accepted":
                self.accepted += 1
                self.backlog.add(digest)
                if isinstance(key_id := leaf.fields.get("intake_key"), str):
                    self._note_sealed_to(digest, key_id)
            case "disposed":
                self.disposed += 1
                self.found_missing += leaf.fields.get("cause") == FOUND_MISSING
                self.backlog.discard(digest)
                self.quarantined.pop(digest, None)
                if (key_id := self.sealed_to.pop(digest, None)) is not None:
                    self._unsettled_under[key_id] -= 1
                archived = leaf.fields.get("archived")
                if isinstance(archived, dict):
                    self.archived.add(str(archived.get("sha256")))
            case "quarantined":
                self.backlog.discard(digest)
                self.quarantined[digest] = str(leaf.fields.get("reason", ""))
            case "released":
                del self.quarantined[digest]
                self.backlog.add(digest)
            case "archive-destroyed":
                self.archived.discard(digest)

    def _know_intake_key(self, digest: str) -> None:
        self._intake_keys_of[digest[:KEY_ID_DIGITS]].add(digest)

    def _note_sealed_to(self, digest: str, key_id: str) -> None:
        self.sealed_to[digest] = key_id
        self._unsettled_under[key_id] += 1

    def take_over(self, sealed_to: Mapping[str, str]) -> None:
        """Set what is sealed to which key, and what follows from that and from the intake keys."""
        self._intake_keys_of.clear()
        self._unsettled_under.clear()
        self.sealed_to.clear()
        for digest in (*self.intake_keys, *self.retired_intake_keys):
            self._know_intake_key(digest)
        for digest, key_id in sealed_to.items():
            self._note_sealed_to(digest, key_id)

    def _enter_record(self, leaf: Leaf) -> None:
        if leaf.kind == "suppression-lifted":
            self.lifted[leaf.digest] = self.size
            return
        self.records.add(leaf.digest)
        if leaf.kind == "approved":
            self.approved.add(leaf.digest)
        if leaf.kind == "audited":
            self.audited.add(leaf.digest)
        if isinstance(request := leaf.fields.get("request"), str):
            self.requests.add(request)

    def follow(self, entries: Callable[[int, int], Iterable[bytes]], size: int) -> None:
        """Take in all leaves up to a log size, read through `entries(start, end)`."""
        for data in entries(self.size, size):
            self.enter(data)

    def admissible(self, leaves: Iterable[bytes]) -> list[bytes]:
        """The leaves that may be appended now, in order; each digest and kind once."""
        chosen: list[bytes] = []
        seen: set[tuple[str, str]] = set()
        for data in leaves:
            leaf = self._parse(data)
            if (leaf.kind, leaf.digest) not in seen and self.admits(leaf):
                seen.add((leaf.kind, leaf.digest))
                chosen.append(data)
        return chosen
