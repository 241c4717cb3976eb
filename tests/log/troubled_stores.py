"""Stores in which something happens at a chosen operation: a crash, a rival, a lost answer."""

from collections.abc import Callable, Iterator
from threading import Lock
from typing import TypeVar

from unvoiced.errors import Changed
from unvoiced.log.pending import HEAD
from unvoiced.log.reader import CHECKPOINT
from unvoiced.stores.interface import Entry, Store, Stored

T = TypeVar("T")


class Crash(BaseException):
    """The process is gone: nothing catches it."""


class WatchedStore:
    """Passes everything on, with a hook before and after each numbered operation.

    `published` holds every note that was ever put under `checkpoint`.
    """

    def __init__(
        self,
        inner: Store,
        before: Callable[[int], None] = lambda _: None,
        after: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.url = inner.url
        self.together = inner.together
        self.operations = 0
        self.published: list[bytes] = []
        self._in_order = Lock()
        self._inner = inner
        self.before = before
        self._after = after

    def _do(self, operation: Callable[[], T]) -> T:
        number = self.operations
        self.operations += 1
        self.before(number)
        try:
            return operation()
        finally:
            self._after(number)

    def _put(self, name: str, data: bytes, operation: Callable[[], str]) -> str:
        if name != CHECKPOINT:
            return operation()
        with self._in_order:  # or a thread could take note of its own after those that came later
            version = operation()
            self.published.append(data)
        return version

    def put_if_absent(self, name: str, data: bytes) -> str:
        """See `Store`."""
        return self._do(
            lambda: self._put(name, data, lambda: self._inner.put_if_absent(name, data))
        )

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        """See `Store`."""
        return self._do(
            lambda: self._put(name, data, lambda: self._inner.replace(name, data, version=version))
        )

    def get(self, name: str, version: str | None = None) -> Stored:
        """See `Store`."""
        return self._do(lambda: self._inner.get(name, version))

    def get_start(self, name: str, version: str, length: int) -> bytes:
        """See `Store`."""
        return self._do(lambda: self._inner.get_start(name, version, length))

    def head(self, name: str) -> Entry | None:
        """See `Store`."""
        return self._do(lambda: self._inner.head(name))

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """See `Store`."""
        return self._do(lambda: self._inner.list(prefix))

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """See `Store`."""
        return self._do(lambda: self._inner.versions(prefix, after))

    def delete(self, name: str, version: str) -> None:
        """See `Store`."""
        self._do(lambda: self._inner.delete(name, version))


def at(number: int, happens: Callable[[], None]) -> Callable[[int], None]:
    """A hook that does this at the operation of that number, and nothing at others."""
    return lambda operation: happens() if operation == number else None


def crash() -> None:
    """End the process."""
    raise Crash


class ForgetfulStore(WatchedStore):
    """Commits a new head, loses the answer, tries again and so meets its own head."""

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        """See `Store`."""
        new = super().replace(name, data, version=version)
        if name == HEAD:
            raise Changed(f"{name}: the current version is not {version}")
        return new
