"""Contributors' private keys: found, asked about in the log, and opened when they are needed.

INV-10 a key that the log calls destroyed, as far as it was read, is not held and opens nothing.

Keys are opened one by one with the dataset key. The most recently found are held, so many that a
training set of any size needs the memory of some thousands.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from unvoiced.errors import NotFound, OpenError, UnvoicedError, VerificationError
from unvoiced.keys.contributor import key_context, key_object_name
from unvoiced.log.ledger import Ledger
from unvoiced.reader.reason import Reason
from unvoiced.sealing import PrivateKey, open_sealed, parse_header

_HELD = 4096

Found = bytes | NotFound | VerificationError  # what was fetched, or why it is not to be used
Fetch = Callable[[Collection[str]], Iterable[tuple[str, Found]]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a contributor's key is not used, and so nothing of theirs is read."""

    reason: Reason
    error: UnvoicedError


@dataclass(slots=True)
class _Held:
    digest: str  # of the key object
    sealed: bytes
    key: PrivateKey | None = field(default=None)


class KeyCache:
    """The keys that one reader has in hand."""

    def __init__(self, dataset: PrivateKey, fetch: Fetch) -> None:
        """`fetch` gets objects of the training store by name."""
        self._dataset = dataset
        self._fetch = fetch
        self._held: dict[str, _Held] = {}  # by pseudonym

    def clear(self) -> None:
        """Let go of all keys."""
        self._held.clear()

    def missing(self, pseudonyms: Iterable[str]) -> set[str]:
        """Those whose keys have to be found first."""
        return {one for one in pseudonyms if one not in self._held}

    def find(self, pseudonyms: Collection[str], ledger: Ledger) -> Mapping[str, Refusal]:
        """Fetch the key objects that are missing, still sealed; by pseudonym, which are refused."""
        names = {key_object_name(one): one for one in sorted(self.missing(pseudonyms))}
        refused = {}
        for name, found in self._fetch(names):
            pseudonym = names[name]
            if isinstance(found, NotFound):
                gone = NotFound(f"{name}: this contributor's key is no longer there")
                refused[pseudonym] = Refusal(Reason.NO_KEY, gone)
                continue
            if isinstance(found, VerificationError):
                refused[pseudonym] = Refusal(Reason.KEY_UNKNOWN, found)
                continue
            digest = hashlib.sha256(found).hexdigest()
            if digest in ledger.destroyed_contributor_keys:
                refused[pseudonym] = _destroyed(name)
            elif digest not in ledger.contributor_keys:
                error = VerificationError(f"{name}: the log knows no such key object")
                refused[pseudonym] = Refusal(Reason.KEY_UNKNOWN, error)
            else:
                self._held[pseudonym] = _Held(digest, found)
        self._let_go(pseudonyms)
        return refused

    def drop_destroyed(self, ledger: Ledger) -> None:
        """Let go of what the log calls destroyed by now."""
        for pseudonym, held in list(self._held.items()):
            if held.digest in ledger.destroyed_contributor_keys:
                del self._held[pseudonym]

    def digest(self, pseudonym: str) -> str:
        """SHA-256 of the key object of a contributor whose key was found."""
        return self._held[pseudonym].digest

    def open(self, pseudonym: str) -> PrivateKey | Refusal:
        """A contributor's key, or why there is none: dropped since it was found, or another's.

        Raises `OpenError` where it is sealed to another key than the dataset key at hand.
        """
        name, held = key_object_name(pseudonym), self._held.get(pseudonym)
        if held is None:
            return _destroyed(name)
        if held.key is None:
            try:
                with open_sealed(held.sealed, self._dataset, key_context(pseudonym)) as secret:
                    held.key = PrivateKey(secret.data)
            except OpenError as error:
                # One that the log knows and that stands in another's place is no reason to stop.
                if parse_header(held.sealed).key_id != self._dataset.public.key_id:
                    raise
                return Refusal(Reason.NOT_OPENED, error)
        return held.key

    def _let_go(self, needed: Collection[str]) -> None:
        for pseudonym in list(self._held)[: max(0, len(self._held) - _HELD)]:
            if pseudonym not in needed:
                del self._held[pseudonym]


def _destroyed(name: str) -> Refusal:
    error = VerificationError(f"{name}: the log says that this key was destroyed")
    return Refusal(Reason.KEY_DESTROYED, error)
