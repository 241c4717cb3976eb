"""A feature set is what its digest says."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from unvoiced.errors import InputError
from unvoiced.features import FeatureSet, builtin_names, load

DIGESTS = {
    "log-mel-80": "3896481ce53292f73aacc16e5a2fea6cdaa1dcfb0f19b6931604c41b7712b3a9",
    "mfcc-13": "44f1f07a0cf3487bcb5974b252f3013015f63e6daa0bf229ff823a0b7e63edac",
    "mfcc-20-deltas": "58ca6dc3738a60731d27fbb9d946a5d9455591347e32809010cbd58b23652b9a",
    "speech-16k": "6ff51dfa03173f71b0a295ce57da1557e98d356ec8a9448b024a4e6c1cca44c9",
    "speech-16k-fast": "17be878b900c612b7b762c27b25f0d36defebefd875294b4a3cddc5df6130fa1",
    "speech-16k-float32": "c335e2d133d81fa915150d7074fc927f2481d6cf2fba3c849979bfae6183e05a",
}

CHANGES: dict[str, Any] = {
    "name": "other",
    "arrays": ("log_mel",),
    "dtype": "float32",
    "sample_rate": 22_050,
    "downmix": "first",
    "n_fft": 1024,
    "win_length": 401,
    "hop_length": 161,
    "n_mels": 79,
    "fmin": 1.0,
    "fmax": 7999.0,
    "top_db": 79.0,
    "n_mfcc": 19,
    "precision": "float32",
}
ONLY_ONE_VALUE = {"resampler", "window"}


def test_builtin_digests_are_pinned() -> None:
    """A digest names features in stores and logs for ever, so no release may change one."""
    assert {name: load(name).digest for name in builtin_names()} == DIGESTS


@pytest.mark.parametrize("field", CHANGES)
def test_digest_changes_with_every_field(field: str) -> None:
    """Two sets that differ in anything are never taken for each other."""
    base = load()
    changes = {field: CHANGES[field]}
    if field == "arrays":
        changes["n_mfcc"] = None
    assert replace(base, **changes).digest != base.digest


def test_every_field_is_tried() -> None:
    """A field added later must be added to these tests."""
    assert CHANGES.keys() | ONLY_ONE_VALUE == {field.name for field in fields(FeatureSet)}


def test_directory_names_set_and_digest() -> None:
    """The folder in the training store tells a reader which numbers are in it."""
    feature_set = load("mfcc-13")
    assert feature_set.directory == f"mfcc-13-{DIGESTS['mfcc-13'][:8]}"


def test_builtin_sets_are_called_what_they_are_called() -> None:
    """The name inside a built-in file is the name it is loaded by."""
    assert builtin_names() == (
        "log-mel-80",
        "mfcc-13",
        "mfcc-20-deltas",
        "speech-16k",
        "speech-16k-fast",
        "speech-16k-float32",
    )
    assert all(load(name).name == name for name in builtin_names())


def write(path: Path, **changes: str | None) -> Path:
    """The default set as a file, with some lines put otherwise or left out (None)."""
    lines = {
        "name": '"mine"',
        "arrays": '["log_mel", "mfcc"]',
        "dtype": '"float16"',
        "sample_rate": "16000",
        "downmix": '"mean"',
        "resampler": '"soxr_hq"',
        "n_fft": "512",
        "win_length": "400",
        "hop_length": "160",
        "window": '"hann"',
        "n_mels": "80",
        "fmin": "0",
        "fmax": "8000",
        "top_db": "80",
        "n_mfcc": "20",
    } | changes
    text = "\n".join(f"{name} = {value}" for name, value in lines.items() if value is not None)
    path.write_text(text)
    return path


def test_a_file_is_loaded(tmp_path: Path) -> None:
    """A set of one's own, with whole numbers for Hz, equals the built-in one but for its name."""
    mine = load(write(tmp_path / "mine.toml"))
    assert replace(mine, name="speech-16k").digest == load().digest


def test_the_default_precision_may_be_left_out(tmp_path: Path) -> None:
    """Sets written before there was a choice keep the digest of what is stored."""
    silent = load(write(tmp_path / "silent.toml"))
    outspoken = load(write(tmp_path / "outspoken.toml", precision='"float64"'))
    assert silent == outspoken
    assert silent.digest == outspoken.digest


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", '"Not A Name"', "feature set name"),
        ("arrays", '["mfcc", "log_mel"]', "arrays must be some of"),
        ("arrays", "[]", "arrays must be some of"),
        ("arrays", '["log_mel", "log_mel"]', "arrays must be some of"),
        ("arrays", "[1]", "arrays must be a list of names"),
        ("arrays", '["log_mel"]', "n_mfcc must be absent"),
        ("dtype", '"float64"', "dtype must be one of float16, float32"),
        ("precision", '"float16"', "precision must be one of float64, float32"),
        ("sample_rate", "0", "sample_rate must be from 1000"),
        ("sample_rate", "true", "sample_rate must be of type int"),
        ("sample_rate", "16000.0", "sample_rate must be of type int"),
        ("downmix", '"last"', "downmix must be one of mean, first"),
        ("resampler", '"fft"', "resampler must be one of soxr_hq"),
        ("window", '"boxcar"', "window must be one of hann"),
        ("n_fft", "511", "n_fft must be even"),
        ("n_fft", "1000000", "n_fft must be from 16 to 65536"),
        ("win_length", "513", r"win_length must be from 2 to n_fft \(512\)"),
        ("hop_length", "401", r"hop_length must be from 1 to win_length \(400\)"),
        ("hop_length", "0", "hop_length must be from 1"),
        ("n_mels", "300", r"n_mels must be from 1 to n_fft / 2 \+ 1 \(257\)"),
        ("fmax", "8001", r"fmax must be from 1 to sample_rate / 2 \(8000\)"),
        ("fmax", "nan", "fmax must be from"),
        ("fmin", "8000", "fmin must be at least 0 and below fmax"),
        ("fmin", '"0"', "fmin must be of type float"),
        ("top_db", "0", "top_db must be from 1"),
        ("top_db", "inf", "top_db must be from 1"),
        ("n_mfcc", "81", r"n_mfcc must be from 1 to n_mels \(80\)"),
        ("n_mfcc", None, "n_mfcc must be from 1"),
        ("n_mels", None, "lacks fields: n_mels"),
        ("n_mel", "80", "unknown fields: n_mel"),
    ],
)
def test_what_is_out_of_bounds_is_named(
    tmp_path: Path, field: str, value: str | None, told: str
) -> None:
    """A wrong field is refused with its name and its bound."""
    with pytest.raises(InputError, match=told):
        load(write(tmp_path / "mine.toml", **{field: value}))


@pytest.mark.parametrize("name", ["speech-8k", "../sets/speech-16k", "absent.toml", ""])
def test_an_unknown_set_is_refused(name: str) -> None:
    """A name that is neither built in nor a readable file raises InputError."""
    with pytest.raises(InputError):
        load(name)


def test_text_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    """A file in another format is told to be so."""
    path = tmp_path / "mine.toml"
    path.write_text("n_mels: 80")
    with pytest.raises(InputError, match="is not TOML"):
        load(path)
