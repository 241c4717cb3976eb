"""Legal holds, and settling what is missing, as an operator gives the commands."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.cli.app import app
from unvoiced.errors import InputError, VerificationError

VOICE = b"no audio: enough for what is asked here"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment that the commands find."""
    home = Home.create(tmp_path / "home")
    monkeypatch.setenv("UNVOICED_CONFIG", str(home.settings.path))
    monkeypatch.setenv("COLUMNS", "200")
    return home


def run(*words: str, answer: str | None = None) -> Result:
    """One command."""
    return CliRunner().invoke(app, list(words), input=answer)


def test_a_hold_is_placed_listed_kept_to_and_lifted(home: Home) -> None:
    """What is held is not touched, status counts it, and lifted it goes its way."""
    sent = home.send("anna", VOICE)

    assert run("hold", "add", sent.pseudonym, "--reason", "court of Here, 7/2026").exit_code == 0
    listed = run("hold", "ls").output
    assert sent.pseudonym in listed
    assert "court of Here, 7/2026" in listed
    assert home.run().recordings == 0
    status = run("status")
    assert status.exit_code == 0
    held = next(line for line in status.output.splitlines() if "held" in line)
    assert " 1 " in held

    assert run("hold", "lift", sent.pseudonym).exit_code == 0
    assert "No legal holds" in run("hold", "ls").output
    assert list(home.run().quarantined) == [sent.name]


def test_an_id_is_held_as_its_pseudonym(home: Home) -> None:
    """Where the inviter's vault opens; of whom nothing is kept, it is said."""
    sent = home.send("anna", VOICE)
    added = run("hold", "add", "anna", "--reason", "a court")
    assert sent.pseudonym in added.output
    assert "Nothing of theirs" not in added.output
    assert home.run().recordings == 0
    assert "Nothing of theirs is kept now" in run("hold", "add", "ana", "--reason", "x").output
    assert sent.pseudonym in run("hold", "lift", "anna").output
    assert "anna" not in run("hold", "ls").output


def test_everything_can_be_held(home: Home) -> None:
    """Whoever it is of."""
    home.send("anna", VOICE)
    assert run("hold", "add", "everything", "--reason", "an audit").exit_code == 0
    assert home.run().recordings == 0


@pytest.mark.parametrize(
    "words",
    [
        ("hold", "add", "anna!", "--reason", "neither an id nor a pseudonym"),
        ("hold", "lift", "everything"),
    ],
)
def test_what_cannot_be_meant_is_refused(home: Home, words: tuple[str, ...]) -> None:
    """Neither pseudonym nor id; no hold to lift. Nothing is written."""
    result = run(*words)
    assert isinstance(result.exception, InputError)
    assert list(home.store("journal").list("holds/")) == []


def test_a_hold_needs_a_reason(home: Home) -> None:
    """Whoever finds it later has to know why."""
    assert run("hold", "add", "everything").exit_code == 2
    assert list(home.store("journal").list("holds/")) == []


def test_what_is_missing_is_settled_after_a_question(home: Home) -> None:
    """Asked first; said no, nothing is logged; said yes, status adds up again."""
    assert "Nothing is missing" in run("missing", "settle").output
    sent = home.send("anna", VOICE)

    def die() -> None:
        raise Died

    journal = HookedStore(home.store("journal"), once("put_if_absent", "quarantine/", die))
    assert dies(home.on(journal=journal).run)
    home.store("raw").delete(sent.name, sent.version)
    assert isinstance(run("status").exception, VerificationError)

    refused = run("missing", "settle", answer="n\n")
    assert refused.exit_code != 0
    assert sent.sha256 in refused.output
    assert home.leaves("disposed") == []

    assert run("missing", "settle", "--yes").exit_code == 0
    assert home.leaves("disposed")[0].fields["cause"] == "found missing"
    assert run("status").exit_code == 0
    assert home.status().adds_up
