"""The folder of a local server, its records of processes, and the database it is told."""

import json
import os
import re
import sys
import threading
from pathlib import Path

import pytest

from deployments.local import process as processes
from deployments.local.__main__ import main
from deployments.local.database import check_reachable, database_url, described
from deployments.local.place import Choices, Place
from deployments.local.process import Process, recorded, start
from unvoiced.errors import AccessError, InputError, StoreError

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place that was just made."""
    place = Place(tmp_path / "place")
    place.make()
    return place


def run(place: Place, command: list[str]) -> Process:
    """Start a process there."""
    return start(command, dict(os.environ), place.folder, place.log("it"), place.record("it"))


def test_only_its_user_reads_what_is_in_it(place: Place) -> None:
    """Folders are 0700, files 0600, whatever the umask; the password is made once."""
    place.remember(Choices(port=4300))
    password = place.auth()
    place.make()
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
