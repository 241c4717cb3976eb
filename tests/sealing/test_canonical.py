"""Canonical JSON: the quick way and RFC 8785's library say the same, of every value and text."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from unvoiced.sealing import canonical

# Controls, quotes, what JavaScript takes for line ends, lone surrogates, and letters whose order by
# UTF-16 is not that by code point.
NASTY = st.text(
    'a"\\/\x00\x08\x1f\x7f\x80\u2028\u2029\ud800\udfff\ue000\uffff\U00010000é', max_size=4
)
NUMBERS = (
    st.integers()
    | st.sampled_from([2**53 - 1, 2**53, -(2**53) + 1, -(2**53), 0, -1])
    | st.floats()
    | st.sampled_from([-0.0, 1e-7, 1e16, 1e21, 5e-324, 0.1, 10.0])
)
SCALARS = st.none() | st.booleans() | NUMBERS | NASTY | st.text(max_size=3)


class _Text(str):
    """A text of another class, as an enumeration's members are."""

    __slots__ = ()


VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | st.just(_Text("x")) | st.just(b"x") | st.just({1}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NASTY | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=8,
)


def written(dumps: Any, value: object) -> bytes | None:
    """What it writes, or None where it refuses."""
    try:
        data: bytes = dumps(value)
    except (ValueError, RecursionError):
        return None
    return data


@given(VALUES)
@example({"\U00010000": 1, "\uffff": 2})
@example({1: 2})
@example({"a": True, "b": [None, False, {}]})
def test_writing_is_rfc_8785(value: object) -> None:
    """The same bytes as the library's, and refused where the library refuses."""
    assert written(canonical.dumps, value) == written(rfc8785.dumps, value)


def by_the_library(data: bytes) -> tuple[object] | None:
    """What the text says if it is the one spelling of that."""
    try:
        value = json.loads(data)
        return (value,) if rfc8785.dumps(value) == data else None
    except (ValueError, RecursionError):
        return None


def same_reading(data: bytes) -> None:
    """Both read the same, types included, or both refuse."""
    expected = by_the_library(data)
    try:
        found = (canonical.loads(data),)
    except (ValueError, RecursionError):
        assert expected is None
    else:
        assert expected is not None
        assert repr(found) == repr(expected)


@given(VALUES, st.sampled_from(["ascii", "not ascii"]), st.booleans(), st.booleans())
def test_reading_takes_the_one_spelling(value: object, how: str, ordered: bool, wide: bool) -> None:
    """Of everything that Python writes of a value: escaped or not, sorted or not, with spaces."""
    separators = (", ", ": ") if wide else (",", ":")
    ascii_only = how == "ascii"
    try:
        text = json.dumps(value, ensure_ascii=ascii_only, sort_keys=ordered, separators=separators)
        same_reading(text.encode())
    except (TypeError, ValueError):  # no JSON, or no UTF-8
        return


@given(VALUES, st.data())
def test_reading_what_was_written_and_changed(value: object, data: st.DataObject) -> None:
    """What was written reads back; with bytes changed or taken away, as the library has it."""
    text = written(canonical.dumps, value)
    if text is None:
        return
    same_reading(text)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.binary(max_size=2))
    same_reading(text[:at] + other + text[at + 1 :])


@pytest.mark.parametrize(
    "data",
    [b"", b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"), b'{"a":1,"a":1}', b"{} ", b"1" * 5000,
     b"-0", b"1.0", b"1e5", b"NaN", b'"\\u0061"', b'"\\ud800"', b"\xff", b"9007199254740993"],
)  # fmt: skip
def test_another_spelling_is_refused(data: bytes) -> None:
    """Marks, other encodings, doubled names, spaces, numbers and letters written otherwise."""
    with pytest.raises(ValueError):  # noqa: PT011 - of which kind is no promise
        canonical.loads(data)


def test_what_is_nested_too_deep_is_refused() -> None:
    """Neither way ends the process."""
    with pytest.raises(RecursionError):
        canonical.loads(b"[" * 100_000 + b"]" * 100_000)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        canonical.dumps(deep)
