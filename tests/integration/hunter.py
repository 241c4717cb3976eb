"""Finds needles in files, file names, databases and whatever is packed inside them."""

import base64
import binascii
import bz2
import gzip
import lzma
import mmap
import os
import re
import sqlite3
import subprocess
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.integration.canaries import Needle

_KEY = 4  # a needle's first bytes, which candidates are found by
_CHUNK = 1 << 22
_UNPACKED = 1 << 24
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{64,}={0,2}")
_COMPRESSED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]|BZh[1-9]1AY|\xfd7zXZ\0")


@dataclass(frozen=True)
class Find:
    """A needle and where it was."""

    place: str
    what: str
    form: str


class Hunter:
    """Looks for all needles in one pass."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._by_key: dict[int, list[Needle]] = {}
        seen: set[tuple[str, bytes]] = set()
        for needle in needles:
            assert len(needle.data) >= 8, f"{needle} would be found by chance"
            if (needle.what, needle.data) not in seen:
                seen.add((needle.what, needle.data))
                key = int.from_bytes(needle.data[:_KEY], "little")
                self._by_key.setdefault(key, []).append(needle)
        self._longest = max(len(n.data) for group in self._by_key.values() for n in group)
        keys = np.array(sorted(self._by_key), dtype=np.uint32)
        self._table = np.zeros(1 << 20, dtype=bool)
        self._table[_hashed(keys)] = True

    def in_bytes(self, data: bytes | mmap.mmap, place: str) -> set[Find]:
        """The needles that stand in the data as it is."""
        found = set()
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK + self._longest]
            found |= {Find(place, n.what, n.form) for n in self._in_chunk(chunk)}
        return found

    def in_file(self, path: Path, *, unpack: bool = False) -> set[Find]:
        """The needles in a file's content and, with `unpack`, in what is packed in it.

        A file that vanishes meanwhile is empty.
        """
        try:
            with path.open("rb") as file:
                if not os.fstat(file.fileno()).st_size:
                    return set()
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    found = self.in_bytes(data, str(path))
                    if unpack:
                        found |= self._in_packed(data[:], str(path), 3)
                    return found
        except (FileNotFoundError, ValueError):
            return set()

    def in_names(self, paths: Iterable[Path]) -> set[Find]:
        """The needles in the paths themselves."""
        names = {str(path): os.fsencode(path) for path in paths}
        if not self.in_bytes(b"\n".join(names.values()), "a path"):
            return set()
        return set().union(*(self.in_bytes(name, path) for path, name in names.items()))

    def in_database(self, path: Path) -> set[Find]:
        """The needles in the cells of an SQLite database, which its pages may cut in two."""
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            cells = b"\n".join(
                cell if isinstance(cell, bytes) else str(cell).encode(errors="surrogateescape")
                for row in rows(database)
                for cell in row
            )
        place = f"{path} (cells)"
        return self.in_bytes(cells, place) | self._in_packed(cells, place, 3)

    def in_tree(self, folder: Path) -> set[Find]:
        """The needles in all files below a folder, unpacked, and in their names."""
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        found = self.in_names(folder.rglob("*"))
        for path in files:
            found |= self.in_file(path, unpack=True)
            if path.suffix == ".db":
                found |= self.in_database(path)
        return found

    def _in_chunk(self, chunk: bytes) -> Iterator[Needle]:
        if len(chunk) < _KEY:
            return
        here = np.frombuffer(chunk, np.uint8)
        keys = here[: -_KEY + 1].astype(np.uint32)
        for byte in range(1, _KEY):
            keys |= here[byte : len(here) - _KEY + 1 + byte].astype(np.uint32) << (8 * byte)
        for offset in np.flatnonzero(self._table[_hashed(keys)]).tolist():
            for needle in self._by_key.get(int(keys[offset]), ()):
                if chunk.startswith(needle.data, offset):
                    yield needle

    def _in_packed(self, data: bytes, place: str, depth: int) -> set[Find]:
        found = set()
        for inner in _unpacked(data):
            found |= self.in_bytes(inner, f"{place} (unpacked)")
            if depth:
                found |= self._in_packed(inner, place, depth - 1)
        return found


def rows(database: sqlite3.Connection) -> Iterator[tuple[object, ...]]:
    """Every row of every table."""
    names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        yield from database.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - its own name


def changed_since(stamp: Path, roots: Iterable[Path]) -> list[Path]:
    """Every regular file whose status changed after the stamp's, on the roots' file systems."""
    by_device = {root.stat().st_dev: root for root in reversed(list(roots)) if root.is_dir()}
    command = ["find", *by_device.values(), "-xdev", "-type", "f", "-cnewer", stamp, "-print0"]
    # Files of others come and go meanwhile: find complains and goes on.
    found = subprocess.run(command, capture_output=True, check=False).stdout
    return [Path(os.fsdecode(name)) for name in found.split(b"\0") if name]


def _hashed(keys: np.ndarray) -> np.ndarray:
    return (keys * np.uint32(2654435761)) >> np.uint32(12)


def _unpacked(data: bytes) -> Iterator[bytes]:
    """What is compressed in the data, wherever it begins, and its runs of base64."""
    for match in _COMPRESSED.finditer(data):
        opened = _decompressed(memoryview(data)[match.start() : match.start() + _UNPACKED])
        if opened:
            yield opened
    for match in _BASE64.finditer(data):
        text = match[0].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            inner = base64.b64decode(text[: len(text) & ~3])
        except binascii.Error:
            continue
        # Base64 of plain needles is found as it stands; only what is packed once more is not.
        if _COMPRESSED.search(inner) or _BASE64.search(inner):
            yield inner


def _decompressed(data: memoryview) -> bytes:
    """As much of a stream as can be read; empty where it is none."""
    makers: tuple[Callable[[], object], ...] = (
        lambda: zlib.decompressobj(zlib.MAX_WBITS | 32),
        bz2.BZ2Decompressor,
        lzma.LZMADecompressor,
    )
    for make in makers:
        try:
            return bytes(make().decompress(data, _UNPACKED))  # type: ignore[attr-defined]
        except (zlib.error, OSError, lzma.LZMAError, EOFError, gzip.BadGzipFile):
            continue
    return b""
