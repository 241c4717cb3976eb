"""Arrays that lie in the bytes they were packed in: the same as those that are copied out."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unvoiced.errors import InputError
from unvoiced.features import pack, unpack, unpack_in_place

ARRAYS = {
    "log_mel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "mfcc": np.ones((2, 4), np.float16),
}
PACKED = pack(ARRAYS)


def fresh(data: bytes) -> bytes:
    """Bytes that nobody else has, as they will be written to."""
    return bytes(bytearray(data))


@pytest.mark.parametrize("frames", [0, 1, 101])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_they_are_what_was_packed_and_may_be_written_to(frames: int, dtype: str) -> None:
    """Also none at all; and they outlive the bytes' name."""
    random = np.random.default_rng(1)
    arrays = {
        name: random.random((rows, frames)).astype(dtype)
        for name, rows in (("log_mel", 80), ("mfcc", 20), ("mfcc_delta", 20))
    }
    found = unpack_in_place(pack(arrays))
    assert list(found) == list(arrays)
    for name, array in found.items():
        assert array.dtype == dtype
        assert np.array_equal(array, arrays[name])
        array[:] = 7
    assert all((array == 7).all() for array in found.values())


@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_what_is_changed_is_the_same_for_both_or_refused(at: int, mask: int) -> None:
    """It never takes what the reference does not, and never reads beyond the bytes."""
    changed = bytearray(PACKED)
    changed[at] ^= mask
    try:
        wanted = unpack(bytes(changed))
    except InputError:
        with pytest.raises(InputError, match="not packed feature arrays"):
            unpack_in_place(bytes(changed))
        return
    try:
        found = unpack_in_place(bytes(changed))
    except InputError:
        return  # stricter: pack never writes it so
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name], equal_nan=True) for name in found)


@given(st.binary(max_size=100))
def test_other_bytes_are_refused(data: bytes) -> None:
    """With one error that says nothing of them."""
    with pytest.raises(InputError, match="not packed feature arrays"):
        unpack_in_place(fresh(data))


@pytest.mark.parametrize(
    "change",
    [
        {"data_offsets": [0, 40]},
        {"data_offsets": [-48, 0]},
        {"data_offsets": [0, 10**9]},
        {"shape": [3, 10**9]},
        {"shape": [-3, -4]},
        {"shape": [12]},
        {"dtype": "F64"},
        {"dtype": "I32"},
        {"shape": [3.0, 4]},
        {"data_offsets": ["0", "48"]},
    ],
)
def test_a_header_that_says_what_is_not_so_is_refused(change: dict[str, object]) -> None:
    """Offsets and shapes outside the data, overlaps, gaps, other types."""
    length = int.from_bytes(PACKED[:8], "little")
    header = json.loads(PACKED[8 : 8 + length])
    header["log_mel"] |= change
    text = json.dumps(header).encode()
    with pytest.raises(InputError, match="not packed feature arrays"):
        unpack_in_place(len(text).to_bytes(8, "little") + text + PACKED[8 + length :])
