"""What the log says of intake keys: when each was logged, and how many recordings it sealed."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from unvoiced.log.leaves import parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.reader import LogReader


@dataclass(frozen=True)
class History:
    """One pass over the log. Keys are known by the digest of their public half."""

    ledger: Ledger
    logged: dict[str, datetime]  # digest -> when the key was
    accepted: Counter[str]  # digest -> recordings sealed to it that were accepted
    disposed: Counter[str]  # of those, that were disposed of


def read_history(reader: LogReader) -> History:
    """Read and verify the whole log. Raises `VerificationError`."""
    history = History(Ledger(), {}, Counter(), Counter())
    digest_of: dict[str, str] = {}
    for data in reader.entries(0, reader.checkpoint().size):
        leaf = parse_leaf(data)
        sealed_to = history.ledger.sealed_to.get(leaf.digest)
        history.ledger.enter(data)
        match leaf.kind:
            case "intake-key":
                history.logged[leaf.digest] = datetime.fromisoformat(str(leaf.fields["time"]))
                digest_of[leaf.digest[:32]] = leaf.digest
            case "accepted":
                history.accepted[digest_of.get(str(leaf.fields.get("intake_key")), "")] += 1
            case "disposed":
                history.disposed[digest_of.get(str(sealed_to), "")] += 1
    return history
