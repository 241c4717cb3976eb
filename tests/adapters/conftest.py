"""A deployment with features to train on, on a real disk: workers open it by its path."""

import shutil
from pathlib import Path

import pytest

from tests.adapters.shelves import Library, fill
from tests.ingest.home import Home


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a deployment with the features of four people, a few of each; not changed."""
    folder = tmp_path_factory.mktemp("adapters") / "deployment"
    fill(Home.create(folder))
    return folder


@pytest.fixture
def library(filled: Path, tmp_path: Path) -> Library:
    """A copy of it, with an audit trail of its own."""
    shutil.copytree(filled, tmp_path / "deployment")
    return Library.at(tmp_path / "deployment")
