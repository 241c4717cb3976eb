"""The review flow on a real Prefect server: a draft is shown, and nothing is signed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.home import START
from tests.integration.prefect_server import ROOT, PrefectServer, environment
from unvoiced.deployment import create_deployment

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_run_shows_a_draft_and_signs_nothing(tmp_path: Path) -> None:
    """State, table and report agree; neither the audit store nor the log has anything new."""
    settings = create_deployment(tmp_path / "deployment", START)
    file = settings.folder / "keys" / "worker.kek.old"
    file.write_bytes(b"")
    before = settings.log_reader().checkpoint()
    server = PrefectServer.start(tmp_path / "server")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flows.review", settings.path],
            cwd=ROOT,
            env=environment(tmp_path / "home") | {"PREFECT_API_URL": server.url},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (run,) = server.find("flow_runs")
        artifacts = {one["key"]: one["data"] for one in server.find("artifacts")}
    finally:
        server.stop()

    assert run["state"]["name"] == "CompletedWithFindings"
    assert run["state"]["message"] == "1 high; never reviewed by a person"
    (row,) = json.loads(artifacts["review-exceptions"])
    assert (row["finding"], row["fix"]) == ("key-file-lying-about", f"rm {file}")
    assert "A draft." in artifacts["review-report"]
    assert list(settings.store("audit").list()) == []
    assert settings.log_reader().checkpoint() == before
    assert not list((tmp_path / "home").glob("prefect/storage/*"))
