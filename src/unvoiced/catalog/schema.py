"""The columns of the catalog, and a shard's bytes: the same rows always give the same bytes.

    catalog/{feature set}-{digest8}/{first character of the pseudonym}.parquet

A shard holds the contributors of one feature set whose pseudonyms begin with one character: an
erasure destroys one small file a set, and the next build makes it anew. Its rows are in order of
name, each name once. All that a row says is in the clear in the training store already: in names,
listings and headers.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from unvoiced.errors import VerificationError
from unvoiced.extras import missing
from unvoiced.features.feature_set import ARRAYS
from unvoiced.names import FEATURES, SUFFIX

if TYPE_CHECKING:
    import pyarrow

CATALOG = "catalog/"
FORMAT = "unvoiced-catalog/1"
REBUILD = "make it anew: unvoiced catalog build --anew"
_SHARD = re.compile(r"catalog/(?P<feature_set>[a-z0-9-]+-[0-9a-f]{8})/(?P<first>[a-z2-7])\.parquet")
_MARK = b"unvoiced"  # the key of our own line in a shard's metadata

# A digest's 256 bits take 32 bytes, however they are compressed: there are no more rows.
_LEAST_OF_A_ROW = 32
# Decompressed, and with repeated texts written out; ours have about 3.
_MOST_OF_A_BYTE = 16
_SLACK = 2**16  # of a shard of a few rows most is Parquet's own

Row = Mapping[str, Any]  # column -> value


def rows_column(array: str) -> str:
    """The column with the number of rows (bands or coefficients) that an array has."""
    return f"{array}_rows"


@cache
def schema() -> "pyarrow.Schema":
    """The columns. Raises `InputError` where pyarrow is not installed."""
    pa = _pyarrow()
    text = pa.string()
    return pa.schema(
        [
            pa.field("name", text, nullable=False),  # of the object in the training store
            pa.field("pseudonym", text, nullable=False),
            pa.field("sample", text, nullable=False),
            pa.field("feature_set", text, nullable=False),  # name and 8 digits of its digest
            pa.field("sha256", text, nullable=False),  # of the sealed object, hex
            pa.field("size", pa.int64(), nullable=False),  # bytes of the sealed object
            # When it was put, by the store's clock, and which of the puts it was.
            pa.field("modified", pa.timestamp("us", tz="UTC"), nullable=False),
            pa.field("version", text, nullable=False),
            pa.field("duration_seconds", pa.float64()),  # of the recording
            pa.field("frames", pa.int32()),  # columns of every array
            pa.field("dtype", text),
            pa.field("source_sample_rate", pa.int32()),  # Hz
            pa.field("source_channels", pa.int32()),
            pa.field("source_format", text),
            # Bands or coefficients of each array; null where the set has no such array.
            *(pa.field(rows_column(array), pa.int32()) for array in ARRAYS),
        ]
    )


def shard_name(feature_set: str, first: str) -> str:
    """Where the shard stands of those whose pseudonyms begin with this character."""
    return f"{CATALOG}{feature_set}/{first}.parquet"


def parse_shard_name(name: str) -> tuple[str, str] | None:
    """The (feature set, first character) that an object's name says, or None for no shard's."""
    match = _SHARD.fullmatch(name)
    return (match["feature_set"], match["first"]) if match else None


def encode_shard(rows: "pyarrow.Table") -> bytes:
    """A table of `schema`, in order of name, as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(
        rows.replace_schema_metadata({_MARK: FORMAT.encode()}).combine_chunks(),
        sink,
        # Pseudonyms stay readable to a search through bytes: who is in a file must be easy to see.
        compression={one: "none" if one == "pseudonym" else "zstd" for one in rows.column_names},
        row_group_size=max(1, rows.num_rows),
        write_page_checksum=True,
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode_shard(name: str, data: bytes) -> "pyarrow.Table":
    """The rows of the shard that stands under this name.

    What is damaged, of another version, or speaks of objects that belong in another shard, is a
    `VerificationError` that says how the catalog is made anew. So is what would have many times
    more rows or bytes than its size: by its own metadata, before anything is decompressed, and by
    its texts, before one that is repeated is written out. What is not found out here is a row that
    says something false of an object whose name belongs here.
    """
    pa = _pyarrow()
    wrong = VerificationError(
        f"{name}: no shard of the catalog as this version makes them; {REBUILD}"
    )
    place = parse_shard_name(name)
    if place is None:
        raise wrong
    try:
        rows = _read(data)
    except (pa.ArrowException, OSError, LookupError, ValueError, NotImplementedError):
        raise wrong from None
    if rows is None or not _belong(rows, *place):
        raise wrong
    return rows


def _read(data: bytes) -> "pyarrow.Table | None":
    """The rows, or None where they are not of the form that `encode_shard` gives them."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    # Texts stay as they are in the file: each once, with a number a row.
    texts = [field.name for field in schema() if field.type == pa.string()]
    numbered = pa.dictionary(pa.int32(), pa.string())
    form = pa.schema(
        [one.with_type(numbered) if one.name in texts else one for one in schema()],
    )
    file = pq.ParquetFile(
        pa.BufferReader(data), page_checksum_verification=True, read_dictionary=texts
    )
    said, most = file.metadata, _MOST_OF_A_BYTE * len(data) + _SLACK
    if (
        (file.schema_arrow.metadata or {}).get(_MARK) != FORMAT.encode()
        or not file.schema_arrow.equals(form)
        or said.num_rows > len(data) // _LEAST_OF_A_ROW
        or sum(said.row_group(n).total_byte_size for n in range(said.num_row_groups)) > most
    ):
        return None
    found = file.read()
    found.validate(full=True)
    written_out = 0
    for chunk in (chunk for text in texts for chunk in found[text].chunks):
        lengths = pc.binary_length(chunk.dictionary).cast(pa.int64()).take(chunk.indices)
        written_out += pc.sum(lengths).as_py() or 0
    if written_out > most:
        return None
    rows = found.replace_schema_metadata(None).cast(schema())
    rows.validate(full=True)
    return rows


def table_of(rows: Iterable[Row]) -> "pyarrow.Table":
    """Rows as a table, in order of name; a column that a row does not have is null there."""
    pa = _pyarrow()
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["name"])), schema=schema())


def _belong(rows: "pyarrow.Table", feature_set: str, first: str) -> bool:
    """Whether every row is of this shard, says so in all its columns, and stands in order."""
    import pyarrow.compute as pc

    if not rows.num_rows:
        return True
    required = [field.name for field in schema() if not field.nullable]
    if any(rows[column].null_count for column in required):
        return False
    names = rows["name"].combine_chunks()
    said = pc.binary_join_element_wise(
        f"{FEATURES}{feature_set}", rows["pseudonym"], rows["sample"], "/"
    )
    checks = (
        pc.equal(rows["feature_set"], feature_set),
        pc.equal(pc.binary_join_element_wise(said, "", SUFFIX), rows["name"]),
        pc.match_substring_regex(rows["pseudonym"], f"^{first}[a-z2-7]{{25}}$"),
        pc.match_substring_regex(rows["sample"], "^[a-z0-9-]+$"),
        pc.match_substring_regex(rows["sha256"], "^[0-9a-f]{64}$"),
        pc.greater_equal(rows["size"], 0),
        pc.less(names[:-1], names[1:]),
    )
    return all(pc.all(check, min_count=0).as_py() for check in checks)


def _pyarrow() -> Any:  # the module, which mypy would have imported
    try:
        import pyarrow
    except ImportError:
        raise missing("the catalog needs pyarrow and DuckDB", "catalog") from None
    return pyarrow
