"""Canonical JSON, RFC 8785: one value, one spelling, byte for byte. No I/O.

- What is written is what `rfc8785.dumps` writes, and what that refuses is refused.
- What is read is returned only if it is that very spelling: no second text says the same.

Both go through Python's own encoder, ten times as fast, where that can be told to write the same:
ASCII texts, booleans, null, whole numbers below 2**53, numbers with a fraction and no exponent, and
lists and objects of these. Everything else (a letter beyond ASCII, a subclass of anything) goes
through the library.
"""

import json
from typing import TypeAlias

import rfc8785

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

_BEYOND = 2**53
_TEXT = frozenset({str})
_CONSTANTS = frozenset({str, bool, type(None)})


def dumps(value: object) -> bytes:
    """The canonical form. Raises `ValueError` where there is none, `RecursionError` if too deep."""
    if _is_plain(value):
        text = _sorted_json.encode(value)
        # In ASCII, the order of keys by code point is that by UTF-16, which RFC 8785 has.
        if text.isascii():
            return text.encode()
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # refuses what is no JSON


def loads(data: bytes) -> Json:
    """What canonical JSON says.

    Raises `ValueError` for anything but the one spelling that `dumps` gives the value again, and
    `RecursionError` for what is nested too deep.
    """
    value: Json
    try:
        text = data.decode("ascii")
        value = _plain_json.decode(text)
        if _sorted_json.encode(value) == text:
            return value
    except ValueError:
        pass
    value = json.loads(data)
    if rfc8785.dumps(value) != data:
        raise ValueError("not in canonical form")
    return value


def _is_plain(value: object) -> bool:
    """Whether Python's encoder writes it as RFC 8785 has it, if it is ASCII throughout."""
    if type(value) in _CONSTANTS:
        return True
    if type(value) is int:
        return -_BEYOND < value < _BEYOND
    if type(value) is float:
        return _is_plain_float(value)
    if type(value) is dict:
        return set(map(type, value)) <= _TEXT and all(map(_is_plain, value.values()))
    if type(value) is list or type(value) is tuple:
        return all(map(_is_plain, value))
    return False


def _plain_float(text: str) -> float:
    """A number with a fraction, if Python and ECMAScript spell it alike; else `ValueError`."""
    value = float(text)
    if repr(value) != text or not _is_plain_float(value):
        raise ValueError
    return value


def _is_plain_float(value: float) -> bool:
    """Whether Python and ECMAScript spell it alike: with a fraction, and without an exponent."""
    return not value.is_integer() and 1e-4 <= abs(value) < 1e16


def _plain_int(text: str) -> int:
    """An integer that every reader of JSON takes for the same; else `ValueError`."""
    value = int(text)
    if abs(value) >= _BEYOND:
        raise ValueError
    return value


def _no_number(text: str) -> float:
    """NaN and infinities have no form in JSON."""
    raise ValueError(text)


_plain_json = json.JSONDecoder(
    parse_float=_plain_float, parse_int=_plain_int, parse_constant=_no_number
)
_sorted_json = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
)
