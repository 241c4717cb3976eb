"""`unvoiced log check` and the log's key: folders, sums, and whose mistake it is."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.ingest.dying import Died, dies
from tests.ingest.home import Home
from tests.ingest.hooked_store import HookedStore, once
from unvoiced.announcements import current_announcement
from unvoiced.cli.app import app
from unvoiced.disposal import Cause
from unvoiced.errors import InputError, VerificationError
from unvoiced.ingest.missing import settle_missing
from unvoiced.keys.invitation import Invitation
from unvoiced.keys.pseudonyms import pseudonym, sample_key
from unvoiced.upload import Uploader


def voice(seed: int) -> bytes:
    """A tenth of a second of noise."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(1600)
    file = io.BytesIO()
    soundfile.write(file, noise, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


def die() -> None:
    """What a killed process does next."""
    raise Died


def run(*words: str | Path) -> Result:
    """One command."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment that has run on two good uploads, one bad and one that went missing.

    The receipts are in `receipts`, the proofs in `proofs`; no command finds the settings.
    """
    home = Home.create(tmp_path / "home")
    monkeypatch.delenv("UNVOICED_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    key = home.settings.vault("inviter").get("pseudonym/key")
    invitation = Invitation(
        pseudonym=pseudonym(key, "anna"),
        sample_key=sample_key(key, "anna").hex(),
        upload_url=home.store("raw").url,
        intake=current_announcement(home.settings, home.clock()),
        log_vkey=home.settings.log_vkey,
        log_url=home.store("log").url,
    )
    uploader = Uploader(invitation, home.store("raw"), tmp_path / "receipts")
    for nth, data in enumerate([voice(1), voice(2), b"milk, bread", b"another list"]):
        file = tmp_path / f"{nth}.wav"
        file.write_bytes(data)
        uploader.upload(file)
    home.run()
    bad = sorted(entry.name for entry in home.store("raw").list())
    home.store("raw").delete(bad[0], home.store("raw").get(bad[0]).version)
    missing = home.status().missing
    settle_missing(home.settings, missing, home.clock)
    assert run("log", "proof", "receipts", "-o", "proofs").exit_code == 0
    return home


def receipt_of(digest: str) -> Path:
    """The receipt of one recording."""
    return next(file for file in Path("receipts").glob("*.json") if digest in file.read_text())


def test_a_folder_of_proofs_is_checked_with_a_folder_of_receipts(home: Home) -> None:
    """The key is the receipts' own, which is said; the last line adds up all of them."""
    checked = run("log", "check", "proofs", "--receipt", "receipts")
    assert checked.exit_code == 0
    assert f"the log's key, from the receipt: {home.settings.log_vkey}" in checked.stderr
    assert checked.stdout.splitlines()[-1] == (
        "By these proofs: 2 of 4 recordings destroyed, 1 found missing, 1 in quarantine"
    )


def test_receipts_can_be_given_one_by_one(home: Home) -> None:
    """Those without a proof are said to have none; a proof about another recording is refused."""
    first, second = (leaf.digest for leaf in home.leaves("disposed")[:2])
    proof = next(Path("proofs").glob(f"{first[:16]}-*-disposed.tlog-proof"))
    both = ("--receipt", receipt_of(first), "--receipt", receipt_of(second))
    assert run("log", "check", proof, *both).stdout.splitlines()[-1] == (
        "By these proofs: 1 of 2 recordings destroyed, 1 without a proof here"
    )
    refused = run("log", "check", "proofs", *both)
    assert isinstance(refused.exception, VerificationError)


@pytest.mark.inv("INV-4")
def test_what_was_found_missing_is_not_said_to_have_been_destroyed(home: Home) -> None:
    """Its leaf is of the kind `disposed` as well."""
    leaf = next(one for one in home.leaves("disposed") if one.fields["cause"] == Cause.MISSING)
    proof = next(Path("proofs").glob(f"{leaf.digest[:16]}-*-disposed.tlog-proof"))
    said = run("log", "check", proof, "--key", home.settings.log_vkey).stdout
    assert "found missing" in said
    assert "Nobody here destroyed it" in " ".join(said.split())
    assert "was destroyed" not in said
    assert said.splitlines()[-1] == "By these proofs: 0 of 1 recording destroyed, 1 found missing"


def test_the_newest_proof_of_a_recording_counts(home: Home) -> None:
    """What was destroyed, came back and was accepted again is not destroyed by these proofs."""
    sent = home.send("bruno", voice(3))
    home.run()
    home.store("raw").put_if_absent(sent.name, sent.sealed)
    journal = HookedStore(home.store("journal"), once("put_if_absent", "pages/", die))
    assert dies(home.on(journal=journal).run)  # accepted, and no further
    assert run("log", "proof", sent.sha256, "-o", "again", "-c", home.settings.path).exit_code == 0
    said = run("log", "check", "again", "--key", home.settings.log_vkey).stdout
    assert "0 of 1 recording destroyed, 1 taken over, and not destroyed" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("log", "check", "proofs"), "give --key LOG_KEY (log_vkey in your receipt)"),
        (("verify", "0.wav"), "give --key LOG_KEY (log_vkey in your receipt)"),
        (("log", "verify"), "give --log and --key LOG_KEY"),
        (("log", "check", "proofs", "--key", "garbage"), "not the public key of a log"),
        (("verify", "0.wav", "--key", "garbage"), "not the public key of a log"),
        (("log", "verify", "--log", "home/stores/log", "--key", "x"), "not the public key"),
        (("log", "check", "0.wav", "--receipt", "receipts"), "0.wav is not a .tlog-proof file"),
        (("log", "check", "receipts", "--receipt", "receipts"), "receipts holds no proofs"),
        (("log", "check", "proofs", "--receipt", "proofs"), "proofs holds no upload receipts"),
    ],
)
def test_what_is_no_evidence_at_all_is_a_mistake_of_the_one_who_asks(
    home: Home, words: tuple[str, ...], says: str
) -> None:
    """Exit code 2, not the 5 of evidence that does not hold; and what to give instead."""
    error = run(*words).exception
    assert isinstance(error, InputError)
    assert says in str(error)
    assert "unvoiced init" not in str(error)


def test_receipts_of_two_logs_are_not_mixed(home: Home) -> None:
    """One key at a time: which of them is meant is not guessed."""
    file = next(Path("receipts").glob("*.json"))
    fields = json.loads(file.read_text())
    Path("other.json").write_text(json.dumps({**fields, "log_vkey": "another+0+0"}))
    error = run("log", "check", "proofs", "--receipt", file, "--receipt", "other.json").exception
    assert isinstance(error, InputError)
    assert "several logs" in str(error)


def test_a_copy_of_the_log_needs_no_key_where_there_is_a_receipt(home: Home) -> None:
    """`log proof RECEIPT --log COPY`: the key is the receipt's."""
    copy = home.settings.folder / "stores" / "log"
    receipt = next(Path("receipts").glob("*.json"))
    done = run("log", "proof", receipt, "--log", copy, "-o", "elsewhere")
    assert done.exit_code == 0, done.exception
    assert re.search(r"accepted\W", done.stdout)
