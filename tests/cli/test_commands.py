"""The commands as the four people use them, in their order, on one deployment."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unvoiced.config import load_settings
from unvoiced.ingest.batch import ingest_batch
from unvoiced.ingest.interrupted import finish_interrupted
from unvoiced.ingest.plan import make_plan
from unvoiced.ingest.workbench import open_workbench

README = Path(__file__).parents[2] / "README.md"
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def unvoiced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder, as a user would."""
    monkeypatch.delenv("UNVOICED_CONFIG", raising=False)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "unvoiced.cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Three recordings, one of them broken, under names that say too much."""
    folder = tmp_path / "my recordings"
    folder.mkdir()
    random = np.random.default_rng(7)
    for name in ("Anna at home.wav", "Anna at work.flac"):
        soundfile.write(folder / name, random.normal(0, 0.1, 16000), 16000)
    (folder / "Annas shopping list.wav").write_text("milk, bread")
    return folder


def ingest_without_prefect(folder: Path) -> None:
    """The library's own run; the flow is tested in tests/integration."""
    bench = open_workbench(load_settings(folder), "test")
    finish_interrupted(bench)
    for batch in make_plan(bench, 256, 2**26, 2**30).batches:
        ingest_batch(bench, batch)


def test_the_tour(unvoiced: Run, recordings: Path, tmp_path: Path) -> None:
    """Every command of the README's tour does what the README says."""
    made = unvoiced("init", "deployment").stdout
    key = next(line for line in made.splitlines() if re.fullmatch(r"\S+\+[0-9a-f]{8}\+\S+", line))
    unvoiced("invite", "anna-01", "-c", "deployment")
    sent = unvoiced("upload", recordings.name, "--invitation", "anna-01.invitation").stdout
    assert "3 uploaded" in sent
    again = unvoiced("upload", recordings.name, "--invitation", "anna-01.invitation").stdout
    assert "3 already uploaded" in again

    before = unvoiced("status", "-c", "deployment").stdout
    assert re.search(r"not yet accepted\W+3\b", before)
    ingest_without_prefect(tmp_path / "deployment")
    after = unvoiced("status", "-c", "deployment").stdout
    assert "It adds up" in after
    assert re.search(r"= disposed\W+2\b", after)
    assert "not-audio" in unvoiced("quarantine", "ls", "-c", "deployment").stdout

    # An auditor: the public files and the key, nothing else.
    public = tmp_path / "public"
    public.mkdir()
    shutil.copy(tmp_path / "deployment/stores/log/checkpoint", public)
    shutil.copytree(tmp_path / "deployment/stores/log/tile", public / "tile")
    for visit in ("first visit", "extends"):
        verified = unvoiced("log", "verify", "--log", "public", "--key", key, "--remember", "seen")
        assert visit in verified.stdout

    # A contributor: their receipt, the public files.
    receipts = sorted((tmp_path / "unvoiced-receipts").glob("*.json"))
    assert len(receipts) == 3
    gone = next(
        path for path in receipts if json.loads(path.read_text())["file_name"][-4:] == "flac"
    )
    name = f"unvoiced-receipts/{gone.name}"
    unvoiced("log", "proof", name, "--log", "public", "--key", key)
    proof = next(tmp_path.glob("*-disposed.tlog-proof")).name
    checked = unvoiced("log", "check", proof, "--key", key, "--receipt", name).stdout
    assert "Proved: disposed" in checked
    assert "not_checked" in checked
    other = next(path for path in receipts if path != gone)
    unvoiced("log", "check", proof, "--key", key, "--receipt", str(other), code=5)

    # A data scientist.
    listed = unvoiced("features", "ls", "-c", "deployment").stdout
    sample = re.search(r"[a-z2-7]{26}/[a-z2-7]{26}", listed)
    assert sample
    assert "2 objects" in listed
    shown = unvoiced("features", "show", sample[0], "--png", "a.png", "-c", "deployment").stdout
    assert "log_mel (80, 101) float16" in shown
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    reads = tmp_path / "deployment/stores/audit/reads"
    (record,) = reads.rglob("*.json")
    assert '"purpose":"inspection"' in record.read_text()

    snippet = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert snippet
    code = snippet[1] + "print(sample['mfcc'].shape, batch['mfcc'].shape)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout == "(20, 101) (2, 20, 101)\n", ran.stderr
    records = list(reads.rglob("training/*.json"))
    assert sum(int(path.stem.rpartition("-")[2]) for path in records) == 4  # two, read twice

    # And nothing the operator holds says who Anna is.
    for path in (tmp_path / "deployment").rglob("*"):
        assert "anna" not in str(path.relative_to(tmp_path)).lower()
        if path.is_file():
            assert b"anna" not in path.read_bytes().lower()


def test_seal_writes_an_object_that_ingest_accepts(
    unvoiced: Run, recordings: Path, tmp_path: Path
) -> None:
    """A recording sealed offline and carried over by other means is as good as an upload."""
    unvoiced("init", "deployment")
    unvoiced("invite", "anna-01", "-c", "deployment", "-o", "a.inv")
    sealed = ("seal", f"{recordings.name}/Anna at home.wav", "-i", "a.inv", "-o", "outbox")
    unvoiced(*sealed)
    unvoiced(*sealed, code=2)  # sealed before: not over it
    shutil.copytree(tmp_path / "outbox", tmp_path / "deployment/stores/raw", dirs_exist_ok=True)
    ingest_without_prefect(tmp_path / "deployment")
    assert "1 object," in unvoiced("features", "ls", "-c", "deployment").stdout


def test_release_puts_a_recording_back(unvoiced: Run, recordings: Path, tmp_path: Path) -> None:
    """What was quarantined is tried again only when somebody says so, and the count holds."""
    unvoiced("init", "deployment")
    unvoiced("invite", "anna-01", "-c", "deployment", "-o", "a.inv")
    unvoiced("upload", recordings.name, "-i", "a.inv")
    ingest_without_prefect(tmp_path / "deployment")
    listed = unvoiced("quarantine", "ls", "-c", "deployment").stdout
    name = re.search(r"[a-z2-7]{26}/[a-z2-7]{26}\.unv", listed)
    assert name
    unvoiced("quarantine", "release", name[0], "-c", "deployment")
    status = unvoiced("status", "-c", "deployment").stdout
    assert re.search(r"\+ backlog\W+1\b", status)
    ingest_without_prefect(tmp_path / "deployment")
    assert "It adds up" in unvoiced("status", "-c", "deployment").stdout
    assert name[0] in unvoiced("quarantine", "ls", "-c", "deployment").stdout


@pytest.mark.inv("INV-5")
def test_a_planted_quarantine_record_is_shown_as_that(unvoiced: Run, tmp_path: Path) -> None:
    """Listed as nobody's, by its own name, and not among what is in quarantine."""
    unvoiced("init", "deployment")
    planted = tmp_path / "deployment/stores/journal/quarantine/planted.json"
    planted.parent.mkdir(parents=True)
    planted.write_text('{"name": "a/b.unv", "reason": "does-not-open"}')
    listed = unvoiced("quarantine", "ls", "-c", "deployment")
    assert "quarantine/planted.json" in listed.stderr
    assert "a/b.unv" not in listed.stdout + listed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("status",), 2, "unvoiced init"),
        (("invite", "anna/../bob", "-c", "deployment"), 2, "not a contributor id"),
        (("invite", "x" * 300, "-c", "deployment"), 2, "not a contributor id"),
        (("init", "deployment"), 2, "not empty"),
        (("upload", "nowhere", "-i", "deployment/unvoiced.toml"), 2, "not an invitation"),
        (("features", "show", "nobody", "-c", "deployment"), 2, "no features"),
        (("log", "verify", "--log", "deployment/stores/log"), 2, "go together"),
        (("log", "verify", "--log", "deployment", "--key", VKEY), 2, "in deployment/stores/log"),
        (("log", "verify", "--log", "deployment/keys", "--key", VKEY), 2, "deployment/stores/log"),
        (("log", "proof", "0" * 64, "-c", "deployment"), 5, "not accepted, or not yet"),
        (("quarantine", "release", "nothing", "-c", "deployment"), 2, "not in quarantine"),
    ],
)
def test_mistakes_get_one_clear_sentence(
    unvoiced: Run, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """A wrong word costs a user a sentence and an exit code, never a traceback."""
    unvoiced("init", "deployment")
    assert says in " ".join(unvoiced(*arguments, code=code).stderr.split())
