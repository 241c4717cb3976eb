"""`python -m deployments.automations` against a real Prefect server."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
import yaml

from deployments.automations.files import FOLDER, definitions
from tests.integration.prefect_server import ROOT, PrefectServer, environment, until
from tests.integration.test_watch_flow import post

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation]
NAMES = [one.name for one in definitions()]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server of this module's: what stands on it is looked at as a whole."""
    server = PrefectServer.start(tmp_path_factory.mktemp("prefect-server"))
    yield server
    server.stop()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The product's files, to be edited."""
    folder = tmp_path / "files"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def applying(server: PrefectServer, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """The command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "deployments.automations", *arguments],
        env=environment(folder) | {"PREFECT_API_URL": server.url},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def apply(server: PrefectServer, folder: Path, *arguments: str) -> dict[str, str]:
    """What it says of each automation."""
    process = applying(server, folder, *arguments)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return dict(line.rsplit(": ", 1) for line in said.splitlines())


def names(server: PrefectServer) -> list[str]:
    """All that stand on the server."""
    return sorted(one["name"] for one in server.find("automations"))


def test_the_server_becomes_what_the_files_say(
    own: PrefectServer, files: Path, tmp_path: Path
) -> None:
    """Twice changes nothing; an edit updates; a file less removes; those of others stay."""
    theirs = post(own, "automations", {
        "name": "theirs",
        "trigger": {"type": "event", "expect": ["x"], "posture": "Reactive", "threshold": 1,
                    "within": 0},
        "actions": [{"type": "do-nothing"}],
    })  # fmt: skip
    assert apply(own, tmp_path, "--dry-run") == dict.fromkeys(NAMES, "created")
    assert names(own) == ["theirs"]
    racing = [applying(own, tmp_path / str(number)) for number in range(2)]
    for process in racing:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert names(own) == ["theirs", *NAMES]
    before = own.find("automations")
    assert apply(own, tmp_path) == dict.fromkeys(NAMES, "unchanged")
    assert own.find("automations") == before

    edited = yaml.safe_load((files / "zombie-runs.yaml").read_text())
    edited["trigger"]["within"] = 120
    (files / "zombie-runs.yaml").write_text(yaml.safe_dump(edited))
    (files / "no-ingest.yaml").unlink()
    changes = {"unvoiced: zombie runs": "updated", "unvoiced: no ingest": "removed"}
    expected = dict.fromkeys(NAMES, "unchanged") | changes
    assert apply(own, tmp_path, "--files", str(files), "--dry-run") == expected
    assert own.find("automations") == before
    assert apply(own, tmp_path, "--files", str(files)) == expected
    after = {one["name"]: one for one in own.find("automations")}
    assert sorted(after) == sorted({"theirs", *NAMES} - {"unvoiced: no ingest"})
    assert after["theirs"]["id"] == theirs
    assert after["unvoiced: zombie runs"]["trigger"]["within"] == 120
    (ids,) = [one["id"] for one in before if one["name"] == "unvoiced: zombie runs"]
    assert after["unvoiced: zombie runs"]["id"] == ids


@pytest.fixture
def pager() -> Iterator[tuple[str, list[str]]]:
    """Where notifications go: its address, and what came."""
    came: list[str] = []

    class Pager(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Pager) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", came
        server.shutdown()


def run(server: PrefectServer, name: str, state: dict[str, str], tag: str = "unvoiced") -> str:
    """A run of the flow `ingest` that is said to be in a state; its id."""
    flow = post(server, "flows", {"name": "ingest"})
    return post(server, "flow_runs", {"flow_id": flow, "name": name, "tags": [tag], "state": state})


def state(server: PrefectServer, run: str) -> str:
    """The type of a run's state."""
    found = httpx.get(f"{server.url}/flow_runs/{run}").raise_for_status().json()
    return str(found["state"]["type"])


def test_silence_is_noticed(
    own: PrefectServer, pager: tuple[str, list[str]], files: Path, tmp_path: Path
) -> None:
    """With 10 s for all of them: runs without a process crash, and no ingest is told of.

    Those of others stay, and an ended one stays as it ended.
    """
    for file in files.glob("*.yaml"):
        said = yaml.safe_load(file.read_text())
        if said["trigger"]["posture"] == "Proactive":
            file.write_text(yaml.safe_dump(said | {"trigger": said["trigger"] | {"within": 10}}))
    before = run(own, "begun before", {"type": "RUNNING"})
    block(own, pager[0], "duty")
    apply(own, tmp_path, "--files", str(files), "--notify", "custom-webhook/duty")
    kinds = ("RUNNING", "PENDING", "CANCELLING", "COMPLETED")
    ours = {kind: run(own, kind, {"type": kind}) for kind in kinds}
    theirs = {kind: run(own, kind, {"type": kind}, tag="theirs") for kind in kinds[:3]}
    ends = {"COMPLETED": "COMPLETED", "CANCELLING": "CANCELLED"}
    for kind, one in {"before": before, **ours}.items():
        until(lambda: state(own, one) == ends.get(kind, "CRASHED"), f"{kind} ends", 60)  # noqa: B023
    assert {kind: state(own, one) for kind, one in theirs.items()} == {k: k for k in theirs}
    until(lambda: any("no run of ingest" in told for told in pager[1]), "it is told of", 60)
    assert state(own, ours["COMPLETED"]) == "COMPLETED"


def block(server: PrefectServer, url: str, name: str) -> None:
    """Make the notification block that docs/automations.md makes."""
    kind = httpx.get(f"{server.url}/block_types/slug/custom-webhook").raise_for_status().json()
    (schema,) = server.find(
        "block_schemas", block_schemas={"block_type_id": {"any_": [kind["id"]]}}
    )
    post(server, "block_documents", {
        "name": name, "block_type_id": kind["id"], "block_schema_id": schema["id"],
        "data": {"name": name, "url": url, "json_data": {"text": "{{subject}}\n{{body}}"}},
    })  # fmt: skip


def test_somebody_is_told_of_a_failed_run_until_it_is_said_otherwise(
    own: PrefectServer, pager: tuple[str, list[str]], tmp_path: Path
) -> None:
    """By name of run and state, without the message; and applied again without a word, still."""
    url, came = pager
    block(own, url, "pager")
    apply(own, tmp_path, "--notify", "custom-webhook/pager")
    assert set(apply(own, tmp_path).values()) == {"unchanged"}

    failed = {"type": "FAILED", "name": "DisposalBlocked", "message": "hunter2"}
    run(own, "not ours", failed, tag="theirs")
    run(own, "ingest 11-23 08:00:00", failed)
    until(lambda: came, "the pager is told", 60)
    assert len(came) == 1
    assert "ingest 11-23 08:00:00: DisposalBlocked" in came[0]
    assert "hunter2" not in came[0]

    changed = apply(own, tmp_path, "--notify", "none")
    assert changed["unvoiced: failed runs"] == "updated"
    assert changed["unvoiced: zombie runs"] == "unchanged"
