"""Building the catalog: what is in it, what is not, and what a second build does again."""

from pathlib import Path
from typing import Any

import pytest

from tests.catalog.library import SPEECH, Library, stored, voice
from tests.ingest.home import Home, digest
from tests.ingest.hooked_store import HookedStore
from unvoiced.catalog.build import (
    ERASED,
    FOREIGN,
    FOREIGN_NAME,
    NO_RECEIPT,
    CatalogBuilder,
    build_all,
)
from unvoiced.catalog.schema import decode_shard, encode_shard, schema, shard_name
from unvoiced.catalog.table import feature_sets, load, missing_shards, read, shard_names
from unvoiced.errors import InputError, VerificationError
from unvoiced.keys.contributor import key_object_name
from unvoiced.reader import describe
from unvoiced.sealing import parse_header


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Two of Anna's and one of Bruno's."""
    return stored(tmp_path)


def rows(library: Library) -> dict[str, dict[str, Any]]:
    """Every row by name."""
    return {row["name"]: row for row in load(library.training, SPEECH).to_pylist()}


def test_a_row_says_what_names_listings_and_headers_say(library: Library) -> None:
    """Every column of every row, against the object itself; in order of name."""
    report = library.build()

    assert (report.rows, report.new, report.left_out) == (3, 3, {})
    table = load(library.training, SPEECH)
    assert table.schema == schema()
    assert table["name"].to_pylist() == sorted(one.feature_name for one in library.sent)
    listed = {one.name: one for one in library.training.list("features/")}
    for name, row in rows(library).items():
        sealed = library.training.get(name).data
        feature = describe(library.training, name)
        assert feature is not None
        context = feature.context
        arrays: Any = context["arrays"]
        assert row["sha256"] == digest(sealed)
        assert (row["size"], row["version"]) == (len(sealed), listed[name].version)
        assert row["modified"] == listed[name].modified
        assert (row["pseudonym"], row["sample"]) == (feature.pseudonym, feature.sample)
        assert row["feature_set"] == feature.feature_set == SPEECH
        assert [row["log_mel_rows"], row["frames"]] == arrays["log_mel"]
        assert [row["mfcc_rows"], row["frames"]] == arrays["mfcc"]
        assert row["mfcc_delta_rows"] is None
        said = ("dtype", "duration_seconds", "source_sample_rate", "source_channels")
        assert [row[one] for one in said] == [context[one] for one in said]
        assert row["source_format"] == context["source_format"]
    assert report.seconds == pytest.approx(
        sum(r["duration_seconds"] for r in rows(library).values())
    )


def test_a_second_build_reads_no_object_again(library: Library) -> None:
    """What is new is read, and nothing else; shards in which nothing changed are not put."""
    library.build()
    before = library.shards()
    new = library.ingest(anna=1)[0]
    fetched: list[str] = []

    def around(operation: str, name: str, proceed: Any) -> Any:
        if operation in {"get", "replace", "put_if_absent"}:
            fetched.append(f"{operation} {name}")
        return proceed()

    report = library.build(training=HookedStore(library.training, around))

    assert (report.rows, report.new, report.removed, report.shards_put) == (4, 1, 0, 1)
    touched = {one for one in fetched if not one.startswith("get catalog/")}
    assert touched == {f"get {new.feature_name}", f"replace {library.shard_of(new)}"}
    bruno = library.shard_of(library.sent[2])
    assert library.shards()[bruno] == before[bruno]


def test_the_same_rows_are_the_same_bytes(library: Library, tmp_path: Path) -> None:
    """Built in one go, in steps, or by a builder that takes nothing from before."""
    library.build()
    library.ingest(anna=2, bruno=1)
    library.build()
    in_steps = library.shards()
    assert library.build(anew=True).shards_put == 0
    for name in in_steps:
        for one in list(library.training.versions(name)):
            library.training.delete(one.name, one.version)
    assert library.build().new == 6
    assert library.shards() == in_steps
    for name, data in in_steps.items():
        assert encode_shard(decode_shard(name, data)) == data


def test_what_is_gone_has_no_row_and_an_empty_set_no_rows(library: Library) -> None:
    """Rows go with their objects; nothing is destroyed for it, a shard is emptied."""
    library.build()
    for one in list(library.training.versions("features/")):
        library.training.delete(one.name, one.version)
    (report,) = build_all(library.builder())
    assert (report.rows, report.removed) == (0, 3)
    assert load(library.training, SPEECH).num_rows == 0
    assert build_all(library.builder())[0].shards_put == 0


def test_a_replaced_object_has_a_new_row(library: Library) -> None:
    """Also one of the same size at the same time: it is another put."""
    library.build()
    name = library.sent[0].feature_name
    old, other = library.training.get(name), library.training.get(library.sent[1].feature_name)
    library.training.replace(name, old.data, version=old.version)
    assert (library.build().new, library.build().new) == (1, 0)
    stored = library.training.get(name)
    library.training.replace(name, other.data, version=stored.version)
    report = library.build()
    assert (report.rows, report.removed, report.left_out) == (2, 1, {FOREIGN: 1})


def test_only_what_a_receipt_names_is_listed(library: Library) -> None:
    """Planted objects under every kind of name are counted, and left out."""
    whose, home = library.sent[0].pseudonym, library.home
    folder = f"features/{SPEECH}/{whose}"
    genuine = library.training.get(library.sent[0].feature_name).data
    header = len(parse_header(genuine).raw)
    forged = genuine[:-1] + bytes([genuine[-1] ^ 1])
    library.training.put_if_absent(f"{folder}/junk.unv", b"junk")
    library.training.put_if_absent(f"{folder}/copy.unv", genuine)
    library.training.put_if_absent(f"{folder}/readme.txt", b"hello")
    library.training.put_if_absent(f"features/{SPEECH}/Else/x.unv", genuine[:header])
    replaced = library.training.get(library.sent[1].feature_name)
    library.training.replace(replaced.name, forged, version=replaced.version)

    report = library.build()

    # Forged: what stands under Anna's second name is her first object's, changed in one bit.
    assert report.left_out == {FOREIGN: 3, FOREIGN_NAME: 2}
    assert set(rows(library)) == {library.sent[0].feature_name, library.sent[2].feature_name}
    sealed = library.training.get(library.sent[2].feature_name)
    library.training.replace(sealed.name, sealed.data[:-1] + b"?", version=sealed.version)
    assert library.build().left_out == {FOREIGN: 3, FOREIGN_NAME: 2, NO_RECEIPT: 1}
    assert set(rows(library)) == {library.sent[0].feature_name}
    assert home.status().adds_up


@pytest.mark.inv("INV-10")
def test_who_was_erased_is_not_listed_though_a_backup_came_back(library: Library) -> None:
    """Their objects stand and the log names them; a suppression is enough."""
    anna = library.sent[0].pseudonym
    library.build()
    library.home.suppress(anna)
    report = library.build()
    assert (report.removed, report.left_out) == (2, {ERASED: 2})
    assert set(rows(library)) == {library.sent[2].feature_name}
    assert anna.encode() not in b"".join(library.shards().values())


def test_a_shard_that_is_missing_is_named(library: Library) -> None:
    """By who has features and no shard; the next build makes it."""
    library.build()
    gone = library.shard_of(library.sent[0])
    for one in list(library.training.versions(gone)):
        library.training.delete(one.name, one.version)
    assert missing_shards(library.training, SPEECH) == [gone]
    assert load(library.training, SPEECH).num_rows == 1
    library.build()
    assert missing_shards(library.training, SPEECH) == []
    assert gone in shard_names(library.training, SPEECH)


def test_nothing_was_built(library: Library) -> None:
    """Said with the command that builds it; a deployment without features builds nothing."""
    with pytest.raises(InputError, match="unvoiced catalog build"):
        load(library.training, SPEECH)
    assert feature_sets(library.training) == []
    assert library.builder().build("no-such-0a0a0a0a").rows == 0
    assert library.shards() == {}


def test_all_sets_and_one(tmp_path: Path) -> None:
    """`read` gives the rows of every feature set, or of one; from a url, a folder or a file."""
    home = Home.create(tmp_path / "home").with_sets("speech-16k", "mfcc-13")
    library = Library.furnish(home, anna=1)
    reports = build_all(CatalogBuilder.of(home.settings))
    assert [one.rows for one in reports] == [1, 1]
    settings = home.settings
    for place in (settings.folder, settings.path, settings.folder.as_uri(), library.training.url):
        assert read(place).num_rows == 2
        assert set(read(place, SPEECH)["feature_set"].to_pylist()) == {SPEECH}
    (mfcc,) = [one for one in feature_sets(library.training) if one != SPEECH]
    (row,) = read(settings.folder, mfcc).to_pylist()
    assert (row["log_mel_rows"], row["mfcc_rows"]) == (None, 13)
    assert all(name.startswith("catalog/") for name in shard_names(library.training))


def test_keys_are_no_rows(library: Library) -> None:
    """Of a contributor whose recordings all failed there is a key and no shard."""
    home = library.home
    clara = home.send(library.id_of("clara"), b"no audio").pseudonym
    home.run()
    assert library.training.head(key_object_name(clara)) is not None
    library.build()
    assert shard_name(SPEECH, clara[0]) not in library.shards()
    with pytest.raises(VerificationError):
        decode_shard(shard_name(SPEECH, "a"), voice(1))
