"""The commands of erasure as an operator uses them: look, confirm, erase, certify, look again."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.erasure.house import Trace, hold, unhold, voice
from tests.ingest.home import Home
from unvoiced.certificates.document import verify_certificate
from unvoiced.cli.app import app
from unvoiced.disposal import suppression_id
from unvoiced.errors import UnvoicedError
from unvoiced.keys.pseudonyms import pseudonym

Run = Callable[..., "Said"]
ANNA = "contributor-anna"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment with something of two contributors."""
    home = Home.create(tmp_path / "deployment")
    for seed, who in enumerate((ANNA, ANNA, "contributor-bruno")):
        home.send(who, voice(seed))
    home.run()
    home.send(ANNA, voice(7))
    return home


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    stdout: str
    stderr: str


@pytest.fixture
def unvoiced(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the deployment; what opens the eraser's rights is a process of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0, typed: str = "") -> Said:
        given = [*arguments, "-c", str(home.settings.folder)]
        done = CliRunner().invoke(app, given, input=typed)
        if isinstance(done.exception, UnvoicedError):
            assert done.exception.exit_code == code, str(done.exception)
            return Said(done.stdout, done.stderr + done.exception.diagnostics())
        assert done.exit_code == code, done.output
        return Said(done.stdout, done.stderr)

    return run


@pytest.mark.inv("INV-10")
def test_from_the_first_look_to_the_certificate(unvoiced: Run, home: Home, tmp_path: Path) -> None:
    """A dry run changes nothing; erasing asks; the file is a certificate that verifies."""
    trace = Trace.of(home, ANNA)
    whose = unvoiced("pseudonym", ANNA).stdout.strip()
    assert whose == pseudonym(home.settings.vault("inviter").get("pseudonym/key"), ANNA)

    shown = unvoiced("erase", ANNA, "--dry-run").stdout
    assert "key object" in shown
    assert len(trace.in_stores(home)) == 4
    refused = unvoiced("erase", whose, code=2, typed="no\n")
    assert "nothing was done" in refused.stderr
    assert len(trace.in_stores(home)) == 4
    assert "0 requests" in unvoiced("erasure", "ls").stdout

    done = unvoiced("erase", ANNA, "-o", "anna.certificate", typed=f"{whose[:6]}\n")

    assert "4 versions destroyed in all, none left" in done.stdout
    assert trace.in_stores(home) == []
    certificate = verify_certificate((tmp_path / "anna.certificate").read_bytes(), home.verifier)
    body = certificate.document()["body"]
    assert isinstance(body, dict)
    assert body["pseudonym"] == whose
    listed = unvoiced("erasure", "ls").stdout
    assert "complete" in listed
    assert (asked := suppression_id(whose))[:12] in listed
    assert asked[:13] not in listed
    assert f"Request {asked[:12]}" in done.stdout
    assert "the key went first" in done.stdout
    assert asked[:12] in unvoiced("erasure", "ls", asked[:4]).stdout
    assert "0 requests" in unvoiced("erasure", "ls", "none").stdout
    assert whose not in listed
    assert "It adds up" in unvoiced("status").stdout
    # Again: it is looked for, and certified anew; never over the old certificate.
    assert "is there already" in unvoiced("erase", whose, "-o", "anna.certificate", code=2).stderr
    unvoiced("erase", whose, "--yes", "-o", "anna-2.certificate")
    again = json.loads((tmp_path / "anna-2.certificate").read_bytes())
    assert again["subject"] != certificate.document()["subject"]
    # And lifted.
    assert "may contribute again" in unvoiced("erasure", "lift", ANNA).stdout
    assert "is not suppressed" in unvoiced("erasure", "lift", ANNA, code=2).stderr


@pytest.mark.inv("INV-10")
def test_asking_destroys_nothing_and_is_taken_back(unvoiced: Run, home: Home) -> None:
    """Listed as awaiting approval, no way around it by name; withdrawn, all is as it was."""
    trace = Trace.of(home, ANNA)
    whose = unvoiced("pseudonym", ANNA).stdout.strip()
    assert "nothing to certify" in unvoiced("erase", ANNA, "--ask", "-o", "x", code=2).stderr
    assert "nothing is known" in unvoiced("erase", "contributor-ana", "--ask", code=2).stderr

    asked = unvoiced("erase", ANNA, "--ask").stdout

    digits = suppression_id(whose)[:12]
    assert f"Request {digits} awaits approval" in asked
    told = re.search(r"not by Prefect: ([0-9a-f]{8})\n", asked)
    assert told is not None
    assert told[1] not in suppression_id(whose)
    listed = unvoiced("erasure", "ls").stdout
    assert told[1] in listed
    assert digits in listed
    assert "awaits approval" in listed
    assert whose not in listed
    refused = " ".join(unvoiced("erase", ANNA, "--yes", code=2).stderr.split())
    assert "`unvoiced erasure withdraw WHO`" in refused
    assert len(trace.in_stores(home)) == 4 + 1  # and the request
    assert "awaits approval" in unvoiced("erase", ANNA, "--dry-run").stdout

    assert "withdrawn" in unvoiced("erasure", "withdraw", ANNA).stdout
    assert "0 requests" in unvoiced("erasure", "ls").stdout
    assert "no request" in unvoiced("erasure", "withdraw", ANNA, code=2).stderr
    assert len(trace.in_stores(home)) == 4
    unvoiced("erase", ANNA, "--yes")
    assert trace.in_stores(home) == []


@pytest.mark.inv("INV-10")
def test_a_hold_is_told_with_its_own_exit_status(unvoiced: Run, home: Home) -> None:
    """Six, and nothing destroyed; the same command goes on afterwards."""
    hold(home, "everything")
    told = unvoiced("erase", ANNA, "--yes", code=6)
    assert "under a legal hold" in told.stdout.lower()
    assert "pending: under a legal hold" in told.stderr
    assert "requested" in unvoiced("erasure", "ls").stdout
    unhold(home, "everything")
    assert "none left" in unvoiced("erase", ANNA, "--yes").stdout


@pytest.mark.inv("INV-10")
def test_without_the_archive_that_the_log_tells_of_nothing_is_erased(
    unvoiced: Run, home: Home
) -> None:
    """The settings lost it: no look there, no certificate, and nothing has begun."""
    home.archiving("*").run()
    path = home.settings.path
    path.write_text(re.sub(r"(?m)^archive = .stores.*\n", "", path.read_text()))
    whose = home.invitation(ANNA).pseudonym
    before = Trace.of(home, ANNA).on_disk(home.settings.folder)
    unvoiced("erase", whose, "--yes", code=2)
    unvoiced("erase", whose, "--dry-run", code=2)
    assert Trace.of(home, ANNA).on_disk(home.settings.folder) == before


def test_a_mistyped_id_is_not_called_erased(unvoiced: Run, home: Home) -> None:
    """Nothing is logged of who never was, unless somebody insists; and no key went first then."""
    before = len(list(home.settings.log_reader().entries()))
    for more in ([], ["--dry-run"], ["-o", "nobody.certificate"]):
        told = unvoiced("erase", "contributor-ana", "--yes", *more, code=2)
        assert "nothing is known of this contributor" in told.stderr
    assert len(list(home.settings.log_reader().entries())) == before
    assert "0 requests" in unvoiced("erasure", "ls").stdout

    done = unvoiced("erase", "contributor-ana", "--yes", "--even-if-nothing").stdout

    assert "0 versions destroyed in all, none left." in done
    assert "key went first" not in done


def test_an_id_without_the_inviters_vault_is_told_what_to_do(unvoiced: Run, home: Home) -> None:
    """Whoever answers for erasures need not be able to open it."""
    shutil.rmtree(home.settings.folder / "keys" / "inviter")
    for words in (("erase", ANNA, "--dry-run"), ("hold", "add", ANNA, "--reason", "a court")):
        assert "`unvoiced pseudonym ID` prints" in unvoiced(*words, code=3).stderr
