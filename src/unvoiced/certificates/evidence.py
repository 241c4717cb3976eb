"""Evidence: leaves of one log, each proved to be in the tree of one signed checkpoint. No I/O.

- Nothing of a leaf is used before `Evidence.prove` has returned it.
- What is proved is that the log says so. That a log says so does not make it true.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from unvoiced.errors import VerificationError
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.merkle import leaf_hash, verify_inclusion
from unvoiced.log.note import Checkpoint, Verifier, decode_base64, encode_base64
from unvoiced.log.verify import check_receipt
from unvoiced.sealing import Json

_MOST_STATEMENTS = 4096
_MOST_HASHES = 63
_PARTS = {"index", "leaf", "hashes"}


@dataclass(frozen=True)
class Entry:
    """A leaf that was proved, and where it stands in the log."""

    index: int
    leaf: Leaf

    def says(self, name: str) -> str:
        """A field of the leaf as text; empty where it has none."""
        value = self.leaf.fields.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Statement:
    """A leaf's bytes, where it is said to stand, and the hashes that are to lead to the root."""

    index: int
    leaf: bytes
    hashes: tuple[bytes, ...]

    def as_json(self) -> dict[str, Json]:
        """For a certificate."""
        return {
            "index": self.index,
            "leaf": self.leaf.decode(),
            "hashes": [encode_base64(each) for each in self.hashes],
        }

    @classmethod
    def from_json(cls, value: Json) -> "Statement":
        """From a certificate; nothing of it is trusted yet. Raises `VerificationError`."""
        if not isinstance(value, dict) or value.keys() != _PARTS:
            raise VerificationError("a statement does not have an index, a leaf and hashes")
        index, leaf, hashes = value["index"], value["leaf"], value["hashes"]
        if not (type(index) is int and isinstance(leaf, str) and isinstance(hashes, list)):
            raise VerificationError("a statement's index, leaf or hashes are of another type")
        if not 0 <= index < 1 << 53 or len(hashes) > _MOST_HASHES:
            raise VerificationError("a statement's index or proof is out of bounds")
        return cls(
            index, leaf.encode(), tuple(decode_base64(str(one), "a proof's hash") for one in hashes)
        )


@dataclass(frozen=True)
class Evidence:
    """Statements in the order of the log, and the signed checkpoint they are proved under."""

    statements: tuple[Statement, ...]
    checkpoint: bytes

    def prove(self, verifier: Verifier) -> tuple[Checkpoint, tuple[Entry, ...]]:
        """The checkpoint and what is proved under it. Raises `VerificationError`.

        (1) The checkpoint is signed by the log's key: stops a log of somebody else's making.
        (2) Every leaf's hashes lead to its root: stops an edited leaf, one the log never held, and
            one that is said to stand elsewhere.
        (3) They stand in the log's order, each once: stops a history told backwards.
        (4) Every receipt states the absence it claims (INV-4).
        (5) Taken by themselves they are an account: stops a receipt without its acceptance.
        """
        checkpoint = Checkpoint.open(self.checkpoint, verifier)  # (1)
        if not 0 < len(self.statements) <= _MOST_STATEMENTS:
            raise VerificationError(f"there are not 1 to {_MOST_STATEMENTS} statements")
        entries = []
        for each in self.statements:
            found = leaf_hash(each.leaf)
            verify_inclusion(
                each.index, checkpoint.size, found, each.hashes, checkpoint.root
            )  # (2)
            leaf = parse_leaf(each.leaf)
            check_receipt(leaf, each.index)  # (4)
            entries.append(Entry(each.index, leaf))
        indexes = [entry.index for entry in entries]
        if indexes != sorted(set(indexes)):  # (3)
            raise VerificationError("the statements are not in the log's order")
        accounts_of(entries)  # (5)
        return checkpoint, tuple(entries)


def accounts_of(entries: Sequence[Entry]) -> Ledger:
    """What these entries alone add up to. Raises `VerificationError` where they do not."""
    ledger = Ledger()
    for entry in entries:
        if not ledger.admits(entry.leaf):
            raise VerificationError(
                f"entry {entry.index}: {entry.leaf.kind!r} of {entry.leaf.digest[:16]} does not "
                "follow from the statements before it"
            )
        ledger.take(entry.leaf)
    return ledger
