"""What there is to read of one feature set: names and sizes, and digests as far as they are known.

The store's listing is the truth; the catalog adds what it knows of the very versions that are
listed. Whoever trusts the catalog can do without the listing. Nothing here is believed when an
object is opened.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from unvoiced.catalog.table import BUILD
from unvoiced.errors import InputError, VerificationError
from unvoiced.features.feature_set import ARRAYS, builtin_names, load
from unvoiced.names import FEATURES, parse_feature_name
from unvoiced.reader.labels import Labels
from unvoiced.reader.opener import Wanted
from unvoiced.reader.order import Mark, Rows
from unvoiced.stores import Store

if TYPE_CHECKING:
    import pyarrow

Names = Literal["store", "catalog"]
_FOLDER = re.compile(r"(?P<name>[a-z0-9-]+)-[0-9a-f]{8}")
_FAR_BEHIND = 0.05  # of the objects


@dataclass(eq=False)
class Inventory:
    """Objects by row, in order of name."""

    feature_set: str  # the folder: name and first 8 digits of the digest
    names: Sequence[str]
    sizes: Rows
    digests: NDArray[np.uint8]  # (rows, 32); zeros where not known
    seconds: NDArray[np.float64]  # how long the recordings were; nan where not known
    labels: Labels = field(default_factory=Labels)
    # The catalog's columns by row, null where it does not know the object; None without a catalog.
    catalog: "pyarrow.Table | None" = None
    left_behind: bool = False  # whether there was one, in the process that this came from

    def __getstate__(self) -> dict[str, Any]:
        """What travels to other processes: the catalog's further columns are left behind."""
        return {**vars(self), "catalog": None, "left_behind": self.catalog is not None}

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
        rows = {} if self.catalog is None else {one: self.catalog[f"{one}_rows"] for one in ARRAYS}
        return [one for one, column in rows.items() if column.null_count < len(column)] or ARRAYS


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
        from unvoiced.catalog.table import load

        return _of_catalog(feature_set, load(training, feature_set))
    listed = [
        entry
        for entry in training.list(f"{FEATURES}{feature_set}/")
        if parse_feature_name(entry.name) is not None
    ]
    listed.sort(key=lambda entry: entry.name)
    inventory = Inventory(
        feature_set,
        [entry.name for entry in listed],
        np.array([entry.size for entry in listed], np.int64),
        np.zeros((len(listed), 32), np.uint8),
        np.full(len(listed), np.nan),
    )
    catalog = catalog_of(training, feature_set)
    if catalog is None:
        return inventory
    versions = [entry.version for entry in listed]
    return _joined(inventory, catalog, versions)


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

    places = {
        key: at
        for at, key in enumerate(
            zip(catalog["name"].to_pylist(), catalog["size"].to_pylist(), strict=True)
        )
    }
    keys = zip(inventory.names, inventory.sizes.tolist(), strict=True)
    return catalog.take(pa.array([places.get(key) for key in keys], pa.int64()))


def _joined(inventory: Inventory, catalog: "pyarrow.Table", versions: Sequence[str]) -> Inventory:
    catalog = aligned(inventory, catalog)
    digests, seconds = inventory.digests, inventory.seconds
    known = 0
    columns = (catalog[name].to_pylist() for name in ("version", "sha256", "duration_seconds"))
    for row, (version, sha256, duration) in enumerate(zip(*columns, strict=True)):
        if version == versions[row]:
            inventory.learn(row, sha256)
            known += 1
            if duration is not None:
                seconds[row] = duration
    behind = len(inventory.names) - known
    if behind > _FAR_BEHIND * len(inventory.names):
        warnings.warn(
            f"the catalog does not know {behind:,} of {len(inventory.names):,} objects of"
            f" {inventory.feature_set}, so `where` leaves them out: {BUILD}",
            stacklevel=5,
        )
    return replace(inventory, digests=digests, seconds=seconds, catalog=catalog)


def _of_catalog(feature_set: str, catalog: "pyarrow.Table") -> Inventory:
    count = catalog.num_rows
    digests = b"".join(bytes.fromhex(one) for one in catalog["sha256"].to_pylist())
    seconds = catalog["duration_seconds"].to_numpy().astype(np.float64)
    return Inventory(
        feature_set,
        catalog["name"].to_pylist(),
        catalog["size"].to_numpy().astype(np.int64),
        np.frombuffer(digests, np.uint8).reshape(count, 32).copy(),
        seconds,
        catalog=catalog,
    )
