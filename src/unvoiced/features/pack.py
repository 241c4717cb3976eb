"""Feature arrays as bytes, in safetensors: the same arrays always give the same bytes.

Nothing in it is ever executed on reading, and any engine can read it.
"""

from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from unvoiced.errors import InputError
from unvoiced.features.feature_set import ARRAYS


def pack(arrays: Mapping[str, NDArray[np.floating]]) -> bytes:
    """Arrays of shape (bands or coefficients, T), by name, as one safetensors file."""
    # safetensors writes the memory as it lies, whatever the strides say.
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    packed: bytes = safetensors.numpy.save(contiguous)
    return packed


def unpack(packed: bytes) -> dict[str, NDArray[np.floating]]:
    """The arrays that `pack` was given, in the order of `ARRAYS`.

    Raises InputError for anything else; its message says nothing of the bytes.
    """
    try:
        arrays = safetensors.numpy.load(packed)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, OverflowError):
        raise InputError("these bytes are not packed feature arrays") from None
    if not arrays.keys() <= set(ARRAYS) or not all(
        array.ndim == 2 and array.dtype in (np.float16, np.float32) for array in arrays.values()
    ):
        raise InputError("these bytes are not packed feature arrays")
    return {name: arrays[name] for name in ARRAYS if name in arrays}
