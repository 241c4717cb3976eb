"""What retirement is about to do, written down durably and signed before it does it.

A key that is gone from the vault was either destroyed on purpose or lost, and only the first may be
logged as retired while recordings sealed to it turn up late. So the intention is signed by the
log's key: who can write to the journal store cannot make one up. They can put back one that was
given up, if they kept it; so a receipt that rests on an intention alone says that it does
(`receipt.Deletion`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from unvoiced.errors import AlreadyExists, NotFound, VerificationError
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import open_statement, sign_statement
from unvoiced.stores import Store

_PREFIX = "retiring/"
_TITLE = "unvoiced intake key retirement v1"


@dataclass(frozen=True)
class Retiring:
    """A key that is about to be destroyed, or was."""

    epoch: str
    digest: str


class Retirings:
    """Intentions in the journal store, under `retiring/`."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self._store = store
        self._verifier = verifier

    def write(self, retiring: Retiring, signer: Signer) -> None:
        """Make one durable, unless it stands already."""
        body = {"epoch": retiring.epoch, "digest": retiring.digest}
        note = sign_statement(_TITLE, body, signer)
        try:
            self._store.put_if_absent(_name(retiring), note)
        except AlreadyExists:
            return

    def all(self) -> Iterator[Retiring]:
        """Every one there is. Raises `VerificationError` for one that nobody of ours signed."""
        for listed in self._store.list(_PREFIX):
            try:
                note = self._store.get(listed.name).data
            except NotFound:
                continue
            yield self._open(listed.name, note)

    def remove(self, retiring: Retiring) -> None:
        """Take one out: it is carried out and logged, or given up."""
        listed = self._store.head(_name(retiring))
        if listed is not None:
            self._store.delete(listed.name, listed.version)

    def _open(self, name: str, note: bytes) -> Retiring:
        body = open_statement(_TITLE, note, self._verifier)
        try:
            retiring = Retiring(**body)
            if _name(retiring) != name:
                raise ValueError
        except (ValueError, TypeError):
            raise VerificationError(f"{name} is not an intention of its own name") from None
        return retiring


def _name(retiring: Retiring) -> str:
    # By digest too: a name of an epoch is not used twice, and a note that is replayed says so.
    return f"{_PREFIX}{retiring.epoch}-{retiring.digest[:16]}"
