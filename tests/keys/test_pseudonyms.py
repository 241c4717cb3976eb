"""Keyed names: stable for ever, unlinkable without the key, apart from each other."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from unvoiced import names
from unvoiced.errors import InputError
from unvoiced.keys import pseudonyms
from unvoiced.keys.pseudonyms import content_tag, pseudonym, sample_id, sample_key

KEY = bytes(range(32))
contributors = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)


def test_names_are_what_they_have_always_been() -> None:
    """Literal vectors: a change here orphans every object stored so far."""
    assert pseudonym(KEY, "alice") == "n422m5cafop35rvzkx6okffcpq"
    assert pseudonym(KEY, "Alice") == "s6xb6froxgmarrz6z4qj3vexga"
    assert sample_key(KEY, "alice").hex() == (
        "2409ef8eedcf11f5a2818e32790c9bcb7046c4dc78b62d0fbb38916287e41962"
    )
    assert sample_id(KEY, b"RIFF") == "mvfsc4mmmzlrp7sfzb2tb7a3hq"
    assert sample_id(KEY, b"") == "icbmtn2eethreeoip4f72njgii"
    assert content_tag(KEY, b"RIFF") == "1e2d79a770ce52dd0757a7cb9090a9d0"
    assert content_tag(KEY, b"") == "37f575715be09a63619b44422682703b"


def test_a_pseudonym_is_an_hmac_under_its_label() -> None:
    """HMAC-SHA-256 of label, zero byte and id; the first 16 bytes in lower-case base32."""
    digest = hmac.digest(KEY, b"unvoiced pseudonym\0alice", hashlib.sha256)
    assert pseudonym(KEY, "alice") == base64.b32encode(digest[:16]).decode()[:26].lower()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.integers(1, 70))
def test_a_content_tag_is_an_hmac_of_a_hash_that_is_not_shown(
    key: bytes, recording: bytes, piece: int
) -> None:
    """GCM's tag over the recording as associated data, as its other interface has it, hashed again
    under another key; the same in whatever pieces a long recording is given to it.
    """
    hash_key = hmac.digest(key, b"unvoiced content hash\0", hashlib.sha256)
    hashed = AESGCM(hash_key).encrypt(bytes(12), b"", recording)
    tag = hmac.digest(key, b"unvoiced hashed content tag\0" + hashed, hashlib.sha256)[:16]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pseudonyms, "_GCM_PIECE", piece)
        assert content_tag(key, recording) == tag.hex()


@pytest.mark.parametrize("at", [0, 1, 15, 16, 40_000, 319_999, 320_043])
def test_any_change_to_a_recording_changes_its_tag(at: int) -> None:
    """One bit, a byte more, a byte less, zeros at the end: another recording."""
    recording = bytes(range(256)) * 1250 + bytes(44)
    changed = bytearray(recording)
    changed[at] ^= 0x80
    others = [bytes(changed), recording[:at], recording + bytes(at + 1), recording[at + 1 :]]
    assert len({content_tag(KEY, one) for one in (recording, *others)}) == 5


@given(st.binary(min_size=32, max_size=32), contributors, st.binary(max_size=100))
def test_every_name_is_one_that_objects_may_bear(key: bytes, who: str, recording: bytes) -> None:
    """Pseudonyms and sample ids pass the checks of `names` as they are."""
    assert names.pseudonym(pseudonym(key, who)) == pseudonym(key, who)
    assert names.sample_id(sample_id(key, recording)) == sample_id(key, recording)
    assert len(sample_key(key, who)) == 32
    assert len(bytes.fromhex(content_tag(key, recording))) == 16


@given(contributors)
def test_labels_keep_the_kinds_of_name_apart(who: str) -> None:
    """The same key and the same bytes give unrelated names, so none can stand for another."""
    message = who.encode()
    raw = {
        base64.b32decode(pseudonym(KEY, who).upper() + "======"),
        base64.b32decode(sample_id(KEY, message).upper() + "======"),
        sample_key(KEY, who)[:16],
        bytes.fromhex(content_tag(KEY, message)),
        hmac.digest(KEY, message, hashlib.sha256)[:16],
        hashlib.sha256(message).digest()[:16],
    }
    assert len(raw) == 6


@given(contributors, contributors)
def test_two_contributors_share_nothing(one: str, two: str) -> None:
    """Neither pseudonym nor sample key; so the same recording by two people is two samples."""
    if one != two:
        assert pseudonym(KEY, one) != pseudonym(KEY, two)
        assert sample_key(KEY, one) != sample_key(KEY, two)
        ids = {sample_id(sample_key(KEY, who), b"the same words") for who in (one, two)}
        assert len(ids) == 2


def test_without_the_key_a_name_cannot_be_recomputed() -> None:
    """One bit of the key changes every name: knowing the id is not enough to find a person."""
    other = bytes([KEY[0] ^ 1]) + KEY[1:]
    assert pseudonym(KEY, "alice") != pseudonym(other, "alice")
    assert sample_key(KEY, "alice") != sample_key(other, "alice")
    assert sample_id(KEY, b"RIFF") != sample_id(other, b"RIFF")
    assert content_tag(KEY, b"RIFF") != content_tag(other, b"RIFF")


@pytest.mark.parametrize(
    "who",
    [
        "",
        "a/b",
        "../a",
        "a.b",
        "a b",
        "alice\n",
        "\talice",
        "alice\0",
        "a" * 129,
        "a" * 300,
        "alïce",
        "аlice",
        "alice@example.com",
        "a*",
        "a\u2028b",
        "٣",
    ],
)
def test_an_id_outside_the_alphabet_is_refused(who: str) -> None:
    """Two spellings of one person, or an id that changes in transport, must not come about."""
    for function in (pseudonym, sample_key):
        with pytest.raises(InputError, match="is not a contributor id"):
            function(KEY, who)


def test_the_longest_and_the_shortest_id_are_accepted() -> None:
    """1 to 128 characters."""
    assert pseudonym(KEY, "a" * 128) != pseudonym(KEY, "a" * 127)
    assert len(pseudonym(KEY, "-")) == 26
