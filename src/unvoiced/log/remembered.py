"""The newest checkpoint that somebody has seen, kept where the log's own store cannot change it.

Who was just started knows a log only as its store shows it, and would sign on top of a restored
backup: a second history (INV-7). Who remembers, refuses.
"""

from unvoiced.errors import AlreadyExists, Changed, NotFound
from unvoiced.log.note import Checkpoint, Verifier
from unvoiced.stores.interface import Store

_ATTEMPTS = 8


class RememberedCheckpoint:
    """One signed checkpoint under a name in a store that is not the log's."""

    def __init__(self, store: Store, name: str, verifier: Verifier) -> None:
        self._store = store
        self._name = name
        self._verifier = verifier

    def load(self) -> Checkpoint | None:
        """What was seen last, if anything. Raises `VerificationError` for a damaged note."""
        try:
            return Checkpoint.open(self._store.get(self._name).data, self._verifier)
        except NotFound:
            return None

    def keep(self, note: bytes) -> None:
        """Remember a verified checkpoint, unless a later one is remembered already."""
        size = Checkpoint.open(note, self._verifier).size
        for _ in range(_ATTEMPTS):
            try:
                stored = self._store.get(self._name)
            except NotFound:
                try:
                    self._store.put_if_absent(self._name, note)
                except AlreadyExists:
                    continue
                return
            if Checkpoint.open(stored.data, self._verifier).size >= size:
                return
            try:
                self._store.replace(self._name, note, version=stored.version)
            except Changed:
                continue
            return
