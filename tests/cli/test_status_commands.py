"""What status, the lists and their plurals say: of what is missing, found missing, held or none."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home, Sent
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.cli.app import app
from unvoiced.cli.display import counted
from unvoiced.errors import InputError, StoreError, VerificationError

VOICE = b"no audio: enough for what is asked here"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment that the commands find."""
    home = Home.create(tmp_path / "home")
    monkeypatch.setenv("UNVOICED_CONFIG", str(home.settings.path))
    return home


def run(*words: str, answer: str | None = None) -> Result:
    """One command."""
    return CliRunner().invoke(app, list(words), input=answer)


def rows(output: str) -> list[tuple[str, int]]:
    """The first two columns of a table, with how far the first is indented."""
    found = re.findall(r"^│ ( *[^│]*?) +│ +([\d,]+) │", output, re.MULTILINE)
    return [(what, int(count)) for what, count in found]


def accept_only(home: Home) -> None:
    """A run that dies when it is about to write of the quarantine: all is accepted and stands."""

    def die() -> None:
        raise Died

    journal = HookedStore(home.store("journal"), once("put_if_absent", "quarantine/", die))
    assert dies(home.on(journal=journal).run)


def vanish(home: Home, sent: Sent) -> None:
    """Somebody deletes it who has no business to."""
    home.store("raw").delete(sent.name, sent.version)


@pytest.mark.inv("INV-5")
def test_the_rows_of_status_are_a_sum_whatever_is_missing(home: Home) -> None:
    """What is missing stands under where the log has it, and is counted once."""
    quarantined = [home.send("anna", VOICE + bytes([nth])) for nth in range(2)]
    home.run()
    waiting = [home.send("bruno", VOICE + bytes([nth])) for nth in range(3)]
    accept_only(home)
    for sent in (quarantined[0], waiting[0]):
        vanish(home, sent)

    result = run("status")

    assert isinstance(result.exception, VerificationError)
    assert "a backup may give them back; else `unvoiced missing settle`" in str(result.exception)
    assert "2 recordings are missing" in str(result.exception)
    shown = rows(result.output)
    at = [what for what, _ in shown].index("+ backlog")
    assert shown[:at] == [
        ("accepted", 5),
        ("= disposed", 0),
        ("+ quarantined", 2),
        ("  of these missing", 1),
    ]
    assert shown[at : at + 3] == [
        ("+ backlog", 3),
        ("  of these waiting", 2),
        ("  of these missing", 1),
    ]
    listed = run("missing", "ls")
    assert listed.exit_code == 0
    assert sorted(re.findall(r"\b[0-9a-f]{64}\b", listed.stdout)) == sorted(
        [quarantined[0].sha256, waiting[0].sha256]
    )


@pytest.mark.inv("INV-5")
def test_what_may_stand_unread_is_not_called_missing(home: Home) -> None:
    """Nor found: who may not read all that stands cannot tell. One more than that is missing."""
    sent = [home.send("anna", VOICE + bytes([nth])) for nth in range(3)]
    accept_only(home)
    with home.settings.path.open("a") as settings:
        settings.write("\nmax_recording_bytes = 1\n")  # [ingest] stands last
    unsure = run("status")
    assert isinstance(unsure.exception, StoreError)
    assert "3 recordings were not seen, and 3 objects" in str(unsure.exception)
    assert "not checked whether anything is missing" in str(unsure.exception)
    assert ("  of these not seen", 3) in rows(unsure.output)
    assert "missing" not in unsure.stdout
    listed = run("missing", "ls")
    assert isinstance(listed.exception, StoreError)
    assert set(re.findall(r"\b[0-9a-f]{64}\b", listed.stdout)) == {one.sha256 for one in sent}

    vanish(home, sent[0])
    sure = run("status")
    assert isinstance(sure.exception, VerificationError)
    assert ("  of these missing", 3) in rows(sure.output)


@pytest.mark.inv("INV-4")
def test_what_was_found_missing_is_not_counted_as_destroyed(home: Home) -> None:
    """Status and `log verify` say how many; before anything is settled they say nothing."""
    sent, other = home.send("anna", VOICE), home.send("anna", VOICE + b"!")
    home.run()
    for command in (("status",), ("log", "verify")):
        assert "found missing" not in run(*command).output
    vanish(home, sent)
    assert "1 recording is" in str(run("status").exception)

    assert run("missing", "settle", answer="n\n").exit_code == 1
    settled = run("missing", "settle", answer="y\n")

    assert "Log 1 recording as found gone" in settled.output
    for command in (("status",), ("log", "verify")):
        assert ("  of these found missing", 1) in rows(run(*command).output), command
    # Its record is there until the next run, and it is in quarantine no more.
    assert len(list(home.store("journal").list("quarantine/"))) == 2
    listed = run("quarantine", "ls").output
    assert "1 quarantined" in listed
    assert "Nothing is missing" in run("missing", "ls").output
    assert isinstance(run("quarantine", "release", sent.name).exception, InputError)
    assert run("quarantine", "release", other.name).exit_code == 0


def test_under_a_hold_status_does_not_call_an_old_upload_new(home: Home) -> None:
    """It says that some of those not taken over are held, how many holds there are, and where."""
    home.send("anna", VOICE)
    assert "Legal holds" not in run("status").output
    assert run("hold", "add", "everything", "--reason", "an audit").exit_code == 0
    home.run()
    output = " ".join(run("status").output.split())
    assert "Legal holds: 1, see `unvoiced hold ls`" in output
    assert "legal hold, say" in output
    assert "1 legal hold" in run("hold", "ls").output


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("quarantine ls", "Nothing is in quarantine.\n"),
        ("hold ls", "No legal holds.\n"),
        ("missing ls", "Nothing is missing.\n"),
    ],
)
def test_an_empty_list_is_one_line(home: Home, command: str, says: str) -> None:
    """And no empty table."""
    assert run(*command.split()).output == says


def test_one_is_one() -> None:
    """Numbers and their nouns agree."""
    assert counted(1, "recording") == "1 recording"
    assert [counted(n, "object") for n in (0, 2, 1200)] == ["0 objects", "2 objects",
                                                           "1,200 objects"]  # fmt: skip
    assert (counted(1, "entry", "entries"), counted(2, "entry", "entries")) == (
        "1 entry",
        "2 entries",
    )
