"""Real recordings where there are some, synthetic ones elsewhere, and an empty deployment."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.demo.corpus import synthesise
from tests.ingest.home import Home

Speech = dict[str, list[bytes]]
_CONTRIBUTORS, _RECORDINGS = 6, 6
_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "speech"


def _folders(speech: Path) -> list[Path]:
    return sorted(folder for folder in speech.iterdir() if folder.is_dir())


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Speech:
    """Recordings of six people, by contributor id: the shortest of each."""
    place = Path(os.environ.get("UNVOICED_SPEECH") or _BESIDE_THE_REPOSITORY)
    if not place.is_dir():
        place = tmp_path_factory.mktemp("speech")
        synthesise(place, speakers=_CONTRIBUTORS, recordings=_RECORDINGS)
    folders = _folders(place)
    chosen = folders[:: max(1, len(folders) // _CONTRIBUTORS)][:_CONTRIBUTORS]
    return {
        folder.name: [
            file.read_bytes()
            for file in sorted(folder.iterdir(), key=lambda file: (file.stat().st_size, file.name))
        ][:_RECORDINGS]
        for folder in chosen
    }


@pytest.fixture(scope="session")
def voices(speech: Speech) -> list[bytes]:
    """The same recordings without their speakers, each different from every other."""
    return list({data: None for recordings in speech.values() for data in recordings})


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A new deployment with nothing in it."""
    return Home.create(tmp_path / "home")


@pytest.fixture
def memory_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is quick to sync, for trials by the hundred; a kill meets the same bytes."""
    shared_memory = Path("/dev/shm")  # noqa: S108  (a folder of our own is made in it)
    place = shared_memory if os.access(shared_memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)
