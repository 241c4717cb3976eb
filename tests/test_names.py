"""Names: nothing that is accepted can leave its prefix, widen a policy or break a line."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unvoiced import names
from unvoiced.errors import InputError
from unvoiced.stores.object_name import object_name

CHECKS: dict[str, Callable[[str], str]] = {
    "contributor id": names.contributor_id,
    "pseudonym": names.pseudonym,
    "sample id": names.sample_id,
    "feature set name": names.feature_set_name,
}
EXAMPLES = {
    "contributor id": "Alice_B-7",
    "pseudonym": "n422m5cafop35rvzkx6okffcpq",
    "sample id": "mvfsc4mmmzlrp7sfzb2tb7a3hq-1a2b3c4d",
    "feature set name": "speech-16k",
}
LONGEST = {"contributor id": 128, "pseudonym": 26, "sample id": 64, "feature set name": 48}
# Enough of the alphabets for a good share to be accepted, and what must never be.
tempting = st.text(
    st.sampled_from("azAZ0279-_./\\ \n\r\t\0\x7f\x85\u2028*?%:+=é٣\u202e"), max_size=30
)
pseudonyms = st.from_regex(r"[a-z2-7]{26}", fullmatch=True)
samples = st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True)
every_kind = pytest.mark.parametrize("kind", CHECKS)


def is_accepted(kind: str, value: str) -> bool:
    """Whether the check lets it pass; what passes, passes as it is."""
    try:
        return CHECKS[kind](value) == value
    except InputError:
        return False


@every_kind
def test_an_example_is_accepted_as_it_is(kind: str) -> None:
    """No name is changed on the way in."""
    assert CHECKS[kind](EXAMPLES[kind]) == EXAMPLES[kind]


@every_kind
@given(value=tempting | st.text(max_size=30))
def test_no_accepted_name_holds_a_separator_or_a_control_character(kind: str, value: str) -> None:
    """No slash, dot, white space, control or format character, wildcard, or letter beyond ASCII."""
    if is_accepted(kind, value):
        assert value
        assert value.isascii()
        assert not set(value) & set("/\\.*?%:+= ")
        assert not any(each.isspace() for each in value)
        assert not any(unicodedata.category(each).startswith("C") for each in value)


@every_kind
@given(data=st.data(), character=st.characters(exclude_characters="-_", exclude_categories=["Cs"]))
@example(data=None, character="\n")
@example(data=None, character="/")
@example(data=None, character=".")
def test_a_character_outside_the_alphabet_spoils_a_name(
    kind: str, data: st.DataObject | None, character: str
) -> None:
    """Wherever it stands, the last place before the end included."""
    if character.isascii() and character.isalnum():
        return
    good = EXAMPLES[kind][1:]  # leaves room for the character where the length is fixed
    at = data.draw(st.integers(0, len(good))) if data else len(good)
    assert not is_accepted(kind, good[:at] + character + good[at:])
    assert not is_accepted(kind, EXAMPLES[kind] + character)


@every_kind
def test_a_name_has_a_first_and_a_last_possible_length(kind: str) -> None:
    """Nothing is no name, and the longest still fits its object name."""
    longest = "a" * LONGEST[kind]
    assert is_accepted(kind, longest)
    assert not is_accepted(kind, longest + "a")
    assert not is_accepted(kind, "")


@pytest.mark.parametrize("kind", ["pseudonym", "sample id", "feature set name"])
def test_names_of_objects_have_one_spelling(kind: str) -> None:
    """Lower case only, so that no file system makes one of two."""
    assert not is_accepted(kind, EXAMPLES[kind].upper())


@pytest.mark.parametrize("kind", ["sample id", "feature set name"])
def test_a_hyphen_does_not_come_first(kind: str) -> None:
    """A name is never taken for an option of a command."""
    assert not is_accepted(kind, "-rf")
    assert is_accepted(kind, "r-f-")


@every_kind
def test_a_refusal_shows_a_long_value_shortened_and_on_one_line(kind: str) -> None:
    """What was typed is repeated, but not all of it, and it cannot forge a line of a log."""
    with pytest.raises(InputError, match=f"is not a {kind}: ") as caught:
        CHECKS[kind]("\n" + "x" * 10_000)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@given(pseudonyms, samples)
def test_a_sealed_name_reads_back(pseudonym: str, sample: str) -> None:
    """And it is a name that every store takes."""
    name = names.sealed_name(pseudonym, sample)
    assert object_name(name) == name == f"{pseudonym}/{sample}.unv"
    assert names.parse_sealed_name(name) == (pseudonym, sample)


@given(st.text(max_size=60) | tempting, pseudonyms, samples)
def test_only_names_that_sealed_name_makes_are_read(text: str, pseudonym: str, sample: str) -> None:
    """Reading never accepts a name that writing would not have given."""
    for name in (text, f"{pseudonym}/{text}", f"{text}/{sample}.unv", f"{pseudonym}/{text}.unv"):
        parsed = names.parse_sealed_name(name)
        assert parsed is None or names.sealed_name(*parsed) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "{p}",
        "{p}/",
        "{p}/one",
        "{p}/.unv",
        "/{p}/one.unv",
        "{p}//one.unv",
        "{p}/a/one.unv",
        "{p}/../one.unv",
        "{p}/one.unv\n",
        "{p}/one.unv.unv",
        "{p}/one.UNV",
        "{p}/One.unv",
        "x{p}/one.unv",
        "raw/{p}/one.unv",
    ],
)
def test_other_object_names_are_none_of_ours(name: str) -> None:
    """Whatever else is put into the raw store is not taken for a recording of somebody's."""
    assert names.parse_sealed_name(name.format(p=EXAMPLES["pseudonym"])) is None


@pytest.mark.parametrize(("pseudonym", "sample"), [("alice", "one"), ("a" * 26, "../one")])
def test_a_sealed_name_is_not_made_of_unchecked_parts(pseudonym: str, sample: str) -> None:
    """Both parts are checked again where they become a name."""
    with pytest.raises(InputError):
        names.sealed_name(pseudonym, sample)
