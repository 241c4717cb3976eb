"""Other engines read the table, and the shards as they lie; queries reach nothing else."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from tests.catalog.library import SPEECH, Library, voice
from tests.ingest.home import Home
from unvoiced import catalog
from unvoiced.catalog.query import run_query
from unvoiced.catalog.row import length_in_words
from unvoiced.cli import main
from unvoiced.errors import InputError

Run = Callable[..., str]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Five samples of three contributors, on disk, in the catalog; nobody changes them."""
    home = Home.create(tmp_path_factory.mktemp("engines") / "home")
    library = Library.furnish(home, anna=2, bruno=2, clara=1)
    library.build()
    return library


@pytest.fixture
def library(furnished: Library, tmp_path: Path) -> Library:
    """A copy that may be changed, its catalog built anew, as a copy has other versions."""
    home = Home.copy(furnished.home.settings.folder, tmp_path / "home")
    library = Library(home, list(furnished.sent), dict(furnished.ids))
    library.build(anew=True)
    return library


def test_every_engine_sees_the_same_rows(furnished: Library) -> None:
    """DuckDB, polars and pandas: over the table that `read` gives, and over the files."""
    listed = catalog.read(furnished.home.settings.folder)
    files = furnished.home.settings.folder / "stores/training/catalog"
    glob = f"{files}/*/*.parquet"
    names = sorted(one.feature_name for one in furnished.sent)
    seconds = sum(listed["duration_seconds"].to_pylist())

    assert len(list(files.glob("*/*.parquet"))) == 3
    sql = "select list(name order by name), sum(duration_seconds) from {}"
    assert duckdb.sql(sql.format("listed")).fetchall() == [(names, pytest.approx(seconds))]
    assert duckdb.sql(sql.format(f"'{glob}'")).fetchall() == [(names, pytest.approx(seconds))]
    for frame in (pl.from_arrow(listed), pl.read_parquet(glob)):
        assert isinstance(frame, pl.DataFrame)
        assert sorted(frame["name"]) == names
        assert frame["duration_seconds"].sum() == pytest.approx(seconds)
    assert pl.scan_parquet(glob).filter(pl.col("frames") > 10**6).collect().height == 0
    one_by_one = pd.concat([pd.read_parquet(one) for one in sorted(files.glob("*/*.parquet"))])
    for found in (listed.to_pandas(), one_by_one):
        assert sorted(found["name"]) == names
        assert found["duration_seconds"].sum() == pytest.approx(seconds)


def test_user_labels_join_by_sample(furnished: Library) -> None:
    """A table of one's own beside it, in any engine."""
    table = catalog.read(furnished.home.settings.folder, SPEECH)
    labels = pl.DataFrame({"sample": [furnished.sent[0].sample], "word": ["seven"]})
    joined = pl.from_arrow(table)
    assert isinstance(joined, pl.DataFrame)
    (row,) = joined.join(labels, on="sample").to_dicts()
    assert (row["name"], row["word"]) == (furnished.sent[0].feature_name, "seven")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from '{file}'",
        "select * from read_csv('{file}')",
        "select * from read_text('{file}')",
        "select * from read_parquet('{file}')",
        "select * from glob('{folder}/*')",
        "copy catalog to '{folder}/out.parquet'",
        "attach '{folder}/db' as db",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "select * from read_text('https://127.0.0.1:1/x')",
        "export database '{folder}/db'",
        "select * from local",
    ],
)
def test_a_query_reaches_nothing_but_the_catalog(furnished: Library, sql: str) -> None:
    """No file, network, extension, or variable of this process; nor can it let itself."""
    local = catalog.read(furnished.home.settings.folder)
    folder = furnished.home.settings.folder
    before = sorted(folder.iterdir())
    with pytest.raises(InputError):
        run_query(local, sql.format(file=furnished.home.settings.path, folder=folder))
    assert sorted(folder.iterdir()) == before


@pytest.fixture
def command(
    library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process; what it printed on both streams."""

    def run(*arguments: str, code: int = 0) -> str:
        folder = str(library.home.settings.folder)
        monkeypatch.setattr("sys.argv", ["unvoiced", "catalog", *arguments, "-c", folder])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        return printed.out + printed.err

    return run


def test_commands(library: Library, command: Run) -> None:
    """Build says what is new and what it left out; ls counts; query prints in three forms."""
    whose = library.sent[0].pseudonym
    library.training.put_if_absent(f"features/{SPEECH}/{whose}/junk.unv", b"junk")
    library.ingest(anna=1)

    said = " ".join(command("build").split())
    assert f"{SPEECH} │ 6 │ 1 │ 0 │" in said
    assert "1 object left out: says something else than its name" in said
    assert "│ 6 │ 3 │" in " ".join(command("ls").split())
    sql = "select pseudonym, count(*) as n from catalog group by 1 order by 1"
    expected = sorted({one.pseudonym for one in library.sent})
    found = json.loads(command("query", sql, "--json"))
    assert [one["pseudonym"] for one in found] == expected
    assert sum(one["n"] for one in found) == 6
    header, *lines = command("query", sql, "--csv").splitlines()
    assert header == "pseudonym,n"
    assert [line.split(",")[0] for line in lines] == expected
    assert expected[0] in command("query", sql)
    assert "modified" in command("query", "select * from catalog limit 1", "--json")
    assert "no_such" in command("query", "select no_such from catalog", code=2)
    assert "either" in command("query", sql, "--csv", "--json", code=2)


def test_what_is_printed_is_for_people(library: Library, command: Run) -> None:
    """What is too wide is one field a line; numbers and times are short, but exact in CSV."""
    printed = command("query", "select * from catalog order by name limit 2")
    lines = printed.splitlines()
    assert "│" not in printed
    assert lines[-1] == "2 rows"
    assert lines[0].split() == ["name", min(one.feature_name for one in library.sent)]
    modified = [one for one in lines if one.startswith("modified ")]
    assert len(modified) == 2
    for one in modified:
        assert re.fullmatch(r"modified +\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", one)
    sql = "select 2 / 3 a, 1234567.891234 b, 2.0::double / 7 c, 1e-7 d, null e, 5 f from catalog"
    assert "│0.667│1234567.891│0.286│1e-07││5│" in command("query", sql).replace(" ", "")
    assert "0.6666666666666666" in command("query", sql, "--csv")
    assert re.search(r"│ +0\.\d s │", command("ls"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (59.9, "59.9 s"), (90, "1.5 min"), (3600, "1.0 h"), (36e6, "10,000.0 h")],
)
def test_lengths_are_in_the_unit_that_fits(seconds: float, said: str) -> None:
    """So that a small set is not of zero hours."""
    assert length_in_words(seconds) == said


@pytest.mark.parametrize("sql", ["", "  ", ";", "/* */"])
def test_a_query_that_asks_nothing_is_refused(command: Run, sql: str) -> None:
    """With a sentence."""
    assert "nothing was asked" in command("query", sql, code=2)


def test_ls_names_what_an_erasure_took(library: Library, command: Run) -> None:
    """A shard that is missing is no error: the next build makes it."""
    gone = library.shard_of(library.sent[0])
    library.training.delete(gone, library.training.get(gone).version)
    assert "1 shard missing" in command("ls")
    assert "5 │ 2 │ 0" in " ".join(command("build").split())
    assert "missing" not in command("ls")


def test_a_home_without_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing to build, nothing to ask."""
    home = Home.create(tmp_path / "empty")
    home.send("anna", voice(1))
    for arguments, code in ((["build"], 0), (["ls"], 2), (["query", "select 1"], 2)):
        folder = str(home.settings.folder)
        monkeypatch.setattr("sys.argv", ["unvoiced", "catalog", *arguments, "-c", folder])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        said = {
            "build": "there are no features yet",
            "ls": "the catalog is empty: there are no features",
            "query": "there is no catalog yet: `unvoiced catalog build`",
        }
        assert said[arguments[0]] in printed.err
