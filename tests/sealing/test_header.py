"""The header: one spelling, readable by anyone, and a context that is exactly what was sealed."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import InputError
from unvoiced.sealing import Json, PrivateKey, encode_header, open_sealed, parse_header, seal

KEY_ID = bytes(range(16))
_text = st.text(st.characters(codec="utf-8"), max_size=8)
# Beyond 2**53 lie the numbers that RFC 8785 writes as integers it does not read (see below).
_number = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | _number | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
contexts = st.dictionaries(_text, json_values, max_size=4)


@given(contexts, st.binary(max_size=40))
def test_a_header_reads_back_as_it_was_written(context: dict[str, Json], rest: bytes) -> None:
    """Key id, context and exact bytes come back, whatever follows the header."""
    raw = encode_header(KEY_ID, context)
    header = parse_header(raw + rest)
    assert (header.key_id, header.context, header.raw) == (KEY_ID, context, raw)


@given(contexts)
def test_the_order_of_a_contexts_items_is_no_part_of_it(context: dict[str, Json]) -> None:
    """Equal contexts have equal headers: there is one spelling."""
    turned = dict(reversed(context.items()))
    assert encode_header(KEY_ID, context) == encode_header(KEY_ID, turned)


@given(contexts)
def test_any_other_spelling_of_a_context_is_refused(context: dict[str, Json]) -> None:
    """JSON that says the same with a space in it is not read at all."""
    raw = encode_header(KEY_ID, context)
    spelled = b" " + raw[28:]
    with pytest.raises(InputError, match="canonical"):
        parse_header(raw[:26] + len(spelled).to_bytes(2, "big") + spelled)


@given(contexts, st.data())
def test_a_header_cut_short_is_refused(context: dict[str, Json], data: st.DataObject) -> None:
    """No part of a header passes for a whole one."""
    raw = encode_header(KEY_ID, context)
    cut = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(InputError):
        parse_header(raw[:cut])


def test_a_header_that_claims_more_than_there_is_is_refused() -> None:
    """A whole context whose length says that it goes on, where nothing follows."""
    raw = encode_header(KEY_ID, {"a": 1})
    for more in (1, 1000):
        with pytest.raises(InputError, match="canonical"):
            parse_header(raw[:26] + (len(raw) - 28 + more).to_bytes(2, "big") + raw[28:])


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_refused_with_an_input_error(data: bytes) -> None:
    """Whatever is uploaded, reading its header raises nothing but `InputError`."""
    for sealed in (data, encode_header(KEY_ID, {})[:26] + data):
        try:
            parse_header(sealed)
        except InputError:
            continue
        assert sealed[28:30] == b"{}"


def test_a_context_nested_too_deep_to_read_is_refused() -> None:
    """A header made to exhaust the parser's stack is one more header that is not canonical."""
    text = b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    with pytest.raises(InputError, match="canonical"):
        parse_header(encode_header(KEY_ID, {})[:26] + len(text).to_bytes(2, "big") + text)


def test_a_context_has_at_most_65535_bytes() -> None:
    """The longest one is written and read; one byte more is refused before sealing."""
    longest = {"a": "x" * (0xFFFF - len('{"a":""}'))}
    assert parse_header(encode_header(KEY_ID, longest)).context == longest
    with pytest.raises(InputError, match="at most 65535 bytes"):
        encode_header(KEY_ID, {"a": longest["a"] + "x"})


@pytest.mark.parametrize(
    "value", [b"bytes", {1, 2}, float("nan"), float("inf"), 2**53, "\ud800", {1: 2}], ids=repr
)
def test_a_context_without_a_canonical_form_is_refused(value: object) -> None:
    """What could not be read back is not sealed; the message does not repeat the value."""
    with pytest.raises(InputError, match=r"^a context holds only JSON values$") as caught:
        encode_header(KEY_ID, {"a": value})  # type: ignore[dict-item]
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("value", [1e16, 1e20, -1e20, 2.0**53])
def test_what_can_be_sealed_can_be_opened(value: float, key: PrivateKey) -> None:
    """A number the header can hold is one the header can be read with, or sealing refuses it."""
    try:
        sealed = seal(b"x", key.public, {"value": value})
    except InputError:
        return
    with open_sealed(sealed, key, {"value": value}) as plaintext:
        assert plaintext.data == b"x"


def test_unknown_suites_are_named_in_the_message() -> None:
    """Reading a header says what it is not; that is public, so it may be told apart."""
    raw = bytearray(encode_header(KEY_ID, {}))
    raw[9] = 3
    with pytest.raises(InputError, match="unsupported suite 0x647a/0x0001/0x0003"):
        parse_header(bytes(raw))
    with pytest.raises(InputError, match="UNV1"):
        parse_header(b"UNV2" + bytes(raw[4:]))


def test_the_context_stands_in_the_header_as_json_anyone_can_read() -> None:
    """From byte 28 on, for as long as the two bytes before say."""
    raw = encode_header(KEY_ID, {"b": 1, "a": "é"})
    assert raw[28:] == '{"a":"é","b":1}'.encode()
    assert int.from_bytes(raw[26:28], "big") == len(raw[28:])
    assert json.loads(raw[28:]) == {"a": "é", "b": 1}


SPELLINGS = st.sampled_from(
    [
        *("0", "-0", "1", "10", "10.0", "1e5", "1E5", "0.1", "0.0001", "0.00001", "1e-7", "-5.5"),
        *("9007199254740991", "9007199254740992", "123456789012345680", "1e16", "1e21", "1e400"),
        *("1.50", "0.30000000000000004", "5e-324", "4503599627370497.5", "12345678901234567.5"),
        *("NaN", "Infinity", "true", "null", '"a"', '"\\u00e9"', '"\u00e9"', '"\\n"', '"\\u000a"'),
        *(
            '"\\u001f"',
            '"\\u001F"',
            '"\\/"',
            '"/"',
            '"\x7f"',
            '"\\u007f"',
            '"\\ud800"',
            '"\U0001f600"',
        ),
    ]
)
VALUES = st.recursive(
    SPELLINGS | st.floats().map(repr) | st.integers().map(str),
    lambda inner: st.lists(inner, max_size=3).map(lambda each: f"[{','.join(each)}]"),
    max_leaves=4,
)
KEYS = st.sampled_from(['"a"', '"b"', '"\\n"', '"\u00e9"', '"\U0001f600"', '"\uffff"', '"\\u0061"'])


@given(st.lists(st.tuples(KEYS, VALUES), max_size=4))
def test_the_quick_check_agrees_with_the_librarys(pairs: list[tuple[str, str]]) -> None:
    """Whatever a context's spelling: taken where RFC 8785 has that very spelling, else refused."""
    text = ("{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}").encode()
    sealed = encode_header(b"k" * 16, {})[:-4] + len(text).to_bytes(2) + text
    try:
        canonical = rfc8785.dumps(json.loads(text)) == text
    except ValueError:
        canonical = False
    if canonical:
        assert parse_header(sealed).context == json.loads(text)
    else:
        with pytest.raises(InputError):
            parse_header(sealed)
