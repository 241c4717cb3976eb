"""Packed arrays come back as they were, and nothing else comes back."""

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from unvoiced.errors import InputError
from unvoiced.features import pack, unpack


def arrays(dtype: str = "float16") -> dict[str, np.ndarray]:
    """A log-mel and an MFCC array of 5 frames."""
    values = np.random.default_rng(0).standard_normal((100, 5)).astype(dtype)
    return {"log_mel": values[:80], "mfcc": values[80:]}


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_round_trip(dtype: str) -> None:
    """Names, order, shapes, dtypes and values survive."""
    given_arrays = arrays(dtype)
    back = unpack(pack(given_arrays))
    assert list(back) == list(given_arrays)
    for name, values in given_arrays.items():
        assert back[name].dtype == values.dtype
        assert (back[name] == values).all()


def test_same_arrays_same_bytes() -> None:
    """Neither the order of the names nor the layout in memory changes the bytes."""
    straight = arrays()
    turned = {name: np.asfortranarray(straight[name]) for name in reversed(straight)}
    assert pack(straight) == pack(turned)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_garbage_is_refused(garbage: bytes) -> None:
    """Random bytes raise InputError and nothing else."""
    with pytest.raises(InputError) as caught:
        unpack(garbage)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@settings(deadline=None)
@given(st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    """A changed byte either raises InputError or still gives two-dimensional float arrays."""
    packed = bytearray(pack(arrays()))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        back = unpack(bytes(packed))
    except InputError:
        return
    assert all(values.ndim == 2 for values in back.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"other": np.zeros((1, 1), np.float16)},
        {"log_mel": np.zeros(3, np.float16)},
        {"log_mel": np.zeros((1, 1), np.int64)},
    ],
)
def test_other_tensors_are_refused(wrong: dict[str, np.ndarray]) -> None:
    """A safetensors file of another name, shape or dtype is not a feature file."""
    with pytest.raises(InputError):
        unpack(safetensors.numpy.save(wrong))
