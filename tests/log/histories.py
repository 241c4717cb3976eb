"""What must hold of a log whatever happened to its writers."""

from itertools import pairwise

from unvoiced.log.merkle import verify_consistency
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.pending import APPENDS
from unvoiced.log.reader import LogReader
from unvoiced.log.writer import LogWriter
from unvoiced.stores.interface import Store


def numbered(label: str, count: int) -> list[bytes]:
    """Entries that say whose they are and which."""
    return [f"{label} {each}".encode() for each in range(count)]


def logged(store: Store, signer: Signer) -> list[bytes]:
    """Every entry, checked up to the signed root."""
    return list(LogReader(store, signer.verifier).entries())


def check_published(store: Store, signer: Signer, notes: list[bytes]) -> None:
    """INV-7: each checkpoint that was ever public is consistent with the next, up to the last."""
    reader = LogReader(store, signer.verifier)
    last = reader.checkpoint()
    seen = [Checkpoint.open(note, signer.verifier) for note in notes] + [last]
    for old, new in pairwise(seen):
        proof = reader.consistency_proof(old.size, new.size)
        verify_consistency(old.size, old.root, new.size, new.root, proof)


def check_batches(entries: list[bytes], batches: list[list[bytes]], sure: int) -> None:
    """The first `sure` batches and then any of the others, in order, whole, once, and no more."""
    at = 0
    for number, batch in enumerate(batches):
        there = entries[at : at + len(batch)] == batch
        assert there or number >= sure, f"batch {number} was acknowledged and is not there"
        at += len(batch) if there else 0
    assert at == len(entries), "something is there twice, or in part"


def check_tidy(store: Store, signer: Signer) -> None:
    """After one more append by a new writer nothing that is pending is left."""
    LogWriter(store, signer).append(lambda _: [b"tidy"])
    LogWriter(store, signer)
    assert [entry.name for entry in store.list(APPENDS)] == []


def check_no_superseded_tiles(store: Store) -> None:
    """No partial tile or bundle is left beside the full one."""
    names = {entry.name for entry in store.list("tile/")}
    assert [name for name in names if name.rpartition(".p/")[0] in names] == []
