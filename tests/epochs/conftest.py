"""An empty deployment with a calendar."""

from pathlib import Path

import pytest

from tests.epochs.weeks import Life
from tests.ingest.conftest import memory_disk
from tests.ingest.home import Home

__all__ = ["memory_disk"]


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A new deployment on the local disk, with the key of its first week."""
    return Life.begin(Home.create(tmp_path / "home"))
