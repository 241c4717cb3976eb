"""Tile coordinates, entry bundles and the growing right edge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import InputError, VerificationError
from unvoiced.log.merkle import leaf_hash, root
from unvoiced.log.tiles import (
    Bundle,
    Edge,
    Tile,
    decode_entries,
    edge_of,
    encode_entries,
    new_bundles,
    new_tiles,
    superseded,
    tiles_of,
)

SIZES = st.integers(0, 1 << 34)


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, "000"), (67, "067"), (999, "999"), (1000, "x001/000"), (1234067, "x001/x234/067")],
)
def test_paths_are_those_of_the_specification(index: int, path: str) -> None:
    """Three digits an element, all but the last after an x; partial ones say their width."""
    assert Tile(0, index).path == f"tile/0/{path}"
    assert Tile(3, index, 17).path == f"tile/3/{path}.p/17"
    assert Tile(3, index, 17).full.path == f"tile/3/{path}"
    assert Bundle(index).path == f"tile/entries/{path}"
    assert Bundle(index, 255).path == f"tile/entries/{path}.p/255"


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    """273 full level-0 tiles, then 112, 1 full level-1 tile, then 17, then 1."""
    tiles = list(tiles_of(70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert [tile for tile in tiles if tile.level or tile.width < 256] == [
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert list(edge_of(70_000)) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


def test_a_tree_of_256_has_the_tiles_of_the_specification() -> None:
    """A full level-0 tile and a level-1 tile of width 1."""
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


@given(SIZES, st.integers(0, 5000))
def test_new_tiles_are_those_the_larger_tree_has_and_the_smaller_had_not(
    old: int, more: int
) -> None:
    """Checked against the widths of the specification: floor(size / 256**level) and its rest."""
    new = old + more
    for level in range(6):
        before, after = old >> 8 * level, new >> 8 * level
        expected = [
            Tile(level, index, min(256, after - index * 256))
            for index in range(before // 256, -(-after // 256))
            if after > before
        ]
        assert [tile for tile in new_tiles(old, new) if tile.level == level] == expected
    level_0 = [Bundle(tile.index, tile.width) for tile in new_tiles(old, new) if tile.level == 0]
    assert list(new_bundles(old, new)) == level_0


@given(SIZES, st.integers(0, 100_000))
def test_superseded_is_partial_before_and_full_after(old: int, more: int) -> None:
    """Never something that the larger tree needs."""
    needed = {tile.path for tile in edge_of(old + more)}
    full = {tile.path for tile in new_tiles(old, old + more) if tile.width == 256}
    for part in superseded(old, old + more):
        assert part.path not in needed
        assert part.path != part.full.path
        assert isinstance(part, Bundle) or part.full.path in full


@given(st.lists(st.binary(max_size=300), max_size=300))
def test_a_bundle_is_read_back_as_written(entries: list[bytes]) -> None:
    """Empty entries and any bytes."""
    assert decode_entries(encode_entries(entries), "a bundle") == entries


def test_an_entry_may_have_65535_bytes_and_no_more() -> None:
    """What the length cannot say is refused before it is written."""
    longest = bytes(65_535)
    assert decode_entries(encode_entries([longest, b"x"]), "a bundle") == [longest, b"x"]
    with pytest.raises(InputError, match="65535"):
        encode_entries([longest + b"x"])


def test_a_bundle_cut_anywhere_inside_an_entry_is_refused() -> None:
    """The message names the bundle; a cut between entries is the reader's to notice."""
    data = encode_entries([b"one", b"", b"three"])
    for length in set(range(len(data))) - {0, 5, 7}:
        with pytest.raises(VerificationError, match="that bundle ends within an entry"):
            decode_entries(data[:length], "that bundle")


@given(st.lists(st.integers(0, 700), max_size=6))
def test_growing_makes_exactly_the_new_tiles_with_the_right_hashes(steps: list[int]) -> None:
    """Whatever the batches are, edge, root, tiles and bundles are those of the whole tree."""
    edge, entries, objects = Edge(), [], {}
    for step in steps:
        fresh = [b"%d" % (len(entries) + each) for each in range(step)]
        growth = edge.grow(fresh)
        named = {tile.path for tile in new_tiles(len(entries), len(entries) + step)}
        named |= {bundle.path for bundle in new_bundles(len(entries), len(entries) + step)}
        assert growth.objects.keys() == named
        entries += fresh
        objects |= growth.objects
        edge = growth.edge
        assert edge.root() == root([leaf_hash(each) for each in entries])

    hashes = [leaf_hash(each) for each in entries]
    for tile in tiles_of(len(entries)):
        row = hashes
        for _ in range(tile.level):
            row = [root(row[at : at + 256]) for at in range(0, len(row) - 255, 256)]
        first = tile.index * 256
        assert objects[tile.path] == b"".join(row[first : first + tile.width])
    for bundle in new_bundles(0, len(entries)):
        first = bundle.index * 256
        assert objects[bundle.path] == encode_entries(entries[first : first + bundle.width])


def test_growing_past_two_levels_of_tiles_keeps_the_root() -> None:
    """A level-1 tile fills up and a level-2 tile begins."""
    entries = [b"%d" % each for each in range(66_000)]
    one = Edge().grow(entries).edge
    two = Edge().grow(entries[:65_535]).edge.grow(entries[65_535:]).edge
    assert one == two
    assert one.root() == root([leaf_hash(each) for each in entries])
