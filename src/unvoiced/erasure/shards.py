"""The catalog's part in an erasure: the shards that may hold a contributor's rows.

A shard is derived: it holds the rows of everybody whose pseudonym begins with one character, and
the next build makes it anew, of what is there then. So it is not read but destroyed, in every
version, once the features are gone. Who is being erased is suppressed by then, and a build asks for
that directly before it puts a shard and again after. What a build had asked too early about, it
replaces itself; the version it replaced is destroyed here, with the next run of any erasure.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from unvoiced.catalog.schema import CATALOG, shard_name
from unvoiced.disposal import sweep
from unvoiced.eraser import Eraser
from unvoiced.erasure.record import Stage
from unvoiced.erasure.work import Work
from unvoiced.stores import Entry, Store

STORE = "catalog"  # what counts call it; the shards lie in the training store
_SLACK = timedelta(days=1)  # between the store's clock and ours


def shard_versions(training: Store, pseudonym: str) -> Iterator[Entry]:
    """Every version of the shards in which their rows belong, of all feature sets."""
    for feature_set in list(training.folders(CATALOG)):
        yield from training.versions(shard_name(feature_set, pseudonym[0]))


def destroy_shards(work: Work) -> None:
    """Destroy every version there is by now; what is put meanwhile, whoever observes will see.

    While the erasure waits for something else, only versions from before their key was destroyed:
    else a lock of years would have shards destroyed with every run that looks whether it is over.
    """
    training = work.eraser.training
    found = list(shard_versions(training, work.pseudonym))
    if work.reasons:
        since = datetime.fromisoformat(work.record.stages[Stage.KEY_DESTROYED.value]) + _SLACK
        found = [one for one in found if one.modified < since]
    for name in sorted({one.name for one in found}):
        work.unless_held()
        due = {one.version for one in found if one.name == name}
        done = sweep(training, name, lambda one, due=due: one.version in due)  # type: ignore[misc]
        work.count(STORE, done.destroyed)
        work.leave(STORE, done)


def forget_replaced(eraser: Eraser) -> None:
    """Destroy the versions of shards that a build has replaced: they may name who was erased.

    Raises `StoreError` where one cannot be destroyed.
    """
    entries = list(eraser.training.versions(CATALOG))  # a name's newest first
    for newer, entry in pairwise(entries):
        if newer.name == entry.name:
            eraser.training.delete(entry.name, entry.version)
