"""A PostgreSQL of its own, that wants a password. As root it runs as nobody: it refuses root."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NOBODY = 65534


def _programs() -> Path:
    """Where Debian has them, in its newest version; else wherever the shell finds them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: one.parts[4])
    if not found and (elsewhere := shutil.which("initdb")):
        found = [Path(elsewhere)]
    assert found, "PostgreSQL is not installed: apt-get install postgresql"
    return found[-1].parent


@contextmanager
def running() -> Iterator[str]:
    """Start one with an empty database; yields its URL, as Prefect takes it."""
    whose: dict[str, Any] = {}
    # Not in a folder of pytest's, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-postgres-"))
    try:
        password = secrets.token_hex(16)
        (folder / "password").write_text(password)
        if os.geteuid() == 0:
            whose = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
            for path in (folder, folder / "password"):
                os.chown(path, _NOBODY, _NOBODY)
        subprocess.run(
            [_programs() / "initdb", "-D", folder / "data", "-U", "prefect", "-A", "scram-sha-256",
             "--pwfile", folder / "password", "-E", "UTF8", "--locale", "C", "--no-sync"],
            cwd=folder, check=True, capture_output=True, **whose,
        )  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        # -w: until it answers.
        options = f"-h 127.0.0.1 -p {port} -k '' -c fsync=off"
        control = [_programs() / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w"]
        subprocess.run(
            [*control, "-o", options, "start"],
            cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **whose,
        )  # fmt: skip
        try:
            yield f"postgresql+asyncpg://prefect:{password}@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"],
                cwd=folder, check=True, capture_output=True, **whose,
            )  # fmt: skip
    finally:
        shutil.rmtree(folder)
