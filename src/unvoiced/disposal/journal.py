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

The journal holds object names, hence pseudonyms. It is private to the pipeline, and has a store of
its own, so that all of the log's can be published.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import rfc8785

from unvoiced.errors import NotFound, VerificationError
from unvoiced.stores.interface import Store

_PREFIX = "pages/"


@dataclass(frozen=True)
class PlacedFeatures:
    """A feature object: its name in the training store, its feature set and its own digest."""

    name: str
    feature_set: str
    sha256: str


@dataclass(frozen=True)
class JournalEntry:
    """One version of one sealed recording, and all that has to be durable before it may go."""

    name: str
    version: str
    sha256: str
    features: tuple[PlacedFeatures, ...]
    key_name: str
    key_sha256: str


@dataclass(frozen=True)
class Page:
    """Entries that were written together, and the name to remove them by."""

    name: str
    entries: tuple[JournalEntry, ...]


class Journal:
    """Pages of entries, in the journal store under `pages/`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, entries: Sequence[JournalEntry]) -> Page:
        """Make entries durable; returns once they are."""
        name = f"{_PREFIX}{secrets.token_hex(12)}.json"
        page = Page(name, tuple(entries))
        self._store.put_if_absent(name, rfc8785.dumps([asdict(entry) for entry in entries]))
        return page

    def pages(self) -> Iterator[Page]:
        """Every page there is; one that another run removes meanwhile is passed over."""
        for listed in self._store.list(_PREFIX):
            try:
                data = self._store.get(listed.name).data
            except NotFound:
                continue
            yield Page(listed.name, tuple(_entry(listed.name, item) for item in _items(data)))

    def knows_features(self, digest: str) -> bool:
        """Whether some entry names this feature object."""
        return any(
            features.sha256 == digest
            for page in self.pages()
            for entry in page.entries
            for features in entry.features
        )

    def remove(self, page: Page) -> None:
        """Take a settled page out."""
        listed = self._store.head(page.name)
        if listed is not None:
            self._store.delete(page.name, listed.version)


def _items(data: bytes) -> list[dict[str, object]]:
    try:
        items = json.loads(data)
    except ValueError:
        items = None
    return items if isinstance(items, list) else [{}]


def _entry(page: str, item: dict[str, object]) -> JournalEntry:
    try:
        features = tuple(PlacedFeatures(**placed) for placed in item.pop("features"))  # type: ignore[attr-defined]
        return JournalEntry(features=features, **item)  # type: ignore[arg-type]
    except (KeyError, TypeError, AttributeError):
        raise VerificationError(f"journal page {page} is damaged") from None
