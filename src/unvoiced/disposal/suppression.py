"""Suppression: contributors who were erased, so that nothing of theirs comes in, or back, again.

The list must outlive the erasure and yet not name who was erased. It holds the SHA-256 of a
pseudonym, which is itself 128 bits of a keyed hash: who does not know the pseudonym cannot find it,
and who meets it again (a late upload, a restored backup) recognises it.
"""

import hashlib

import rfc8785

from unvoiced import names
from unvoiced.errors import AlreadyExists, InputError
from unvoiced.stores.interface import Store

_PREFIX = "suppressed/"


def suppression_id(pseudonym: str) -> str:
    """What an erased contributor is known by: 64 hex digits."""
    return hashlib.sha256(
        b"unvoiced suppression\0" + names.pseudonym(pseudonym).encode()
    ).hexdigest()


class Suppressed:
    """Who is suppressed at one moment."""

    def __init__(self, ids: frozenset[str]) -> None:
        self._ids = ids

    def __contains__(self, pseudonym: object) -> bool:
        try:
            return suppression_id(str(pseudonym)) in self._ids if self._ids else False
        except InputError:  # no pseudonym, so nobody's
            return False

    def __len__(self) -> int:
        return len(self._ids)


class SuppressionList:
    """The list, in the journal store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, pseudonym: str, since: str) -> None:
        """Suppress a contributor; durable when it returns, and nothing new where they are."""
        name = f"{_PREFIX}{suppression_id(pseudonym)}"
        try:
            self._store.put_if_absent(name, rfc8785.dumps({"since": since}))
        except AlreadyExists:
            return

    def lift(self, pseudonym: str) -> None:
        """Let somebody who was erased contribute again. Raises `InputError` for who was not."""
        listed = self._store.head(f"{_PREFIX}{suppression_id(pseudonym)}")
        if listed is None:
            raise InputError(f"{pseudonym} is not suppressed")
        self._store.delete(listed.name, listed.version)

    def now(self) -> Suppressed:
        """Who is suppressed now."""
        listed = self._store.list(_PREFIX)
        return Suppressed(frozenset(entry.name.removeprefix(_PREFIX) for entry in listed))
