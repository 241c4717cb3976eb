"""A deployment to put on a calendar, made once."""

from pathlib import Path

import pytest

from tests.ingest.home import Home
from tests.retention.calendar_home import create


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An empty deployment on disk; tests have it in memory, each by a calendar of its own."""
    place: Path = tmp_path_factory.mktemp("blank")
    return create(place / "home")
