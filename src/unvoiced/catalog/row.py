"""One row of the catalog: of an object's bytes, header and listing. Needs no key."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from unvoiced.catalog.schema import Row, rows_column
from unvoiced.errors import InputError, NotFound
from unvoiced.features.feature_set import ARRAYS
from unvoiced.names import FeatureName
from unvoiced.sealing import Json, agrees, parse_header
from unvoiced.stores import Entry, Store

if TYPE_CHECKING:
    import pyarrow

Seen = tuple[str, str, int, datetime]  # name, version, size, modified: as a listing shows it


def length_in_words(seconds: float) -> str:
    """How long recordings are, in the unit that fits."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:,.1f} h"


def row_of(training: Store, said: FeatureName, entry: Entry) -> Row | InputError | None:
    """The row of the version that is listed; None where it is gone by now.

    Where the bytes are no sealed object, or their header does not say what the name says, an
    `InputError` that says so.
    """
    try:
        sealed = training.get(entry.name, entry.version).data
    except NotFound:
        return None
    try:
        context = parse_header(sealed).context
        described = _described(context)
    except InputError as error:
        return error
    expected = {"purpose": "features", "pseudonym": said.pseudonym, "sample": said.sample}
    set_digest = str(context.get("feature_set"))
    if not agrees(context, expected) or set_digest[:8] != said.digest8:
        return InputError(f"{entry.name}: its header says something else than its name")
    return {
        "name": said.name,
        "pseudonym": said.pseudonym,
        "sample": said.sample,
        "feature_set": said.feature_set,
        "sha256": hashlib.sha256(sealed).hexdigest(),
        "size": len(sealed),
        "modified": entry.modified,
        "version": entry.version,
        **described,
    }


def unchanged(before: "pyarrow.Table") -> Mapping[Seen, tuple[int, str]]:
    """Where each object's row stands in a table, and its digest, by how it was listed."""
    listed = (before[name].to_pylist() for name in ("name", "version", "size", "modified"))
    digests = before["sha256"].to_pylist()
    seen = zip(*listed, strict=True)
    return {one: (at, digests[at]) for at, one in enumerate(seen)}


def _described(context: Mapping[str, Json]) -> dict[str, Json]:
    """What a header says of its arrays and of the recording. Raises `InputError`."""
    arrays = context.get("arrays")
    if not isinstance(arrays, dict) or not arrays.keys() <= set(ARRAYS):
        raise InputError("a header without the shapes of its arrays")
    shapes: dict[str, Json] = {}
    frames: set[int] = set()
    for array, shape in arrays.items():
        match shape:
            case [int(rows), int(columns)] if 0 <= rows < _LARGE and 0 <= columns < _LARGE:
                shapes[rows_column(array)] = rows
                frames.add(columns)
            case _:
                raise InputError("a header without the shapes of its arrays")
    if len(frames) != 1:
        raise InputError("a header whose arrays are not of one length")
    return {
        "duration_seconds": _number(context, "duration_seconds"),
        "frames": frames.pop(),
        "dtype": _text(context, "dtype"),
        "source_sample_rate": _count(context, "source_sample_rate"),
        "source_channels": _count(context, "source_channels"),
        "source_format": _text(context, "source_format"),
        **shapes,
    }


_LARGE = 1 << 31


def _number(context: Mapping[str, Json], name: str) -> float:
    value = context.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"a header without {name}")
    return float(value)


def _count(context: Mapping[str, Json], name: str) -> int:
    value = _number(context, name)
    if not value.is_integer() or not 0 <= value < _LARGE:
        raise InputError(f"a header whose {name} is no number of its kind")
    return int(value)


def _text(context: Mapping[str, Json], name: str) -> str:
    value = context.get(name)
    if not isinstance(value, str):
        raise InputError(f"a header without {name}")
    return value
