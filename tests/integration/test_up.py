"""`make up` and `make down`, from the outside: what is open, what runs by itself, what is left."""

import json
import re
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from deployments.local.down import down
from deployments.local.parts import MARK
from deployments.local.process import Process
from deployments.local.steps import Steps
from tests.features.recordings import encoded, noise
from tests.integration.local_server import LocalServer, free_port, local
from tests.integration.prefect_server import ROOT, environment, until, without_roots_powers
from tests.servers import postgres

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.operation, pytest.mark.timeout(900)]


def invite_and_upload(server: LocalServer, who: str, recordings: Path) -> None:
    """What `up` says to do next."""
    invitation = server.folder / f"{who}.invitation"
    server.unvoiced("invite", who, "-o", invitation)
    server.unvoiced("upload", recordings, "-i", invitation, "--receipts", server.folder / who)


def family(server: LocalServer) -> set[Process]:
    """The server's and the worker's processes, and all that they started."""
    roots = [one for one in (server.parts.server, server.parts.worker) if one]
    return {*roots, *(child for root in roots for child in root.descendants())}


def listening(processes: set[Process]) -> set[str]:
    """The addresses, in hexadecimal, on which any of them listens."""
    sockets: set[str] = set()
    for process in processes:
        for descriptor in Path("/proc", str(process.pid), "fd").iterdir():
            try:
                sockets.add(str(descriptor.readlink()))
            except FileNotFoundError:
                continue  # closed meanwhile
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def test_the_api_wants_a_password_and_from_pages_a_token(local_server: LocalServer) -> None:
    """401 without the one, 403 without the other; only readiness is said to anybody."""
    url = local_server.url
    user, _, password = local_server.auth.partition(":")
    assert httpx.get(f"{url}/ready").status_code == 200
    for auth in (None, (user, "wrong"), ("", ""), ("admin", password)):
        assert httpx.get(f"{url}/admin/version", auth=auth).status_code == 401, auth
        assert httpx.get(f"{url}/csrf-token?client=us", auth=auth).status_code == 401
        assert httpx.post(f"{url}/flow_runs/filter", json={}, auth=auth).status_code == 403
    us = (user, password)
    assert httpx.get(f"{url}/admin/version", auth=us).status_code == 200
    assert httpx.post(f"{url}/flow_runs/filter", json={}, auth=us).status_code == 403
    assert local_server.api.find("flow_runs") is not None
    # A page of another origin is not let in by the browser.
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = httpx.options(f"{url}/flow_runs/filter", headers=asked)
    assert "access-control-allow-origin" not in answer.headers
    # What the UI is told before anybody logs in.
    shown = httpx.get(f"http://127.0.0.1:{local_server.port}/ui-settings").json()
    assert (shown["auth"], shown["csrf_enabled"], shown["api_url"]) == ("BASIC", True, url)


def test_events_are_taken_from_nobody_without_the_password(local_server: LocalServer) -> None:
    """The socket for them is no way around it: a false heartbeat, a false alert."""
    url = local_server.url.replace("http", "ws", 1) + "/events/in"
    with connect(url, subprotocols=["prefect"]) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "auth", "token": "unvoiced:wrong"}))
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)


def test_everything_listens_on_this_machine_only(local_server: LocalServer) -> None:
    """Server, worker and a run: each socket of theirs is one of 127.0.0.1."""
    run = local_server.start_run("posture/posture")
    seen: set[str] = set()

    def ended() -> bool:
        nonlocal seen
        seen |= listening(family(local_server))
        return bool(local_server.run(run)["state_type"] in {"COMPLETED", "FAILED", "CRASHED"})

    until(ended, "the run ends", 120)
    assert f"0100007F:{local_server.port:04X}" in seen
    assert {address.partition(":")[0] for address in seen} == {"0100007F"}


def test_only_the_worker_has_what_opens_anything(local_server: LocalServer) -> None:
    """Names of variables, as the system has them of each process."""

    def variables(process: Process | None) -> set[str]:
        assert process is not None
        entries = Path("/proc", str(process.pid), "environ").read_bytes().split(b"\0")
        return {entry.partition(b"=")[0].decode() for entry in entries if entry}

    server, worker = variables(local_server.parts.server), variables(local_server.parts.worker)
    assert not {name for name in server if name.startswith(("UNVOICED_", "AWS_"))}
    assert {"UNVOICED_CONFIG", "PREFECT_API_AUTH_STRING"} <= worker
    assert not {name for name in worker if name.startswith("PREFECT_SERVER_API")}


def test_what_is_stored_names_no_place_of_the_machine(local_server: LocalServer) -> None:
    """Deployments, pool, queues and automations, read back from the server."""
    stored = json.dumps(
        [local_server.find(kind) for kind in ("deployments", "work_pools", "automations")]
    )
    for path in (ROOT, local_server.folder, Path(sys.prefix), Path.home()):
        assert str(path) not in stored
    deployments = local_server.find("deployments")
    assert len(deployments) >= 12
    for one in deployments:
        assert one["path"] is None
        assert one["pull_steps"] == [{"flows.checkout.enter": {}}, {"flows.clock.check": {}}]
        assert one["parameters"].get("config", "") == ""


def test_what_is_uploaded_is_taken_by_a_scheduled_run(
    local_server: LocalServer, recordings: Path
) -> None:
    """Nobody starts it. The schedule is the deployment's own, made faster for this test."""
    local_server.deployment_run("ingest/ingest")  # takes what other tests left
    person = min(recordings.iterdir())
    invite_and_upload(local_server, "anna-01", person)
    count = sum(1 for _ in person.iterdir())
    deployment = local_server.deployment("ingest/ingest")
    (schedule,) = deployment["schedules"]
    asked = {"deployments": {"id": {"any_": [deployment["id"]]}}}
    limit = time.monotonic() + 150
    local_server.set_schedules(active=True, of="ingest/ingest", interval=15)
    try:
        while True:
            runs = [one for one in local_server.find("flow_runs", **asked) if one["auto_scheduled"]]
            if ended := [one for one in runs if one["state_type"] in {"COMPLETED", "FAILED"}]:
                run = ended[0]
                break
            assert time.monotonic() < limit, [one["state"] for one in runs]
            time.sleep(0.5)
    finally:
        local_server.set_schedules(active=False, of="ingest/ingest", **schedule["schedule"])
    assert run["state_name"] == "Completed"
    assert run["state"]["message"].startswith(f"{count} ")
    assert run["work_queue_name"] == "ingest-worker"
    raw = local_server.place.deployment / "stores" / "raw"
    assert not list(raw.rglob("*.unv"))


def test_up_again_changes_nothing(local_server: LocalServer) -> None:
    """The same processes, deployments, schedules, queues and automations."""

    def everything() -> object:
        deployments = local_server.find("deployments")
        return (
            local_server.parts.server,
            local_server.parts.worker,
            [(one["id"], one["name"], one["schedules"]) for one in deployments],
            [one["id"] for one in local_server.api.post("/work_pools/unvoiced/queues/filter", {})],
            sorted(one["id"] for one in local_server.find("automations")),
        )

    before = everything()
    done = local_server.up()
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("runs already") == 2
    assert "Deployments and automations: unchanged" in done.stdout
    assert everything() == before


def test_another_port_is_another_server(local_server: LocalServer) -> None:
    """A server that runs is not moved under those who use it."""
    done = local(local_server.folder, "up", "--port", str(free_port()))
    assert done.returncode == 2
    assert "`make down` first" in done.stdout
    assert local(local_server.folder, "status").returncode == 0


def test_a_shell_can_be_told(local_server: LocalServer) -> None:
    """`env` says what `prefect` needs, finds it, and does not say the password."""
    said = local(local_server.folder, "env").stdout
    assert local_server.auth.partition(":")[2] not in said
    told = subprocess.run(
        ["bash", "-c", 'eval "$1"; unvoiced --help; exec prefect work-pool ls', "-", said],
        env=environment(local_server.folder / "home"),
        cwd=local_server.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "unvoiced" in told.stdout.partition("Work Pools")[2]


def test_a_port_that_is_taken_leaves_nothing_started(tmp_path: Path) -> None:
    """And says what to do."""
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        done = local(tmp_path, "up", "--port", str(somebody.getsockname()[1]))
    assert done.returncode == 2
    assert "choose one with --port" in done.stdout
    assert not list((tmp_path / "up").glob("*.json"))


@contextmanager
def with_another_clock(server: LocalServer, seconds: float) -> Iterator[str]:
    """The URL of a way to it on which its clock is so many seconds ahead."""

    class Way(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", server.port)) as onward:
                back = threading.Thread(target=self.back, args=(onward,))
                back.start()
                with suppress(OSError):
                    while data := self.request.recv(65_536):
                        onward.sendall(data)
                    onward.shutdown(socket.SHUT_WR)
                back.join()

        def back(self, onward: socket.socket) -> None:
            now = formatdate(time.time() + seconds, usegmt=True).encode()
            with suppress(OSError):
                while data := onward.recv(65_536):
                    self.request.sendall(re.sub(rb"(?i)(\ndate: )[^\r]+", rb"\1" + now, data))
                self.request.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Way) as way:
        way.daemon_threads = True
        threading.Thread(target=way.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{way.server_address[1]}/api"
        way.shutdown()


def test_a_run_does_not_begin_by_a_wrong_clock(local_server: LocalServer) -> None:
    """Its signs of life would be too old. Nothing of the flow is begun, and its log says why."""
    deployment = local_server.deployment("posture/posture")["id"]
    # Not Scheduled: the worker, whose clock is right, leaves it alone.
    body = {"state": {"type": "PENDING"}}
    run = local_server.api.post(f"/deployments/{deployment}/create_flow_run", body)["id"]
    with with_another_clock(local_server, 120) as url:
        subprocess.run(
            [sys.executable, "-m", "prefect", "flow-run", "execute", run],
            env=local_server.client
            | {"PREFECT_API_URL": url, "UNVOICED_CONFIG": str(local_server.config)},
            cwd=local_server.folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
    states = local_server.api.get(f"/flow_run_states/?flow_run_id={run}")
    assert [one["name"] for one in states] == ["Pending", "Crashed"]
    about = {"logs": {"flow_run_id": {"any_": [run]}}}
    said = "".join(
        one["message"] for one in local_server.api.post("/logs/filter", about | {"limit": 200})
    )
    assert "s behind the Prefect server's; nothing was begun" in said, said


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of an empty PostgreSQL."""
    with postgres.running() as url:
        yield url


def marked(server: LocalServer) -> set[int]:
    """All processes that have this worker's mark, whoever started them."""
    mark = f"{MARK}={server.home}".encode()
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.timeout(900)
def test_a_whole_life_on_postgresql(database: str, tmp_path: Path) -> None:
    """Two `up` at once, a worker killed, `down` in the midst of a run, and on again."""
    (tmp_path / "database").write_text(database)
    server = LocalServer(tmp_path, free_port())
    command = [sys.executable, "-m", "deployments.local", "up", "--home", server.home,
               "--port", str(server.port), "--database", f"@{tmp_path / 'database'}"]  # fmt: skip
    both = [
        subprocess.Popen(
            command, env=environment(tmp_path / "home"), cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=without_roots_powers,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [one.communicate(timeout=300)[0] for one in both]
    try:
        assert [one.returncode for one in both] == [0, 0], said
        assert sum("Another `up` or `down` was under way" in one for one in said) == 1
        assert sum(one.count("runs already") for one in said) == 2
        password = database.partition("://")[2].partition("@")[0].partition(":")[2]
        assert all(password not in one for one in said)
        assert not (server.place.prefect / "prefect.db").exists()

        first, worker = server.parts.server, server.parts.worker
        assert worker is not None
        worker.send(signal.SIGKILL)
        worker.wait(10)
        assert local(tmp_path, "status").returncode == 1
        again = server.up()
        assert again.returncode == 0, again.stdout
        assert re.search("Prefect server: runs already.*Worker: started", again.stdout, re.DOTALL)
        assert server.parts.server == first

        # Slowly: one recording a task, in one process.
        with server.config.open("a") as settings:
            settings.write("batch_samples = 1\nworkers = 1\n")
        folder = tmp_path / "recordings"
        folder.mkdir()
        for number in range(40):
            (folder / f"{number}.wav").write_bytes(encoded(noise(16_000, seed=number)))
        invite_and_upload(server, "anna-01", folder)
        server.set_schedules(active=False)
        run = server.start_run("ingest/ingest")
        until(lambda: server.run(run)["state_type"] == "RUNNING", "the run begins", 90)
        begun = time.monotonic()
        down(server.place, 0, Steps(Console(quiet=True)))
        assert time.monotonic() - begun < 90
        assert not marked(server)
        assert not server.parts.server
        assert not server.parts.worker

        back = server.up()
        assert back.returncode == 0, back.stdout
        ended = server.run(run)
        assert (ended["state_type"], ended["state_name"]) == ("CANCELLED", "Cancelled")
        rest = server.deployment_run("ingest/ingest")
        assert rest["state_name"] == "Completed", rest["state"]
        raw = server.place.deployment / "stores" / "raw"
        assert not list(raw.rglob("*.unv"))
    finally:
        server.stop()
    assert not marked(server)
