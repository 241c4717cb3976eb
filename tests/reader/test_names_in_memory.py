"""Names that are packed, and what is opened by them."""

import pickle
import tracemalloc

import pytest

from unvoiced.reader.names import FeatureNames

SET = "speech-16k-0123abcd"


def names_of(count: int) -> list[str]:
    """Names of as many objects, in order."""
    return [f"features/{SET}/{'abcdefghij234567klmnopqrst'}/s-{at:06d}.unv" for at in range(count)]


def test_packed_names_are_the_names() -> None:
    """They are read like a list: by position, from behind, in parts, in order, by value."""
    there = names_of(7)
    packed = FeatureNames(SET, there)
    assert (len(packed), list(packed)) == (7, there)
    assert [packed[at] for at in range(-7, 7)] == [there[at] for at in range(-7, 7)]
    assert packed[5:1:-2] == there[5:1:-2]
    assert there[3] in packed
    assert there[3] + "x" not in packed
    assert list(pickle.loads(pickle.dumps(packed))) == there  # noqa: S301  (our own)
    for outside in (7, -8):
        with pytest.raises(IndexError):
            packed[outside]
    assert not FeatureNames(SET, [])


def test_packed_names_take_little_memory() -> None:
    """A name takes half of what its text alone takes as a Python object, or less."""
    tracemalloc.start()
    packed = FeatureNames(SET, iter(names_of(1)))
    before, _ = tracemalloc.get_traced_memory()
    packed = FeatureNames(SET, (name for at in range(20) for name in names_of(1000)))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / len(packed) < 75
