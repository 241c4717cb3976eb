"""The leaf that says an intake key was destroyed, and what was seen to say so.

INV-9 it cannot be made without the observation that the key is gone from the vault. Fields are
those of a disposal's receipt (`disposal.receipt`). What the retirement could not reach is listed,
and differs by kind of vault: docs/keys.md.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from unvoiced import __version__
from unvoiced.errors import NotDisposed, NotFound
from unvoiced.keys.vault import Unlock, object_of
from unvoiced.log.leaves import FOUND_MISSING, encode_leaf
from unvoiced.stores import Store

_ALWAYS = (
    "memory of processes that held the key, and what was swapped out or dumped from it",
    "copies of the private key made outside this pipeline",
    "blocks of the storage device",
)
_KEY_FILE = (
    "copies of the vault taken earlier together with its key file of that time: the two open",
)
_PASSPHRASE = (
    "replicas, snapshots and backups of the vault: one taken earlier opens with the passphrase",
)
_KEY_SERVICE = (
    "replicas, snapshots and backups of the vault: one taken earlier opens with the key service's "
    "key, until that is destroyed",
)


class Deletion(StrEnum):
    """How far whoever writes a receipt can say that a key was destroyed, and not lost or taken."""

    SEEN = "seen"  # this very run deleted it
    INTENDED = "intended"  # it was gone; a signed intention to destroy it stood
    NONE = "none"  # it was gone, and nobody had meant to destroy it


# An intention can be signed and not carried out, and one that was given up can be put back by who
# kept a copy of it: it alone does not show that a key was destroyed.
_METHOD = {
    Deletion.SEEN: "cryptographic erase",
    Deletion.INTENDED: "cryptographic erase, if the signed intention was carried out",
    Deletion.NONE: "none: found gone",
}
_TECHNIQUE = {
    Deletion.SEEN: "every version of the wrapped private key deleted",
    Deletion.INTENDED: "every version of the wrapped private key was gone when looked at; a signed "
    "intention to destroy it stood",
    Deletion.NONE: "none by this pipeline: the wrapped private key was gone",
}


@dataclass(frozen=True)
class KeyObservation:
    """What was seen in the vault's store after a secret was destroyed."""

    readable: bool  # by its name
    versions_listed: int
    delete_markers: int
    time: datetime

    @property
    def shows_absence(self) -> bool:
        """Whether nothing of it is left."""
        return not (self.readable or self.versions_listed or self.delete_markers)


def observe(vault: Store, secret: str, now: datetime) -> KeyObservation:
    """Look for a secret in every version."""
    name = object_of(secret)
    listed = [entry for entry in vault.versions(name) if entry.name == name]
    try:
        vault.get(name)
        readable = True
    except NotFound:
        readable = False
    markers = sum(entry.delete_marker for entry in listed)
    return KeyObservation(readable, len(listed) - markers, markers, now)


@dataclass(frozen=True)
class RetirementReceipt:
    """An intake key that is gone. Raises `NotDisposed` when that was not observed."""

    digest: str
    epoch: str
    observed: KeyObservation
    unlock: Unlock
    media_type: str
    accepted: int  # recordings sealed to it that were ever accepted
    disposed: int
    performed_by: str
    deletion: Deletion = Deletion.SEEN

    def __post_init__(self) -> None:
        """Refuse to exist without the observation (INV-9)."""
        if not self.observed.shows_absence:
            raise NotDisposed(f"the key of {self.epoch} was not seen to be gone: no receipt")

    def leaf(self) -> bytes:
        """The leaf as it is logged."""
        technique = _TECHNIQUE[self.deletion]
        not_checked = [*_ALWAYS]
        if self.unlock.kms:
            not_checked += _KEY_SERVICE
        elif self.unlock.argon2id:
            not_checked += _PASSPHRASE
        else:
            technique += "; the key that wrapped it replaced, for all secrets of its vault"
            not_checked += _KEY_FILE
        return encode_leaf(
            "intake-key-retired",
            self.digest,
            self.observed.time,
            epoch=self.epoch,
            cause=FOUND_MISSING if self.deletion is Deletion.NONE else "epoch over",
            deletion=self.deletion.value,
            media_type=self.media_type,
            sanitization_method=_METHOD[self.deletion],
            sanitization_technique=technique,
            verification_method="get and list of versions through the store's interface",
            observed={
                "readable": self.observed.readable,
                "versions_listed": self.observed.versions_listed,
                "delete_markers": self.observed.delete_markers,
            },
            not_checked=list(not_checked),
            recordings={"accepted": self.accepted, "disposed": self.disposed},
            performed_by=self.performed_by,
            tool=f"unvoiced {__version__}",
        )
