"""What is no shard of ours is refused, or found out by the reader; never opened."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.catalog.library import SPEECH, stored
from unvoiced.audit import AuditTrail, Purpose
from unvoiced.audit.record import READS, name_tag, parse_record
from unvoiced.catalog.schema import (
    FORMAT,
    decode_shard,
    encode_shard,
    schema,
    shard_name,
    table_of,
)
from unvoiced.catalog.table import load
from unvoiced.errors import VerificationError
from unvoiced.reader import FeatureOpener, Opened, Skipped, Wanted, no_quota
from unvoiced.reader.inventory import Names
from unvoiced.reader.opening import open_view

NAME = shard_name(SPEECH, "a")


def row(first: str = "a", sample: str = "x") -> dict[str, object]:
    """One that would be right."""
    whose = first + "b" * 25
    return {
        "name": f"features/{SPEECH}/{whose}/{sample}.unv",
        "pseudonym": whose,
        "sample": sample,
        "feature_set": SPEECH,
        "sha256": "0" * 64,
        "size": 1,
        "modified": datetime(2026, 11, 23, tzinfo=UTC),
        "version": "1",
    }


def refused(table: pa.Table, name: str = NAME) -> None:
    """It is no shard, and the error says what to do."""
    with pytest.raises(VerificationError, match="unvoiced catalog build --anew"):
        decode_shard(name, encode_shard(table))


def test_every_bit_of_a_shard_counts() -> None:
    """A bit that fell over, or an end that is missing, never makes other rows of it."""
    table = table_of([row(), row(sample="y")])
    data = encode_shard(table)
    # Some of the bits: all were tried once, which takes half a minute.
    for bit in range(0, len(data) * 8, 61):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_shard(NAME, bytes(changed)).equals(table)
        except VerificationError:
            continue
    for size in range(0, len(data), 97):
        with pytest.raises(VerificationError):
            decode_shard(NAME, data[:size])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", f"features/{SPEECH}/{'a' * 26}/other.unv"),
        ("pseudonym", "a" * 25 + "'"),
        ("sample", "../x"),
        ("sample", "X"),
        ("feature_set", "another-0a0a0a0a"),
        ("sha256", "no digest"),
        ("size", -1),
    ],
)
def test_a_row_that_does_not_belong_is_refused(column: str, value: object) -> None:
    """Columns that contradict each other, or are not of their kind."""
    refused(table_of([row() | {column: value}]))


def test_rows_of_another_shard_are_refused() -> None:
    """A shard that was copied under another character, or another set's name."""
    table = table_of([row()])
    refused(table, shard_name(SPEECH, "b"))
    refused(table, shard_name("speech-16k-00000000", "a"))
    refused(table, "catalog/x.parquet")


def test_order_columns_and_marks_are_looked_at() -> None:
    """Rows twice or out of order, a column more or less, no mark, another type."""
    table = table_of([row(), row(sample="y")])
    refused(pa.concat_tables([table, table]))
    refused(table.take([1, 0]))
    refused(table.append_column("more", pa.array([1, 2])))
    refused(table.drop_columns(["frames"]))
    refused(table.set_column(5, "size", pa.array([1, 2], pa.int32())))
    nulls = pa.array([None, "x"], pa.string())
    refused(table.set_column(0, pa.field("name", pa.string()), nulls))
    assert decode_shard(NAME, encode_shard(schema().empty_table())).num_rows == 0


def bomb(rows: int, text: int) -> bytes:
    """A shard of so many equal rows that say the same long text: a few kB."""
    table = table_of([row() | {"version": "x" * text}]).take(pa.array([0] * rows, pa.int64()))
    sink = pa.BufferOutputStream()
    marked = table.replace_schema_metadata({b"unvoiced": FORMAT.encode()})
    pq.write_table(marked, sink, compression="zstd", write_page_checksum=True)
    data: bytes = sink.getvalue().to_pybytes()
    return data


@pytest.mark.parametrize(("rows", "text"), [(1_000_000, 20), (1, 20_000_000), (100, 100_000)])
def test_a_shard_that_would_be_many_times_its_size_is_refused_as_it_is(
    rows: int, text: int
) -> None:
    """More rows than digests fit in, more bytes, or one text that many rows repeat: nothing of it
    is written out in memory.
    """
    data = bomb(rows, text)
    assert len(data) < rows * text / 100
    usual, pool = pa.default_memory_pool(), pa.system_memory_pool()
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(VerificationError, match="unvoiced catalog build --anew"):
            decode_shard(NAME, data)
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < rows * text / 20


def test_a_build_makes_damaged_shards_anew_and_loading_refuses_them(tmp_path: Path) -> None:
    """It says which; a shard that is gone, or empty, is the same."""
    library = stored(tmp_path)
    library.build()
    good = library.shards()
    name = library.shard_of(library.sent[0])
    whole = library.training.get(name)
    library.training.replace(name, whole.data[:-20], version=whole.version)

    with pytest.raises(VerificationError, match=name):
        load(library.training, SPEECH)
    report = library.build()

    assert report.damaged == [name]
    assert library.shards() == good


Falsify = Callable[[pa.Table], pa.Table]


@pytest.mark.inv("INV-8")
def test_a_false_row_gets_nothing_opened_that_no_receipt_names(tmp_path: Path) -> None:
    """A well-formed shard that names a planted object with its true digest: the reader refuses it,
    and reads the others; a false digest is recorded as what it was, and the true one too.
    """
    library = stored(tmp_path)
    library.build()
    anna = library.sent[0]
    genuine = library.training.get(anna.feature_name).data
    planted = f"features/{SPEECH}/{anna.pseudonym}/planted.unv"
    library.training.put_if_absent(planted, genuine[:-1] + b"?")
    name = library.shard_of(anna)
    whole = library.training.get(name)
    rows = decode_shard(name, whole.data).to_pylist()
    rows[0]["sha256"] = "0" * 64
    rows[0]["duration_seconds"] = 1e9
    rows[1]["duration_seconds"] = 1e9
    forged = table_of([*rows, rows[0] | {"name": planted, "sample": "planted"}])
    library.training.replace(name, encode_shard(forged), version=whole.version)

    wanted = [
        Wanted(one["name"], one["sha256"], one["size"])
        for one in load(library.training, SPEECH).to_pylist()
    ]
    home = library.home
    trail = AuditTrail(home.store("audit"), "test")
    opener = FeatureOpener(
        library.training,
        home.settings.log_reader(),
        home.dataset(),
        trail,
        Purpose.TRAINING,
        no_quota,
    )
    answers = {one.name: one for one in wanted}
    for asked, answer in zip(wanted, opener.open(wanted), strict=True):
        if asked.name == planted:
            assert isinstance(answer, Skipped)
            assert isinstance(answer.error, VerificationError)
        else:
            assert isinstance(answer, Opened)
            assert answer.context["duration_seconds"] != 1e9
    assert len(answers) == 4
    # A digest that the log does not know is seen by the next build; what else a row says only by
    # one that takes nothing from before.
    report = library.build()
    assert (report.removed, report.new) == (1, 1)
    assert max(load(library.training, SPEECH)["duration_seconds"].to_pylist()) == 1e9
    assert library.build(anew=True).new == 3
    assert max(load(library.training, SPEECH)["duration_seconds"].to_pylist()) < 1


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("names", ["store", "catalog"])
def test_one_digest_for_all_leaves_a_record_of_each(tmp_path: Path, names: Names) -> None:
    """Every object is in the trail by its name and its true digest, and none by the false one."""
    library = stored(tmp_path, anna=3, bruno=3)
    library.build()
    false = hashlib.sha256(b"false").hexdigest()
    for name in library.shards():
        whole = library.training.get(name)
        rows = decode_shard(name, whole.data).to_pylist()
        forged = table_of([one | {"sha256": false} for one in rows])
        library.training.replace(name, encode_shard(forged), version=whole.version)
    with open_view(library.home.settings, "training", names=names) as features:
        given = {(one.sha256, name_tag(one.name)) for one in features}
    audit = library.home.store("audit")
    recorded = [
        pair
        for entry in audit.list(READS)
        for of_one in parse_record(audit.get(entry.name).data).contributors.values()
        for pair in of_one.items()
    ]
    assert len(given) == len(recorded) == 6
    assert given == set(recorded)
