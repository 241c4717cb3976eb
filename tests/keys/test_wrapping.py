"""Key-encryption keys: a passphrase or a key file, and what is refused about either."""

import os
from pathlib import Path

import pytest
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import AccessError, InputError
from unvoiced.keys.wrapping import (
    Argon2idParameters,
    LocalWrapper,
    create_key_file,
    wrapper_from_key_file,
    wrapper_from_passphrase,
)

PASSPHRASE = "correct horse battery"  # noqa: S105  (it is one, of nothing)
CONTEXT = {"format": "test", "name": "log/signing"}
# What a guess costs is not under test here.
CHEAP = Argon2idParameters(salt="00" * 16, memory_kib=64, passes=1, lanes=1)
REFUSED = "^the vault does not open with this passphrase or key file$"


def does_not_unwrap(wrapper: LocalWrapper, wrapped: bytes, context: dict[str, str]) -> None:
    """One error for a wrong key, another context and a changed byte."""
    with pytest.raises(AccessError, match=REFUSED) as caught:
        wrapper.unwrap(wrapped, context)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@given(st.binary(max_size=200), st.dictionaries(st.text(), st.text()))
def test_what_was_wrapped_unwraps_in_its_context(secret: bytes, context: dict[str, str]) -> None:
    """With the same key and context, and never to the same bytes twice."""
    wrapper = LocalWrapper(bytes(32))
    wrapped = wrapper.wrap(secret, context)
    assert wrapper.unwrap(wrapped, context) == secret
    assert wrapped != wrapper.wrap(secret, context)


@pytest.mark.inv("INV-11")
def test_no_byte_of_a_wrapped_secret_can_change() -> None:
    """Flipped, cut or extended anywhere: the same refusal."""
    wrapper = LocalWrapper(bytes(32))
    wrapped = wrapper.wrap(b"a secret", CONTEXT)
    for at in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        does_not_unwrap(wrapper, bytes(changed), CONTEXT)
        does_not_unwrap(wrapper, wrapped[:at], CONTEXT)
    does_not_unwrap(wrapper, wrapped + b"\0", CONTEXT)


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize("context", [{}, {**CONTEXT, "name": "log/Signing"}, {**CONTEXT, "a": "b"}])
def test_a_secret_does_not_unwrap_in_another_context(context: dict[str, str]) -> None:
    """A wrapped key cannot be passed off as another one."""
    wrapper = LocalWrapper(bytes(32))
    does_not_unwrap(wrapper, wrapper.wrap(b"a secret", CONTEXT), context)


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize(
    "wrong", ["correct horse batterz", "Correct horse battery", PASSPHRASE + " "]
)
def test_a_wrong_passphrase_is_refused_without_repeating_it(wrong: str) -> None:
    """The error is the one of a damaged vault; neither passphrase stands in it."""
    wrapped = wrapper_from_passphrase(PASSPHRASE, CHEAP).wrap(b"a secret", CONTEXT)
    does_not_unwrap(wrapper_from_passphrase(wrong, CHEAP), wrapped, CONTEXT)


@pytest.mark.parametrize("passphrase", ["", "x", "eleven char"])
def test_a_short_passphrase_is_refused(passphrase: str) -> None:
    """Argon2id makes a guess dear, not a short passphrase long."""
    with pytest.raises(InputError, match=r"^a vault passphrase has at least 12 characters$"):
        wrapper_from_passphrase(passphrase, CHEAP)
    wrapper_from_passphrase("twelve chars", CHEAP)


def test_a_passphrase_becomes_a_key_by_argon2id() -> None:
    """RFC 9106, with every parameter where it belongs: AES-256-GCM of the derived key unwraps."""
    parameters = Argon2idParameters("0102" * 8, memory_kib=128, passes=2, lanes=3)
    wrapped = wrapper_from_passphrase("grüne Wiese, Tau", parameters).wrap(b"a secret", {})
    salt, secret = bytes.fromhex("0102" * 8), "grüne Wiese, Tau".encode()
    key = hash_secret_raw(secret, salt, 2, 128, 3, 32, Type.ID)
    assert AESGCM(key).decrypt(wrapped[:12], wrapped[12:], b"{}") == b"a secret"


def test_the_default_cost_is_that_of_rfc_9106() -> None:
    """Its second recommended option: 64 MiB, 3 passes, 4 lanes, a salt of 128 bits of its own."""
    one, two = Argon2idParameters.fresh(), Argon2idParameters.fresh()
    assert (one.memory_kib, one.passes, one.lanes) == (64 * 1024, 3, 4)
    assert len(bytes.fromhex(one.salt)) == 16
    assert one.salt != two.salt


@pytest.mark.parametrize(
    "change",
    [
        {"salt": "zz"},
        {"salt": "00"},
        {"passes": 0},
        {"lanes": 0},
        {"memory_kib": 1},
        {"passes": "3"},
    ],
    ids=str,
)
def test_impossible_parameters_are_refused_as_damage(change: dict[str, object]) -> None:
    """They come from a file anyone with write access may edit: an error of ours, not Argon2's."""
    with pytest.raises(AccessError):
        Argon2idParameters(**{**CHEAP.as_json(), **change})  # type: ignore[arg-type]


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """32 random bytes, mode 0600 under any umask, and it unwraps what it wrapped."""
    umask = os.umask(0)
    try:
        wrapped = create_key_file(tmp_path / "kek").wrap(b"a secret", CONTEXT)
    finally:
        os.umask(umask)
    assert (tmp_path / "kek").stat().st_mode & 0o7777 == 0o600
    assert len((tmp_path / "kek").read_bytes()) == 32
    assert wrapper_from_key_file(tmp_path / "kek").unwrap(wrapped, CONTEXT) == b"a secret"


def test_a_key_file_is_never_written_over(tmp_path: Path) -> None:
    """Overwriting one would lose every key of its vault; a symlink is not written through."""
    path, elsewhere, link = (tmp_path / name for name in ("kek", "elsewhere", "link"))
    create_key_file(path)
    before = path.read_bytes()
    link.symlink_to(elsewhere)
    for taken in (path, link):
        with pytest.raises(InputError, match="is not overwritten"):
            create_key_file(taken)
    assert path.read_bytes() == before
    assert not elsewhere.exists()


@pytest.mark.inv("INV-11")
def test_another_key_file_does_not_unwrap(tmp_path: Path) -> None:
    """The same refusal as for a wrong passphrase."""
    wrapped = create_key_file(tmp_path / "one").wrap(b"a secret", CONTEXT)
    does_not_unwrap(create_key_file(tmp_path / "two"), wrapped, CONTEXT)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601, 0o610, 0o602])
def test_a_key_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Reading, writing or executing, by group or world; the message says the remedy."""
    path = tmp_path / "kek"
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(AccessError, match=r"^kek may be read by others: chmod 600 it$"):
        wrapper_from_key_file(path)
    path.chmod(0o400)
    wrapper_from_key_file(path)


def test_a_symlinked_key_file_is_judged_by_what_it_points_to(tmp_path: Path) -> None:
    """Kubernetes mounts secrets as symlinks; a link lends an open file no narrower mode."""
    path, link = tmp_path / "kek", tmp_path / "link"
    create_key_file(path)
    link.symlink_to(path)
    wrapper_from_key_file(link)
    path.chmod(0o644)
    with pytest.raises(AccessError, match=r"^link may be read by others"):
        wrapper_from_key_file(link)


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize("size", [0, 31, 33, 63, 65, 96])
def test_a_file_of_another_size_is_no_key_file(tmp_path: Path, size: int) -> None:
    """The message names the file and nothing that is in it."""
    path = tmp_path / "kek"
    path.write_bytes(b"\xab" * size)
    path.chmod(0o600)
    with pytest.raises(AccessError, match=r"^kek is not a key file$"):
        wrapper_from_key_file(path)


def test_a_missing_key_file_is_an_access_error(tmp_path: Path) -> None:
    """So is a folder in its place; both are named in full."""
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("missing", "folder", "dangling"):
        with pytest.raises(AccessError, match=f"^key file {tmp_path}/{name}: "):
            wrapper_from_key_file(tmp_path / name)


def test_a_passphrase_is_never_used_at_a_lower_price() -> None:
    """Whoever writes to the vault's store could else make the next secret cheap to guess open."""
    Argon2idParameters.fresh().check_price()
    for cheaper in (
        Argon2idParameters("0" * 32, memory_kib=8, passes=3, lanes=1),
        Argon2idParameters("0" * 32, memory_kib=65536, passes=1),
    ):
        with pytest.raises(AccessError, match="weaker"):
            cheaper.check_price()
