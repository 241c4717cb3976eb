"""A buffer type for opened recordings, so that plaintext is never mistaken for anything else."""

import ctypes
from types import TracebackType
from typing import Self


class Plaintext:
    """Opened bytes, readable inside a `with` block and wiped when it ends.

    Shows only its length, refuses to be pickled or copied, and overwrites its memory on exit. The
    wipe is best effort: it reaches this buffer, not what a decoder copied out of it, nor pages the
    operating system may have swapped.

    Raises ValueError when read outside its block.
    """

    __slots__ = ("_data", "_entered")

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data
        self._entered = False

    def __enter__(self) -> Self:
        self._entered = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wipe()

    @property
    def data(self) -> bytes:
        """The opened bytes."""
        if self._data is None or not self._entered:
            raise ValueError("plaintext is read inside its `with` block only")
        return self._data

    def keep(self) -> bytes:
        """The opened bytes, which are the caller's from now on and are not wiped."""
        data, self._data = self.data, None
        return data

    def wipe(self) -> None:
        """Overwrite the buffer with zeros and forget it."""
        data, self._data = self._data, None
        # CPython shares one object among all equal bytes of length 0 and 1: those must not change.
        if data is not None and len(data) > 1:
            address = ctypes.pythonapi.PyBytes_AsString
            address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object]
            ctypes.memset(address(data), 0, len(data))

    def __len__(self) -> int:
        return len(self._data or b"")

    def __repr__(self) -> str:
        return f"<Plaintext of {len(self)} bytes>"

    def __reduce__(self) -> str:
        raise TypeError("plaintext does not leave the process that opened it")
