"""Loading the catalog: what the last build saw of the training store, as a table.

It says what there may be to read, never that it is there or genuine: a reader fetches each object,
compares it with the log, and opens it, whatever stands here. So a false catalog can hide samples
and say false things about their length; it cannot get anything opened that no receipt names.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from unvoiced.catalog.schema import CATALOG, decode_shard, parse_shard_name, schema, shard_name
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError, NotFound
from unvoiced.names import FEATURES
from unvoiced.stores import Store, open_store
from unvoiced.stores.together import together

if TYPE_CHECKING:
    import pyarrow

BUILD = "`unvoiced catalog build`"


def no_catalog(feature_set: str = "") -> str:
    """What is said where nothing was built yet."""
    return f"there is no catalog{f' of {feature_set}' if feature_set else ''} yet: {BUILD}"


def load(training: Store, feature_set: str) -> "pyarrow.Table":
    """The rows of one feature set (`schema.schema()`), in order of name.

    `feature_set` is a folder's name, `speech-16k-DIGEST8`. Raises `InputError` where nothing was
    built of it or pyarrow is not installed; `VerificationError` for a shard that is damaged or no
    shard of ours; `StoreError`. Contributors whose shard an erasure has taken since the last build
    are not in it: see `missing_shards`.
    """
    found = shards(training, feature_set)
    import pyarrow as pa

    return pa.concat_tables([schema().empty_table(), *found])


def shards(training: Store, feature_set: str) -> "Iterator[pyarrow.Table]":
    """As `load`, shard by shard, which takes a fraction of the memory. Raises as it does."""
    schema()  # says that pyarrow is missing before anything is fetched
    names = shard_names(training, feature_set)
    if not names:
        raise InputError(no_catalog(feature_set))
    return fetch(training, names)


def shard_names(training: Store, feature_set: str = "") -> list[str]:
    """The names of the shards that stand, in order: of all feature sets, or of one folder's."""
    prefix = f"{CATALOG}{feature_set}/" if feature_set else CATALOG
    return [one.name for one in training.list(prefix) if parse_shard_name(one.name)]


def missing_shards(training: Store, feature_set: str) -> list[str]:
    """The shards that should stand, as there are contributors for them, and do not.

    The next build makes them. Lists the folders of the feature set; fetches nothing.
    """
    there = set(shard_names(training, feature_set))
    firsts = {whose[:1] for whose in training.folders(f"{FEATURES}{feature_set}/")}
    needed = {shard_name(feature_set, first) for first in firsts}
    return sorted(name for name in needed - there if parse_shard_name(name))


def fetch(training: Store, names: Sequence[str]) -> "Iterator[pyarrow.Table]":
    """The rows of each of these shards, in their order; one that is gone by now has none.

    Raises as `load`.
    """

    def rows(name: str) -> "pyarrow.Table":
        try:
            return decode_shard(name, training.get(name).data)
        except NotFound:  # an erasure took it since it was listed
            return schema().empty_table()

    return together(training, rows, names)


def read(url: str | Path, feature_set: str | None = None) -> "pyarrow.Table":
    """The catalog for other engines: of one feature set, or of all, a column says which.

    `url` is that of the training store, or a deployment's folder or settings file. DuckDB, polars
    and pandas take the table as it is. Raises as `load`.
    """
    return load(_training(url), feature_set or "")


def _training(url: str | Path) -> Store:
    text = str(url)
    if urlsplit(text).scheme not in {"", "file"}:
        return open_store(text)
    path = Path(unquote(urlsplit(text).path)) if text.startswith("file:") else Path(url)
    if path.suffix == ".toml" or (path / FILE_NAME).is_file():
        return load_settings(path).store("training")
    return open_store(path.absolute().as_uri())


def feature_sets(training: Store) -> list[str]:
    """The folders of the feature sets that have shards, in order."""
    return sorted({found[0] for name in shard_names(training) if (found := parse_shard_name(name))})
