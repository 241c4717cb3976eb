"""What there is to read of one feature set: names and sizes, and digests as far as they are known.

The store's listing is the truth; the catalog adds what it knows of the very versions that are
listed. Whoever trusts the catalog can do without the listing. Nothing here is believed when an
object is opened.
"""

import re
import warnings
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from unvoiced.catalog.schema import rows_column
from unvoiced.catalog.table import BUILD
from unvoiced.errors import InputError, VerificationError
from unvoiced.features.feature_set import ARRAYS, builtin_names, load
from unvoiced.names import FEATURES, parse_feature_name
from unvoiced.reader.labels import Labels
from unvoiced.reader.names import FeatureNames
from unvoiced.reader.opener import Wanted
from unvoiced.reader.order import Mark, Rows
from unvoiced.stores import Store

if TYPE_CHECKING:
    import pyarrow

Names = Literal["store", "catalog"]
_FOLDER = re.compile(r"(?P<name>[a-z0-9-]+)-[0-9a-f]{8}")
_FAR_BEHIND = 0.05  # of the objects
_AFTER_ALL = chr(0x10FFFF)


@dataclass(eq=False)
class Inventory:
    """Objects by row, in order of name; about 120 bytes each."""

    feature_set: str  # the folder: name and first 8 digits of the digest
    names: FeatureNames
    sizes: Rows
    digests: NDArray[np.uint8]  # (rows, 32); zeros where not known
    seconds: NDArray[np.float64]  # how long the recordings were; nan where not known
    labels: Labels = field(default_factory=Labels)
    has_catalog: bool = False
    cataloged_arrays: Sequence[str] = ()  # those of which the catalog knows the size
    # The catalog's columns by row, null where it does not know the object; None before somebody
    # asks for them, as they are three times as large as all the rest.
    catalog: "pyarrow.Table | None" = None

    def __getstate__(self) -> dict[str, Any]:
        """What travels to other processes: the catalog's further columns are left behind."""
        return {**vars(self), "catalog": None}

    def wanted(self, row: int) -> Wanted:
        """The object as it is asked for."""
        digest = self.digests[row].tobytes()
        known = digest.hex() if any(digest) else None
        return Wanted(self.names[row], known, int(self.sizes[row]))

    def learn(self, row: int, sha256: str) -> None:
        """Keep an object's digest: the next read of it is recorded before it is fetched."""
        self.digests[row] = np.frombuffer(bytes.fromhex(sha256), np.uint8)

    def mark(self, row: int) -> Mark:
        """What an epoch is resumed after."""
        return Mark(self.names[row], int(self.sizes[row]))

    def choose_arrays(self, arrays: Sequence[str]) -> tuple[str, ...]:
        """Some of the arrays, by name. Raises `InputError` where the feature set has none such."""
        if isinstance(arrays, str):
            raise InputError(f"arrays is a list of names: [{arrays!r}]")
        if not arrays:
            raise InputError("arrays names at least one, or is left out for all")
        there = self._arrays()
        if unknown := [one for one in arrays if one not in there]:
            raise InputError(
                f"{self.feature_set} has no array {unknown[0]!r}; arrays are: {', '.join(there)}"
            )
        return tuple(arrays)

    def _arrays(self) -> Sequence[str]:
        """Those of the set, as far as it is known before one is opened; else all that there are."""
        name = self.feature_set[:-9]
        if name in builtin_names() and (built_in := load(name)).directory == self.feature_set:
            return built_in.arrays
        return self.cataloged_arrays or ARRAYS


def feature_set_folder(training: Store, wanted: str | None) -> str:
    """The folder of the feature set that is meant: by name, by folder, or the only one there is.

    Raises `InputError` with those that there are.
    """
    there = [
        folder
        for folder in training.folders(FEATURES)
        # One whose objects are all deleted has older versions yet, perhaps.
        if _FOLDER.fullmatch(folder) and next(training.list(f"{FEATURES}{folder}/"), None)
    ]
    fitting = [one for one in there if wanted is None or wanted in {one, one[:-9]}]
    if len(fitting) == 1:
        return fitting[0]
    if not there:
        raise InputError("there are no features yet: `unvoiced ingest`")
    listed = ", ".join(there)
    if fitting:
        raise InputError(f"name one of the feature sets: {', '.join(fitting)}")
    raise InputError(f"there are no features of the set {wanted!r}; feature sets here: {listed}")


def take_inventory(training: Store, feature_set: str, names: Names) -> Inventory:
    """What there is of a feature set, by the store's listing or by the catalog.

    Warns where the catalog is far behind the listing, or damaged. Raises `InputError` where there
    is no catalog to go by.
    """
    if names == "catalog":
        from unvoiced.catalog.table import shards

        return _of_catalog(feature_set, shards(training, feature_set))
    sizes, versions = array("q"), array("q")

    def listed() -> Iterator[str]:
        for entry in training.list(f"{FEATURES}{feature_set}/"):
            if parse_feature_name(entry.name) is not None:
                sizes.append(entry.size)
                versions.append(hash(entry.version))
                yield entry.name

    found = FeatureNames(feature_set, listed())
    inventory = Inventory(
        feature_set,
        found,
        np.array(sizes, np.int64),
        np.zeros((len(found), 32), np.uint8),
        np.full(len(found), np.nan),
    )
    joined = _joined(inventory, training, versions)
    if joined is None:
        return inventory
    behind = len(found) - joined.known
    if behind > _FAR_BEHIND * len(found):
        warnings.warn(
            f"the catalog does not know {behind:,} of {len(found):,} objects of"
            f" {feature_set}, so `where` leaves them out: {BUILD}",
            stacklevel=4,
        )
    return joined.inventory


def catalog_of(training: Store, feature_set: str) -> "pyarrow.Table | None":
    """The catalog, or None where there is none, or nothing to read it with; warns of damage."""
    from unvoiced.catalog.table import load

    try:
        return load(training, feature_set)
    except InputError:
        return None
    except VerificationError as error:
        warnings.warn(f"the catalog is not used: {error}", stacklevel=2)
        return None


def aligned(inventory: Inventory, catalog: "pyarrow.Table") -> "pyarrow.Table":
    """The catalog's rows of these objects, by name and size, in their order; null for others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Each name stands once in a catalog.
    at = pc.index_in(pa.array(inventory.names, pa.string()), catalog["name"])
    found = catalog.take(at)
    same = pc.equal(found["size"], pa.array(inventory.sizes))
    return catalog.take(pc.if_else(same, at, None))


@dataclass
class _Joined:
    """An inventory with what the catalog knows of the very versions that were listed."""

    inventory: Inventory
    known: int = 0


def _joined(inventory: Inventory, training: Store, versions: Sequence[int]) -> _Joined | None:
    """Goes through names and catalog side by side, both in order; None where there is no catalog
    to be used. `versions` are hashes of versions: one that is taken for another costs a record
    more when it is read, as any false digest does.
    """
    digests, seconds = inventory.digests.copy(), inventory.seconds.copy()
    arrays: set[str] = set()
    joined = _Joined(replace(inventory, digests=digests, seconds=seconds, has_catalog=True))
    names, row = enumerate(inventory.names), -1
    mine = ""
    for shard in _usable_shards(training, inventory.feature_set):
        if shard is None:
            return None
        arrays |= _arrays_in(shard)
        columns = ("name", "version", "size", "sha256", "duration_seconds")
        listed = zip(*(shard[column].to_pylist() for column in columns), strict=True)
        for name, version, size, sha256, duration in listed:
            while mine < name:
                row, mine = next(names, (row, _AFTER_ALL))
            if mine != name or inventory.sizes[row] != size or versions[row] != hash(version):
                continue
            joined.known += 1
            joined.inventory.learn(row, sha256)
            if duration is not None:
                seconds[row] = duration
    joined.inventory.cataloged_arrays = _in_order(arrays)
    return joined


def _usable_shards(training: Store, feature_set: str) -> "Iterator[pyarrow.Table | None]":
    """The catalog's shards; None, once, where there is none or it is damaged: warns of damage."""
    from unvoiced.catalog.table import shards

    try:
        yield from shards(training, feature_set)
    except InputError:
        yield None
    except VerificationError as error:
        warnings.warn(f"the catalog is not used: {error}", stacklevel=6)
        yield None


def _of_catalog(feature_set: str, shards: "Iterable[pyarrow.Table]") -> Inventory:
    sizes, digests = array("q"), bytearray()
    seconds: list[NDArray[np.float64]] = []
    arrays: set[str] = set()

    def listed() -> Iterator[str]:
        for shard in shards:
            arrays.update(_arrays_in(shard))
            sizes.extend(shard["size"].to_pylist())
            digests.extend(bytes.fromhex("".join(shard["sha256"].to_pylist())))
            seconds.append(shard["duration_seconds"].to_numpy().astype(np.float64))
            yield from shard["name"].to_pylist()

    names = FeatureNames(feature_set, listed())
    return Inventory(
        feature_set,
        names,
        np.array(sizes, np.int64),
        np.frombuffer(digests, np.uint8).reshape(len(names), 32),
        np.concatenate([np.empty(0), *seconds]),
        has_catalog=True,
        cataloged_arrays=_in_order(arrays),
    )


def _arrays_in(shard: "pyarrow.Table") -> set[str]:
    columns = {one: shard[rows_column(one)] for one in ARRAYS}
    return {one for one, column in columns.items() if column.null_count < len(column)}


def _in_order(arrays: Collection[str]) -> tuple[str, ...]:
    return tuple(one for one in ARRAYS if one in arrays)
