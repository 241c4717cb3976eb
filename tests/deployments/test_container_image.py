"""The Dockerfile, what reaches a build, and what a container starts with."""

import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployments.container import credentials
from deployments.container.entry import FOLDERS
from deployments.container.healthy import healthy
from deployments.container.idle import runs
from tests.deployments.contained import FOLDER, ROOT, image, image_environment

_DOCKERFILE = (FOLDER / "Dockerfile").read_text()
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_both_stages_stand_on_one_base_named_by_digest() -> None:
    """No tag decides what an image is made of."""
    bases = re.findall(r"^FROM (\S+)", _DOCKERFILE, re.MULTILINE)
    assert bases == ["${PYTHON}", "${PYTHON}"]
    pinned = re.findall(r"^ARG PYTHON=(\S+)$", _DOCKERFILE, re.MULTILINE)
    assert len(pinned) == 1
    assert re.fullmatch(r"python:3\.11-slim-bookworm@sha256:[0-9a-f]{64}", pinned[0])


def test_the_image_runs_as_nobody_special_without_a_shell() -> None:
    """The user is a fixed number, and the entry point gets signals as they are sent."""
    last = image()
    assert last["USER"] == ["10001:10001"]
    assert json.loads(last["ENTRYPOINT"][0])[:3] == ["/opt/venv/bin/python", "-I", "-S"]
    assert json.loads(last["CMD"][0]) == ["unvoiced", "--help"]
    assert last["STOPSIGNAL"] == ["SIGTERM"]
    # Nothing is installed in the last stage, and what could install is removed from it.
    assert not re.search(r"apt|pip install|ADD", " ".join(last["RUN"]))
    assert "pip uninstall" in last["RUN"][0]


def test_whatever_programs_write_goes_where_containers_are_writable() -> None:
    """Each folder that entry.py makes is named by the image, below /tmp or /dev/shm."""
    environment = image_environment()
    for name in FOLDERS:
        assert re.match(r"/(tmp|dev/shm)(/|$)", environment[name]), name
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_label_tells_the_version() -> None:
    """The image's version is the project's."""
    labels = dict(pair.split("=", 1) for pair in shlex.split(image()["LABEL"][0]))
    assert labels["org.opencontainers.image.version"] == _PROJECT["version"]


def test_every_dependency_is_held_to_a_release_that_the_project_allows() -> None:
    """The image is not made of whatever is newest on the day of its build."""
    lines = (FOLDER / "constraints.txt").read_text().splitlines()
    held = dict(line.split("==") for line in lines if not line.startswith("#"))
    (extras,) = re.findall(r"'\.\[([^]]+)\]'", _DOCKERFILE)
    wanted = list(_PROJECT["dependencies"])
    for extra in extras.split(","):
        wanted += _PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        assert held[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_a_build_sees_only_what_is_named() -> None:
    """Keys, data, a checkout's history and its environments stay outside, by default."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {source for line in re.findall(r"^COPY (?!--from)(.+)$", _DOCKERFILE, re.MULTILINE)
              for source in line.split()[:-1]}  # fmt: skip
    assert let_in == {source.split("/")[0] for source in copied}
    # What is let in is looked through again: the last rule that fits decides.
    last_let_in = max(number for number, rule in enumerate(rules) if rule.startswith("!"))
    shut = set(rules[last_let_in + 1 :])
    assert {"**/.*", "**/*.kek", "**/*.key", "**/*.pem", "**/*.invitation", "**/*.grant"} <= shut


def test_entry_hardens_and_becomes_the_command(tmp_path: Path) -> None:
    """No core dump, no new rights, closed files, the folders made, and no process in between."""
    says = (
        "import os, resource, json; s = open('/proc/self/status').read();"
        "print(json.dumps([os.getpid(), resource.getrlimit(resource.RLIMIT_CORE),"
        " os.umask(0), 'NoNewPrivs:\\t1' in s, os.path.isdir(os.environ['PREFECT_HOME'])]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", FOLDER / "entry.py", sys.executable, "-c", says],
        env={"PREFECT_HOME": str(tmp_path / "a" / "b"), "PATH": "/usr/bin"},
        stdout=subprocess.PIPE,
    )
    output, _ = process.communicate(timeout=30)
    assert json.loads(output) == [process.pid, [0, 0], 0o077, True, True]
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_entry_says_what_is_not_writable() -> None:
    """A container without its tmpfs ends with a line that names the folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", FOLDER / "entry.py", "true"],
        env={"HOME": "/proc/nowhere", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert "/proc/nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"), [((), "say what to run"), (("/no/such/program",), "No such file")],
    ids=["nothing", "no such program"],
)  # fmt: skip
def test_entry_says_what_it_cannot_run(arguments: tuple[str, ...], says: str) -> None:
    """A mistake in a command ends with a line that names it, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", FOLDER / "entry.py", *arguments],
        env={"PATH": "/usr/bin"}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def page() -> Iterator[str]:
    """A page that answers 200 at /health, and 503 elsewhere."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_healthy_tells_an_answer_from_a_refusal(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe believes 2xx alone, asks no proxy, and nobody but its own container."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert healthy(f"{page}/health")
    assert not healthy(f"{page}/busy")
    assert not healthy("http://127.0.0.1:1/health")
    with pytest.raises(SystemExit):
        healthy("http://server:4200/api/health")


def test_a_stop_waits_for_runs_and_not_for_ever() -> None:
    """A process with a run's id is waited for, up to the limit; one that has ended is not."""
    mark = "PREFECT__FLOW_RUN_ID"
    run = subprocess.Popen(
        [sys.executable, "-c", "input()"], env={mark: "x"}, stdin=subprocess.PIPE
    )
    try:
        assert run.pid in runs()
        begun = time.monotonic()
        waiting = [sys.executable, "-I", "-S", FOLDER / "idle.py", "0.7"]
        subprocess.run(waiting, check=True, timeout=30)
        assert time.monotonic() - begun >= 0.7
    finally:
        run.communicate(b"\n")
    assert run.pid not in runs()


def test_a_renewal_changes_the_password_of_the_api_alone(tmp_path: Path) -> None:
    """Secrets stand in files, are made once, and renewing one leaves the database's as it is."""
    folder = tmp_path / "secrets"
    assert len(credentials.make(folder)) == 4
    assert folder.stat().st_mode & 0o777 == 0o700
    before = {file.name: file.read_text() for file in folder.iterdir()}
    assert credentials.make(folder) == []
    assert {file.name: file.read_text() for file in folder.iterdir()} == before
    for lost in ("auth-string", "client.toml"):
        (folder / lost).unlink()
        assert credentials.make(folder) == [lost]
        assert (folder / lost).read_text() == before[lost]
    credentials.make(folder, renew=True)
    after = {file.name: file.read_text() for file in folder.iterdir()}
    assert after["database-password"] == before["database-password"]
    profiles = [tomllib.loads(files["server.toml"])["profiles"]["unvoiced"]
                for files in (before, after)]  # fmt: skip
    urls = {profile["PREFECT_SERVER_DATABASE_CONNECTION_URL"] for profile in profiles}
    assert urls == {credentials.DATABASE.replace("{password}", before["database-password"])}
    old, new = (profile["PREFECT_SERVER_API_AUTH_STRING"] for profile in profiles)
    assert old != new == after["auth-string"]
    assert new in after["client.toml"]
    assert old not in "".join(after.values())
