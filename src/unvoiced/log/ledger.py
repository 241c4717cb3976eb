"""The accounts: what the leaves of the log, taken in order, say is where.

INV-5 accepted = disposed + quarantined + backlog. By this fold alone it always holds; what gives it
teeth is `ingest.status`, which looks for every recording of the backlog in the stores themselves.

A recording is in the backlog from `accepted` until `disposed`. The same sealed object turning up
again after its disposal (a restored backup) is accepted, and disposed, once more.
"""

from collections.abc import Callable, Iterable

from unvoiced.errors import VerificationError
from unvoiced.log.leaves import Leaf, parse_leaf


class Ledger:
    """Folds leaves into counts and into the digests of what is not settled.

    Its size grows with the backlog, the quarantine and the number of contributors, not with what
    has been disposed of.
    """

    def __init__(self) -> None:
        self.size = 0
        self.accepted = 0
        self.disposed = 0
        self.backlog: set[str] = set()
        self.quarantined: dict[str, str] = {}
        self.contributor_keys: set[str] = set()
        self.intake_keys: set[str] = set()

    def is_unsettled(self, digest: str) -> bool:
        """Whether a recording was accepted and not disposed of: in the backlog or quarantine."""
        return digest in self.backlog or digest in self.quarantined

    def admits(self, leaf: Leaf) -> bool:
        """Whether the leaf may follow what is logged: no receipt without an acceptance, say."""
        digest = leaf.digest
        match leaf.kind:
            case "intake-key":
                return digest not in self.intake_keys
            case "contributor-key":
                return digest not in self.contributor_keys
            case "accepted":
                return digest not in self.backlog and digest not in self.quarantined
            case "disposed":
                return digest in self.backlog or digest in self.quarantined
            case "quarantined":
                return digest in self.backlog
            case _:
                return digest in self.quarantined

    def enter(self, data: bytes) -> Leaf:
        """Take one logged leaf into the accounts. Raises `VerificationError` if it cannot be."""
        leaf = parse_leaf(data)
        if not self.admits(leaf):
            raise VerificationError(
                f"leaf {self.size}: {leaf.kind!r} of {leaf.digest[:16]} contradicts earlier leaves"
            )
        digest = leaf.digest
        match leaf.kind:
            case "intake-key":
                self.intake_keys.add(digest)
            case "contributor-key":
                self.contributor_keys.add(digest)
            case "accepted":
                self.accepted += 1
                self.backlog.add(digest)
            case "disposed":
                self.disposed += 1
                self.backlog.discard(digest)
                self.quarantined.pop(digest, None)
            case "quarantined":
                self.backlog.discard(digest)
                self.quarantined[digest] = str(leaf.fields.get("reason", ""))
            case "released":
                del self.quarantined[digest]
                self.backlog.add(digest)
        self.size += 1
        return leaf

    def follow(self, entries: Callable[[int, int], Iterable[bytes]], size: int) -> None:
        """Take in all leaves up to a log size, read through `entries(start, end)`."""
        for data in entries(self.size, size):
            self.enter(data)

    def admissible(self, leaves: Iterable[bytes]) -> list[bytes]:
        """The leaves that may be appended now, in order; each digest and kind once."""
        chosen: list[bytes] = []
        seen: set[tuple[str, str]] = set()
        for data in leaves:
            leaf = parse_leaf(data)
            if (leaf.kind, leaf.digest) not in seen and self.admits(leaf):
                seen.add((leaf.kind, leaf.digest))
                chosen.append(data)
        return chosen
