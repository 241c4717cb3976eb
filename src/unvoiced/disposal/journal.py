"""The journal: what is about to be placed and destroyed, written down durably before either.

An entry ties one version of a sealed recording to the digests of the feature objects made from it.
It serves three ends:

- a feature object whose digest stands in an entry (or in a receipt) is known to be ours, and is
  never replaced; one that nobody knows is, so planting garbage under a name does not get a
  recording destroyed for nothing;
- after a crash, the next run finishes what an entry began, so nothing is destroyed without a
  receipt following;
- a recording that is neither in the raw store nor in a receipt is found here, or is missing.

A page of entries is removed only when the log has settled every recording on it, by whichever run:
removing one for its age or its owner's silence could strand a run that was merely slow.

A page is acted upon, so it carries a MAC over its name and entries under a key of the worker's
vault: who can write to the store cannot say what is to be destroyed.

The journal holds object names, hence pseudonyms. It is private to the pipeline, and has a store of
its own, so that all of the log's can be published.
"""

import hmac
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from unvoiced.errors import AccessError, NotFound, VerificationError
from unvoiced.sealing import canonical
from unvoiced.stores.interface import Store

_PREFIX = "pages/"


@dataclass(frozen=True)
class PlacedFeatures:
    """A feature object: its name in the training store, its feature set and its own digest."""

    name: str
    feature_set: str
    sha256: str


@dataclass(frozen=True)
class ArchivedOriginal:
    """The copy of a recording that stays in the archive, sealed to the archive's key.

    `version` is empty until the object has been put.
    """

    name: str
    sha256: str
    storage_class: str
    retain_until: str  # RFC 3339
    version: str = ""


@dataclass(frozen=True)
class JournalEntry:
    """One version of one sealed recording, and all that has to be durable before it may go."""

    name: str
    version: str
    sha256: str
    features: tuple[PlacedFeatures, ...]
    key_name: str
    key_sha256: str
    archived: ArchivedOriginal | None = None
    uploaded: float = 0.0  # when the store got it, POSIX seconds; 0.0: unknown


@dataclass(frozen=True)
class Page:
    """Entries that were written together, and the name to remove them by."""

    name: str
    entries: tuple[JournalEntry, ...]


class Journal:
    """Pages of entries, in the journal store under `pages/`.

    With `key`, the worker's secret (RFC 5869 makes the MAC's key of it), pages are written, and
    read only where a worker wrote them. Without, they are read as they stand: to be counted.
    """

    def __init__(self, store: Store, key: bytes | None = None) -> None:
        self._store = store
        self._key = None if key is None else HKDF(SHA256(), 32, None, b"journal").derive(key)

    def write(self, entries: Sequence[JournalEntry]) -> Page:
        """Make entries durable; returns once they are."""
        name = f"{_PREFIX}{secrets.token_hex(12)}.json"
        if self._key is None:
            raise AccessError("the journal is written with the worker's vault only")
        items = [_item(entry) for entry in entries]
        content = {"entries": items, "mac": _mac(self._key, name, items)}
        self._store.put_if_absent(name, canonical.dumps(content))
        return Page(name, tuple(entries))

    def pages(self) -> Iterator[Page]:
        """Every page there is; one that another run removes meanwhile is passed over.

        Raises `VerificationError` for one that is damaged, or that no worker wrote.
        """
        for listed in self._store.list(_PREFIX):
            try:
                data = self._store.get(listed.name).data
            except NotFound:
                continue
            items = self._items(listed.name, data)
            yield Page(listed.name, tuple(_entry(listed.name, item) for item in items))

    def knows_features(self, digest: str) -> bool:
        """Whether some entry names this feature object."""
        return any(
            features.sha256 == digest
            for page in self.pages()
            for entry in page.entries
            for features in entry.features
        )

    def archived(self, digest: str) -> ArchivedOriginal | None:
        """What some entry says of an object in the archive, if one names it."""
        for page in self.pages():
            for entry in page.entries:
                if entry.archived is not None and entry.archived.sha256 == digest:
                    return entry.archived
        return None

    def remove(self, page: Page) -> None:
        """Take a settled page out."""
        listed = self._store.head(page.name)
        if listed is not None:
            self._store.delete(page.name, listed.version)

    def _items(self, page: str, data: bytes) -> list[dict[str, Any]]:
        try:
            content = json.loads(data)
            items, mac = content["entries"], content["mac"]
            if not isinstance(items, list) or not isinstance(mac, str):
                raise TypeError
            genuine = self._key is None or _same(mac, _mac(self._key, page, items))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise VerificationError(f"journal page {page} is damaged") from None
        if not genuine:
            raise VerificationError(f"journal page {page} was not written by a worker")
        return items


def _mac(key: bytes, page: str, items: list[dict[str, Any]]) -> str:
    return hmac.digest(key, canonical.dumps({"entries": items, "page": page}), "sha256").hex()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _item(entry: JournalEntry) -> dict[str, Any]:
    """An entry as JSON; `asdict` would copy every text of it."""
    return {
        **vars(entry),
        "features": [vars(placed) for placed in entry.features],
        "archived": vars(entry.archived) if entry.archived is not None else None,
        # A whole number as one: the canonical form of 10.0 is 10, and takes longer to find.
        "uploaded": int(entry.uploaded) if entry.uploaded.is_integer() else entry.uploaded,
    }


def _entry(page: str, item: dict[str, Any]) -> JournalEntry:
    try:
        features = tuple(PlacedFeatures(**placed) for placed in item.pop("features"))
        archived = item.pop("archived", None)
        return JournalEntry(
            features=features,
            archived=ArchivedOriginal(**archived) if archived else None,
            uploaded=float(item.pop("uploaded", 0)),  # earlier versions did not write it
            **item,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise VerificationError(f"journal page {page} is damaged") from None
