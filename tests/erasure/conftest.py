"""Where the folders of many trials go."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def memory_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is quick to sync, for trials by the hundred."""
    shared_memory = Path("/dev/shm")  # noqa: S108  (a folder of our own is made in it)
    place = shared_memory if os.access(shared_memory, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)
