"""Suppression: contributors who were erased, so that nothing of theirs comes in, or back, again.

The list must outlive the erasure and yet not name who was erased. It holds the SHA-256 of a
pseudonym, which is itself 128 bits of a keyed hash: who does not know the pseudonym cannot find it,
and who meets it again (a late upload, a restored backup) recognises it.

What is suppressed is destroyed wherever it turns up, so each entry is signed by the log's key: who
can write to the store cannot have anybody's recordings destroyed. Nor by an entry that was lifted
and of which they kept a copy: lifting is logged, and an entry that was signed before counts for
nothing. The leaf's digest says whose it is only to who has the log's key: it is of a signature.
"""

import hashlib
from collections.abc import Callable

from unvoiced import names
from unvoiced.disposal.sweep import sweep
from unvoiced.errors import AlreadyExists, InputError, NotFound, StoreError, VerificationError
from unvoiced.log.ledger import Ledger
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores.interface import Entry, Store

_PREFIX = "suppressed/"
_TITLE = "unvoiced suppression v1"
_LIFTING = "unvoiced lifting v1"


def suppression_id(pseudonym: str) -> str:
    """What an erased contributor is known by: 64 hex digits."""
    return hashlib.sha256(
        b"unvoiced suppression\0" + names.pseudonym(pseudonym).encode()
    ).hexdigest()


def lifting(pseudonym: str, signer: Signer) -> str:
    """What the log knows the lifting of a contributor's suppression by: 64 hex digits."""
    note = sign_statement(_LIFTING, {"id": suppression_id(pseudonym)}, signer)
    return hashlib.sha256(note).hexdigest()


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
    """The list, in the journal store; `verifier` is the log's public key, `ledger` says what is in
    the log now.
    """

    def __init__(self, store: Store, verifier: Verifier, ledger: Callable[[], Ledger]) -> None:
        self._store = store
        self._verifier = verifier
        self._ledger = ledger
        # (object name, version) -> what lifts it, and the log's size when it was signed
        self._verified: dict[tuple[str, str], tuple[str, int]] = {}

    def add(self, pseudonym: str, since: str, signer: Signer) -> None:
        """Suppress a contributor; durable when it returns, and nothing new where they are."""
        whose = suppression_id(pseudonym)
        name, lifted_by = f"{_PREFIX}{whose}", lifting(pseudonym, signer)
        body = {"id": whose, "since": since, "as_of": self._ledger().size, "lifting": lifted_by}
        note = sign_statement(_TITLE, body, signer)
        try:
            self._store.put_if_absent(name, note)
        except AlreadyExists:
            found = self._store.head(name)
            if found is not None and not self._counts(found, self._ledger()):  # an old one
                self.remove(pseudonym)
                self.add(pseudonym, since, signer)

    def require(self, pseudonym: str) -> None:
        """Raises `InputError` for who is not on the list."""
        if self._store.head(f"{_PREFIX}{suppression_id(pseudonym)}") is None:
            raise InputError(f"{pseudonym} is not suppressed")

    def remove(self, pseudonym: str) -> None:
        """Take somebody off the list whose suppression the log says is lifted."""
        name = f"{_PREFIX}{suppression_id(pseudonym)}"
        for why in sweep(self._store, name).left.values():
            raise StoreError(why)

    def now(self) -> Suppressed:
        """Who is suppressed now. Raises `VerificationError` for an entry that nobody of ours made.

        Each entry is read once in the life of this object, and again where it has changed.
        """
        listed = list(self._store.list(_PREFIX))
        if not listed:
            return Suppressed(frozenset())
        ledger = self._ledger()
        found = [entry for entry in listed if self._counts(entry, ledger)]
        return Suppressed(frozenset(entry.name.removeprefix(_PREFIX) for entry in found))

    def _counts(self, entry: Entry, ledger: Ledger) -> bool:
        """Whether an entry is ours and was not lifted since it was signed."""
        place = (entry.name, entry.version)
        if place not in self._verified:
            try:
                note = self._store.get(*place).data
            except NotFound:  # lifted meanwhile
                return False
            said = open_statement(_TITLE, note, self._verifier)
            if f"{_PREFIX}{said.get('id')}" != entry.name:
                raise VerificationError(f"{entry.name} is not a suppression of its own name")
            self._verified[place] = (str(said["lifting"]), int(said["as_of"]))
        return not ledger.is_lifted(*self._verified[place])
