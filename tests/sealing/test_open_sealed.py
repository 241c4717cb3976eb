"""Opening: only the whole object, with the right key, in the context that is expected."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sealing.refusal import refuses_to_open
from tests.sealing.test_header import contexts
from unvoiced.sealing import (
    Json,
    Keyring,
    Plaintext,
    PrivateKey,
    encode_header,
    open_sealed,
    parse_header,
    seal,
)

CONTEXT: dict[str, Json] = {"purpose": "raw", "pseudonym": "a" * 26, "sample": "one", "arrays": [1]}
PLAINTEXT = b"a voice"
KEY = PrivateKey(bytes(range(96)))
SEALED = seal(PLAINTEXT, KEY.public, CONTEXT)


def opened(sealed: bytes, keys: Keyring | PrivateKey, expect: Mapping[str, Json]) -> bytes:
    """A copy of what opens; a test may keep it."""
    with open_sealed(sealed, keys, expect) as plaintext:
        return bytes(bytearray(plaintext.data))


@given(st.binary(max_size=300), contexts)
def test_what_was_sealed_opens_in_its_context(data: bytes, context: dict[str, Json]) -> None:
    """Any bytes and any context come back; the buffer handed to `seal` is left alone."""
    kept = bytearray(data)
    assert opened(seal(data, KEY.public, context), KEY, context) == data == bytes(kept)


@pytest.mark.inv("INV-1")
def test_opening_returns_a_plaintext_and_nothing_else() -> None:
    """Opened bytes come in the type that cannot be printed, pickled or copied."""
    with open_sealed(SEALED, KEY, CONTEXT) as plaintext:
        assert type(plaintext) is Plaintext


@pytest.mark.inv("INV-2")
def test_who_seals_cannot_open(stranger: PrivateKey) -> None:
    """Sealing takes a public key alone, and no other private key opens what it made."""
    sealed = seal(PLAINTEXT, KEY.public, CONTEXT)
    assert PLAINTEXT not in sealed
    refuses_to_open(lambda: open_sealed(sealed, stranger, CONTEXT))
    refuses_to_open(lambda: open_sealed(sealed, Keyring([]), CONTEXT))


def test_sealing_twice_gives_unrelated_objects() -> None:
    """The digest of a sealed object tells nothing of what is in it."""
    first, second = (seal(PLAINTEXT, KEY.public, CONTEXT) for _ in range(2))
    header = len(parse_header(first).raw)
    assert first[:header] == second[:header]
    same = sum(a == b for a, b in zip(first[header:], second[header:], strict=True))
    assert same < 40  # 1 byte in 256 of 1143 by chance


@pytest.mark.inv("INV-11")
def test_no_byte_of_a_sealed_object_can_change() -> None:
    """One bit flipped in every byte, from the magic to the tag, and the object does not open."""
    for at in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[at] ^= 1 << at % 8
        refuses_to_open(lambda changed=changed: open_sealed(bytes(changed), KEY, CONTEXT))


@pytest.mark.inv("INV-11")
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255), st.booleans())
def test_no_change_of_a_byte_opens_whatever_is_expected(at: int, by: int, expects: bool) -> None:
    """Nor does it open for a caller who expects nothing of the context."""
    changed = bytearray(SEALED)
    changed[at] ^= by
    refuses_to_open(lambda: open_sealed(bytes(changed), KEY, CONTEXT if expects else {}))


@pytest.mark.inv("INV-11")
def test_no_part_of_a_sealed_object_opens() -> None:
    """Cut off anywhere, at the front or at the end, it does not open."""
    for cut in range(len(SEALED)):
        refuses_to_open(lambda cut=cut: open_sealed(SEALED[:cut], KEY, CONTEXT))
        if cut:
            refuses_to_open(lambda cut=cut: open_sealed(SEALED[cut:], KEY, CONTEXT))


@pytest.mark.inv("INV-11")
@given(st.binary(min_size=1, max_size=64), st.integers(0, len(SEALED)))
def test_nothing_can_be_put_into_a_sealed_object(more: bytes, at: int) -> None:
    """Bytes added anywhere make it another object, which does not open."""
    changed = SEALED[:at] + more + SEALED[at:]
    refuses_to_open(lambda: open_sealed(changed, KEY, CONTEXT))


@pytest.mark.inv("INV-11")
@given(st.binary(max_size=200))
def test_arbitrary_bytes_do_not_open(data: bytes) -> None:
    """With and without a header of ours in front of them."""
    header = encode_header(KEY.public.key_id, {})
    for sealed in (data, header + data, header[:26] + data):
        refuses_to_open(lambda sealed=sealed: open_sealed(sealed, KEY, {}))


@given(contexts, contexts)
def test_a_header_cannot_be_exchanged_for_another(
    one: dict[str, Json], two: dict[str, Json]
) -> None:
    """The context a body is sealed in is the only one it opens in, whatever is expected."""
    sealed = seal(PLAINTEXT, KEY.public, one)
    header = encode_header(KEY.public.key_id, two)
    moved = header + sealed[len(parse_header(sealed).raw) :]
    if moved != sealed:
        refuses_to_open(lambda: open_sealed(moved, KEY, {}))


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize(
    "expect",
    [
        {"purpose": "features"},
        {"pseudonym": "b" * 26},
        {"sample": "two"},
        {"sample": "One"},
        {"sample": ["one"]},
        {"sample": None},
        {"arrays": [1, 1]},
        {"arrays": ["1"]},
        {"arrays": 1},
        {"unknown": None},
        {"purpose": "raw", "feature_set": "x"},
    ],
    ids=str,
)
def test_an_object_that_says_another_thing_than_expected_does_not_open(
    expect: dict[str, Json],
) -> None:
    """Another value, another type, or an item that is not there at all: the same refusal."""
    refuses_to_open(lambda: open_sealed(SEALED, KEY, expect))
    refuses_to_open(lambda: open_sealed(SEALED, KEY, {**CONTEXT, **expect}))


@given(st.sets(st.sampled_from(sorted(CONTEXT))))
def test_items_that_nobody_asks_for_may_stand_in_the_context(names: set[str]) -> None:
    """Every part of the context is enough to expect; the rest is authenticated all the same."""
    assert opened(SEALED, KEY, {name: CONTEXT[name] for name in names}) == PLAINTEXT


@pytest.mark.parametrize(
    ("stands", "expected"),
    [
        (True, 1),
        (1, True),
        (False, 0),
        (0, False),
        (True, 1.0),
        ([True], [1]),
        ({"a": 0}, {"a": False}),
    ],
    ids=str,
)
def test_a_truth_value_is_no_number(stands: Json, expected: Json) -> None:
    """JSON's true is not 1: equal in Python, but two different contexts."""
    sealed = seal(PLAINTEXT, KEY.public, {"value": stands})
    assert opened(sealed, KEY, {"value": stands}) == PLAINTEXT
    refuses_to_open(lambda: open_sealed(sealed, KEY, {"value": expected}))


def test_numbers_are_equal_as_json_has_them() -> None:
    """RFC 8785 knows one number 1, so 1 and 1.0 are the same context; the text "1" is not."""
    sealed = seal(PLAINTEXT, KEY.public, {"value": 1.0})
    assert parse_header(sealed).raw == encode_header(KEY.public.key_id, {"value": 1})
    assert opened(sealed, KEY, {"value": 1}) == opened(sealed, KEY, {"value": 1.0}) == PLAINTEXT
    refuses_to_open(lambda: open_sealed(sealed, KEY, {"value": "1"}))


def test_a_keyring_picks_the_key_that_the_header_names(stranger: PrivateKey) -> None:
    """Objects for different keys open with one ring, in any order of keys."""
    ring = Keyring([stranger, KEY])
    for key in (KEY, stranger):
        assert opened(seal(PLAINTEXT, key.public, CONTEXT), ring, CONTEXT) == PLAINTEXT
        assert key.public.key_id in ring
        assert ring[key.public.key_id] is key
    assert (len(ring), len(Keyring([KEY, KEY])), bytes(16) in ring) == (2, 1, False)


@pytest.mark.inv("INV-11")
def test_a_keyring_shows_how_many_keys_it_holds_and_no_key(stranger: PrivateKey) -> None:
    """What lands in a log line or a debugger's overview is a count."""
    assert repr(Keyring([KEY, stranger])) == str(Keyring([KEY, stranger])) == "<Keyring of 2 keys>"
