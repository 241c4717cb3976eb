"""Verifying a whole log offline: its public key and its files, nothing else.

For whoever does not trust the operator. It shows that what was published is one history, whole and
signed, and that its accounts are kept by the rules. It cannot show that an operator logged what
they should have, nor what happened in a store: receipts are the operator's own observations.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from unvoiced.errors import VerificationError
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.proof import TlogProof
from unvoiced.log.reader import LogReader
from unvoiced.log.snapshot import SNAPSHOT, Snapshot, check_stated, stated_by
from unvoiced.sealing import Json
from unvoiced.stores.interface import Store

RECEIPTS = frozenset(
    {
        "disposed",
        "intake-key-retired",
        "contributor-key-destroyed",
        "archive-destroyed",
        "swept",
        "erased",
    }
)
_NAMED = re.compile(rb'"sha256":"([0-9a-f]{64})"')
# What each of them says in words; the middle four are names of NIST SP 800-88 Rev. 2, section 4.6.
_SAID = (
    *("cause", "media_type", "sanitization_method", "sanitization_technique"),
    *("verification_method", "performed_by", "tool"),
)


@dataclass(frozen=True)
class VerifiedLog:
    """What a log was found to say."""

    checkpoint: Checkpoint
    note: bytes  # the signed checkpoint that was verified, to be remembered
    ledger: Ledger


def verify_log(
    store: Store, verifier: Verifier, remembered: Checkpoint | None = None
) -> VerifiedLog:
    """Verify everything. Raises `VerificationError` that names the first thing that is wrong.

    (1) The checkpoint is signed by the log's key: stops a log of somebody else's making.
    (2) Its tree extends the one remembered from an earlier visit: stops a rollback or a fork.
    (3) Every entry, and every tile on its way up, leads to its root: stops an edited, dropped,
        swapped or added entry, and tiles that make proofs which will not verify.
    (4) Every entry follows from those before: stops a receipt for what was never accepted, and a
        second one for the same recording.
    (5) Every receipt states the absence it claims: stops one that was never observed (INV-4).
    (6) The accounts that the log's key states for those who append (`snapshot`) are those that the
        entries give, and of this history: stops a worker being told others than the public. One
        that is ahead of the checkpoint is left to the next visit; one that is not signed is no
        statement, and nobody goes by it.

    The caller must keep the returned checkpoint for (2) at the next visit.
    """
    reader = LogReader(store, verifier, remembered=remembered)
    stated = stated_by(store, verifier)  # before the checkpoint, which is ahead of it then
    checkpoint = reader.checkpoint()  # (1), (2)
    ledger = Ledger()
    ends = [checkpoint.size]
    if stated is not None and stated.checkpoint.size <= checkpoint.size:
        _check_same_history(reader, stated)  # (6)
        ends.insert(0, stated.checkpoint.size)
    for end in ends:
        for index, data in enumerate(reader.entries(ledger.size, end), ledger.size):  # (3)
            check_receipt(ledger.enter(data), index)  # (4), (5)
        if stated is not None and stated.checkpoint.size == end:
            check_stated(stated, ledger)  # (6)
    return VerifiedLog(checkpoint, reader.note, ledger)


def _check_same_history(reader: LogReader, stated: Snapshot) -> None:
    try:
        reader.check_extends(stated.checkpoint)
    except VerificationError as error:
        raise VerificationError(f"{SNAPSHOT} is of another history: {error}") from None


def verify_proof(proof: TlogProof, verifier: Verifier) -> tuple[Leaf, Checkpoint]:
    """The leaf that a self-contained proof file is about, and the checkpoint it is proved under.

    Raises `VerificationError`; nothing of the file may be believed then.
    """
    if proof.extra is None:
        raise VerificationError("the proof does not carry its leaf")
    checkpoint = proof.verify(proof.extra, verifier)
    leaf = parse_leaf(proof.extra)
    check_receipt(leaf, proof.index)
    return leaf, checkpoint


def leaves_about(reader: LogReader, *digests: str) -> Iterator[tuple[int, bytes, Leaf]]:
    """The (index, bytes, leaf) of every leaf about these sealed objects, oldest first."""
    wanted = frozenset(digest.encode() for digest in digests)
    only = next(iter(wanted), b"")
    for index, data in enumerate(reader.entries(0, reader.checkpoint().size)):
        # A leaf that names none of them is not about one: so much can be seen without reading it.
        if only in data if len(wanted) == 1 else not wanted.isdisjoint(_NAMED.findall(data)):
            leaf = parse_leaf(data)
            if leaf.digest.encode() in wanted:
                yield index, data, leaf


def features_of(leaf: Leaf) -> set[str]:
    """The digests of the feature objects that a leaf says were made."""
    features = leaf.fields.get("features")
    if not isinstance(features, list):
        return set()
    return {str(one.get("sha256")) for one in features if isinstance(one, dict)}


def check_receipt(leaf: Leaf, index: int) -> None:
    """A leaf that says something is gone says why, how, what was seen, and what was not looked at.

    Raises `VerificationError` for one that does not; leaves of other kinds pass.
    """
    if leaf.kind not in RECEIPTS:
        return
    observed, not_checked = leaf.fields.get("observed"), leaf.fields.get("not_checked")
    missing = [name for name in _SAID if not _is_said(leaf.fields.get(name))]
    if not isinstance(not_checked, list) or not not_checked or not all(map(_is_said, not_checked)):
        missing.append("not_checked")
    shows = _shows_disposal if leaf.kind == "disposed" else _shows_none_left
    if not isinstance(observed, dict) or not shows(leaf, observed):
        missing.append("observed")
    if missing:
        raise VerificationError(
            f"leaf {index}: a receipt without the observation it rests on ({', '.join(missing)})"
        )


def _is_said(value: Json) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _shows_disposal(leaf: Leaf, observed: Mapping[str, Json]) -> bool:
    cause, archived = leaf.fields.get("cause"), leaf.fields.get("archived")
    return (
        observed.get("version_readable") is False
        and observed.get("version_listed") is False
        and observed.get("current") in {"absent", "newer"}
        and (bool(leaf.fields.get("features")) or not str(cause).startswith("features stored"))
        and isinstance(archived, dict) == (cause == "features stored, original archived")
    )


def _shows_none_left(_leaf: Leaf, observed: Mapping[str, Json]) -> bool:
    """The observations of all other kinds are counts of what is left, or `false`."""
    return bool(observed) and all(value is False or value == 0 for value in observed.values())
