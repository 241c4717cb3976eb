"""The commands for intake keys, as their people use them: rotate, retire, ls, move, upload."""

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from unvoiced.announcements import create_intake_key
from unvoiced.cli.app import app
from unvoiced.clock import utc_now
from unvoiced.config import Settings, load_settings
from unvoiced.deployment import create_deployment
from unvoiced.errors import AccessError, InputError
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.plan import make_plan
from unvoiced.ingest.workbench import open_workbench
from unvoiced.keys.intake import Epoch

NOW = utc_now()
PAST, LATER = NOW - timedelta(days=28), NOW - timedelta(days=21)
OLD, NEW = Epoch.of(PAST).name, Epoch.of(LATER).name


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment of four weeks ago, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNVOICED_CONFIG", raising=False)
    return create_deployment(tmp_path / "deployment", PAST)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A contributor's."""
    path = tmp_path / "take.wav"
    soundfile.write(path, np.random.default_rng(7).normal(0, 0.1, 8000), 16000)
    return path


def run(*arguments: str) -> Result:
    """A command that succeeds."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def keys(command: str, *arguments: str) -> str:
    """What a command for keys prints."""
    return run("keys", command, *arguments, "-c", "deployment").output


def ingest(settings: Settings) -> dict[str, str]:
    """The library's own run; what it quarantined."""
    bench = open_workbench(settings, "test")
    found: dict[str, str] = {}
    for batch in make_plan(bench, 256, 2**26, 2**30).batches:
        found |= ingest_batch(bench, batch).quarantined
    return found


def test_rotating_says_what_it_did_and_then_that_there_is_nothing_to_do(settings: Settings) -> None:
    """And further keys for this week and the next are made when asked for."""
    week = Epoch.of(utc_now())
    coming = week.first_of_next_week
    made = keys("rotate")
    assert f"made and announced the key of {week.name}" in made
    assert f"made and announced the key of {coming.name}" in made
    again = keys("rotate")
    assert "made" not in again
    assert f"{week.name} has its key" in again
    further = keys("rotate", "--now")
    assert f"made and announced the key of {week.name}-2" in further
    assert f"made and announced the key of {coming.name}-2" in further


def test_listing_says_where_each_key_stands(settings: Settings) -> None:
    """Closed, open, coming; how many recordings; what holds retirement back."""
    keys("rotate")
    listed = keys("ls")
    assert "3 intake keys" in listed
    for text in (OLD, "closed", "open", "coming", "days after the next epoch's key took over"):
        assert text in " ".join(listed.split())
    ends = Epoch.of(utc_now()).first_of_next_week.begins
    after = f"until {ends:%Y-%m-%d}; may be retired from {ends + timedelta(days=7):%Y-%m-%d}"
    assert f"in use {after}" in " ".join(listed.split())
    assert f"in use from {ends:%Y-%m-%d} until" in " ".join(listed.split())
    assert "no key to seal to" not in listed


def test_a_week_without_its_key_is_pointed_out(settings: Settings) -> None:
    """Nobody notices else: contributors go on sealing to the old one."""
    listed = " ".join(keys("ls").split())
    assert re.search(r"\b1 intake key\b", listed)
    assert f"no key to seal to of this week, {Epoch.of(utc_now()).name}" in listed
    assert "run `unvoiced keys rotate`" in listed
    assert "in use until a newer key is announced" in listed
    assert f"the next is {OLD}: in use until a newer key" in " ".join(keys("retire").split())


def test_retiring_says_when_there_will_be_something_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The day from which the key in use may go."""
    monkeypatch.chdir(tmp_path)
    create_deployment(tmp_path / "deployment", NOW)
    ends = Epoch.of(NOW).first_of_next_week.begins
    said = " ".join(keys("retire").split())
    assert "no epoch is over whose key is still there; the next is" in said
    assert f"may be retired from {ends + timedelta(days=7):%Y-%m-%d}" in said


def test_retiring_destroys_what_is_over_and_says_what_is_kept(settings: Settings) -> None:
    """The key is gone from the vault; a second time there is nothing to do."""
    create_intake_key(settings, settings.vault("worker"), LATER)
    keys("rotate")
    done = keys("retire")
    assert f"{OLD}: retired, its private key seen to be gone" in done
    assert f"{NEW}: kept: until" in done
    assert OLD not in set(settings.vault("worker").names("intake"))
    assert "retired" not in keys("retire")
    assert "retired" in keys("ls")


def test_a_lost_key_is_an_error(settings: Settings, recording: Path) -> None:
    """With what is sealed to it."""
    run("invite", "anna", "-c", "deployment")
    run("upload", str(recording), "-i", "anna.invitation")
    create_intake_key(settings, settings.vault("worker"), LATER)
    (settings.folder / "keys" / "worker" / "intake" / f"{NEW}.key").unlink()
    done = CliRunner().invoke(app, ["keys", "retire", "-c", "deployment"])
    assert isinstance(done.exception, AccessError)
    assert f"{NEW}: no later epoch has begun" in str(done.exception)
    assert "lost:" not in keys("rotate")  # of an earlier week: what is sealed to it is retire's


def test_a_recording_that_came_too_late_is_sent_again_by_the_same_command(
    settings: Settings, recording: Path, tmp_path: Path
) -> None:
    """The proof says why it was quarantined and what to do, and doing it works."""
    run("invite", "anna", "-c", "deployment")
    text = (tmp_path / "anna.invitation").read_text()
    away = text.replace("/stores/log", "/stores/nowhere")
    (tmp_path / "away.invitation").write_text(away)
    create_intake_key(settings, settings.vault("worker"), LATER)
    keys("retire")
    late = run("upload", str(recording), "-i", "away.invitation")
    assert "1 uploaded" in late.output
    assert f"the key is your invitation's, of {OLD}" in " ".join(late.output.split())
    assert set(ingest(settings).values()) == {"retired-intake-key"}

    again = run("upload", str(recording), "-i", "anna.invitation")

    assert "1 uploaded" in again.output
    assert "take.wav: came after its key was retired: sealed and sent again as" in again.output
    assert ingest(settings) == {}
    assert "1 already uploaded" in run("upload", str(recording), "-i", "anna.invitation").output
    (receipt,) = (tmp_path / "unvoiced-receipts").glob("*-2.json")
    assert f"sent again as {receipt.stem}" in again.output
    log = str(settings.folder / "stores" / "log")
    proved = run("log", "proof", str(receipt), "--log", log, "--key", settings.log_vkey)
    assert "disposed" in proved.output


def test_uploading_from_another_folder_says_where_the_receipts_are(
    settings: Settings, recording: Path, tmp_path: Path
) -> None:
    """And what is lost without them; no folder of receipts is made, or spoken of, for nothing."""
    run("invite", "anna", "-c", "deployment")
    run("upload", str(recording), "-i", "anna.invitation")
    other = ("--receipts", "other")
    said = " ".join(run("upload", str(recording), "-i", "anna.invitation", *other).output.split())
    assert "1 already in the store, uploaded without a receipt here" in said
    assert "where they were first sent from" in said
    assert "without them the log cannot be asked" in said
    assert "Receipts:" not in said
    assert not (tmp_path / "other").exists()


def test_again_is_for_who_cannot_read_the_log(
    settings: Settings, recording: Path, tmp_path: Path
) -> None:
    """The operator told them, and gave them a new invitation."""
    run("invite", "anna", "-c", "deployment")
    run("upload", str(recording), "-i", "anna.invitation")
    create_intake_key(settings, settings.vault("worker"), LATER)
    run("invite", "anna", "-o", "new.invitation", "-c", "deployment")
    new = (tmp_path / "new.invitation").read_text().replace("/stores/log", "/stores/nowhere")
    (tmp_path / "private.invitation").write_text(new)
    for arguments, said in (([], "1 already uploaded"), (["--again"], "1 uploaded"),
                            (["--again"], "1 already uploaded")):  # fmt: skip
        done = run("upload", str(recording), "-i", "private.invitation", *arguments)
        assert said in done.output
    assert len(list((tmp_path / "unvoiced-receipts").glob("*.json"))) == 2


def test_sealing_without_uploading_uses_the_newest_key_too(
    settings: Settings, recording: Path
) -> None:
    """What is carried over by hand opens with the key of its week."""
    run("invite", "anna", "-c", "deployment")
    create_intake_key(settings, settings.vault("worker"), LATER)
    keys("retire")
    carried = run("seal", str(recording), "-i", "anna.invitation", "-o", "deployment/stores/raw")
    assert carried.output.strip().endswith(".unv")
    assert ingest(settings) == {}


def test_moving_a_vault_and_what_is_left_to_its_owner(settings: Settings) -> None:
    """To a folder, under a key file; run again, it says that all is done."""
    shown = keys("move", "worker", "--to", "elsewhere")
    assert "secrets moved; the old vault at" in shown
    assert "a copy of both, taken before, still opens" in shown
    assert OLD in set(load_settings(settings.path).vault("worker").names("intake"))
    done = CliRunner().invoke(
        app, ["keys", "move", "worker", "--to", "elsewhere", "-c", "deployment"]
    )
    assert isinstance(done.exception, InputError)
    assert "nothing is left to do" in str(done.exception)
    done = CliRunner().invoke(app, ["keys", "move", "boss", "--to", "x", "-c", "deployment"])
    assert isinstance(done.exception, InputError)
