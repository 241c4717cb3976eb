"""A deployment that was just made, in memory that is quick to sync, for all tests of the folder."""

from pathlib import Path

import pytest

from tests.ingest.conftest import memory_disk
from tests.ingest.home import Home
from tests.report.lived import Lived

__all__ = ["memory_disk"]


@pytest.fixture
def lived(memory_disk: Path) -> Lived:
    """Nothing happened to it yet."""
    return Lived.begin(Home.create(memory_disk / "home"))
