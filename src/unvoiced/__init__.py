"""Encrypted voice recordings in, encrypted training features out, recordings gone with proof."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from unvoiced.reader.view import View

__all__ = ["__version__", "open"]
__version__ = "0.1.0"


def open(  # noqa: A001 - as one says `unvoiced.open`
    url: "str | Path",
    purpose: str,
    *,
    feature_set: str | None = None,
    where: str | None = None,
    labels: "str | Path | Sequence[Mapping[str, Any]] | Any" = None,
    arrays: Sequence[str] | None = None,
    names: Literal["store", "catalog"] = "store",
    prefetch_bytes: int = 64 * 2**20,
    run: str = "reader",
) -> "View":
    """Open the features of a deployment for reading; every read is recorded before it is returned.

    `url` is a deployment's folder, its `unvoiced.toml`, or the file:// url of either. `purpose` is
    one of training, evaluation, inspection and erasure. `feature_set` (`speech-16k`, or with digest
    `speech-16k-1234abcd`) may be left out where there is only one.

    `labels` are attached by their column `sample` (a sample's id, or pseudonym/sample): the path of
    a CSV or Parquet file, a pyarrow, pandas or polars table, or a list of dicts. `where` chooses by
    a condition in SQL over the catalog's columns and those of the labels. `arrays` are the ones
    that samples are to have. With `names="catalog"` the store is not listed: quicker, and what the
    last build of the catalog does not know is left out. `prefetch_bytes` bounds what an iteration
    reads ahead. `run` is what the records call this run.

        with unvoiced.open("deployment", purpose="training") as features:
            for sample in features.shuffle(seed=7):
                sample["log_mel"]  # (80, frames)

    Raises `InputError`, `AccessError` or `StoreError`.
    """
    # Here, so that the package itself is light to import.
    from unvoiced.reader.opening import open_view, settings_at

    return open_view(
        settings_at(url),
        purpose,
        feature_set=feature_set,
        where=where,
        labels=labels,
        arrays=arrays,
        names=names,
        prefetch_bytes=prefetch_bytes,
        run=run,
    )
