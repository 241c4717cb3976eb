"""The folder of a local server, its records of processes, and the database it is told."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deployments.local import down as stopping
from deployments.local import parts as parts_module
from deployments.local import process as processes
from deployments.local import up as starting
from deployments.local.__main__ import main
from deployments.local.database import check_reachable, database_url, described
from deployments.local.down import down
from deployments.local.parts import SERVER_MARK, Parts
from deployments.local.place import Choices, Place
from deployments.local.process import Process, recorded, start
from deployments.local.steps import Steps
from unvoiced.errors import AccessError, InputError, StoreError

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place that was just made."""
    place = Place(tmp_path / "place")
    place.make()
    place.make_password()
    return place


def run(place: Place, command: list[str]) -> Process:
    """Start a process there."""
    return start(command, dict(os.environ), place.folder, place.log("it"), place.record("it"))


def test_only_its_user_reads_what_is_in_it(place: Place) -> None:
    """Folders are 0700, files 0600, whatever the umask; the password is made once."""
    place.remember(Choices(port=4300))
    password = place.auth()
    place.make()
    place.make_password()
    assert place.auth() == password
    assert re.fullmatch(r"unvoiced:[\w-]{32}", password)
    for entry in [place.folder, *place.folder.rglob("*")]:
        assert entry.stat().st_mode & 0o777 == (0o700 if entry.is_dir() else 0o600), entry


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o720])
def test_a_folder_open_to_others_is_refused(place: Place, mode: int) -> None:
    """What is in it may have been read, or written, by then."""
    place.folder.chmod(mode)
    with pytest.raises(AccessError, match="is open to others: chmod 700"):
        place.make()


def test_somebody_elses_folder_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed as it may be."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(AccessError, match="is not a folder of yours"):
        place.check()


def test_a_link_or_a_file_is_refused(place: Place, tmp_path: Path) -> None:
    """Where a link leads may change; nothing is written behind it."""
    (tmp_path / "link").symlink_to(place.folder)
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(AccessError, match="is not a folder of yours"):
            Place(tmp_path / name).make()


def test_the_second_waits_for_the_first(place: Place) -> None:
    """And is told that it had to."""
    order: list[str] = []
    began = threading.Event()

    def second() -> None:
        began.set()
        with place.lock() as waited:
            order.append(f"second, waited: {waited}")

    with place.lock() as waited:
        thread = threading.Thread(target=second)
        thread.start()
        began.wait()
        thread.join(0.2)
        order.append(f"first, waited: {waited}")
    thread.join()
    assert order == ["first, waited: False", "second, waited: True"]


def test_two_first_ups_agree_on_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of the one is not left with a password that the other has overwritten."""
    place = Place(tmp_path / "place")
    began_with: list[str] = []
    both_make_one = threading.Barrier(2)

    def password(_: int) -> str:
        with suppress(threading.BrokenBarrierError):
            both_make_one.wait(0.3)
        return str(threading.get_ident())

    def begins(place: Place, *_: object) -> Parts:
        began_with.append(place.auth())
        raise InputError("enough")

    monkeypatch.setattr(secrets, "token_urlsafe", password)
    monkeypatch.setattr(starting, "_server", begins)

    def run() -> None:
        with suppress(InputError):
            starting.up(place, lambda before: before, Steps(Console(quiet=True)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert began_with == [place.auth()] * 2


def test_a_process_has_no_terminal_leaves_no_core_and_is_known_again(place: Place) -> None:
    """Its own session, nothing to read, core size 0, umask 077."""
    child = run(place, SLEEPS)
    try:
        assert recorded(place.record("it")) == child
        proc = Path("/proc", str(child.pid))
        stat = (proc / "stat").read_text().rpartition(")")[2].split()
        assert stat[3] == str(child.pid)  # leads a session
        assert stat[4] == "0"  # no terminal
        assert (proc / "fd" / "0").readlink() == Path(os.devnull)
        assert re.search(r"Max core file size +0 +0 ", (proc / "limits").read_text())
        assert "Umask:\t0077" in (proc / "status").read_text()
    finally:
        child.stop(5)
    assert recorded(place.record("it")) is None


@pytest.mark.parametrize("what", ["began", "pid"])
def test_a_number_that_was_given_to_another_is_not_ours(place: Place, what: str) -> None:
    """After a reboot or long enough: nothing is taken for ours, and nothing is stopped."""
    child = run(place, SLEEPS)
    try:
        record = json.loads(place.record("it").read_text())
        record[what] = {"began": "1 another-boot", "pid": os.getpid()}[what]
        place.record("it").write_text(json.dumps(record))
        assert recorded(place.record("it")) is None
        Process(**record).stop(1)
        assert child.runs
    finally:
        child.stop(5)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "began": "y"}']
)
def test_a_damaged_record_is_no_process(place: Place, text: str) -> None:
    """A power cut does not keep anything from being started again."""
    place.record("it").write_text(text)
    assert recorded(place.record("it")) is None


def test_stopping_ends_the_whole_family(place: Place) -> None:
    """Children in sessions of their own, and those that ignore being asked."""
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"subprocess.Popen({SLEEPS!r}, start_new_session=True); print('there', flush=True);"
        "time.sleep(60)"
    )
    child = run(place, [sys.executable, "-c", stubborn])
    while "there" not in place.log("it").read_text():
        assert child.runs
    (grandchild,) = child.descendants()
    child.stop(0.1)
    assert not child.runs
    assert not grandchild.runs


def test_systems_without_proc_ask_ps(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers; tried with the ps of Linux."""
    monkeypatch.setattr(processes, "_PROC", Path("/nonexistent"))
    child = run(place, SLEEPS)
    try:
        us = Process.now(os.getpid())
        assert us is not None
        assert recorded(place.record("it")) == child
        assert child in us.descendants()
    finally:
        child.stop(5)
    assert not child.runs


LISTENS = [
    sys.executable,
    "-c",
    "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
    "print(s.getsockname()[1], flush=True); time.sleep(60)",
]


def test_a_port_is_known_to_be_a_process_s(place: Place) -> None:
    """Its own, and that of what it started; not of a stranger, nor once it has ended."""
    child = run(place, LISTENS)
    try:
        while not (said := place.log("it").read_text()).endswith("\n"):
            assert child.runs
        us = Process.now(os.getpid())
        assert us is not None
        assert child.listens(int(said))
        assert us.listens(int(said))
        assert not child.listens(1)
        with socket.create_server(("127.0.0.1", 0)) as ours:
            assert not child.listens(ours.getsockname()[1])
            assert us.listens(ours.getsockname()[1])
    finally:
        child.stop(5)
    assert not child.listens(int(said))


@pytest.mark.parametrize("alive", [False, True], ids=["ours ended", "ours has no port yet"])
def test_who_else_has_the_port_is_not_told_the_password(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, alive: bool
) -> None:
    """Whatever answers there: `up` gives up, and has said nothing."""
    heard: list[str | None] = []

    class Impostor(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()

    monkeypatch.setattr(parts_module, "_SERVER_SECONDS", 0.3)
    child = run(place, SLEEPS)
    try:
        if not alive:
            child.stop(5)
        with ThreadingHTTPServer(("127.0.0.1", 0), Impostor) as impostor:
            serving = threading.Thread(target=impostor.serve_forever, args=(0.01,), daemon=True)
            serving.start()
            parts = Parts(place, Choices(port=impostor.server_port))
            with pytest.raises(StoreError, match="the Prefect server did not start"):
                parts.wait_for_server(child)
            assert parts.api().answers()  # told to anybody; it does not say who asks
            impostor.shutdown()
    finally:
        child.stop(5)
    assert set(heard) == {None}


def test_a_server_on_no_record_is_found_and_stopped(place: Place) -> None:
    """Its `up` was killed right after it had begun."""
    child = start(
        SLEEPS, {SERVER_MARK: str(place.folder)}, place.folder, place.log("it"), place.record("it")
    )
    try:
        parts = Parts(place, Choices())
        assert parts.server == child
        down(place, 0, Steps(Console(quiet=True)))
        assert not child.runs
        assert parts.server is None
    finally:
        child.stop(5)


class OneRun:
    """A server with one run, that is suspended after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.said: list[str] = []

    def find(self, _: str, **query: Any) -> list[dict[str, Any]]:
        """It, where it is in one of the states that are asked for."""
        self.looks -= 1
        kind = "RUNNING" if self.looks >= 0 else "PAUSED"
        run = {"id": "1", "name": "erasure", "state_type": kind}
        return [run] if kind in query["flow_runs"]["state"]["type"]["any_"] else []

    def post(self, path: str, body: Any) -> None:
        """Take note of the state that it is to have."""
        self.said.append(f"{path} {body['state']['name']}")


@pytest.mark.parametrize("looks", [0, 1, 2])
@pytest.mark.parametrize("patience", [0, 0.2])
def test_a_run_that_waits_for_an_answer_goes_on_waiting(
    place: Place, monkeypatch: pytest.MonkeyPatch, looks: int, patience: float
) -> None:
    """An erasure suspends itself for approval while `down` waits: it is not crashed."""
    monkeypatch.setattr(stopping, "pause", lambda _: None)
    monkeypatch.setattr(stopping, "_of_ours", lambda _, api: stopping._under_way(api))
    monkeypatch.setattr(stopping, "_ASKED_EVERY", 0.05)
    monkeypatch.setattr(stopping, "_CANCELLED_WITHIN", 0)
    server = OneRun(looks)
    parts = Parts(place, Choices())
    stopping._stop_worker(parts, server, patience, Steps(Console(quiet=True)))  # type: ignore[arg-type]
    # What still runs when patience ends is cancelled, as any run; nothing is forced.
    asked_to_end = ["/flow_runs/1/set_state Cancelling"]
    assert server.said == (asked_to_end if looks == 2 and not patience else [])


def test_a_password_stands_on_no_command_line(tmp_path: Path) -> None:
    """A file's is taken, and shown nowhere."""
    url = "postgresql+asyncpg://me:word@db/prefect"
    with pytest.raises(InputError, match="everybody on this machine can read"):
        database_url(url)
    (tmp_path / "url").write_text(f"{url}\n")
    assert database_url(f"@{tmp_path / 'url'}") == url
    assert described(url) == "postgresql+asyncpg://me:***@db/prefect"
    assert database_url("sqlite") == ""


@pytest.mark.parametrize(
    "said",
    ["password=word", "Password=word", "passfile=word", "sslpassword=word", "ssl=word", "word=word",
     "ssl=require&password=word", "ssl=require&ssl=word", "host=word", "user=word"],
)  # fmt: skip
def test_what_could_be_a_password_is_in_no_option(said: str, tmp_path: Path) -> None:
    """Of those nothing is taken, from a file neither, and nothing is repeated."""
    url = f"postgresql+asyncpg://me@db/prefect?{said}"
    (tmp_path / "url").write_text(url)
    for show in (database_url, described, check_reachable, lambda url: database_url(f"@{url}")):
        given = str(tmp_path / "url") if show.__name__ == "<lambda>" else url
        with pytest.raises(InputError, match="--database: after `") as raised:
            show(given)
        assert "word" not in str(raised.value).replace("a password stands", "")


def test_options_that_are_none_are_taken() -> None:
    """TLS, and a socket in a folder."""
    for said in ("ssl=require", "ssl=verify-full", "host=/var/run/postgresql"):
        url = f"postgresql+asyncpg://me@db/prefect?{said}"
        assert database_url(url) == url


@pytest.mark.parametrize(
    "given", ["postgresql://me@db/prefect", "postgresql+asyncpg://me@db", "nonsense", "@/nowhere"]
)
def test_what_prefect_could_not_use_is_refused(given: str) -> None:
    """Before anything is started."""
    with pytest.raises(InputError, match="--database"):
        database_url(given)


def test_a_database_out_of_reach_is_said_without_its_password() -> None:
    """Nobody listens on port 1."""
    with pytest.raises(StoreError, match="cannot be used") as raised:
        check_reachable("postgresql+asyncpg://me:word@127.0.0.1:1/prefect")
    assert "word" not in str(raised.value)


def test_a_shell_finds_the_programs_and_not_the_password(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment's folder comes first on PATH, and what was there stays behind it."""
    place.remember(Choices(port=4300))
    monkeypatch.setattr(sys, "argv", ["local", "env", "--home", str(place.folder)])
    main()
    said = capsys.readouterr().out
    assert place.auth().partition(":")[2] not in said
    script = f'PATH=/behind:/bin\n{said}\nprintf %s "$PATH"'
    told = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert told == f"{Path(sys.executable).parent}:/behind:/bin"


@pytest.mark.parametrize("command", ["status", "url", "env"])
def test_asking_makes_nothing(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where nothing was started, that is said, and no folder is made."""
    monkeypatch.setattr(sys, "argv", ["local", command, "--home", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == InputError.exit_code
    assert "nothing was started" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
