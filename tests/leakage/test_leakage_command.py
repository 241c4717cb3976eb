"""`unvoiced leakage` on noise, in which there is nobody to recognise."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from unvoiced.cli.app import app
from unvoiced.errors import InputError, VerificationError
from unvoiced.leakage.result import read


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 folders of the same kind of noise."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    for speaker in range(22):
        (folder / f"canary-{speaker}").mkdir()
        for take in range(2):
            sound = 0.1 * rng.standard_normal(24_000)
            soundfile.write(folder / f"canary-{speaker}" / f"{take}.wav", sound, 16_000)
    return folder


def test_attackers_who_recognise_nobody_prove_nothing(noise: Path, tmp_path: Path) -> None:
    """The self-check fails: exit status 5, said in every output; no name of a folder in any."""
    result, page = tmp_path / "leakage.json", tmp_path / "page.html"
    words = ["leakage", noise, "--set", "mfcc-13", "--seconds", "0.5", "--quick"]
    ran = CliRunner().invoke(app, [str(word) for word in (*words, "-o", result, "--html", page)])
    assert isinstance(ran.exception, VerificationError), ran.output
    assert ran.exception.exit_code == 5
    found = read(result)
    assert found.attacker_too_weak
    assert found.raw_eer > 30
    for shown in (ran.output, page.read_text()):
        assert "these figures prove nothing" in shown
    assert "canary" not in ran.output + page.read_text() + result.read_text()


def test_what_is_there_is_not_overwritten(noise: Path, tmp_path: Path) -> None:
    """Refused before anything is measured."""
    (tmp_path / "there.json").write_text("mine")
    ran = CliRunner().invoke(app, ["leakage", str(noise), "-o", str(tmp_path / "there.json")])
    assert isinstance(ran.exception, InputError)
    assert (tmp_path / "there.json").read_text() == "mine"
