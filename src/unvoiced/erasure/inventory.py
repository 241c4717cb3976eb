"""What there is of one contributor: to show before an erasure, and to observe after it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from unvoiced.disposal import suppression_id
from unvoiced.eraser import Eraser
from unvoiced.erasure.record import Erasure, Erasures
from unvoiced.erasure.records_of import naming, why_it_would_wait
from unvoiced.erasure.shards import STORE as CATALOG_SHARDS
from unvoiced.erasure.shards import shard_versions
from unvoiced.erasure.work import UNDER_HOLD, Work
from unvoiced.log.leaves import rfc3339
from unvoiced.stores import Entry, Store


@dataclass(frozen=True)
class Held:
    """What one store holds, or one part of it; delete markers are counted as versions."""

    what: str
    objects: int
    versions: int
    bytes: int
    locked: int = 0
    locked_until: datetime | None = None  # the last day
    shared: bool = False  # with others: a shard of the catalog, which may hold nothing of theirs


@dataclass(frozen=True)
class Inventory:
    """All that there is of one contributor."""

    stores: tuple[Held, ...]
    legal_hold: str  # "", the pseudonym or "everything"
    suppressed: bool
    record: Erasure | None
    waits_for: tuple[str, ...]  # what an erasure would wait for; names nobody

    @property
    def versions(self) -> int:
        """How many versions there are in all stores of what is theirs alone."""
        return versions_of(self.stores)


def versions_of(stores: Iterable[Held]) -> int:
    """How many versions there are of what is one contributor's alone."""
    return sum(held.versions for held in stores if not held.shared)


def take_inventory(eraser: Eraser, pseudonym: str) -> Inventory:
    """List everything, in every version; nothing is changed. Raises `InputError`, `StoreError`."""
    records = Erasures(eraser.journal, eraser.undertaker.signer)
    whose = suppression_id(pseudonym)
    record = records.load(whose)
    asked = Work(eraser, records, record or Erasure(whose, pseudonym, "", 0, "", {}), pseudonym)
    training = eraser.training
    held = [_held("raw", eraser.raw.versions(f"{pseudonym}/"))]
    if eraser.archive is not None:
        held.append(_locked("archive", eraser.archive, f"{pseudonym}/"))
    held.append(_held("key object", training.versions(f"keys/{pseudonym}")))
    held += [
        _held(f"features {feature_set}", training.versions(f"features/{feature_set}/{pseudonym}/"))
        for feature_set in training.folders("features/")
    ]
    records_of_them = list(naming(asked))
    held.append(_held("journal", records_of_them))
    held.append(_shared("catalog shards, others' too", shard_versions(training, pseudonym)))
    legal_hold = eraser.holds.held().by(pseudonym) or ""
    return Inventory(
        stores=tuple(held),
        legal_hold=legal_hold,
        suppressed=pseudonym in eraser.suppression.now(),
        record=record,
        waits_for=(
            *([UNDER_HOLD] if legal_hold else []),
            *(
                f"{one.what}: {one.locked} objects locked until {rfc3339(one.locked_until)}"
                for one in held
                if one.locked and one.locked_until
            ),
            *why_it_would_wait(asked, records_of_them),
        ),
    )


def observe(work: Work) -> dict[str, int]:
    """How many versions and delete markers are listed of them now, by store."""
    whose, eraser = work.pseudonym, work.eraser
    training = eraser.training
    counts = {
        "raw": _count(eraser.raw.versions(f"{whose}/")),
        "training": _count(training.versions(f"keys/{whose}"))
        + sum(
            _count(training.versions(f"features/{feature_set}/{whose}/"))
            for feature_set in training.folders("features/")
        ),
        "journal": _count(naming(work)),
        CATALOG_SHARDS: _count(shard_versions(training, whose)),
    }
    if eraser.archive is not None:
        counts["archive"] = _count(eraser.archive.versions(f"{whose}/"))
    return counts


def _count(entries: Iterable[Entry]) -> int:
    return sum(1 for _ in entries)


def _held(what: str, entries: Iterable[Entry]) -> Held:
    found = list(entries)
    names = {entry.name for entry in found}
    return Held(what, len(names), len(found), sum(entry.size for entry in found))


def _shared(what: str, entries: Iterable[Entry]) -> Held:
    return replace(_held(what, entries), shared=True)


def _locked(what: str, store: Store, prefix: str) -> Held:
    found = list(store.versions(prefix))
    plain = _held(what, found)
    kept = [store.keeping(entry.name, entry.version) for entry in found if not entry.delete_marker]
    locks = [one for one in kept if one and (one.retain_until or one.legal_hold)]
    days = [one.retain_until for one in locks if one.retain_until]
    return Held(
        what, plain.objects, plain.versions, plain.bytes, len(locks), max(days) if days else None
    )
