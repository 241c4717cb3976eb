"""Fernet tokens, as recordings encrypted before `unvoiced` are."""

import base64

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from tests.sealing.refusal import refuses_to_open
from unvoiced.errors import AccessError
from unvoiced.sealing import Plaintext, is_fernet, open_fernet, parse_fernet_key

KEY = base64.urlsafe_b64encode(bytes(range(32)))
FERNET = Fernet(KEY)
# The token and key of github.com/fernet/spec, verify.json.
SPEC_TOKEN = (
    b"gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmp"
    b"U4IwqDA=="
)
SPEC_KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="


def test_the_specifications_token_opens() -> None:
    """The published token gives the published message."""
    with open_fernet(SPEC_TOKEN, parse_fernet_key(SPEC_KEY)) as plaintext:
        assert plaintext.data == b"hello"


@pytest.mark.inv("INV-1")
@given(st.binary(max_size=300))
def test_a_token_of_the_cryptography_package_opens_to_a_plaintext(data: bytes) -> None:
    """What `cryptography.fernet` encrypted comes back, in the type for opened recordings."""
    token = FERNET.encrypt(data)
    assert is_fernet(token)
    with open_fernet(token, parse_fernet_key(KEY)) as plaintext:
        assert type(plaintext) is Plaintext
        assert plaintext.data == data


@pytest.mark.inv("INV-11")
def test_another_key_is_refused_like_everything_else() -> None:
    """The same error as for a UNV1 object."""
    token = FERNET.encrypt(b"a voice")
    refuses_to_open(lambda: open_fernet(token, Fernet(Fernet.generate_key())))


@pytest.mark.inv("INV-11")
def test_no_byte_of_a_token_can_change() -> None:
    """Version, time, IV, ciphertext and HMAC: one bit flipped in every byte is refused."""
    token = base64.urlsafe_b64decode(FERNET.encrypt(b"a voice"))
    for at in range(len(token)):
        changed = bytearray(token)
        changed[at] ^= 1 << at % 8
        text = base64.urlsafe_b64encode(changed)
        refuses_to_open(lambda text=text: open_fernet(text, FERNET))


@pytest.mark.inv("INV-11")
@given(st.binary(max_size=120), st.booleans())
def test_arbitrary_bytes_are_refused_like_everything_else(data: bytes, begins: bool) -> None:
    """Also those that begin like a token."""
    token = (b"gAAAA" if begins else b"") + data
    refuses_to_open(lambda: open_fernet(token, FERNET))


@pytest.mark.parametrize("data", [b"", b"gAAA", b"UNV1", b"RIFF", b"GAAAA", b" gAAAA"])
def test_other_bytes_do_not_look_like_a_token(data: bytes) -> None:
    """Neither a UNV1 object nor a recording in the clear is taken for one."""
    assert not is_fernet(data)


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize("key", ["", "c2hvcnQ=", "not base64!", "A" * 48, "é" * 44])
def test_a_malformed_fernet_key_is_refused_without_repeating_it(key: str) -> None:
    """The message says what a key looks like, not what was given."""
    with pytest.raises(
        AccessError, match=r"^a Fernet key is 32 bytes in URL-safe base64$"
    ) as caught:
        parse_fernet_key(key)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
