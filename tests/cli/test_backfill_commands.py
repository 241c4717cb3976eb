"""`unvoiced backfill` as a data scientist runs it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.backfill.archived import NEW, archiving, complete, everything
from tests.features.recordings import encoded, noise
from tests.ingest.home import Home, Sent
from unvoiced.cli.app import app
from unvoiced.errors import InputError

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment on disk, which archives every original."""
    return archiving(Home.create(tmp_path / "deployment"))


@pytest.fixture
def sent(home: Home) -> list[Sent]:
    """Two originals in its archive."""
    recordings = [encoded(noise(16000, seed)) for seed in range(2)]
    sent = [home.send(who, data) for who, data in zip(("anna", "bruno"), recordings, strict=True)]
    assert home.run().disposed == 2
    return sent


@pytest.fixture
def unvoiced(home: Home, tmp_path: Path) -> Run:
    """Run the command from another folder than the deployment's."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "unvoiced.cli", "backfill", *arguments],
            cwd=tmp_path,
            env=os.environ | {"UNVOICED_CONFIG": str(home.settings.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


def test_counting_then_doing_then_nothing_left(unvoiced: Run, home: Home, sent: list[Sent]) -> None:
    """Without --go nothing changes; with it all is made, and what cannot be is listed."""
    planted = f"{sent[0].pseudonym}/planted.unv"
    home.store("archive").put_if_absent(planted, b"?")
    before = everything(home)
    dry = unvoiced(NEW)
    assert dry.stderr.rstrip().endswith("Add --go to do it.")
    assert re.search(r"to do\W+3\b", dry.stdout)
    assert "DryRun: 3 of 3 originals to do; nothing was changed or restored" in dry.stderr
    assert everything(home) == before

    only = ("--contributor", "bruno", "--since", "2020-01-01")
    assert "Completed: 1 feature objects made" in unvoiced(NEW, "--go", *only).stderr
    done = unvoiced(NEW, "--go", "--source", "archive", "--tier", "Standard")
    assert "CompletedWithSkips: 1 feature objects made, 1 originals skipped" in done.stderr
    assert re.search(r"their features stood already\W+1\b", done.stdout)
    assert planted in done.stdout
    assert "not-in-log" in done.stdout
    complete(home, sent)


def test_nothing_selected_says_why(home: Home, sent: list[Sent]) -> None:
    """Nobody of that name, no such day, an empty store: three different mistakes."""
    for arguments, why in (
        (("--contributor", "nobody"), "no such contributor in the archive"),
        (("--until", "2020-01-01"), "nothing in the archive between these dates"),
        (("--source", "raw"), "The raw store is empty"),
    ):
        found = CliRunner().invoke(
            app, ["backfill", NEW, *arguments, "-c", str(home.settings.folder)]
        )
        assert found.exit_code == 0, found.exception
        assert why in found.stderr
        assert "--go" not in found.stderr


def test_an_empty_archive_says_what_the_settings_say(tmp_path: Path) -> None:
    """Most often nobody told ingest to archive."""
    home = Home.create(tmp_path / "deployment")
    found = CliRunner().invoke(app, ["backfill", NEW, "-c", str(home.settings.folder)])
    assert "The archive is empty ([disposal] archive is [])" in found.stderr
    assert "no new feature set can ever be made from them" in found.stderr


def test_a_set_in_a_file_is_found_from_where_the_command_runs(
    unvoiced: Run, home: Home, sent: list[Sent], tmp_path: Path
) -> None:
    """As a path in a shell is, not as one in the settings file."""
    builtin = Path(__file__).parents[2] / "src/unvoiced/features/sets/mfcc-13.toml"
    (tmp_path / "mine.toml").write_text(builtin.read_text("utf-8"), "utf-8")
    unvoiced("mine.toml", "--go")
    complete(home, sent)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("nothing",), "no feature set 'nothing'"),
        ((NEW, "--contributor", "anna!"), "not a contributor id"),
        ((NEW, "--since", "2026-02-01", "--until", "2026-01-01"), "is after until"),
        ((NEW, "--restore-days", "1"), ""),
        ((NEW, "--tier", "Fast"), ""),
    ],
)
def test_mistakes_are_said_before_anything_is_read(
    home: Home, arguments: tuple[str, ...], what: str
) -> None:
    """With exit status 2: an unknown set, no pseudonym, wrong days, a tier that nobody has."""
    found = CliRunner().invoke(
        app, ["backfill", *arguments, "--go", "-c", str(home.settings.folder)]
    )
    if what:
        assert isinstance(found.exception, InputError)
        assert what in str(found.exception)
    else:
        assert found.exit_code == 2
