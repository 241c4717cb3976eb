"""The catalog flow on a real Prefect server: end states, and what a run shows."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.library import SPEECH, Library
from tests.ingest.home import Home
from tests.integration.prefect_server import (
    ROOT,
    PrefectServer,
    environment,
    without_roots_powers,
)
from unvoiced import catalog

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this module's own."""
    server = PrefectServer.start(tmp_path_factory.mktemp("prefect-server"))
    yield server
    server.stop()


def run(
    server: PrefectServer, home: Home, folder: Path, *more: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run's state and its artifacts by key."""
    known = {one["id"] for one in server.find("flow_runs")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.catalog", home.settings.path, *more],
        cwd=ROOT,
        env=environment(folder) | {"PREFECT_API_URL": server.url},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        preexec_fn=without_roots_powers,
    )
    (record,) = [one for one in server.find("flow_runs") if one["id"] not in known]
    assert done.returncode == (0 if record["state"]["type"] == "COMPLETED" else 1), done.stderr
    artifacts = {
        one["key"]: one["data"]
        for one in server.find("artifacts")
        if one["flow_run_id"] == record["id"]
    }
    assert not list(folder.glob("prefect/storage/*"))
    return record["state"], artifacts


def test_runs_end_as_they_should(prefect: PrefectServer, tmp_path: Path) -> None:
    """New rows, nothing new, a foreign object, a damaged shard, a log that does not hold."""
    library = Library.furnish(Home.create(tmp_path / "home"), anna=2, bruno=1)
    home, training = library.home, library.training

    state, artifacts = run(prefect, home, tmp_path / "one")
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed")
    assert state["message"] == "3 rows in 1 feature set: 3 new, 0 removed"
    row = rf"\| {SPEECH} \| 3 \| 3 \| 0 \| \d\.\d s \| 2 \|"
    assert re.search(row, artifacts["catalog-report"])
    assert catalog.read(home.settings.folder).num_rows == 3

    state, _ = run(prefect, home, tmp_path / "two")
    assert (state["type"], state["name"]) == ("COMPLETED", "NothingNew")

    whose = library.sent[0].pseudonym
    training.put_if_absent(f"features/{SPEECH}/{whose}/junk.unv", b"junk")
    state, artifacts = run(prefect, home, tmp_path / "three", "--anew")
    assert (state["type"], state["name"]) == ("COMPLETED", "CompletedWithForeign")
    assert "- 1: says something else than its name" in artifacts["catalog-report"]

    name = library.shard_of(library.sent[0])
    whole = training.get(name)
    training.replace(name, b"no shard", version=whole.version)
    state, artifacts = run(prefect, home, tmp_path / "four")
    assert (state["type"], state["name"]) == ("COMPLETED", "CatalogRepaired")
    assert f"- {name}" in artifacts["catalog-report"]
    assert training.get(name).data == whole.data

    log = home.store("log")
    checkpoint = log.get("checkpoint")
    log.replace("checkpoint", checkpoint.data[:-10] + b"AAAAAAAAA\n", version=checkpoint.version)
    training.replace(name, b"no shard", version=training.get(name).version)
    state, _ = run(prefect, home, tmp_path / "five")
    assert state["type"] == "FAILED"
    assert training.get(name).data == b"no shard"
