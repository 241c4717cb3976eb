"""One Prefect server for the session, and real recordings with troublemakers among them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.demo.corpus import add_troublemakers, synthesise
from tests.ingest.home import Home
from tests.integration.local_server import local_server
from tests.integration.prefect_server import ROOT, PrefectServer

__all__ = ["local_server"]
_CONTRIBUTORS, _RECORDINGS = 3, 4


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server that keeps everything in a folder of its own and dies with the session."""
    server = PrefectServer.start(
        tmp_path_factory.mktemp("prefect-server"), PREFECT_LOGGING_SERVER_LEVEL="DEBUG"
    )
    yield server
    server.stop()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per contributor, a few recordings in each: real speech where there is some."""
    folder = tmp_path_factory.mktemp("recordings")
    speech = Path(os.environ.get("UNVOICED_SPEECH") or ROOT.parent / "shared" / "speech")
    if not speech.is_dir():
        synthesise(folder, speakers=_CONTRIBUTORS, recordings=_RECORDINGS)
        return folder
    people = sorted(place for place in speech.iterdir() if place.is_dir())
    for person in people[:: max(1, len(people) // _CONTRIBUTORS)][:_CONTRIBUTORS]:
        (folder / person.name).mkdir()
        files = sorted(person.iterdir(), key=lambda file: (file.stat().st_size, file.name))
        for file in files[:_RECORDINGS]:
            shutil.copyfile(file, folder / person.name / file.name)
    return folder


@pytest.fixture(scope="session")
def with_troublemakers(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder, and three files in it that must end in quarantine."""
    folder = tmp_path_factory.mktemp("troublemakers") / "recordings"
    shutil.copytree(recordings, folder)
    add_troublemakers(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new deployment with nothing in it, cutting small batches."""
    home = Home.create(tmp_path / "home")
    with home.settings.path.open("a") as settings:
        settings.write("batch_samples = 5\nworkers = 2\n")
    return home
