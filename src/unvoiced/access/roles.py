"""The role table: who may do what, on which store and with which key.

It is the only place where that is decided. IAM policies (`access.policies`), docs/roles.md and the
test that takes each role's credentials and tries every cell are all made from it. A role has what
its code calls for and nothing besides; what is not here is refused.

- Nobody but the ingest worker can open what contributors send, and it cannot open what it makes of
  that: neither features nor archived originals, of which it cannot even read the bytes.
- Nobody but the archivist can open an archived original, and it can destroy none.
- Nobody who can open features can reach a recording, nor can who opens recordings open features.
- Who grants access to contributors has none to what they send.
- Who erases can destroy and cannot open.
- Who watches, approves and reviews can read the trail and change nothing that was written to it.
- Who makes the next intake key has it for that moment, unwraps none afterwards, and reaches no
  recording.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """Who holds credentials, in the words of docs/roles.md."""

    UPLOADER = "uploader"
    INVITER = "inviter"
    WORKER = "ingest worker"
    ARCHIVIST = "archivist"
    DATA_SCIENTIST = "data scientist"
    AUDITOR = "auditor"
    ERASER = "eraser"
    KEY_KEEPER = "key keeper"
    WATCHER = "watcher"

    @property
    def setting(self) -> str:
        """Its name under [roles] in `unvoiced.toml`."""
        return self.value.replace(" ", "_")


class Place(StrEnum):
    """What a right is about: a store, the store of a key vault, or a key."""

    RAW = "raw"
    TRAINING = "training"
    ARCHIVE = "archive"
    LOG = "log"
    JOURNAL = "journal"
    AUDIT = "audit"
    WORKER_VAULT = "worker vault"
    DATASET_VAULT = "dataset vault"
    INVITER_VAULT = "inviter vault"
    ARCHIVE_VAULT = "archive vault"
    WORKER_KEY = "worker key"
    DATASET_KEY = "dataset key"
    INVITER_KEY = "inviter key"
    ARCHIVE_KEY = "archive key"
    LOG_KEY = "log key"

    @property
    def is_key(self) -> bool:
        """Whether it is a key of the key service, not a store."""
        return self.value.endswith(" key")


class Can(StrEnum):
    """What one may do; the last three with keys, the others in stores."""

    READ = "read"  # an object's bytes, of the current version or one that is named
    CREATE = "create"  # put where nothing stands
    REPLACE = "replace"  # put over the version that was seen
    LIST = "list"  # names, sizes, times and versions
    DESTROY = "destroy"  # one version, by its token
    RESTORE = "restore"  # make an object in cold storage readable for some days
    SEE_LOCK = "see lock"  # until when an object may not be destroyed, and its labels
    # Put an object with labels that may not be destroyed before some day. Amazon has no right to
    # do this to new objects alone: it locks, longer and never shorter, and relabels, others too.
    LOCK = "lock"
    WRAP = "wrap"  # encrypt a secret for a vault
    UNWRAP = "unwrap"  # decrypt one
    SIGN = "sign"


@dataclass(frozen=True)
class Right:
    """Leave to do some things in one place.

    `names` narrows it: in a store to objects whose name matches one of them, where "*" stands for
    anything; with a key to the secrets of these names. Without names it is all of the place.
    """

    place: Place
    can: frozenset[Can]
    why: str
    names: tuple[str, ...] = ()


def _right(place: Place, *can: Can, why: str, names: tuple[str, ...] = ()) -> Right:
    return Right(place, frozenset(can), why, names)


# What appending needs: a commit replaces the head and the checkpoint and makes tiles; what leads up
# to it is removed; what the accounts are by then is stated now and again. None of it destroys or
# replaces a full tile, and so the history but its right edge (up to 255 entries), nor announces an
# intake key.
_APPEND = (
    _right(Place.LOG, Can.READ, Can.LIST, why="to append to the log"),
    _right(
        Place.LOG,
        Can.CREATE,
        why="to append to the log",
        names=("checkpoint", "ledger/snapshot", "pending/*", "probe/*", "tile/*"),
    ),
    _right(
        Place.LOG,
        Can.REPLACE,
        why="to append to the log",
        names=("checkpoint", "ledger/snapshot", "pending/head", "probe/*"),
    ),
    _right(
        Place.LOG,
        Can.DESTROY,
        why="appends that are finished, tiles that have been filled since",
        names=("pending/append/*", "tile/*.p/*"),
    ),
)
# Who appends keeps it in the vault, where the log's own store cannot change it.
_REMEMBER = _right(
    Place.WORKER_VAULT,
    *(Can.CREATE, Can.REPLACE),
    why="the newest checkpoint it saw, so that no rollback goes unnoticed",
    names=("log-checkpoint",),
)

# What it takes to sign what one appends.
_SIGN = (
    _right(
        Place.WORKER_VAULT,
        Can.READ,
        why="to sign for the log",
        names=("vault.json", "log/signing.key", "log-checkpoint"),
    ),
    _right(Place.WORKER_VAULT, Can.LIST, why="to tell a missing secret from a refused one"),
    _REMEMBER,
    _right(Place.WORKER_KEY, Can.UNWRAP, why="to sign for the log", names=("log/signing",)),
    _right(Place.LOG_KEY, Can.SIGN, why="to sign for the log"),
)

TABLE: Mapping[Role, tuple[Right, ...]] = MappingProxyType(
    {
        Role.UPLOADER: (
            _right(Place.RAW, Can.CREATE, why="a grant narrows this to one contributor's folder"),
        ),
        Role.INVITER: (
            _right(Place.LOG, Can.READ, Can.LIST, why="the intake key that the log announces"),
            _right(Place.INVITER_VAULT, Can.READ, Can.LIST, why="the key of pseudonyms"),
            _right(Place.INVITER_KEY, Can.UNWRAP, why="the key of pseudonyms"),
        ),
        Role.WORKER: (
            _right(Place.RAW, Can.READ, Can.LIST, Can.DESTROY, why="to extract, then to dispose"),
            _right(Place.RAW, Can.SEE_LOCK, why="to say why a disposal is blocked"),
            _right(
                Place.TRAINING,
                *(Can.READ, Can.CREATE, Can.REPLACE, Can.LIST),
                why="to put features and read them back, sealed; it has no key that opens them",
            ),
            *_APPEND,
            _right(Place.JOURNAL, Can.READ, Can.LIST, why="legal holds, and who was erased"),
            _right(
                Place.JOURNAL,
                *(Can.CREATE, Can.DESTROY),
                why="what is about to be destroyed, and what is in quarantine",
                names=("intents/*", "pages/*", "quarantine/*", "retiring/*"),
            ),
            _right(Place.JOURNAL, Can.CREATE, why="the record of each run: counts and times",
                   names=("runs/*",)),
            _right(Place.ARCHIVE, Can.CREATE, Can.LOCK, Can.SEE_LOCK, Can.LIST,
                   why="to archive, and see that it was; not to read"),
            _right(Place.WORKER_VAULT, Can.READ, Can.LIST, why="intake keys and its other secrets"),
            _REMEMBER,
            _right(
                Place.WORKER_VAULT,
                Can.DESTROY,
                why="intake keys of epochs that are over",
                names=("intake/*",),
            ),
            _right(Place.WORKER_KEY, Can.UNWRAP, why="intake keys and its other secrets"),
            _right(Place.LOG_KEY, Can.SIGN, why="checkpoints"),
        ),
        Role.ARCHIVIST: (
            _right(Place.ARCHIVE, Can.READ, Can.LIST, Can.RESTORE, Can.SEE_LOCK,
                   why="originals kept for legal reasons"),
            _right(Place.ARCHIVE_VAULT, Can.READ, Can.LIST, why="the key that opens them"),
            _right(Place.ARCHIVE_KEY, Can.UNWRAP, why="the key that opens them"),
            _right(Place.TRAINING, Can.READ, Can.LIST, why="contributors' public keys, and what"
                   " there is already"),
            _right(Place.TRAINING, Can.CREATE, Can.REPLACE, names=("features/*", "probe/*"),
                   why="to put features made from them, sealed; it has no key that opens those"),
            _right(Place.JOURNAL, Can.READ, Can.LIST, why="legal holds, and who was erased"),
            *_APPEND,
            *_SIGN,
        ),
        Role.DATA_SCIENTIST: (
            _right(Place.TRAINING, Can.READ, Can.LIST, why="features, sealed"),
            _right(Place.LOG, Can.READ, Can.LIST, why="only what a receipt names is opened"),
            _right(Place.AUDIT, Can.CREATE, why="a record before every read", names=("reads/*",)),
            _right(Place.AUDIT, Can.LIST, why="how much of a quota is used"),
            _right(Place.AUDIT, Can.READ, why="what was approved beyond it",
                   names=("approvals/*",)),
            _right(Place.DATASET_VAULT, Can.READ, Can.LIST, why="the key that opens features"),
            _right(Place.DATASET_KEY, Can.UNWRAP, why="the key that opens features"),
        ),
        Role.AUDITOR: (
            _right(Place.LOG, Can.READ, Can.LIST, why="receipts"),
            _right(Place.AUDIT, Can.READ, Can.LIST, why="who read what"),
            _right(Place.JOURNAL, Can.READ, Can.LIST, why="what is in quarantine, and why"),
            *(
                _right(place, Can.LIST, why="that what should be gone is not there")
                for place in (Place.RAW, Place.TRAINING)
            ),
            _right(Place.TRAINING, Can.READ, why="the digest of a key's object: whose reads they"
                   " were", names=("keys/*",)),
            _right(Place.ARCHIVE, Can.LIST, Can.SEE_LOCK, why="that what is kept is locked"),
            _right(Place.WORKER_VAULT, Can.LIST, why="which epochs have keys; whether Fernet does"),
        ),
        Role.ERASER: (
            *(
                _right(place, Can.LIST, Can.DESTROY, why="every version of what is to go")
                for place in (Place.RAW, Place.TRAINING, Place.ARCHIVE, Place.JOURNAL, Place.AUDIT)
            ),
            _right(Place.RAW, Can.READ, why="the digest of what no run has seen yet"),
            _right(Place.RAW, Can.SEE_LOCK, why="to say why a disposal is blocked"),
            _right(Place.TRAINING, Can.READ, why="the digest of a key's object",
                   names=("keys/*",)),
            _right(Place.ARCHIVE, Can.SEE_LOCK, why="the digest it was put with, and its lock"),
            _right(Place.JOURNAL, Can.READ, why="requests, holds, and what is in quarantine"),
            _right(Place.JOURNAL, Can.CREATE, why="requests, holds, and what is about to go",
                   names=("erasures/*", "holds/*", "intents/*", "suppressed/*")),
            _right(Place.JOURNAL, Can.REPLACE, why="how far an erasure has come",
                   names=("erasures/*",)),
            *_APPEND,
            *_SIGN,
        ),
        Role.KEY_KEEPER: (
            _right(Place.LOG, Can.CREATE, why="to announce the next intake key",
                   names=("intake/*",)),
            *_APPEND,
            _right(Place.WORKER_VAULT, Can.CREATE, why="the next intake key",
                   names=("intake/*",)),
            _right(Place.WORKER_KEY, Can.WRAP, why="the next intake key", names=("intake/*",)),
            *_SIGN,
        ),
        Role.WATCHER: (
            _right(Place.AUDIT, Can.READ, Can.LIST, why="who read what"),
            _right(Place.AUDIT, Can.CREATE, why="what the log is to hold of it, approvals, reviews",
                   names=("approvals/*", "pages/*", "reviews/*", "watch/*")),
            _right(Place.AUDIT, Can.REPLACE, why="how far it has looked", names=("watch/*",)),
            *(
                _right(place, Can.LIST, why="who could reach how much")
                for place in (Place.RAW, Place.TRAINING)
            ),
            *_APPEND,
            *_SIGN,
        ),
    }
)  # fmt: skip


def may(role: Role, can: Can, place: Place, name: str) -> bool:
    """Whether the table lets the role do this to that object, or with the secret of that name."""
    return any(
        can in right.can and right.place is place and _reaches(right.names, name)
        for right in TABLE[role]
    )


def _reaches(patterns: tuple[str, ...], name: str) -> bool:
    if not patterns:
        return True
    return any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    """As IAM matches: "*" is any run of characters, slashes too."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    if not name.startswith(first):
        return False
    name = name[len(first) :]
    *between, last = rest
    for part in between:
        at = name.find(part)
        if at < 0:
            return False
        name = name[at + len(part) :]
    return name.endswith(last)
