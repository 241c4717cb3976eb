"""`unvoiced retention`: what is due, destroying it, and the public page; a deployment on disk."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ingest.home import Home
from tests.retention.calendar_home import recording
from unvoiced.cli import main
from unvoiced.disposal import LegalHold, LegalHolds
from unvoiced.features import load

Run = Callable[..., str]
DAY = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment on disk."""
    return Home.create(tmp_path / "deployment")


@pytest.fixture
def retention(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process; what it printed, on either stream."""

    def run(*arguments: str | Path, code: int = 0) -> str:
        command = ["unvoiced", "retention", *map(str, arguments), "-c", str(home.settings.folder)]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        return " ".join((printed.out + printed.err).split())

    return run


def send_long_ago(home: Home, who: str, days: int) -> Path:
    """A recording that has waited so long, and its file."""
    sent = home.send(who, recording(days))
    file = home.settings.folder / "stores" / "raw" / sent.name
    then = time.time() - days * DAY
    os.utime(file, (then, then))
    return file


def settings(home: Home, text: str) -> None:
    """Add to the settings file."""
    with home.settings.path.open("a") as file:
        file.write(text)


def test_show_then_run(home: Home, retention: Run) -> None:
    """What the one says is due the other destroys; what is held or not due stays."""
    due, young = send_long_ago(home, "anna", 91), send_long_ago(home, "bruno", 80)
    held = send_long_ago(home, "carla", 200)
    carla = home.invitation("carla").pseudonym
    LegalHolds(home.store("journal")).place(LegalHold(carla, "a lawsuit", "2026-11-23"))

    shown = retention("show")

    assert "1 objects are due" in shown
    assert f"under a legal hold ({carla})" in shown
    assert "access records" not in shown  # nothing is there that the rule is about
    assert all(file.exists() for file in (due, young, held))

    assert "1 objects destroyed" in retention("run")
    assert [file.exists() for file in (due, young, held)] == [False, True, True]
    assert "0 objects are due" in retention("show")
    assert [leaf.fields["cause"] for leaf in home.leaves("disposed")] == [
        "retention: never ingested"
    ]


def test_what_is_due_and_stays_fails_the_run(home: Home, retention: Run) -> None:
    """With the reason, and exit status 6."""
    settings(home, "max_recording_bytes = 10\n")
    file = send_long_ago(home, "anna", 100)
    printed = retention("run", code=6)
    assert "max_recording_bytes" in printed
    assert "1 objects that are due are still there" in printed
    assert file.exists()


def test_a_feature_set_that_is_still_made_cannot_be_retired(home: Home, retention: Run) -> None:
    """Neither shown nor run: the settings contradict each other."""
    (directory,) = (load(name).directory for name in home.settings.ingest.feature_sets)
    settings(home, f'\n[retention]\nretired_feature_sets = ["{directory}"]\n')
    for command in ("show", "run"):
        assert directory in retention(command, code=2)


def test_the_schedule_is_printed_or_written(home: Home, retention: Run, tmp_path: Path) -> None:
    """As markdown on the terminal, as a page where one is asked for."""
    settings(home, '\n[retention]\npreset = "bipa"\n')
    assert "1,028 days" in retention("schedule")
    page = tmp_path / "page.html"
    retention("schedule", "-o", page, "--contact", "a@example.org")
    assert "1,028 days" in page.read_text(encoding="utf-8")
    assert "a@example.org" in page.read_text(encoding="utf-8")
    retention("schedule", "-o", tmp_path / "page.pdf", code=2)
    assert "is not overwritten" in retention("schedule", "-o", page, code=2)


def test_the_schedule_follows_the_log_where_it_can(
    home: Home, retention: Run, tmp_path: Path
) -> None:
    """Originals that the settings no longer archive are on it; without a log it says so, too."""
    home.send("anna", recording(1))
    home.archiving("*").run()
    assert "archived before" in retention("schedule")
    log = home.settings.folder / "stores/log"
    log.rename(tmp_path / "elsewhere")
    said = retention("schedule")
    assert "follows the settings alone" in said
    assert "archived before" not in said


def test_folders_have_no_lifecycle(retention: Run) -> None:
    """Nothing to show, and nothing to ask an account for."""
    assert "No store is in a bucket" in retention("lifecycle")
    assert "No store is in a bucket" in retention("lifecycle", "--apply")
