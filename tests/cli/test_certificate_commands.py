"""Certificates on the command line: made where the log is, verified anywhere."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from tests.certificates.logged import BODIES, STRANGER, Logged, digest, whole_life
from tests.ingest.home import Home, Sent
from unvoiced.certificates.document import verify_certificate
from unvoiced.cli import main
from unvoiced.log.leaves import KINDS, parse_leaf
from unvoiced.log.verify import RECEIPTS
from unvoiced.log.writer import LogWriter
from unvoiced.stores.file import FileStore


class Said(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


Run = Callable[..., Said]
# The command in a process that has no network to speak of.
OFFLINE = """
import socket
def refuse(*_arguments, **_names):
    raise SystemExit("the network was used")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from unvoiced.cli import main
main()
"""


def command(*arguments: str, code: int = 0, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a folder, without anybody's settings."""
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Sent]:
    """A deployment that ingested a recording; everything else is in its log as if it had been."""
    home = Home.create(tmp_path_factory.mktemp("certificates") / "home")
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(4).standard_normal(1600)
    soundfile.write(file, noise, 16_000, format="WAV", subtype="PCM_16")
    sent = home.send("anna", file.getvalue())
    home.send("anna", b"no audio")
    assert home.run().disposed == 1
    signer = home.settings.signer(home.settings.vault("worker"))
    LogWriter(home.store("log"), signer).append(lambda _: whole_life().leaves)
    return home, sent


@pytest.fixture
def run(
    tmp_path: Path,
    deployed: tuple[Home, Sent],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """The command in this process, in an empty folder with a copy of the published log."""
    shutil.copytree(deployed[0].settings.folder / "stores/log", tmp_path / "published")
    key = deployed[0].settings.log_vkey
    places = {"LOG": ["--log", "published", "--key", key], "KEY": ["--key", key]}
    places["CONFIG"] = ["-c", str(deployed[0].settings.folder)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNVOICED_CONFIG", raising=False)

    def run_it(*arguments: str, code: int = 0) -> Said:
        given = [one for word in arguments for one in places.get(word, [word])]
        monkeypatch.setattr(sys, "argv", ["unvoiced", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        said = Said(*capsys.readouterr())
        assert (ended.value.code or 0) == code, said
        return said

    return run_it


def receipt_of(sent: Sent, home: Home, path: Path) -> None:
    """The upload receipt that a contributor keeps."""
    fields = {
        "format": "unvoiced-upload-receipt/1",
        "sample": sent.sample,
        "pseudonym": sent.pseudonym,
        "sha256": sent.sha256,
        "size": len(sent.sealed),
        "file_name": "a.wav",
        "sealed_at": "2026-11-23T08:00:00Z",
        "log_vkey": home.settings.log_vkey,
        "log_url": home.store("log").url,
        "uploaded": True,
    }
    path.write_text(json.dumps(fields))


def test_a_sample_is_certified_by_receipt_by_digest_and_by_name(
    run: Run, deployed: tuple[Home, Sent], tmp_path: Path
) -> None:
    """Three ways to name it, one certificate; verified in an empty folder, without a network."""
    home, sent = deployed
    (tmp_path / "receipts").mkdir()
    receipt_of(sent, home, tmp_path / "receipts/one.json")
    by_receipt = ("certificate", "sample", "receipts/one.json", "-o", "1.json")
    said = run(*by_receipt, "--html", "1.html", "--person", "Ada Byron", "--title", "DPO")
    assert "Proven, by the log" in said.stdout
    assert "1.json: written, and verified" in said.stdout
    assert "Not proven" not in said.stdout
    run("certificate", "sample", sent.sha256, "-o", "2.json", "LOG")
    run("certificate", "sample", f"{sent.pseudonym}/{sent.sample}", "-o", "3.json", "CONFIG")
    told = [json.loads((tmp_path / f"{n}.json").read_bytes()) for n in (1, 2, 3)]
    assert told[0]["issuer"]["person"] == "Ada Byron"
    assert len({json.dumps({**one, "issuer": None}) for one in told}) == 1
    assert "Ada Byron" in (tmp_path / "1.html").read_text(encoding="utf-8")

    (tmp_path / "empty").mkdir()
    shutil.copy(tmp_path / "1.json", tmp_path / "empty")
    verify = ("verify", "1.json")
    found = command(*verify, "--key", home.settings.log_vkey, folder=tmp_path / "empty").stdout
    assert "1.json holds" in found
    for heading in ("Proven, by the log", "Still there:", "Not checked by the operator:",
                    "Not proven:", "Stated by the issuer and not proven:"):  # fmt: skip
        assert any(line.startswith(heading) for line in found.splitlines()), heading
    assert "not anonymous" in " ".join(found.split())
    assert max(map(len, found.splitlines())) < 170
    assert list((tmp_path / "empty").iterdir()) == [tmp_path / "empty/1.json"]
    command(*verify, "--key", STRANGER.vkey, code=5, folder=tmp_path / "empty")
    run("verify", "1.json", code=2)  # no key, and no settings to take it from


def test_what_is_no_certificate_or_no_name_is_a_mistake_and_no_forgery(
    run: Run, deployed: tuple[Home, Sent], tmp_path: Path
) -> None:
    """Exit 2, with what is accepted; and no file is written over another."""
    (tmp_path / "notes.json").write_text('{"format": "shopping list"}')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    for name in ("notes.json", "picture.png"):
        assert "is no certificate" in run("verify", name, "KEY", code=2).stderr
    said = run("certificate", "sample", "anna", "-o", "a.json", code=2).stderr
    for form in ("an upload receipt", "64 hex digits", "PSEUDONYM/SAMPLE"):
        assert form in " ".join(said.split())
    (tmp_path / "receipts").mkdir()
    assert "is a folder" in run("certificate", "sample", "receipts", "-o", "a", code=2).stderr
    make = ("certificate", "sample", deployed[1].sha256)
    run(*make, "-o", "a.json", "--html", "a.html", "LOG")
    for again in (("-o", "a.json"), ("-o", "b.json", "--html", "a.html")):
        assert "is not overwritten" in run(*make, *again, "LOG", code=2).stderr.replace("\n", " ")
    assert not (tmp_path / "b.json").exists()


def test_epochs_contributors_and_archived_originals_are_certified(run: Run, tmp_path: Path) -> None:
    """From the published log alone; several are verified at once, with one key."""
    (tmp_path / "body.json").write_text(json.dumps(BODIES["anna"], indent=3))
    run("certificate", "epoch", "2026-w47", "-o", "epoch.json", "LOG")
    run("certificate", "contributor", "body.json", "-o", "anna.json", "LOG")
    run("certificate", "contributor", "anna.json", "-o", "again.json", "LOG")  # from its own body
    told = [json.loads((tmp_path / name).read_bytes()) for name in ("anna.json", "again.json")]
    assert {**told[0], "issuer": None} == {**told[1], "issuer": None}
    copy, source = digest("copy of unkept"), digest("unkept")
    run("certificate", "archived", source, "-o", "archived.json", "LOG")
    run("certificate", "archived", copy, "-o", "by-copy.json", "LOG")
    found = run("verify", "anna.json", "epoch.json", "archived.json", "by-copy.json", "KEY").stdout
    assert found.count(" holds.") == 4
    assert json.loads((tmp_path / "archived.json").read_bytes())["subject"]["name"] == copy


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("sample", digest("only accepted")), 6, "not disposed of since"),
        (("sample", digest("quarantined")), 6, "in quarantine since"),
        (("sample", digest("nobodys")), 6, "not accepted, or not yet"),
        (("epoch", "2026-w48"), 6, "is not retired"),
        (("epoch", "week 47"), 2, "is not an epoch"),
        (("archived", digest("kept")), 6, "still kept"),
        (("archived", digest("plain")), 6, "nothing with this digest was archived"),
        (("contributor", "published/checkpoint"), 2, "neither the body of an erasure"),
        (("contributor", "nowhere.json"), 2, "No such file"),
    ],
)
def test_what_has_no_certificate_is_refused_with_the_reason(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """One sentence, an exit code, and no file."""
    said = run("certificate", *arguments, "-o", "out.json", "--html", "out.html", "LOG", code=code)
    assert says in " ".join(said.stderr.split())
    assert not list(tmp_path.glob("out.*"))


def test_a_certificate_that_was_changed_ends_with_exit_code_5(
    run: Run, deployed: tuple[Home, Sent], tmp_path: Path
) -> None:
    """Said of the file that is wrong, also among others; and of a log that signed two histories."""
    home, sent = deployed
    run("certificate", "sample", sent.sha256, "-o", "right.json", "LOG")
    text = (tmp_path / "right.json").read_text()
    (tmp_path / "wrong.json").write_text(text.replace("logical deletion", "Purge"))
    assert "left out" in run("verify", "right.json", "LOG").stdout
    assert "wrong.json" in run("verify", "right.json", "wrong.json", "KEY", code=5).stderr
    (tmp_path / "huge.json").write_bytes(b" " * (9 << 20))
    run("verify", "huge.json", "KEY", code=5)
    run("verify", "missing.json", "KEY", code=2)

    certificate = verify_certificate(text.encode(), home.verifier)
    signer = home.settings.signer(home.settings.vault("worker"))
    folder = tmp_path / "forked"
    folder.mkdir()
    leaves = [bytes(one) for one in home.settings.log_reader().entries()]
    forked = [*leaves[:-1], leaves[-1].replace(b"swept", b"erased")]
    LogWriter.create(FileStore(folder), signer).append(lambda _: forked)
    assert len(forked) == certificate.checkpoint.size
    key = ("--key", home.settings.log_vkey)
    run("certificate", "sample", sent.sha256, "-o", "fork.json", "--log", "forked", *key)
    assert "two histories" in run("verify", "right.json", "fork.json", "KEY", code=5).stderr


def test_proofs_of_a_folder_of_receipts(
    run: Run, deployed: tuple[Home, Sent], tmp_path: Path
) -> None:
    """All of a contributor's at once; what the log does not know is named at the end."""
    home, sent = deployed
    (tmp_path / "receipts").mkdir()
    receipt_of(sent, home, tmp_path / "receipts/one.json")
    run("log", "proof", "receipts", "-o", "proofs")
    assert sorted(path.name.split("-", 2)[2] for path in (tmp_path / "proofs").iterdir()) == [
        "accepted.tlog-proof",
        "disposed.tlog-proof",
    ]
    unknown = replace(sent, sha256=digest("never sent"))
    receipt_of(unknown, home, tmp_path / "receipts/two.json")  # sorts behind
    said = run("log", "proof", "receipts", digest("plain"), "-o", "more", "CONFIG", code=5)
    assert digest("never sent") in said.stderr.replace("\n", "")
    assert len(list((tmp_path / "more").iterdir())) == 4
    (tmp_path / "none").mkdir()
    assert "no upload receipts" in run("log", "proof", "none", code=2).stderr


def test_the_log_says_what_became_of_archive_epochs_and_keys(run: Run) -> None:
    """One table of recordings, one of keys, and the epochs that are retired."""
    said = run("log", "verify", "LOG").stdout
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in said.splitlines()
            if "│" in line}  # fmt: skip
    assert rows["archived originals kept"][0].strip() == "1"
    assert [cell.strip() for cell in rows["intake epochs"]] == ["2", "1"]
    assert [cell.strip() for cell in rows["contributors"]] == ["2", "3"]
    assert "retired epochs: 2026-w47" in said


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_proof_of_every_kind_of_leaf_is_checked_in_words(run: Run, kind: str) -> None:
    """Each kind has its verdict: one that says something is gone says whose observation that is."""
    leaf = next(one for one in map(parse_leaf, whole_life().leaves) if one.kind == kind)
    run("log", "proof", leaf.digest, "-o", "proofs", "LOG")
    proof = next(str(path) for path in Path("proofs").iterdir() if f"-{kind}." in path.name)
    told = " ".join(run("log", "check", proof, "KEY").stdout.split())
    assert f"Proved: {kind}" in told
    assert ("by the operator's own observation" in told) == (kind in RECEIPTS)


def test_a_contributor_is_told_what_to_do_about_a_retired_key(
    run: Run, deployed: tuple[Home, Sent], tmp_path: Path
) -> None:
    """A recording that came too late for its epoch is to be uploaded again."""
    home, _ = deployed
    signer = home.settings.signer(home.settings.vault("worker"))
    log = Logged()
    log.accept("late", "2026-w47")
    log.say("quarantined", "late", reason="retired-intake-key")
    folder = tmp_path / "later"
    folder.mkdir()
    LogWriter.create(FileStore(folder), signer).append(lambda _: log.leaves)
    place = ("--log", "later", "--key", home.settings.log_vkey)
    run("log", "proof", digest("late"), "-o", "late", *place)
    proof = next(str(path) for path in Path("late").glob("*quarantined*"))
    told = " ".join(run("log", "check", proof, "KEY").stdout.split())
    assert "runs `unvoiced upload` again" in told
