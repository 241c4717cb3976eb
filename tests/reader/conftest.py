"""Features that were made once, for every test to read, or to spoil a copy of."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ingest.conftest import memory_disk
from tests.ingest.home import Home, Sent
from tests.reader.readings import fill

__all__ = ["memory_disk"]


@dataclass(frozen=True)
class Filled:
    """A deployment on disk that nobody changes."""

    folder: Path
    sent: list[Sent]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Features of four people."""
    folder = tmp_path_factory.mktemp("filled") / "home"
    return Filled(folder, fill(Home.create(folder)))


@pytest.fixture
def library(filled: Filled, tmp_path: Path) -> Home:
    """A copy with its stores in memory, whose objects and log may be changed."""
    return Home.copy(filled.folder, tmp_path / "home").in_memory(versioned=False)


@pytest.fixture
def on_disk(filled: Filled, tmp_path: Path) -> Home:
    """A copy on disk."""
    return Home.copy(filled.folder, tmp_path / "home")
