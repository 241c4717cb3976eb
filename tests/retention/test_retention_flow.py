"""The retention flow on a real Prefect server: end states, and what a run shows."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ingest.home import Home, Sent
from tests.integration.prefect_server import (
    ROOT,
    PrefectServer,
    environment,
    without_roots_powers,
)
from tests.retention.calendar_home import recording
from unvoiced.disposal import LegalHold, LegalHolds

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this module's own."""
    server = PrefectServer.start(tmp_path_factory.mktemp("prefect-server"))
    yield server
    server.stop()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A deployment on disk."""
    return Home.create(tmp_path / "deployment")


def send_long_ago(home: Home, who: str) -> tuple[Sent, Path]:
    """A recording that has waited for a hundred days, and its file."""
    sent = home.send(who, recording(len(who)))
    file = home.settings.folder / "stores" / "raw" / sent.name
    then = time.time() - 100 * 86_400
    os.utime(file, (then, then))
    return sent, file


def run(
    server: PrefectServer, home: Home, folder: Path, *more: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The run's state, its artifacts by key, and all it printed."""
    known = {one["id"] for one in server.find("flow_runs")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.retention", home.settings.path, *more],
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
    return record["state"], artifacts, done.stdout + done.stderr


def test_runs_end_as_they_should_and_show_what_became_of_what(
    prefect: PrefectServer, home: Home, tmp_path: Path
) -> None:
    """A dry run, one in which something cannot go, and one in which it can."""
    sent, file = send_long_ago(home, "anna")
    held, held_file = send_long_ago(home, "bruno")
    LegalHolds(home.store("journal")).place(LegalHold(held.pseudonym, "a lawsuit", "2026-11-23"))

    state, artifacts, _ = run(prefect, home, tmp_path / "one", "--dry-run")
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed")
    assert state["message"] == "1 objects are due; nothing was destroyed, 1 held"
    assert "| raw_days | raw | 1 | 0 | 1 | 0 |" in artifacts["retention-report"]
    assert f"1 objects under a legal hold ({held.pseudonym})" in artifacts["retention-report"]
    assert file.exists()

    folder = file.parent
    folder.chmod(0o500)  # it can be read, and nothing in it destroyed
    state, artifacts, printed = run(prefect, home, tmp_path / "two")
    assert (state["type"], state["name"]) == ("FAILED", "RetentionBlocked")
    assert [row["object"] for row in json.loads(artifacts["retention-exceptions"])] == [sent.name]
    assert sent.name in printed
    assert file.exists()

    folder.chmod(0o700)
    state, artifacts, _ = run(prefect, home, tmp_path / "three")
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed")
    assert "1 objects destroyed, 1 held" in state["message"]
    assert "retention-exceptions" not in artifacts
    assert [file.exists(), held_file.exists()] == [False, True]
    assert home.status().adds_up
    assert {leaf.digest for leaf in home.leaves("disposed")} == {sent.sha256}


def test_settings_that_contradict_stop_it_before_anything(
    prefect: PrefectServer, home: Home, tmp_path: Path
) -> None:
    """The remedy is in the message."""
    with home.settings.path.open("a") as file:
        file.write('\n[retention]\nretired_feature_sets = ["speech-16k-00000000"]\n')
    state, _, _ = run(prefect, home, tmp_path / "one")
    assert state["name"] == "Completed"  # of another digest: nobody makes that one
    sent, stays = send_long_ago(home, "anna")
    text = home.settings.path.read_text()
    directory = sent.feature_name.split("/")[1]
    home.settings.path.write_text(text.replace("speech-16k-00000000", directory))
    state, _, _ = run(prefect, home, tmp_path / "two")
    assert state["type"] == "FAILED"
    assert "still makes it" in state["message"]
    assert stays.exists()
