"""What docs/reading.md and the README show data scientists runs as it stands there."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.adapters.shelves import Library, noise
from unvoiced.catalog.build import CatalogBuilder, build_all
from unvoiced.upload import Outcome, Uploader

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str = "python") -> list[str]:
    """The code blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", ["docs/reading.md", "README.md"])
def test_every_block_runs(library: Library, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, each with what the ones before it left; every sample is read."""
    build_all(CatalogBuilder.of(library.home.settings))
    monkeypatch.chdir(library.home.settings.folder.parent)
    found = blocks(page)
    assert found
    left: dict[str, object] = {}
    for block in found:
        exec(compile(block, page, "exec"), left)  # noqa: S102
    assert library.recorded().keys() == set(library.digests.values())


def test_labels_are_made_from_receipts(library: Library, tmp_path: Path) -> None:
    """The command of the page: what the pattern names of a file's name, and nothing else of it."""
    (command,) = (
        line.strip()
        for line in (ROOT / "docs/reading.md").read_text().splitlines()
        if line.strip().startswith("python docs/examples/labels.py")
    )
    invitation = library.home.invitation("person-9")
    uploader = Uploader(
        invitation, library.home.store("raw"), tmp_path / "unvoiced-receipts" / "theirs"
    )
    for nth, name in enumerate(["7_3_john_smith.wav", "8_11_john_smith.wav", "letter.wav"]):
        (tmp_path / name).write_bytes(noise(nth))
        assert uploader.upload(tmp_path / name) is Outcome.UPLOADED
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    done = subprocess.run(
        ["sh", "-c", command.replace("python", sys.executable, 1)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    head, *rows = (tmp_path / "labels.csv").read_text().split()
    assert head == "sample,digit,take"
    said = {row.partition(",")[2]: row.partition(",")[0] for row in rows}
    assert said.keys() == {"7,3", "8,11"}
    assert all(name.startswith(f"{invitation.pseudonym}/") for name in said.values())
    assert done.stderr.startswith("1 ")
    assert "smith" not in (tmp_path / "labels.csv").read_text() + done.stderr


@pytest.mark.parametrize("example", ["labels.py", "train_digits.py"])
def test_an_example_without_arguments_says_how_to_call_it(example: str) -> None:
    """And ends with an error."""
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "examples" / example],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("usage: python ")


def test_every_extra_that_an_error_names_is_there() -> None:
    """In `pyproject.toml`, and on the page."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = (ROOT / "docs/reading.md").read_text(encoding="utf-8")
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py")]
    named = {
        extra for text in sources for extra in re.findall(r'missing\("[^"]*", "([^"]*)"\)', text)
    }
    assert {"catalog", "torch", "hugging-face", "daft"} <= named
    assert named <= project["project"]["optional-dependencies"].keys()
    assert all(f"`{extra}`" in page for extra in named | {"fast-s3"})
    assert not [text for text in sources if "pip install 'unvoiced[" in text]
