"""Verifying a whole log offline: its public key and its files, nothing else.

For whoever does not trust the operator. It shows that what was published is one history, whole and
signed, and that its accounts are kept by the rules. It cannot show that an operator logged what
they should have, nor what happened in a store: receipts are the operator's own observations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from unvoiced.errors import NotFound, VerificationError
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.proof import TlogProof
from unvoiced.log.reader import LogReader
from unvoiced.log.tiles import WIDTH, Edge
from unvoiced.stores.interface import Store

_CHUNK = WIDTH * 16  # whole tiles at a time, so that the stored ones can be compared


@dataclass(frozen=True)
class VerifiedLog:
    """What a log was found to say."""

    checkpoint: Checkpoint
    ledger: Ledger


def verify_log(
    store: Store, verifier: Verifier, remembered: Checkpoint | None = None
) -> VerifiedLog:
    """Verify everything. Raises `VerificationError` that names the first thing that is wrong.

    (1) The checkpoint is signed by the log's key: stops a log of somebody else's making.
    (2) Its tree extends the one remembered from an earlier visit: stops a rollback or a fork.
    (3) Every entry leads to its root: stops an edited, dropped, swapped or added entry.
    (4) Every stored tile is the one that these entries make: stops proofs that will not verify.
    (5) Every entry follows from those before: stops a receipt for what was never accepted, and a
        second one for the same recording.
    (6) Every receipt states the absence it claims: stops one that was never observed (INV-4).

    The caller must keep the returned checkpoint for (2) at the next visit.
    """
    reader = LogReader(store, verifier, remembered=remembered)
    checkpoint = reader.checkpoint()  # (1), (2)
    ledger, edge = Ledger(), Edge()
    entries = reader.entries(0, checkpoint.size)
    while chunk := list(islice(entries, _CHUNK)):
        growth = edge.grow(chunk)
        edge = growth.edge
        if len(chunk) == _CHUNK or edge.size == checkpoint.size:
            _compare_tiles(store, growth.objects, checkpoint.size)  # (4)
        for data in chunk:
            _check_receipt(ledger.enter(data), ledger.size - 1)  # (5), (6)
    if (edge.size, edge.root()) != (checkpoint.size, checkpoint.root):  # (3)
        raise VerificationError("the entries do not hash to the checkpoint's root")
    return VerifiedLog(checkpoint, ledger)


def verify_proof(proof: TlogProof, verifier: Verifier) -> tuple[Leaf, Checkpoint]:
    """The leaf that a self-contained proof file is about, and the checkpoint it is proved under.

    Raises `VerificationError`; nothing of the file may be believed then.
    """
    if proof.extra is None:
        raise VerificationError("the proof does not carry its leaf")
    checkpoint = proof.verify(proof.extra, verifier)
    leaf = parse_leaf(proof.extra)
    _check_receipt(leaf, proof.index)
    return leaf, checkpoint


def leaves_about(reader: LogReader, digest: str) -> Iterator[tuple[int, bytes, Leaf]]:
    """The (index, bytes, leaf) of every leaf about one sealed object, oldest first."""
    for index, data in enumerate(reader.entries(0, reader.checkpoint().size)):
        if digest.encode() in data:
            leaf = parse_leaf(data)
            if leaf.digest == digest:
                yield index, data, leaf


def _compare_tiles(store: Store, objects: dict[str, bytes], size: int) -> None:
    for name, made in objects.items():
        try:
            stored = store.get(name).data
        except NotFound:
            raise VerificationError(f"{name}: missing from the log of {size}") from None
        if stored != made:
            raise VerificationError(f"{name} is not what the log's entries make")


def _check_receipt(leaf: Leaf, index: int) -> None:
    if leaf.kind != "disposed":
        return
    observed = leaf.fields.get("observed")
    if (
        not isinstance(observed, dict)
        or observed.get("version_listed") is not False
        or observed.get("current") not in {"absent", "newer"}
        or not leaf.fields.get("features")
        or not leaf.fields.get("not_checked")
    ):
        raise VerificationError(f"leaf {index}: a receipt without the observation it rests on")
