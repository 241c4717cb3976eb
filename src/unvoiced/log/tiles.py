"""Where a tree's hashes and entries lie: the tiles and entry bundles of c2sp.org/tlog-tiles.

No I/O. A tile is 256 hashes of one level (`tile/<level>/<index>`), an entry bundle the 256
entries under a level-0 tile; the rightmost of each may be partial (`.p/<width>`). What a name
holds is fixed by the tree: no two trees of one log give a name two contents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.merkle import leaf_hash, root

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_ENTRY_BYTES = (1 << 16) - 1


def _coordinates(index: int, width: int) -> str:
    """`x001/x234/067` for index 1234067, with `.p/<width>` where it is partial."""
    digits = f"{index:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([f"x{each}" for each in groups[:-1]] + groups[-1:])
    return path if width == WIDTH else f"{path}.p/{width}"


@dataclass(frozen=True, slots=True)
class Tile:
    """`width` hashes from hash `256 * index` of this level on, each over 256**level entries."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name in the store."""
        return f"tile/{self.level}/{_coordinates(self.index, self.width)}"

    @property
    def full(self) -> "Tile":
        """The same tile once the tree has filled it."""
        return Tile(self.level, self.index)


@dataclass(frozen=True, slots=True)
class Bundle:
    """`width` entries from entry `256 * index` on."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name in the store."""
        return f"tile/entries/{_coordinates(self.index, self.width)}"

    @property
    def full(self) -> "Bundle":
        """The same bundle once the tree has filled it."""
        return Bundle(self.index)


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length as a big-endian 16-bit number.

    Raises `InputError` for an entry longer than that can say.
    """
    if any(len(each) > MAX_ENTRY_BYTES for each in entries):
        raise InputError(f"a log entry is longer than {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


def decode_entries(data: bytes, what: str) -> list[bytes]:
    """Entries of an encoded bundle. Raises `VerificationError`, naming `what`, if it is cut."""
    entries = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            raise VerificationError(f"{what} ends within an entry")
        entries.append(data[start:at])
    return entries


def new_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """Tiles that a tree has at the new size and did not have at the old one."""
    level = 0
    while (new := new_size >> HEIGHT * level) > (old := old_size >> HEIGHT * level):
        for index in range(old // WIDTH, -(-new // WIDTH)):
            yield Tile(level, index, min(WIDTH, new - WIDTH * index))
        level += 1


def new_bundles(old_size: int, new_size: int) -> Iterator[Bundle]:
    """Entry bundles that a tree has at the new size and did not have at the old one."""
    for tile in new_tiles(old_size, new_size):
        if tile.level == 0:
            yield Bundle(tile.index, tile.width)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree, from the leaves up."""
    return new_tiles(0, size)


def edge_of(size: int) -> Iterator[Tile]:
    """The partial tiles of a tree, one a level at most; together they give its root."""
    level = 0
    while size >> HEIGHT * level:
        if width := (size >> HEIGHT * level) % WIDTH:
            yield Tile(level, size >> HEIGHT * (level + 1), width)
        level += 1


def superseded(old_size: int, new_size: int) -> Iterator[Tile | Bundle]:
    """What was partial at the old size and is full at the new one."""
    for tile in edge_of(old_size):
        if new_size >> HEIGHT * (tile.level + 1) > tile.index:
            yield tile
            if tile.level == 0:
                yield Bundle(tile.index, tile.width)


@dataclass(frozen=True, slots=True)
class Growth:
    """A tree's new right edge, and the objects by name that growing it made."""

    edge: "Edge"
    objects: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree: all that is needed to append to it.

    `rows[level]` holds the hashes of that level's partial tile, `tail` the entries of the partial
    bundle.
    """

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()
    tail: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """The root of the tree it is the edge of."""
        below: list[bytes] = []
        for row in self.rows:
            if row:
                below = [root([*row, *below])]
        return root(below)

    def grow(self, entries: Sequence[bytes]) -> Growth:
        """The edge after these entries. Raises `InputError` for an entry too long."""
        objects: dict[str, bytes] = {}
        tail = (*self.tail, *entries)
        size = self.size + len(entries)
        for bundle in new_bundles(self.size, size):
            start = (bundle.index - self.size // WIDTH) * WIDTH
            objects[bundle.path] = encode_entries(tail[start : start + bundle.width])

        rows: list[tuple[bytes, ...]] = []
        fresh = [leaf_hash(each) for each in entries]
        while fresh or len(rows) < len(self.rows):
            level = len(rows)
            row = [*(self.rows[level] if level < len(self.rows) else ()), *fresh]
            parents: list[bytes] = []
            for start in range(0, len(row) if fresh else 0, WIDTH):
                hashes = row[start : start + WIDTH]
                index = (self.size >> HEIGHT * (level + 1)) + start // WIDTH
                objects[Tile(level, index, len(hashes)).path] = b"".join(hashes)
                if len(hashes) == WIDTH:
                    parents.append(root(hashes))
            rows.append(tuple(row[len(parents) * WIDTH :]))
            fresh = parents
        return Growth(Edge(size, tuple(rows), tail[len(tail) - size % WIDTH :]), objects)
