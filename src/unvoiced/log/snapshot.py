"""The accounts as the log's key states them, so that a process need not fold the whole log first.

`ledger/snapshot` in the log's store is a statement (title, then `log`, `size`, `root` and the
SHA-256 of the state, in a signed note) and after it that state, as `ledger_state` has it.

- It is a shortcut and nothing else. Where it is missing, older than it might be, or wrong in any
  way, the log is folded as if it were not there.
- It counts only under the log's own key, for the log of that key's name, and for a tree that the
  current checkpoint extends. (Stops: one that was edited, cut, made by somebody else, of another
  log, of a history that was forked off, or of entries that nobody has published.)
- An older one put back changes nothing: what follows it is folded.
- It is used by who appends: who has that key, or works beside those who do. Who verifies a log
  uses none, but compares: `check_stated` refuses a log whose key states other accounts than its
  leaves give. What was stated in a snapshot that was replaced since nobody can tell. So whoever has
  the key can lie to a worker that starts meanwhile and leave no trace, where a false leaf would
  stay: have it take a contributor's key for genuine that never was logged, say. No reader or
  certificate believes what comes of that, as they go by the leaves alone.
- It is written after an append, by whoever made it, and never stands in its way. One of this
  history that is as new stays; any other is replaced, however many leaves it is of: one of a
  history that was given up for a backup, say, for which verifiers would come to refuse the log.
- Its size is looked at before it is read: what is larger than `MOST_BYTES` is neither read nor
  written.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from unvoiced.errors import (
    AccessError,
    CredentialsExpired,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.log.leaves import Leaf, parse_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.ledger_state import decode_ledger, encode_ledger
from unvoiced.log.merkle import HASH_BYTES
from unvoiced.log.note import Checkpoint, Signer, Verifier, decode_base64, encode_base64
from unvoiced.log.reader import LogReader
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores.interface import Entry, Store

SNAPSHOT = "ledger/snapshot"
_TITLE = "unvoiced ledger snapshot v1"
# Title, body, an empty line and one signature: so many lines are the note, what follows the state.
_NOTE_LINES = 4
# Leaves that are folded in a twentieth of a second.
EVERY = 4096
# A snapshot is written again when at least as many bytes, about, were logged since: a leaf is 1 kB.
_BYTES_A_LEAF = 1024
# Some 8 million digests, which take more than a gigabyte of memory as a ledger. Whoever may write
# to the store can have everybody who starts read as much, and nothing larger.
MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the log's key stated: the tree, and the accounts of its leaves."""

    checkpoint: Checkpoint
    state: bytes

    @classmethod
    def sign(cls, checkpoint: Checkpoint, ledger: Ledger, signer: Signer) -> bytes:
        """The object's bytes. Raises `AccessError` where the key is out of reach."""
        state = encode_ledger(ledger)
        body = {
            "log": checkpoint.origin,
            "root": encode_base64(checkpoint.root),
            "size": checkpoint.size,
            "state": hashlib.sha256(state).hexdigest(),
        }
        return sign_statement(_TITLE, body, signer) + state

    @classmethod
    def open(cls, data: bytes, verifier: Verifier) -> "Snapshot":
        """What this key stated of the log of its own name. Raises `VerificationError`."""
        *lines, state = data.split(b"\n", _NOTE_LINES)
        body = open_statement(_TITLE, b"\n".join([*lines, b""]), verifier)
        said = [body.get(name) for name in ("log", "root", "size")]
        if body.get("state") != hashlib.sha256(state).hexdigest():
            raise VerificationError("the ledger's snapshot is not the one that was signed")
        match said:
            case [str(log), str(encoded), int(size)] if log == verifier.name and size >= 0:
                root = decode_base64(encoded, "the root in the ledger's snapshot")
                if len(root) == HASH_BYTES:
                    return cls(Checkpoint(log, size, root), state)
        raise VerificationError("the ledger's snapshot is not of this log")


class LedgerSnapshots:
    """The snapshot in a log's store, for those who append to it."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer
        self._due = 0

    def load(self, reader: LogReader, parse: Callable[[bytes], Leaf] = parse_leaf) -> Ledger:
        """The accounts to go on from: as last stated for this log, or those of no leaf at all.

        `parse` is for the ledger, `reader` has read the current checkpoint.
        """
        ledger = Ledger(parse)
        with suppress(StoreError, VerificationError):
            data = _read(self._store, self._store.head(SNAPSHOT))
            snapshot = Snapshot.open(data, self._signer.verifier)
            reader.check_extends(snapshot.checkpoint)
            stated = decode_ledger(snapshot.state, parse)
            if stated.size == snapshot.checkpoint.size:
                ledger = stated
                self._due = _next(ledger.size, data)
        return ledger

    def is_due(self, size: int) -> bool:
        """Whether so many leaves were logged by now that one should be kept."""
        return size >= max(self._due, EVERY)

    def keep(self, reader: LogReader, checkpoint: Checkpoint, ledger: Ledger) -> None:
        """Put what the ledger says now, unless something as new of this history is there.

        `reader` is of the same store. Whether that worked is nobody's concern: the next one will,
        or the log is folded.
        """
        self._due = ledger.size + EVERY
        with suppress(StoreError, AccessError, VerificationError):
            data = Snapshot.sign(checkpoint, ledger, self._signer)
            self._due = _next(ledger.size, data)
            if len(data) > MOST_BYTES:
                return
            there = self._store.head(SNAPSHOT)
            if there is None:
                self._store.put_if_absent(SNAPSHOT, data)
            elif not self._is_as_new(there, reader, checkpoint.size):
                self._store.replace(SNAPSHOT, data, version=there.version)

    def _is_as_new(self, there: Entry, reader: LogReader, size: int) -> bool:
        """Whether it is of this history, and of so many leaves or more."""
        try:
            stated = Snapshot.open(_read(self._store, there), self._signer.verifier).checkpoint
        except VerificationError:
            return False
        if stated.size < size:
            return False
        # A tree is published before it is stated: the checkpoint read now is not behind this one.
        reader.checkpoint()
        try:
            reader.check_extends(stated)
        except VerificationError:
            return False
        return True


def _next(size: int, data: bytes) -> int:
    return size + max(EVERY, len(data) // _BYTES_A_LEAF)


def _read(store: Store, entry: Entry | None) -> bytes:
    """The bytes of this version. What is wrong with them shows in the signature and the digest.

    Raises `NotFound`, also where it was replaced just now, and `VerificationError` for one that is
    larger than any snapshot, of which nothing is read.
    """
    if entry is None:
        raise NotFound(f"{SNAPSHOT}: no such object")
    if entry.size > MOST_BYTES:
        raise VerificationError(f"{SNAPSHOT} has {entry.size:,} bytes, more than any snapshot")
    return store.get_start(SNAPSHOT, entry.version, max(entry.size, 1))


def stated_by(store: Store, verifier: Verifier) -> Snapshot | None:
    """The snapshot that the log's key signed, if there is one; anything else there is nobody's.

    What is not signed is no statement, and so is what cannot be read: a folder, a pipe or a link of
    that name, or nothing where names cannot be listed, which S3 refuses. Nobody goes by such a
    thing, so it is no reason to refuse the log; who could plant it could as well have deleted what
    was there. Raises `CredentialsExpired` alone: that is about who asks, not about what is there.
    """
    try:
        return Snapshot.open(_read(store, store.head(SNAPSHOT)), verifier)
    except CredentialsExpired:
        raise
    except (StoreError, VerificationError):
        return None


def check_stated(snapshot: Snapshot, ledger: Ledger) -> None:
    """Raises `VerificationError` unless the folded ledger, of the same size, is what was stated."""
    if encode_ledger(ledger) != snapshot.state:
        raise VerificationError(
            f"the log's key states other accounts of its first {ledger.size} entries than they "
            f"give ({SNAPSHOT})"
        )
