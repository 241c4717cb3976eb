"""Feature arrays as bytes, in safetensors: the same arrays always give the same bytes.

Nothing in it is ever executed on reading, and any engine can read it.
"""

import ctypes
import json
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


def unpack_in_place(packed: bytes) -> dict[str, NDArray[np.floating]]:
    """As `unpack`, without copying: the arrays lie in the memory of `packed` and may be written to.

    Whoever calls hands over the only reference to these bytes, whose value will change with the
    arrays.
    """
    memory = np.asarray(_Writable(packed))
    try:
        length = int.from_bytes(packed[:8], "little")
        tensors = json.loads(packed[8 : 8 + length])
        data, end, arrays = memory[8 + length :], 0, {}
        # In the order in which they lie: one behind the other, with nothing between or behind.
        for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"][0]):
            start, stop = tensor["data_offsets"]
            rows, columns = tensor["shape"]
            if start != end or name not in ARRAYS or min(rows, columns) < 0:
                raise ValueError
            dtype, end = np.dtype(_DTYPES[tensor["dtype"]]), stop
            arrays[name] = data[start:stop].view(dtype).reshape(rows, columns)
        if end != len(data):
            raise ValueError
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InputError("these bytes are not packed feature arrays") from None
    return {name: arrays[name] for name in ARRAYS if name in arrays}


_DTYPES = {"F16": "<f2", "F32": "<f4"}
_address = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(
    ("PyBytes_AsString", ctypes.pythonapi)
)


class _Writable:
    """The memory of some bytes as numpy is told of it; keeps them alive."""

    __slots__ = ("__array_interface__", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": (len(data),),
            "data": (_address(data), False),
        }
