"""An erasure waits for approval longer than any silence that is taken for death."""

import re
import time
from pathlib import Path

import pytest

from tests.features.recordings import encoded, noise
from tests.integration.local_server import LocalServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation, pytest.mark.timeout(900)]

ERASURE = "erasure/erasure"


def test_a_suspended_run_is_left_alone_and_a_dead_one_is_not(
    local_server: LocalServer, tmp_path: Path
) -> None:
    """By the automations within minutes, by the next run of erasure; and approval is not lost."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "1.wav").write_bytes(encoded(noise(16_000, 7)))
    invitation = tmp_path / "invitation"
    local_server.unvoiced("invite", "who-waits-01", "-o", invitation)
    local_server.unvoiced(
        "upload", recordings, "-i", invitation, "--receipts", tmp_path / "receipts"
    )
    asked = local_server.unvoiced("erase", "who-waits-01", "--ask")
    (request,) = set(re.findall(r"\b[0-9a-f]{12}\b", asked))
    waiting = local_server.start_run(ERASURE, {"what": {"request": request, "dry_run": False}})
    state_of(local_server, waiting, "PAUSED")
    time.sleep(150)  # over the 90 s of the automation `zombie runs`, and what it takes to act
    assert local_server.run(waiting)["state_name"] == "Suspended"

    # As one looks whose worker died: said to be running, and nobody is at it.
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2100-01-01T00:00:00Z"}}
    deployment = local_server.deployment(ERASURE)["id"]
    dead = local_server.api.post(f"/deployments/{deployment}/create_flow_run", {"state": later})[
        "id"
    ]
    running = {"state": {"type": "RUNNING", "name": "Running"}, "force": True}
    local_server.api.post(f"/flow_runs/{dead}/set_state", running)
    looked = local_server.deployment_run(ERASURE, {"what": {"dry_run": True}}, seconds=500)
    assert looked["state_name"] == "DryRun"
    assert local_server.run(dead)["state_type"] == "CRASHED"
    assert local_server.run(waiting)["state_name"] == "Suspended"


def state_of(server: LocalServer, run: str, kind: str) -> None:
    """Wait until a run is in a state of a kind."""
    limit = time.monotonic() + 200
    while (now := server.run(run))["state_type"] != kind:
        assert time.monotonic() < limit, now["state"]
        assert now["state_type"] not in {"COMPLETED", "FAILED", "CRASHED"}, now["state"]
        time.sleep(0.5)
