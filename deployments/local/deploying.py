"""What a server is told before anything can run: work pool, deployments, automations.

All of it may be said again at any time. Deployments are left alone while nothing about them has
changed; what somebody paused in the UI, a deployment or a schedule, stays so even where it has.
"""

import hashlib
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from deployments.local.environment import bare
from deployments.local.parts import POOL, Parts
from deployments.local.place import ROOT, write_private
from unvoiced.errors import StoreError

PREFECT_FILE = ROOT / "deployments" / "prefect.yaml"
_SECONDS = 600


def described() -> list[dict[str, Any]]:
    """The deployments of prefect.yaml."""
    return list(yaml.safe_load(PREFECT_FILE.read_text())["deployments"])


def apply(parts: Parts) -> bool:
    """Apply all of it; returns whether the deployments, or what they are of, had changed."""
    stamp, now = parts.place.folder / "deployed", _digest(parts.choices.database)
    api = parts.api()
    there = {one["name"] for one in api.find("deployments")}
    wanted = {one["name"] for one in described()}
    pool = api.get(f"/work_pools/{POOL}")
    if pool is not None and there >= wanted and _read(stamp) == now:
        _run(parts, "automations", "deployments.automations")
        return False
    _run(parts, "deployments", "deployments.apply")
    write_private(stamp, now)
    return True


def _digest(database: str) -> str:
    """Of everything that a stored deployment is made from, and where it is stored."""
    files = [PREFECT_FILE, *sorted((ROOT / "flows").glob("*.py"))]
    made_of = [database, version("prefect"), *(f"{file.name} {_sha256(file)}" for file in files)]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _run(parts: Parts, what: str, module: str) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module],
        env=bare(parts.place.prefect) | parts.client,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    log = parts.place.log(what)
    write_private(log, done.stdout + done.stderr)
    if done.returncode:
        raise StoreError(f"{what} could not be applied to the Prefect server; {log} says why")
