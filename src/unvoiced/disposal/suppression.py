"""Suppression: contributors who were erased, so that nothing of theirs comes in, or back, again.

The list must outlive the erasure and yet not name who was erased. It holds the SHA-256 of a
pseudonym, which is itself 128 bits of a keyed hash: who does not know the pseudonym cannot find it,
and who meets it again (a late upload, a restored backup) recognises it.

What is suppressed is destroyed wherever it turns up, so each entry is signed by the log's key: who
can write to the store cannot have anybody's recordings destroyed.
"""

import hashlib

from unvoiced import names
from unvoiced.disposal.sweep import sweep
from unvoiced.errors import AlreadyExists, InputError, NotFound, StoreError, VerificationError
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores.interface import Entry, Store

_PREFIX = "suppressed/"
_TITLE = "unvoiced suppression v1"


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
    """The list, in the journal store; `verifier` is the log's public key."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier
        self._verified: set[tuple[str, str]] = set()  # (object name, version)

    def add(self, pseudonym: str, since: str, signer: Signer) -> None:
        """Suppress a contributor; durable when it returns, and nothing new where they are."""
        whose = suppression_id(pseudonym)
        note = sign_statement(_TITLE, {"id": whose, "since": since}, signer)
        try:
            self._store.put_if_absent(f"{_PREFIX}{whose}", note)
        except AlreadyExists:
            return

    def lift(self, pseudonym: str) -> None:
        """Let somebody who was erased contribute again. Raises `InputError` for who was not."""
        name = f"{_PREFIX}{suppression_id(pseudonym)}"
        if self._store.head(name) is None:
            raise InputError(f"{pseudonym} is not suppressed")
        for why in sweep(self._store, name).left.values():
            raise StoreError(why)

    def now(self) -> Suppressed:
        """Who is suppressed now. Raises `VerificationError` for an entry that nobody of ours made.

        Each entry is read once in the life of this object, and again where it has changed.
        """
        found = [entry for entry in self._store.list(_PREFIX) if self._is_genuine(entry)]
        return Suppressed(frozenset(entry.name.removeprefix(_PREFIX) for entry in found))

    def _is_genuine(self, entry: Entry) -> bool:
        if (entry.name, entry.version) not in self._verified:
            try:
                note = self._store.get(entry.name, entry.version).data
            except NotFound:  # lifted meanwhile
                return False
            whose = open_statement(_TITLE, note, self._verifier).get("id")
            if f"{_PREFIX}{whose}" != entry.name:
                raise VerificationError(f"{entry.name} is not a suppression of its own name")
            self._verified.add((entry.name, entry.version))
        return True
