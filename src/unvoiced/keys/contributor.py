"""Contributor keys: every contributor's features are sealed to a key pair of their own.

The private half is sealed to the dataset key the moment it is made, so the worker that makes it
cannot open what it seals (INV-2), and destroying one object makes one contributor's features
unreadable everywhere (INV-10). The public half stands in the same object's header.

1. The leaf with the object's digest is logged before the object is put: whoever finds an object in
   the store can tell whether a worker made it. A swapped key is unknown, and diverts nothing.
2. The object is put if absent, or over an unknown one. Where another run was faster, its key is
   known by (1), and is used. One that the log calls destroyed is not replaced: were that leaf
   false, the last key to somebody's features would go.
3. A key counts when its object has been read back.
"""

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from unvoiced.errors import (
    AlreadyExists,
    Changed,
    InputError,
    NotFound,
    StoreError,
    VerificationError,
)
from unvoiced.log.accounts import Accounts
from unvoiced.log.leaves import encode_leaf
from unvoiced.names import SUFFIX
from unvoiced.sealing import Context, PrivateKey, PublicKey, parse_header, seal
from unvoiced.stores.interface import Store, Stored
from unvoiced.stores.together import together

_PURPOSE = "contributor-key"
_ATTEMPTS = 8
# Verified keys kept in memory, a few kilobytes each: more than a batch has contributors.
_REMEMBERED = 4096


@dataclass(frozen=True)
class ContributorKey:
    """A contributor's public key and the object that holds its private half."""

    public: PublicKey
    object_name: str
    object_digest: str


def key_object_name(pseudonym: str) -> str:
    """Where a contributor's key object stands in the training store."""
    return f"keys/{pseudonym}{SUFFIX}"


def key_context(pseudonym: str) -> Context:
    """What opening a contributor's key object has to expect."""
    return {"purpose": _PURPOSE, "pseudonym": pseudonym}


def contradiction(pseudonym: str) -> str:
    """What to do about a key object that stands though the log calls it destroyed."""
    return (
        f"{key_object_name(pseudonym)} stands, and the log calls it destroyed: a backup came back, "
        "or who signs for the log said what is not so. It is neither used nor replaced. Once it is "
        "deleted (keep a copy where the features sealed to it are to stay), a new key is made: "
        "docs/keys.md"
    )


class TrustedKeys:
    """Finds the keys of contributors that the log knows; remembers those it has verified.

    The thousands asked for last, that is: what it holds does not grow with the contributors.
    """

    def __init__(self, training: Store, accounts: Accounts) -> None:
        self._training = training
        self._accounts = accounts
        self._known: dict[str, ContributorKey] = {}

    def find(self, pseudonyms: Iterable[str]) -> set[str]:
        """Look these contributors' keys up anew; returns those that have none to be trusted."""
        trusted = self._accounts.current().contributor_keys
        wanted = sorted(set(pseudonyms))
        missing = set()
        for pseudonym, stored in zip(
            wanted, together(self._training, self._read, wanted), strict=True
        ):
            if not self._adopt(pseudonym, stored, trusted):
                missing.add(pseudonym)
        while len(self._known) > max(_REMEMBERED, len(wanted)):
            del self._known[next(iter(self._known))]
        return missing

    def contradicted(self, pseudonyms: Iterable[str]) -> set[str]:
        """Those under whose name a key object stands that the log calls destroyed."""
        destroyed = self._accounts.current().destroyed_contributor_keys
        return {one for one in pseudonyms if _digest(self._read(one)) in destroyed}

    def __getitem__(self, pseudonym: str) -> ContributorKey:
        return self._known[pseudonym]

    def still_stands(self, key: ContributorKey) -> bool:
        """Whether the store still holds this very key object: features need it to be readable."""
        try:
            data = self._training.get(key.object_name).data
        except NotFound:
            return False
        return hashlib.sha256(data).hexdigest() == key.object_digest

    def _read(self, pseudonym: str) -> Stored | None:
        try:
            return self._training.get(key_object_name(pseudonym))
        except NotFound:
            return None

    def _adopt(self, pseudonym: str, stored: Stored | None, trusted: Collection[str]) -> bool:
        """Use a stored key if the log knows its object and it is this contributor's."""
        known = self._known.pop(pseudonym, None)
        if stored is None:
            return False
        digest = hashlib.sha256(stored.data).hexdigest()
        if digest not in trusted:
            return False
        if known is not None and known.object_digest == digest:  # the very object verified before
            self._known[pseudonym] = known
            return True
        try:
            context = parse_header(stored.data).context
            if context["purpose"] != _PURPOSE or context["pseudonym"] != pseudonym:
                return False
            public = PublicKey(base64.b64decode(str(context["public_key"]), validate=True))
        except (InputError, KeyError, ValueError):
            return False
        self._known[pseudonym] = ContributorKey(public, stored.name, digest)
        return True


class ContributorKeys(TrustedKeys):
    """Makes the keys that are not there, too."""

    def __init__(
        self,
        training: Store,
        accounts: Accounts,
        dataset: PublicKey,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(training, accounts)
        self._dataset = dataset
        self._now = now

    def create(self, pseudonyms: Iterable[str]) -> None:
        """Make a key for each of these contributors, unless another run is faster.

        Raises `VerificationError` where one stands that the log calls destroyed.
        """
        made = {pseudonym: self._make(pseudonym) for pseudonym in sorted(pseudonyms)}
        digests = sorted(hashlib.sha256(data).hexdigest() for data in made.values())
        self._accounts.append(
            [encode_leaf("contributor-key", digest, self._now()) for digest in digests]
        )
        for pseudonym, data in made.items():
            self._place(pseudonym, data)

    def ensure(self, pseudonyms: Iterable[str]) -> None:
        """Find or make a key that the log knows for each of these contributors."""
        self.create(self.find(pseudonyms))

    def _make(self, pseudonym: str) -> bytes:
        pair = PrivateKey.generate()
        public = base64.b64encode(pair.public.raw).decode()
        context = {**key_context(pseudonym), "public_key": public}
        return seal(pair.secret_bytes(), self._dataset, context)

    def _place(self, pseudonym: str, data: bytes) -> None:
        name = key_object_name(pseudonym)
        for _ in range(_ATTEMPTS):
            stored = self._read(pseudonym)
            ledger = self._accounts.current()
            if self._adopt(pseudonym, stored, ledger.contributor_keys):
                return
            if hashlib.sha256(data).hexdigest() in ledger.destroyed_contributor_keys:
                raise StoreError(f"{name} was destroyed as it was being made: by an erasure")
            if _digest(stored) in ledger.destroyed_contributor_keys:
                raise VerificationError(contradiction(pseudonym))
            try:
                if stored is None:
                    self._training.put_if_absent(name, data)
                else:
                    self._training.replace(name, data, version=stored.version)
            except (AlreadyExists, Changed):
                continue
        raise StoreError(f"{name} keeps changing under the worker's hands")


def _digest(stored: Stored | None) -> str:
    return hashlib.sha256(stored.data).hexdigest() if stored is not None else ""
