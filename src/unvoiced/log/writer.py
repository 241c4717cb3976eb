"""Appending to a log that several writers share, and that any of them may die over.

INV-7: no checkpoint is signed that does not extend every one before it. There is no server and no
lock: writers agree through one object, `pending/head`, that is only ever replaced as the version it
was read as. An append goes in these steps; each names the crash or attack that it is there for.

1. Read `pending/head` and check our own signature on it. If `checkpoint` is behind it, a writer
   died after 4, or is still at it: finish 5 to 7 for it. (Stops: an append that is half there, and
   a tree built on tiles that were never written.) Where the head is new to this writer, its tree
   is checked against its tiles, against the public checkpoint and against the head this writer
   last saw. (Stops: building on an edited tile, and signing a second history over a store that was
   rolled back.)
2. Ask the caller for the entries to append at this size; on every attempt again. (Stops: two
   writers logging the same fact, each thinking it was first.)
3. Put the entries under `pending/append/{base}-{size}-{attempt}`, a random name. (Stops: a commit
   whose entries only a dead process knew, and one attempt overwriting or removing another's.)
4. Replace `pending/head`, if it still is the version read in 1: *the commit*. Whoever loses removes
   its own append and starts again. What is signed here is no checkpoint (`pending`). (Stops: a
   loser's signature being shown as evidence of a fork.)
5. Write the new tiles and bundles. The head fixes their bytes, so it does not matter who writes
   them, or how often; anything else under their names is garbage and is replaced. (Stops: a planted
   tile blocking the log.)
6. Sign the checkpoint, and replace `checkpoint` if it is behind. (Stops: a reader seeing a tree
   before its tiles; a slow writer turning the log back.)
7. Delete the partial tiles that are full now, then the append. (Last, so that a crash anywhere
   above leaves the append for the next writer to finish from.)

Appends of writers that died before 4 are swept when a head turns out to be new: an append from a
base smaller than the head can be committed no more, as heads only grow, and if it was committed it
is finished, as 1 comes before every commit. One from the head's own size may yet win and is left.
A helper that is overtaken in 5 can put a superseded partial tile back: right, only not needed.

What a writer cannot see: a writer that was just opened knows nothing but the store. Whoever puts
back an older `pending/head` and `checkpoint` together makes it sign a second history; only who
remembers a newer checkpoint (a reader's `remembered`, a receipt, a writer that was open all along)
can tell. One of the two put back alone is noticed (head) or repaired (checkpoint).

A `StoreError` out of `append` leaves open whether the entries were logged. Call it again: step 1
finishes what was committed, and the caller's `build` sees the size it has now.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from unvoiced.errors import AlreadyExists, Changed, NotFound, VerificationError
from unvoiced.log.merkle import EMPTY_ROOT
from unvoiced.log.note import Checkpoint, Signer
from unvoiced.log.pending import APPENDS, HEAD, Head, append_sizes
from unvoiced.log.reader import CHECKPOINT, Tree
from unvoiced.log.tiles import Edge, Growth, decode_entries, encode_entries, superseded
from unvoiced.stores.interface import Store, Stored

_ATTEMPTS = 1000
_random = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: `entries` stand from index `first` on, under this checkpoint."""

    first: int
    checkpoint: Checkpoint
    note: bytes
    entries: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """The head as this writer last saw it finished, and the right edge of its tree."""

    version: str
    tip: Checkpoint
    edge: Edge


def _back_off(attempt: int) -> None:
    time.sleep(_random.uniform(0, min(0.25, 0.002 * 2 ** min(attempt, 10))))


class LogWriter:
    """Appends to the log in a store; safe to share between threads.

    Opening finishes what a dead writer left. Raises `NotFound` where there is no log and
    `VerificationError` where it is another key's, or does not hold.
    """

    def __init__(
        self, store: Store, signer: Signer, *, back_off: Callable[[int], None] = _back_off
    ) -> None:
        self._store = store
        self._signer = signer
        self._back_off = back_off
        # Threads of one process would only make each other lose.
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._settle()

    @classmethod
    def create(cls, store: Store, signer: Signer) -> "LogWriter":
        """Make an empty log. Raises `AlreadyExists` where there is one, or what is left of one."""
        # A head that was deleted must not be a way to make us sign a second history.
        for remnant in (CHECKPOINT, "tile/"):
            if next(iter(store.list(remnant)), None) is not None:
                raise AlreadyExists(f"{store.url} holds a log, or what is left of one")
        empty = Checkpoint(signer.name, 0, EMPTY_ROOT)
        store.put_if_absent(HEAD, Head(empty, empty, secrets.token_hex(16)).sign(signer))
        return cls(store, signer)

    def append(self, build: Callable[[int], Sequence[bytes]]) -> Appended:
        """Append what `build(size)` returns for the size the log has; nothing if it is empty.

        `build` is called on every attempt, with everything below `size` published. Raises
        `InputError` for an entry longer than 65,535 bytes.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                held = self._settle()
                entries = tuple(build(held.tip.size))
                if not entries:
                    note = self._signer.sign(held.tip.text())
                    return Appended(held.tip.size, held.tip, note, ())
                growth = held.edge.grow(entries)
                tip = Checkpoint(self._signer.name, growth.edge.size, growth.edge.root())
                head = Head(held.tip, tip, secrets.token_hex(16))
                append_version = self._place(head.append_name, encode_entries(entries))
                version = self._commit(head, held.version)
                if version is not None:
                    note = self._finish(head, growth, append_version)
                    self._held = _Held(version, tip, growth.edge)
                    return Appended(held.tip.size, tip, note, entries)
                self._store.delete(head.append_name, append_version)
                self._back_off(attempt)
        raise Changed(f"{HEAD} changed under {_ATTEMPTS} attempts to append")

    def _commit(self, head: Head, seen: str) -> str | None:
        note = head.sign(self._signer)
        try:
            return self._store.replace(HEAD, note, version=seen)
        except Changed:
            # A store whose first answer got lost tries again, and meets our own head.
            current = self._read_head()
            return current.version if current.data == note else None

    def _read_head(self) -> Stored:
        try:
            return self._store.get(HEAD)
        except NotFound:
            if next(iter(self._store.list(CHECKPOINT)), None) is None:
                raise NotFound(f"{self._store.url} holds no log") from None
            raise VerificationError(f"{self._store.url} holds a log whose head is gone") from None

    def _settle(self) -> _Held:
        """The head, with everything it promises written and published."""
        stored = self._read_head()
        if self._held is not None and stored.version == self._held.version:
            return self._held

        # Read in this order, the checkpoint is never ahead of the head: both only grow.
        public = self._parse(self._published())
        stored = self._read_head()
        head = Head.open(stored.data, self._signer.verifier)
        # No append to finish from means that somebody has finished, and only published late.
        append = None if public == head.tip else self._pending_append(head)
        ground = head.tip if append is None else head.base
        tree = Tree(self._store, ground.size, ground.root)
        if public is not None:
            tree.check_extends(public)
        if self._held is not None:
            tree.check_extends(self._held.tip)

        if append is None:
            if public != head.tip:
                self._publish(head.tip)
            edge = tree.edge()
        else:
            growth = tree.edge().grow(decode_entries(append.data, append.name))
            edge = growth.edge
            if (edge.size, edge.root()) != (head.tip.size, head.tip.root):
                raise VerificationError(f"{append.name} does not lead to the committed head")
            self._finish(head, growth, append.version)
        self._sweep(head.tip.size)
        self._held = _Held(stored.version, head.tip, edge)
        return self._held

    def _published(self) -> Stored | None:
        try:
            return self._store.get(CHECKPOINT)
        except NotFound:
            return None

    def _parse(self, published: Stored | None) -> Checkpoint | None:
        # The head decides; a checkpoint that does not open is replaced when ours is published.
        with suppress(VerificationError):
            if published is not None:
                return Checkpoint.open(published.data, self._signer.verifier)
        return None

    def _pending_append(self, head: Head) -> Stored | None:
        try:
            return self._store.get(head.append_name)
        except NotFound:
            return None

    def _finish(self, head: Head, growth: Growth, append_version: str) -> bytes:
        for name, data in growth.objects.items():
            self._place(name, data)
        note = self._publish(head.tip)
        self._remove_superseded(head.base.size, head.tip.size)
        self._store.delete(head.append_name, append_version)
        return note

    def _place(self, name: str, data: bytes) -> str:
        """Have these bytes under the name, whatever was there; the version they are."""
        while True:
            with suppress(AlreadyExists):
                return self._store.put_if_absent(name, data)
            with suppress(NotFound, Changed):
                found = self._store.get(name)
                if found.data == data:
                    return found.version
                return self._store.replace(name, data, version=found.version)

    def _publish(self, checkpoint: Checkpoint) -> bytes:
        note = self._signer.sign(checkpoint.text())
        while True:
            with suppress(AlreadyExists, Changed):
                published = self._published()
                public = self._parse(published)
                if public is not None and public.size >= checkpoint.size:
                    return note
                if published is None:
                    self._store.put_if_absent(CHECKPOINT, note)
                else:
                    self._store.replace(CHECKPOINT, note, version=published.version)
                return note

    def _remove_superseded(self, old_size: int, new_size: int) -> None:
        for part in superseded(old_size, new_size):
            for entry in self._store.list(f"{part.full.path}.p/"):
                self._store.delete(entry.name, entry.version)

    def _sweep(self, size: int) -> None:
        for entry in self._store.list(APPENDS):
            sizes = append_sizes(entry.name)
            if sizes is not None and sizes[0] < size:
                self._remove_superseded(sizes[0], min(sizes[1], size))
                self._store.delete(entry.name, entry.version)
