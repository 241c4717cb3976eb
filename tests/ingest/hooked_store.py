"""A store with a say in what happens around each call: how a test makes one lie, fail or die."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from unvoiced.errors import StoreError
from unvoiced.stores import Entry, Keeping, Store, Stored
from unvoiced.stores.deleting import delete_each

# Called with the operation, the object's name (or prefix), and what would do it.
Around = Callable[[str, str, Callable[[], Any]], Any]
CHANGES = frozenset({"put_if_absent", "put_locked", "replace", "delete"})


class HookedStore:
    """`Store` around another one; each call goes through `around`, which may do it, or not."""

    def __init__(self, inner: Store, around: Around) -> None:
        self.inner = inner
        self.url = inner.url
        self.together = inner.together
        self._around = around

    def check_conditions(self, *, replacing: bool = True) -> None:
        """What is around a store takes none of its promises away."""
        self.inner.check_conditions(replacing=replacing)

    def put_if_absent(self, name: str, data: bytes) -> str:
        """As `Store` says, as far as `around` lets it."""
        version: str = self._around(
            "put_if_absent", name, lambda: self.inner.put_if_absent(name, data)
        )
        return version

    def replace(self, name: str, data: bytes, *, version: str) -> str:
        """As `Store` says, as far as `around` lets it."""
        new: str = self._around(
            "replace", name, lambda: self.inner.replace(name, data, version=version)
        )
        return new

    def get(self, name: str, version: str | None = None) -> Stored:
        """As `Store` says, as far as `around` lets it."""
        stored: Stored = self._around("get", name, lambda: self.inner.get(name, version))
        return stored

    def get_start(self, name: str, version: str, length: int) -> bytes:
        """As `Store` says, as far as `around` lets it."""
        start: bytes = self._around(
            "get_start", name, lambda: self.inner.get_start(name, version, length)
        )
        return start

    def head(self, name: str) -> Entry | None:
        """As `Store` says, as far as `around` lets it."""
        entry: Entry | None = self._around("head", name, lambda: self.inner.head(name))
        return entry

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """As `Store` says, as far as `around` lets it."""
        return iter(self._around("list", prefix, lambda: self.inner.list(prefix)))

    def versions(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """As `Store` says, as far as `around` lets it."""
        return iter(self._around("versions", prefix, lambda: self.inner.versions(prefix, after)))

    def delete(self, name: str, version: str) -> None:
        """As `Store` says, as far as `around` lets it."""
        self._around("delete", name, lambda: self.inner.delete(name, version))

    def delete_many(self, versions: Sequence[tuple[str, str]]) -> Sequence[StoreError | None]:
        """As `Store` says, as far as `around` lets it: each is a `delete`."""
        return delete_each(self, versions)

    def folders(self, prefix: str = "") -> Iterator[str]:
        """As `Store` says, as far as `around` lets it."""
        return iter(self._around("folders", prefix, lambda: self.inner.folders(prefix)))

    def put_locked(self, name: str, data: bytes, **how: Any) -> str:
        """As `Store` says, as far as `around` lets it."""
        version: str = self._around(
            "put_locked", name, lambda: self.inner.put_locked(name, data, **how)
        )
        return version

    def keeping(self, name: str, version: str) -> Keeping | None:
        """As `Store` says, as far as `around` lets it."""
        kept: Keeping | None = self._around(
            "keeping", name, lambda: self.inner.keeping(name, version)
        )
        return kept

    def restore(self, name: str, version: str, *, days: int, tier: str) -> bool:
        """As `Store` says, as far as `around` lets it."""
        readable: bool = self._around(
            "restore", name, lambda: self.inner.restore(name, version, days=days, tier=tier)
        )
        return readable


def once(operation: str, prefix: str, act: Callable[[], object], *, after: bool = False) -> Around:
    """Do something just before, or after, the first such call on a name with this prefix."""
    left = [act]

    def around(called: str, name: str, proceed: Callable[[], Any]) -> Any:
        mine = called == operation and name.startswith(prefix) and left
        if mine and not after:
            left.pop()()
        result = proceed()
        if mine and after:
            left.pop()()
        return result

    return around
