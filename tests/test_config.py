"""The settings file: strict about what it holds, and the way to every vault."""

import io
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from unvoiced.audit import Purpose
from unvoiced.config import Role, Settings, load_settings
from unvoiced.deployment import Plan, create_deployment
from unvoiced.errors import AccessError, InputError, StoreError
from unvoiced.sections import (
    PRESETS,
    DisposalSettings,
    IngestSettings,
    RetentionSettings,
    ReviewSettings,
    WatchSettings,
)
from unvoiced.stores import open_store

NOW = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
PASSPHRASE = "correct horse battery"  # noqa: S105  (it is one, of nothing)
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SECTIONS = {
    "stores": '[stores]\nraw = "stores/raw"\ntraining = "s3://bucket/training?region=x"\n',
    "vaults": '[vaults]\nworker = "keys/worker"\n',
    "log": f'[log]\nvkey = "{VKEY}"\n',
}


def settings_file(folder: Path, **sections: str) -> Path:
    """A file with these sections in place of the good ones; bare settings come first."""
    texts = sorted({**SECTIONS, **sections}.values(), key=lambda text: text.startswith("["))
    path = folder / "unvoiced.toml"
    path.write_text("".join(texts), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One deployment with a passphrase for the worker's vault, to look at and not to change."""
    return create_deployment(
        tmp_path_factory.mktemp("deployment"), NOW, Plan(passphrases={"worker": PASSPHRASE})
    )


@pytest.fixture
def passphrase_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the environment names for the worker's vault."""
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n", encoding="utf-8")
    monkeypatch.setenv("UNVOICED_WORKER_PASSPHRASE_FILE", str(path))
    return path


def test_without_settings_it_says_how_to_name_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where those of `make up` are, if it was run here."""
    monkeypatch.chdir(tmp_path)
    ways = r"^unvoiced\.toml: No such file.*\(name one with -c or UNVOICED_CONFIG, or make one"
    with pytest.raises(InputError, match=ways + r" with `unvoiced init`\)$"):
        load_settings(Path("unvoiced.toml"))
    made = tmp_path / ".unvoiced" / "deployment"
    made.mkdir(parents=True)
    settings_file(made)
    with pytest.raises(InputError, match=r"`make up` made \.unvoiced/deployment/unvoiced\.toml"):
        load_settings(Path("unvoiced.toml"))


def test_settings_are_read_from_a_folder_or_a_file(tmp_path: Path) -> None:
    """What is not said has the documented default."""
    path = settings_file(tmp_path)
    settings = load_settings(tmp_path)
    assert settings == load_settings(path)
    assert (settings.folder, settings.path) == (tmp_path.resolve(), path.resolve())
    assert settings.log_vkey == VKEY
    assert settings.ingest == IngestSettings()


def test_ingest_settings_are_read(tmp_path: Path) -> None:
    """Each by its name."""
    text = '[ingest]\nfeature_sets = ["a", "b.toml"]\nbatch_samples = 1\nbatch_bytes = 2\n'
    text += "max_recording_seconds = 5\n"
    text += "backlog_alert_hours = 6\n"
    settings_file(tmp_path, ingest=text + "max_recording_bytes = 3\nworkers = 4\n")
    assert load_settings(tmp_path).ingest == IngestSettings(("a", "b.toml"), 1, 2, 3, 5, 4, 6)


def test_where_the_log_is_published_is_read(tmp_path: Path) -> None:
    """For links, so without a slash at its end; none is none."""
    settings_file(tmp_path, log=SECTIONS["log"] + 'url = "https://log.example.org/a/"\n')
    assert load_settings(tmp_path).log_url == "https://log.example.org/a"
    settings_file(tmp_path)
    assert load_settings(tmp_path).log_url == ""


@pytest.mark.parametrize(
    "url", ["s3://bucket", "javascript:alert(1)", "https://a) [b](http://c", "https://a b", "x"]
)
def test_a_log_is_published_where_a_browser_finds_it(tmp_path: Path, url: str) -> None:
    """Reports link to it: nothing else passes into their markdown."""
    settings_file(tmp_path, log=SECTIONS["log"] + f'url = "{url}"\n')
    with pytest.raises(InputError, match="url"):
        load_settings(tmp_path)


def test_retention_and_disposal_settings_are_read(tmp_path: Path) -> None:
    """Each by its name; lists become tuples."""
    text = '[retention]\nraw_days = 5\nfeatures_days = 0\npurpose_satisfied = "2029-12-31"\n'
    text += 'retired_feature_sets = ["speech-16k-0123abcd"]\n'
    settings_file(tmp_path, retention=text, disposal='[disposal]\narchive = ["*"]\n')
    settings = load_settings(tmp_path)
    assert settings.retention == RetentionSettings(
        raw_days=5, purpose_satisfied="2029-12-31", retired_feature_sets=("speech-16k-0123abcd",)
    )
    assert settings.retention.raw_backstop_days == 35
    assert settings.disposal == DisposalSettings(archive=("*",))


def test_reading_watch_and_review_settings_are_read(tmp_path: Path) -> None:
    """Each by its name; a quota is of a purpose, and 0 is none."""
    watch = '[watch]\ntopic = "arn:aws:sns:x:1:t"\ncloudtrail = "s3://bucket/x?region=y"\n'
    settings_file(
        tmp_path,
        reading="[reading]\ntraining_per_day = 5\ninspection_per_day = 0\n",
        watch=watch + 'access_logs = "file:///x"\nobjects_per_window = 7\n',
        review="[review]\nevery_days = 30\n",
    )
    settings = load_settings(tmp_path)
    per_day = [settings.reading.per_day(purpose.value) for purpose in Purpose]
    assert per_day == [5, 0, 0, 1000]
    assert settings.watch == WatchSettings(
        "arn:aws:sns:x:1:t", "s3://bucket/x?region=y", "file:///x", 7
    )
    assert settings.review == ReviewSettings(every_days=30)
    # What the watcher's policy is made from: only what is in a bucket is in it.
    assert settings.estate().provider_logs == {"bucket/x": ""}
    assert settings.estate().topic == "arn:aws:sns:x:1:t"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_what_the_file_does_not(tmp_path: Path, preset: str) -> None:
    """A value in the file stands over it; what neither gives has the default."""
    settings_file(tmp_path, retention=f'[retention]\npreset = "{preset}"\nraw_days = 3\n')
    settings = load_settings(tmp_path).retention
    assert settings.raw_days == 3
    assert settings.inactive_days == PRESETS[preset]["inactive_days"]
    assert settings.noncurrent_days == RetentionSettings().noncurrent_days


@pytest.mark.parametrize("kept", ["inactive_days", "archive_days"])
def test_three_years_after_the_last_upload_nothing_is_left_by_bipa(kept: str) -> None:
    """740 ILCS 14/15(a): also of what was ingested as late as can be, with a run every week."""
    bipa = RetentionSettings.given({"preset": "bipa"})
    latest = bipa.raw_days + bipa.quarantine_days
    assert latest + getattr(bipa, kept) + 7 <= 3 * 365
    assert bipa.inactive_days >= bipa.archive_days  # else a lock would outlast it


def test_the_minimal_preset_puts_an_end_to_everything() -> None:
    """Regulation (EU) 2016/679, article 5(1)(e): no number is left without end."""
    minimal = RetentionSettings.given({"preset": "gdpr-minimal"})
    days = [field.name for field in fields(RetentionSettings) if field.name.endswith("_days")]
    assert [name for name in days if not 0 < getattr(minimal, name) <= 365] == []


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("retention", 'preset = "hipaa"'),
        ("retention", "raw_days = 0"),
        ("retention", "archive_days = -1"),
        ("retention", "features_days = -1"),
        ("retention", 'raw_days = "30"'),
        ("retention", 'purpose_satisfied = "soon"'),
        ("retention", 'purpose_satisfied = "2029-02-30"'),
        ("retention", 'retired_feature_sets = ["speech-16k"]'),
        ("retention", 'retired_feature_sets = ["../keys-01234567"]'),
        ("retention", 'retired_feature_sets = "speech-16k-0123abcd"'),
        ("reading", "training_per_day = -1"),
        ("watch", 'topic = "alarms"'),
        ("watch", 'cloudtrail = "bucket"'),
        ("watch", 'access_logs = "https://bucket"'),
        ("watch", "objects_per_window = 0"),
        ("watch", "baseline_days = 0"),
        ("review", "every_days = 0"),
        ("review", 'unused_days = "90"'),
        ("ingest", "backlog_alert_hours = 0"),
        ("disposal", 'archive = ["anna"]'),
        ("disposal", 'archive = ["**"]'),
        ("disposal", 'archive = "*"'),
        ("disposal", 'storage_class = "GLACIAL"'),
        ("disposal", 'lock_mode = "governance"'),
    ],
)
def test_what_cannot_be_kept_to_is_refused(tmp_path: Path, section: str, text: str) -> None:
    """When the file is read, and the setting is named."""
    settings_file(tmp_path, **{section: f"[{section}]\n{text}\n"})
    with pytest.raises(InputError, match=text.partition(" ")[0]):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("archive", "name", "archived"),
    [
        ((), "PSEUDONYM/x.unv", False),
        (("*",), "PSEUDONYM/x.unv", True),
        (("a" * 26,), f"{'a' * 26}/x.unv", True),
        (("a" * 26,), f"{'b' * 26}/x.unv", False),
        ((f"{'a' * 26}/law",), f"{'a' * 26}/lawsuit.unv", True),
        ((f"{'a' * 26}/law",), f"{'a' * 26}/other.unv", False),
    ],
)
def test_whose_originals_are_archived(archive: tuple[str, ...], name: str, archived: bool) -> None:
    """Everybody's, one contributor's, or those whose names begin so."""
    assert DisposalSettings(archive=archive).archives(name) is archived


@pytest.mark.parametrize(
    ("section", "text", "name"),
    [
        ("more", "[stroage]\nraw = 1\n", "stroage"),
        ("ingest", "[ingest]\nbatch_sample = 1\n", "batch_sample"),
        ("stores", SECTIONS["stores"] + 'archvie = "x"\n', "archvie"),
        ("vaults", SECTIONS["vaults"] + 'wroker = "x"\n', "wroker"),
        ("log", SECTIONS["log"] + 'vkye = "x"\n', "vkye"),
    ],
)
def test_an_unknown_setting_is_refused_by_name(
    tmp_path: Path, section: str, text: str, name: str
) -> None:
    """A misspelt setting is not a default, in any section."""
    settings_file(tmp_path, **{section: text})
    with pytest.raises(InputError, match=name):
        load_settings(tmp_path)


@pytest.mark.parametrize("section", ["stores", "vaults", "log"])
def test_a_missing_section_is_named(tmp_path: Path, section: str) -> None:
    """Places and the log's key have no default."""
    settings_file(tmp_path, **{section: ""})
    with pytest.raises(InputError, match=f"lacks '{section}'"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("stores", 'stores = "x"\n'),
        ("stores", "[stores]\nraw = 5\n"),
        ("vaults", "vaults = []\n"),
        ("vaults", "[vaults]\nworker = true\n"),
        ("log", 'log = "x"\n'),
        ("log", "[log]\nvkey = 5\n"),
        ("log", "[log]\n"),
        ("ingest", "ingest = 3\n"),
        ("ingest", 'ingest = "x"\n'),
        ("ingest", '[ingest]\nfeature_sets = "speech-16k"\n'),
        ("ingest", "[ingest]\nfeature_sets = 5\n"),
        ("ingest", "[ingest]\nfeature_sets = [5]\n"),
        ("ingest", "[ingest]\nfeature_sets = []\n"),
        ("ingest", '[ingest]\nbatch_samples = "5"\n'),
        ("ingest", "[ingest]\nbatch_samples = 5.5\n"),
        ("ingest", "[ingest]\nbatch_samples = true\n"),
        ("ingest", "[ingest]\nbatch_bytes = 0\n"),
        ("ingest", "[ingest]\nmax_recording_bytes = -1\n"),
        ("ingest", "[ingest]\nworkers = -1\n"),
    ],
)
def test_a_setting_of_another_type_or_range_is_refused(
    tmp_path: Path, section: str, text: str
) -> None:
    """When the file is read, as an input error, not when something trips over it."""
    settings_file(tmp_path, **{section: text})
    with pytest.raises(InputError):
        load_settings(tmp_path)


@pytest.mark.parametrize("content", [b"a = = b", b"\xff\xfe", b"[stores"], ids=repr)
def test_what_is_not_toml_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    """Also what is not even text."""
    (tmp_path / "unvoiced.toml").write_bytes(content)
    with pytest.raises(InputError, match="is not TOML"):
        load_settings(tmp_path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The first thing a new user meets."""
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match=r"make one with `unvoiced init`"):
            load_settings(place)


def test_places_are_relative_to_the_file_or_urls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never to the folder a command happens to run in."""
    place = '[stores]\nraw = "a b/raw"\ntraining = "memory://config-test"\nlog = "{}"\n'
    settings_file(tmp_path, stores=place.format((tmp_path / "log").as_posix()))
    for name in ("a b/raw", "log"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir("/")
    settings = load_settings(tmp_path)
    assert settings.store("raw").url == (tmp_path.resolve() / "a b" / "raw").as_uri()
    assert settings.store("log").url == (tmp_path.resolve() / "log").as_uri()
    assert settings.store("training") is open_store("memory://config-test")
    with pytest.raises(InputError, match=r"has no audit under \[stores\]"):
        settings.store("audit")
    with pytest.raises(InputError, match=r"has no dataset under \[vaults\]"):
        settings.vault("dataset")


def test_a_vault_opens_with_the_key_file_beside_it(deployment: Settings) -> None:
    """The embedded default; without the file, or open to others, it does not."""
    key_file = deployment.folder / "keys" / "dataset.kek"
    assert len(deployment.vault("dataset").get("dataset/dataset")) == 96
    key_file.chmod(0o644)
    with pytest.raises(AccessError, match="may be read by others"):
        deployment.vault("dataset")
    key_file.chmod(0o600)


def test_a_deployment_works_wherever_it_lies(tmp_path: Path) -> None:
    """A folder with a space, a percent sign and letters of any language opens as any other."""
    settings = create_deployment(tmp_path / "Meine Stimmen 100% é", NOW)
    for role in get_args(Role):
        settings.vault(role)


@pytest.mark.usefixtures("passphrase_file")
def test_a_vault_with_a_passphrase_opens_by_the_file_the_environment_names(
    deployment: Settings,
) -> None:
    """One line, whose line end is not part of it."""
    assert len(deployment.vault("worker").get("log/signing")) == 32


@pytest.mark.inv("INV-11")
@pytest.mark.parametrize(
    "content", [b"correct horse batterz\n", b"short", b"", b"\xc3\xff\x00" * 9], ids=repr
)
def test_a_wrong_passphrase_file_is_an_access_error_without_its_content(
    deployment: Settings, passphrase_file: Path, content: bytes
) -> None:
    """Wrong, short, empty or not text: nothing of it stands in the message or behind it."""
    passphrase_file.write_bytes(content)
    with pytest.raises((AccessError, InputError)) as caught:
        deployment.vault("worker").get("log/signing")
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert "batter" not in str(caught.value)
    assert "0xff" not in str(caught.value)


@pytest.mark.parametrize("standard_input", [io.StringIO("no terminal"), None])
def test_without_a_terminal_and_a_file_there_is_no_passphrase(
    deployment: Settings, monkeypatch: pytest.MonkeyPatch, standard_input: io.StringIO | None
) -> None:
    """A service says what it lacks; it neither waits for input nor reads it from a pipe."""
    monkeypatch.delenv("UNVOICED_WORKER_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr("sys.stdin", standard_input)
    with pytest.raises(AccessError, match="UNVOICED_WORKER_PASSPHRASE_FILE"):
        deployment.vault("worker")


def test_a_missing_passphrase_file_is_an_access_error(
    deployment: Settings, passphrase_file: Path
) -> None:
    """The variable is named, so that whoever set it finds it."""
    passphrase_file.unlink()
    with pytest.raises(AccessError, match=r"^UNVOICED_WORKER_PASSPHRASE_FILE: No such file"):
        deployment.vault("worker")


def test_a_vault_that_is_not_there_is_an_access_error(tmp_path: Path) -> None:
    """It is not taken for an empty one."""
    settings_file(tmp_path)
    with pytest.raises(AccessError, match="there is no key vault at file://"):
        load_settings(tmp_path).vault("worker")


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A moved deployment or a disk that is not mounted must not swallow uploads."""
    settings_file(tmp_path)
    with pytest.raises(StoreError, match="there is no store at"):
        load_settings(tmp_path).store("raw")
    assert list(tmp_path.iterdir()) == [tmp_path / "unvoiced.toml"]
