"""The posture flow on a real Prefect server: one run, its end state and what it shows."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.prefect_server import ROOT, PrefectServer, environment
from tests.posture.right_facts import NOW
from unvoiced.deployment import create_deployment

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server of this module's own."""
    server = PrefectServer.start(tmp_path_factory.mktemp("prefect-server"))
    yield server
    server.stop()


def test_a_run_shows_its_findings_and_fails_on_a_high_one(
    prefect: PrefectServer, tmp_path: Path
) -> None:
    """State, table and report agree, nothing is kept beside them, and nothing was changed."""
    settings = create_deployment(tmp_path / "deployment", NOW)
    folder = settings.folder / "stores" / "raw"
    folder.chmod(0o755)
    home = tmp_path / "home"

    done = subprocess.run(
        [sys.executable, "-m", "flows.posture", settings.path],
        cwd=ROOT,
        env=environment(home) | {"PREFECT_API_URL": prefect.url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    (run,) = prefect.find("flow_runs")
    state = run["state"]
    assert (state["type"], state["name"]) == ("FAILED", "Failed")
    assert re.fullmatch(r"1 high, 1 medium, 1 low; \d+ checks passed", state["message"])
    assert run["name"].startswith("posture ")
    artifacts = {one["key"]: one["data"] for one in prefect.find("artifacts")}
    table = json.loads(artifacts["posture-exceptions"])
    assert [row["check"] for row in table] == [
        "folder-open-to-others", "review-due", "vaults-on-one-machine",
    ]  # fmt: skip
    assert table[0]["fix"] == f"chmod 700 {folder}"
    assert table[0]["severity"] == "high"
    assert "| high | 1 |" in artifacts["posture-report"]
    assert folder.stat().st_mode & 0o777 == 0o755
    assert not list(home.glob("prefect/storage/*"))
