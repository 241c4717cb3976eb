"""Plaintext: shown as a length, kept in one process, zeroed when its block ends."""

import copy
import ctypes
import io
import logging
import pickle
import secrets
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.sealing import Plaintext

SECRET = b"a recognisable voice"


def fresh(data: bytes = SECRET) -> Plaintext:
    """A plaintext over bytes of its own, not over a literal that this module shares."""
    return Plaintext(bytes(bytearray(data)))


def memory_of(data: bytes) -> bytes:
    """The bytes that lie where CPython keeps the content of this very object."""
    return ctypes.string_at(id(data) + bytes.__basicsize__ - 1, len(data))


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, "%s".__mod__, ascii])
def test_a_plaintext_shows_its_length_only(show: Callable[[object], str]) -> None:
    """However it is printed, and after the wipe too."""
    with fresh() as plaintext:
        assert show(plaintext) == "<Plaintext of 20 bytes>"
    assert show(plaintext) == "<Plaintext of 0 bytes>"


@pytest.mark.inv("INV-1")
def test_a_plaintext_does_not_reach_a_log_line_or_a_format_specification() -> None:
    """A log record says the length; a width or a type of format is refused."""
    stream = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(logging.StreamHandler(stream))
    with fresh() as plaintext:
        logger.error("opened %s %r", plaintext, [plaintext])
        with pytest.raises(TypeError):
            format(plaintext, "s")
    assert stream.getvalue() == "opened <Plaintext of 20 bytes> [<Plaintext of 20 bytes>]\n"


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_plaintext_is_not_pickled(protocol: int) -> None:
    """So it cannot be a task's argument or result, nor go to another process, in any protocol."""
    with fresh() as plaintext:
        for value in (plaintext, [plaintext], {"audio": plaintext}):
            with pytest.raises(TypeError, match="does not leave the process"):
                pickle.dumps(value, protocol)


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_plaintext_is_not_copied(duplicate: Callable[[Plaintext], Plaintext]) -> None:
    """A copy would outlive the wipe."""
    with fresh() as plaintext, pytest.raises(TypeError, match="does not leave the process"):
        duplicate(plaintext)


@pytest.mark.inv("INV-1")
def test_a_plaintext_has_no_back_door() -> None:
    """No attribute dictionary, no iteration, no conversion to bytes."""
    with fresh() as plaintext:
        assert not hasattr(plaintext, "__dict__")
        for convert in (bytes, iter, memoryview, list):
            with pytest.raises(TypeError):
                convert(plaintext)  # type: ignore[call-overload]


@pytest.mark.inv("INV-1")
@given(st.binary(min_size=2, max_size=5000))
def test_the_memory_is_zero_after_the_block(data: bytes) -> None:
    """Looked at where the bytes lie, before and after; the length stays, the content is gone."""
    held = bytes(bytearray(data))
    with Plaintext(held) as plaintext:
        assert plaintext.data is held
        assert memory_of(held) == data
    assert memory_of(held) == bytes(len(data))


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_exception_wipes_too_and_goes_on(error: type[BaseException]) -> None:
    """A decoder that fails, or a worker that is stopped, leaves no recording behind."""
    held = secrets.token_bytes(4096)
    with pytest.raises(error), Plaintext(held):
        raise error
    assert memory_of(held) == bytes(4096)


@pytest.mark.inv("INV-1")
def test_wiping_early_and_twice_is_fine() -> None:
    """The second wipe finds nothing, and does not write to memory that is no longer its own."""
    held = secrets.token_bytes(64)
    with Plaintext(held) as plaintext:
        plaintext.wipe()
        assert memory_of(held) == bytes(64)
        plaintext.wipe()
    assert len(plaintext) == 0


@pytest.mark.inv("INV-1")
def test_a_plaintext_is_not_read_after_its_block() -> None:
    """Zeros are never mistaken for a silent recording."""
    with fresh() as plaintext:
        assert plaintext.data == SECRET
    with pytest.raises(ValueError, match="inside its `with` block"):
        _ = plaintext.data
    with pytest.raises(ValueError, match="inside its `with` block"), plaintext:
        _ = plaintext.data


@pytest.mark.inv("INV-1")
def test_a_plaintext_is_not_read_before_its_block() -> None:
    """Without a block nothing would wipe it, so without a block it is not read."""
    with pytest.raises(ValueError, match="block"):
        _ = fresh().data


@pytest.mark.parametrize("data", [b"", *(bytes([each]) for each in range(256))], ids=repr)
def test_bytes_that_cpython_shares_are_left_alone(data: bytes) -> None:
    """The empty bytes and those of length 1 are one object for the whole process."""
    shared = bytes(bytearray(data))
    with Plaintext(shared) as plaintext:
        assert (plaintext.data, len(plaintext)) == (data, len(data))
    assert shared == bytes(bytearray(data)) == data
    assert (b"", b"\x00", b"a", b"abc"[1:2]) == (bytes(0), bytes(1), bytes([97]), bytes([98]))
