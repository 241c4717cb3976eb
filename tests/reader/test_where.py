"""Choosing by conditions and labels: over the catalog where there is one, and reading no file."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.ingest.home import Home
from tests.reader.readings import SAMPLES, opened, overwrite, recorded, remove, voice
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.errors import InputError

WORDS = ("null", "eins", "zwei")


def build(home: Home) -> None:
    """What `unvoiced catalog build` does."""
    build_all(CatalogBuilder.of(home.settings))


def labels_of(home: Home) -> list[dict[str, Any]]:
    """A word and a number for all but four samples, some by id and some with the pseudonym."""
    with opened(home) as features:
        keys = [name.split("/", 2)[2].removesuffix(".unv") for name in features.names]
    return [
        {"sample": key if at % 2 else key.split("/")[1], "word": WORDS[at % 3], "take": at}
        for at, key in enumerate(keys[:-4])
    ] + [{"sample": "nobody", "word": "drei", "take": 99}]


@pytest.mark.parametrize("form", ["list", "arrow", "pandas", "polars", "csv", "parquet"])
@pytest.mark.filterwarnings("ignore:for 1 of the 21 labels")
def test_labels_attach_by_sample(library: Home, tmp_path: Path, form: str) -> None:
    """In whatever form they come; where there is none it is None, and none is lost."""
    rows = labels_of(library)
    table = pa.Table.from_pylist(rows)
    given: Any = rows
    if form == "arrow":
        given = table
    elif form == "pandas":
        given = pd.DataFrame(rows, index=[f"row {at}" for at in range(len(rows))])
    elif form == "polars":
        given = pl.DataFrame(rows)
    elif form == "csv":
        given = str(tmp_path / "labels.csv")
        pyarrow.csv.write_csv(table, given)
    elif form == "parquet":
        given = tmp_path / "labels.parquet"
        pyarrow.parquet.write_table(table, given)
    with opened(library, labels=given, where="word <> 'eins' or word is null") as features:
        seen = {sample.name: dict(sample.labels) for sample in features}
        names = opened(library).names
        wanted = {
            name: {"word": WORDS[at % 3], "take": at} if at < 20 else {"word": None, "take": None}
            for at, name in enumerate(names)
        }
        assert seen == {name: said for name, said in wanted.items() if said["word"] != "eins"}
        some = features.where("take >= 10")
        assert [sample.labels["take"] for sample in some] == [
            at for at in range(10, 20) if at % 3 != 1
        ]
        assert features.table().column_names[-2:] == ["word", "take"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([{"id": "x"}], "a column 'sample'"),
        ([{"sample": "x", "word": "y"}], "none of the 1 labels"),
        ("nowhere.csv", "^nowhere.csv: there is no such file of labels$"),
        (Path(__file__), "test_where.py: cannot be read as CSV$"),
        (7, "labels are the path"),
        ([1, 2], "labels are the path"),
    ],
)
def test_labels_that_are_none_are_refused(library: Home, labels: Any, said: str) -> None:
    """With what is missing."""
    with pytest.raises(InputError, match=said):
        opened(library, labels=labels)


def test_labels_that_match_in_part_say_so(library: Home) -> None:
    """How many labels are of nobody here, once; and how many samples of a view have one."""
    rows = labels_of(library)
    with pytest.warns(UserWarning, match="^for 1 of the 21 labels there is no sample here$"):
        features = opened(library, labels=rows)
    assert repr(features).endswith(", for training, 20 labelled>")
    assert repr(features.where("take >= 18")).endswith("2 labelled>")
    assert repr(features.where("word is null")).endswith("0 labelled>")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(library, labels=rows[:-1])


def test_ambiguous_labels_are_refused(library: Home) -> None:
    """Two rows for a sample, an id of two contributors, a column that the catalog has."""
    row = labels_of(library)[1]
    twice = [row, {**row, "sample": row["sample"].split("/")[1]}]
    with pytest.raises(InputError, match="more than one row"):
        opened(library, labels=twice)
    name = opened(library).names[0]
    other = f"{name.rpartition('/')[0].rpartition('/')[0]}/{'b' * 26}/{name.rpartition('/')[2]}"
    overwrite(library, other, b"x")
    sample = name.rpartition("/")[2].removesuffix(".unv")
    with pytest.raises(InputError, match="say pseudonym/sample"):
        opened(library, labels=[{"sample": sample, "word": "x"}])
    key = name.split("/", 2)[2].removesuffix(".unv")
    with pytest.raises(InputError, match="called 'Size'"):
        opened(library, labels=[{"sample": key, "Size": 1}], where="1 = 1")


def test_ids_that_are_all_digits_stay_texts(library: Home, tmp_path: Path) -> None:
    """A CSV reader would make a number of them, without the zeros."""
    name = opened(library).names[0]
    folder = name.rpartition("/")[0]
    overwrite(library, f"{folder}/0012.unv", b"x")
    file = tmp_path / "labels.csv"
    file.write_text("sample,word\n0012,zwölf\n")
    features = opened(library, labels=file)
    assert features.where("word = 'zwölf'").names == [f"{folder}/0012.unv"]


def test_conditions_are_over_the_catalog(library: Home) -> None:
    """Its columns, or an error that says what there is; a view that was pickled still has them."""
    with pytest.raises(InputError, match=r"duration_seconds.*no catalog yet: `unvoiced catalog b"):
        opened(library, where="duration_seconds < 0.5")
    build(library)
    features = opened(library)
    with pytest.raises(InputError, match=r"columns are: name, .*, duration_seconds, ") as refused:
        features.where("duration < 0.5")
    assert "no catalog" not in str(refused.value)
    assert "unvoiced_row" not in str(refused.value)
    short = features.where("duration_seconds < 0.5 and frames > 15")
    assert 0 < len(short) < SAMPLES
    seen = [sample.duration_seconds for sample in short]
    assert max(seen) < 0.5
    assert len(short.where("duration_seconds < 0.3")) == sum(one < 0.3 for one in seen)
    assert short.where("false").names == []
    assert list(short.where("false")) == []
    assert len(features.shard(0, 2).where("size > 0")) == len(features.shard(0, 2))
    assert "h, " in repr(features) or "s, " in repr(features)
    state = features._inventory.__getstate__()
    assert state["catalog"] is None
    assert b"duration_seconds" not in pickle.dumps(features._inventory)


@pytest.mark.parametrize(
    "condition",
    [
        "sample in (select column0 from read_csv('{file}'))",
        "sample in (select content from read_text('{file}'))",
        "exists (from '{file}')",
        "exists (select * from glob('/etc/*'))",
        "size > 0); copy (select 1) to '{file}.out'; select (1",
        "size > 0; set enable_external_access = true",
        "size > 0 union select 1",
        "exists (select * from outside)",
        "getenv('HOME') <> ''",
        "no such column",
        "",
    ],
)
def test_a_condition_reads_no_file_and_changes_nothing(
    library: Home, tmp_path: Path, condition: str
) -> None:
    """Nor a variable of Python's, nor of the environment: it is an expression over what is here."""
    file = tmp_path / "outside.csv"
    file.write_text("a,b\n1,2\n")
    outside = pa.table({"a": [1]})  # noqa: F841 - what DuckDB would find by its name
    features = opened(library)
    with pytest.raises(InputError, match="where"):
        features.where(condition.format(file=file))
    assert {one.name for one in tmp_path.iterdir()} == {"home", "outside.csv"}


def test_a_catalog_that_is_far_behind_warns(library: Home) -> None:
    """What it does not know is read all the same; `where` leaves it out, and that is said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(library)  # none at all: nothing to warn of
        build(library)
        opened(library)
    for each in range(4):
        library.send("anna", voice(100 + each))
    library.run()
    with pytest.warns(UserWarning, match="does not know 4 of 28 objects"):
        features = opened(library)
    assert len(features) == len(list(features)) == SAMPLES + 4
    assert len(features.where("frames > 0")) == SAMPLES
    assert len(opened(library, names="catalog")) == SAMPLES


def test_a_damaged_catalog_is_not_used(library: Home) -> None:
    """The store's own listing is the truth; it says how to make the catalog anew."""
    build(library)
    shard = next(library.store("training").list("catalog/"))
    overwrite(library, shard.name, b"PAR1")
    with pytest.warns(UserWarning, match="unvoiced catalog build"):
        features = opened(library)
    assert len(list(features)) == SAMPLES


@pytest.mark.inv("INV-8")
@pytest.mark.parametrize("names", ["store", "catalog"])
def test_what_the_catalog_knows_is_recorded_with_one_record_a_chunk(
    library: Home, names: str
) -> None:
    """And a false or old row harms nothing: what is there counts, and what is gone is skipped."""
    build(library)
    with opened(library, names=names) as features:
        gone = features.names[3]
        remove(library, [gone])
        seen = list(features)
        assert [sample.name for sample in seen] == [one for one in features.names if one != gone]
        report = features.report
        assert (report.read, sum(report.skipped.values())) == (SAMPLES - 1, 1)
        assert report.records == 2  # of chunks of 8 and 16
        assert report.recorded == SAMPLES  # what was gone too: the store was asked for it
        assert not np.isnan(features._inventory.seconds).any()
    assert len(recorded(library.store("audit"))) == SAMPLES


def test_without_a_catalog_there_are_no_names_of_it(library: Home) -> None:
    """It says how one is built."""
    with pytest.raises(InputError, match="unvoiced catalog build"):
        opened(library, names="catalog")
