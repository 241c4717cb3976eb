"""Reading a log without trusting the store it lies in.

- INV-7: a reader that has seen a checkpoint accepts only checkpoints that extend it.
- Every hash and entry that leaves this module was checked up to the root of a signed checkpoint:
  the partial tiles of the right edge against the root itself, each full tile against its parent.
- What is missing or does not fit is a `VerificationError` that names the file.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from unvoiced.errors import InputError, NotFound, VerificationError
from unvoiced.log import merkle
from unvoiced.log.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.log.proof import TlogProof
from unvoiced.log.tiles import HEIGHT, WIDTH, Bundle, Edge, Tile, decode_entries, edge_of
from unvoiced.stores.interface import Store

CHECKPOINT = "checkpoint"
# 4 MiB of tiles: what is under way in a run, however long the log is.
_CACHED_TILES = 512


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


class Tree:
    """The tree of one size and root, read from the tiles in a store and checked against the root.

    `trusted` are full tiles of a tree that this one is known, or about to be shown, to extend.
    """

    def __init__(
        self,
        store: Store,
        size: int,
        root: bytes,
        trusted: dict[tuple[int, int], bytes] | None = None,
    ) -> None:
        self.size = size
        self.root = root
        self._store = store
        self.full_tiles = dict(trusted or {})
        self._partial = self._checked_edge()

    def _checked_edge(self) -> dict[int, bytes]:
        partial = {}
        for tile in edge_of(self.size):
            partial[tile.level] = self._hashes(tile)
        rows = [_split(partial.get(level, b"")) for level in range(max(partial, default=-1) + 1)]
        if Edge(self.size, tuple(map(tuple, rows))).root() != self.root:
            names = ", ".join(tile.path for tile in edge_of(self.size)) or "an empty tree"
            raise VerificationError(
                f"the tiles at the right edge ({names}) do not hash to the root at {self.size}"
            )
        return partial

    def _read(self, part: Tile | Bundle) -> tuple[str, bytes]:
        # A partial tile may be gone once the full one is there, never before.
        names = dict.fromkeys([part.path, part.full.path])
        for name in names:
            try:
                return name, self._store.get(name).data
            except NotFound:
                continue
        raise VerificationError(f"{' and '.join(names)}: missing from the log of {self.size}")

    def _hashes(self, tile: Tile) -> bytes:
        name, data = self._read(tile)
        width = WIDTH if name == tile.full.path else tile.width
        if len(data) != width * HASH_BYTES:
            raise VerificationError(f"{name} does not hold {width} hashes")
        return data[: tile.width * HASH_BYTES]

    def _tile(self, level: int, index: int) -> bytes:
        if index == self.size >> HEIGHT * (level + 1):
            return self._partial[level]
        known = self.full_tiles.get((level, index))
        if known is None:
            tile = Tile(level, index)
            known = self._hashes(tile)
            if merkle.root(_split(known)) != self.hash(HEIGHT * (level + 1), index):
                raise VerificationError(f"{tile.path} does not hash to what its parent tile says")
            while len(self.full_tiles) >= _CACHED_TILES:
                self.full_tiles.pop(next(iter(self.full_tiles)))
            self.full_tiles[level, index] = known
        return known

    def hash(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree over leaves [index << level, index + 1 << level)."""
        if not 0 <= (index + 1) << level <= self.size:
            raise InputError(f"subtree {index} of height {level} is not in the tree")
        tile_level, height = divmod(level, HEIGHT)
        tile, at = divmod(index << height, WIDTH)
        hashes = self._tile(tile_level, tile)
        return merkle.root(_split(hashes[at * HASH_BYTES : (at + (1 << height)) * HASH_BYTES]))

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Entries [start, end), each bundle checked against its tile before any is given out."""
        if not 0 <= start <= end <= self.size:
            raise InputError(f"entries {start} to {end} are not in a log of {self.size}")
        if start == end:
            return
        for index in range(start // WIDTH, -(-end // WIDTH)):
            first = index * WIDTH
            bundle = self._bundle(Bundle(index, min(WIDTH, self.size - first)))
            yield from bundle[max(0, start - first) : end - first]

    def _bundle(self, bundle: Bundle) -> list[bytes]:
        name, data = self._read(bundle)
        entries = decode_entries(data, name)
        width = WIDTH if name == bundle.full.path else bundle.width
        if len(entries) != width:
            raise VerificationError(f"{name} holds {len(entries)} entries, not {width}")
        expected = self._tile(0, bundle.index)
        hashes = [sha256(b"\x00" + entry).digest() for entry in entries[: bundle.width]]
        if b"".join(hashes) != expected:
            at = next(at for at, each in enumerate(_split(expected)) if each != hashes[at])
            number = bundle.index * WIDTH + at
            raise VerificationError(f"entry {number} in {name} is not what the tree holds")
        return entries[: bundle.width]

    def edge(self) -> Edge:
        """The right edge, ready to be grown."""
        rows = [
            tuple(_split(self._partial.get(level, b"")))
            for level in range(max(self._partial, default=-1) + 1)
        ]
        tail = tuple(self.entries(self.size - self.size % WIDTH, self.size))
        return Edge(self.size, tuple(rows), tail)

    def check_extends(self, earlier: Checkpoint) -> None:
        """Raises `VerificationError` unless this tree begins with all of the earlier one."""
        if earlier.size > self.size:
            raise VerificationError(f"the log went back from {earlier.size} entries to {self.size}")
        proof = merkle.consistency_proof(earlier.size, self.size, self.hash)
        verify_consistency(earlier.size, earlier.root, self.size, self.root, proof)


class LogReader:
    """A log as its published checkpoint stands, and as it moves on.

    `remembered` is a checkpoint from an earlier visit: with it, a store that was rolled back or
    forked since is found out. Without one, the first checkpoint is taken as it is signed. What a
    log's size has to reach (an entry's index, a range's end) is looked up in a newer checkpoint
    where the one at hand does not reach it.
    """

    def __init__(
        self, store: Store, verifier: Verifier, *, remembered: Checkpoint | None = None
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._seen = remembered or Checkpoint(verifier.name, 0, EMPTY_ROOT)
        if self._seen.origin != verifier.name:
            raise InputError(f"the remembered checkpoint is not of the log {verifier.name}")
        self._tree: Tree | None = None
        self._note = b""

    def checkpoint(self) -> Checkpoint:
        """The log's current checkpoint. Raises `VerificationError`.

        (1) the note bears a signature by the log's key, and names that key's log: stops a
            checkpoint of somebody else, or of another log of the same operator;
        (2) the tiles at the right edge hash to its root: stops a checkpoint without its tree;
        (3) its tree begins with all of the one seen before: stops a replayed old checkpoint, an
            entry dropped or edited since, and a second history.

        The caller must keep the result (`remembered`) for (3) to reach past this process.
        """
        try:
            note = self._store.get(CHECKPOINT).data
        except NotFound:
            raise VerificationError(f"{self._store.url} has no checkpoint") from None
        if self._tree is not None and note == self._note:
            return self._seen
        current = Checkpoint.open(note, self._verifier)
        trusted = self._tree.full_tiles if self._tree else None
        tree = Tree(self._store, current.size, current.root, trusted)
        tree.check_extends(self._seen)
        self._seen, self._tree, self._note = current, tree, note
        return current

    @property
    def note(self) -> bytes:
        """The signed checkpoint that was verified last."""
        return self._note

    def _reaching(self, size: int) -> Tree:
        if self._tree is None or size > self._tree.size:
            self.checkpoint()
        assert self._tree is not None  # noqa: S101 (set by checkpoint)
        return self._tree

    def check_extends(self, earlier: Checkpoint) -> None:
        """Raises `VerificationError` unless the tree as last read begins with all of this one."""
        self._reaching(0).check_extends(earlier)

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Entries [start, end) in order, all from `start` by default."""
        tree = self._reaching(end or 0)
        return tree.entries(start, tree.size if end is None else end)

    def hash(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree over leaves [index << level, index + 1 << level)."""
        return self._reaching((index + 1) << level).hash(level, index)

    def inclusion_proof(self, index: int, size: int | None = None) -> Sequence[bytes]:
        """Proof that entry `index` is in the tree of `size` entries, the current one by default."""
        tree = self._reaching(size or index + 1)
        return merkle.inclusion_proof(index, tree.size if size is None else size, tree.hash)

    def consistency_proof(self, old_size: int, new_size: int | None = None) -> Sequence[bytes]:
        """Proof that the tree of `new_size`, the current one by default, extends the old one."""
        tree = self._reaching(new_size or old_size)
        size = tree.size if new_size is None else new_size
        return merkle.consistency_proof(old_size, size, tree.hash)

    def proof(self, index: int, extra: bytes | None = None) -> TlogProof:
        """A self-contained proof of entry `index` under the current checkpoint."""
        tree = self._reaching(index + 1)
        hashes = merkle.inclusion_proof(index, tree.size, tree.hash)
        return TlogProof(index, tuple(hashes), self._note, extra)
