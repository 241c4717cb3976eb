"""The ledger written down and read back: it is the ledger, whatever was logged before and after."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.certificates.logged import whole_life
from unvoiced.errors import VerificationError
from unvoiced.log.leaves import FOUND_MISSING, KINDS, encode_leaf
from unvoiced.log.ledger import Ledger
from unvoiced.log.ledger_state import decode_ledger, encode_ledger
from unvoiced.sealing import canonical

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# Few, so that leaves meet: what is a recording in one is a key or a record in another.
DIGESTS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(5)]
KEY_IDS = [*(digest[:32] for digest in DIGESTS[:3]), "no key id"]
FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "intake_key": st.none() | st.sampled_from(KEY_IDS),
        "epoch": st.sampled_from(["2026-w47", "2026-w48", ""]),
        "reason": st.sampled_from(["truncated", "does not open", "é"]),
        "archived": st.none() | st.just("x")
        | st.fixed_dictionaries({}, optional={"sha256": st.sampled_from([*DIGESTS, "other", 7])}),
        "cause": st.sampled_from(["features stored", FOUND_MISSING]),
        "request": st.sampled_from([*DIGESTS, "a request", 7]) | st.just([]),
    },
)  # fmt: skip
LEAVES = st.builds(
    lambda kind, digest, fields: encode_leaf(kind, digest, NOW, **fields),
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(DIGESTS),
    FIELDS,
)


def folded(leaves: list[bytes], ledger: Ledger | None = None) -> Ledger:
    """The accounts of these leaves, of those alone that may follow."""
    ledger = ledger or Ledger()
    for leaf in leaves:
        if ledger.admissible([leaf]):
            ledger.enter(leaf)
    return ledger


def known(ledger: Ledger) -> dict[str, Any]:
    """All that it knows, but for how it reads leaves; with the order of mappings one can see."""
    fields = {name: value for name, value in vars(ledger).items() if name != "_parse"}
    return {
        name: list(value.items()) if type(value) is dict and not name.startswith("_") else value
        for name, value in fields.items()
    }


@settings(max_examples=200)
@given(st.lists(LEAVES, max_size=40), st.integers(0, 40))
def test_going_on_from_a_state_is_folding_everything(leaves: list[bytes], at: int) -> None:
    """Fold, write down, read back and fold on: the same accounts, with the same bytes."""
    whole = folded(leaves)
    state = encode_ledger(folded(leaves[:at]))
    resumed = folded(leaves[at:], decode_ledger(state))
    assert known(resumed) == known(whole)
    assert encode_ledger(resumed) == encode_ledger(whole)
    assert encode_ledger(decode_ledger(state)) == state


@given(st.lists(LEAVES, max_size=40))
def test_what_is_counted_on_the_way_is_what_counting_gives(leaves: list[bytes]) -> None:
    """Unsettled recordings by key, and keys by id, are kept along; here they are looked for."""
    ledger = folded(leaves)
    for digest in DIGESTS:
        under = [one for one, key_id in ledger.sealed_to.items() if key_id == digest[:32]]
        assert ledger.unsettled_under(digest) == len(under)
        keys = {**ledger.intake_keys, **ledger.retired_intake_keys}
        expected = digest if digest in keys else None
        assert ledger.intake_key_of(bytes.fromhex(digest[:32])) == expected


ALIKE = ["ab" * 16 + tail * 32 for tail in "012"]
KEY_LEAVES = st.builds(
    lambda kind, digest: encode_leaf(kind, digest, NOW, epoch="2026-w47"),
    st.sampled_from(["intake-key", "intake-key-retired"]),
    st.sampled_from(ALIKE),
)


@given(st.lists(KEY_LEAVES, max_size=12), st.integers(0, 12))
def test_keys_of_one_id_are_told_apart_by_the_state_alone(leaves: list[bytes], at: int) -> None:
    """Unretired ones first, then by digest: in whatever order they came, folded or read back."""
    whole = folded(leaves)
    resumed = folded(leaves[at:], decode_ledger(encode_ledger(folded(leaves[:at]))))
    chosen = [*sorted(whole.intake_keys), *sorted(whole.retired_intake_keys), None][0]
    for ledger in (whole, resumed, decode_ledger(encode_ledger(whole))):
        assert ledger.intake_key_of(bytes.fromhex("ab" * 16)) == chosen


@pytest.mark.parametrize("first", [0, 1])
def test_a_retired_key_gives_way_to_one_of_its_id(first: int) -> None:
    """Folded or read back, before either of two keys is retired, between, and after both."""
    one, other = ALIKE[first], ALIKE[1 - first]
    ledger = folded([encode_leaf("intake-key", key, NOW, epoch="2026-w47") for key in (one, other)])
    key_id, said = bytes.fromhex("ab" * 16), []
    for retired in (None, one, other):
        if retired:
            ledger.enter(encode_leaf("intake-key-retired", retired, NOW))
        said.append(ledger.intake_key_of(key_id))
        assert decode_ledger(encode_ledger(ledger)).intake_key_of(key_id) == said[-1]
    assert said == [ALIKE[0], other, ALIKE[0]]


def test_a_state_is_as_the_formats_page_says() -> None:
    """Read by hand: the line, then digests of each sort, then those that point into a list."""
    ledger = Ledger()
    for leaf in whole_life().leaves:
        ledger.enter(leaf)
    ledger.backlog.add("ab" * 32)
    ledger.sealed_to["ab" * 32] = "c" * 32
    line, _, rest = encode_ledger(ledger).partition(b"\n")
    head = json.loads(line)
    assert (head["format"], head["size"]) == ("unvoiced-ledger/1", len(whole_life().leaves))
    sorts: dict[str, list[str]] = {}
    for name in ("backlog", "archived", "contributor_keys", "destroyed_contributor_keys",
                 "requests", "records", "approved", "audited"):  # fmt: skip
        sorts[name] = []
        for _ in range(head["digests"][name]):
            sorts[name].append(rest[:32].hex())
            rest = rest[32:]
        assert sorts[name] == sorted(sorts[name])
    assert set(sorts["archived"]) == ledger.archived
    assert {*sorts["records"], *sorts["approved"], *sorts["audited"]} == ledger.records
    quarantined = {}
    for _ in range(head["quarantined"]):
        quarantined[rest[:32].hex()] = head["reasons"][int.from_bytes(rest[32:36])]
        rest = rest[36:]
    assert quarantined == ledger.quarantined
    assert rest[-36:-4].hex() == "ab" * 32
    assert len(rest) == 36 * head["sealed_to"]


def test_a_state_does_not_grow_with_what_was_disposed_of() -> None:
    """A recording that came and went leaves two numbers."""
    leaves = [encode_leaf("intake-key", DIGESTS[0], NOW, epoch="2026-w47")]
    for number in range(1000):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        leaves.append(encode_leaf("accepted", digest, NOW, intake_key=KEY_IDS[0]))
        leaves.append(encode_leaf("disposed", digest, NOW))
    assert len(encode_ledger(folded(leaves))) - len(encode_ledger(folded(leaves[:3]))) < 10


@pytest.mark.parametrize("spoil", ["cut", "longer", "format", "count", "no line", "place", "empty"])
def test_what_is_no_state_is_refused(spoil: str) -> None:
    """With one error: whoever reads it folds the log instead."""
    leaves = [
        encode_leaf("accepted", DIGESTS[0], NOW, intake_key=KEY_IDS[0]),
        encode_leaf("quarantined", DIGESTS[0], NOW, reason="truncated"),
    ]
    state = encode_ledger(folded(leaves))
    spoilt = {
        "cut": state[:-1],
        "longer": state + b"x",
        "format": state.replace(b"unvoiced-ledger/1", b"unvoiced-ledger/2"),
        "count": state.replace(b'"backlog":0', b'"backlog":9'),
        "no line": state.replace(b"\n", b" ", 1),
        "place": state[:-1] + b"\x07",
        "empty": b"",
    }[spoil]
    assert spoilt != state
    with pytest.raises(VerificationError, match="ledger's state"):
        decode_ledger(spoilt)


WRONG = [
    *(
        (name, value)
        for name in ("size", "accepted", "disposed", "found_missing", "quarantined", "sealed_to")
        for value in ("1", 1.5, True, None, -1, [1])
    ),
    *(
        (name, value)
        for name in ("intake_keys", "retired_intake_keys")
        for value in (
            *({}, "", None, [[]], ["ab"], [{"a": 1, "b": 2}], [["ab", "x"]], [[DIGESTS[0], 1]]),
            [[DIGESTS[0], None]], [[DIGESTS[0], "x"], [DIGESTS[0], "y"]], [[DIGESTS[0], "x", "x"]],
        )
    ),
    *(("lifted", [[DIGESTS[0], value]]) for value in ("1", 1.5, True, None, -1)),
    *(("others", value) for value in ([], "x", None, 1)),
    *(("others", {"requests": value}) for value in ("ab", {"ab": 1}, [1], [None], [[]])),
    ("others", {"no sort": ["x"]}),
    *((name, value) for name in ("reasons", "key_ids") for value in ("x", {"x": 1}, [1], [None])),
    *(("digests", value) for value in ([], None, {}, "x")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=map(str, range(len(WRONG))))
def test_a_state_of_other_types_is_refused(name: str, value: Any) -> None:
    """In canonical form, and with everything else as it should be: each field for itself."""
    leaves = [
        encode_leaf("accepted", DIGESTS[0], NOW, intake_key=KEY_IDS[0]),
        encode_leaf("quarantined", DIGESTS[0], NOW, reason="truncated"),
    ]
    line, _, rest = encode_ledger(folded(leaves)).partition(b"\n")
    spoilt = canonical.dumps({**json.loads(line), name: value})
    with pytest.raises(VerificationError, match="ledger's state"):
        decode_ledger(spoilt + b"\n" + rest)


@pytest.mark.parametrize("value", [True, "1", 1.5, None, -1], ids=str)
def test_a_number_of_digests_of_another_type_is_refused(value: Any) -> None:
    """A number that is none does not stand for how many follow."""
    state = encode_ledger(folded([encode_leaf("accepted", DIGESTS[0], NOW, intake_key=None)]))
    line, _, rest = state.partition(b"\n")
    head = json.loads(line)
    head["digests"]["backlog"] = value
    with pytest.raises(VerificationError, match="ledger's state"):
        decode_ledger(canonical.dumps(head) + b"\n" + rest)
