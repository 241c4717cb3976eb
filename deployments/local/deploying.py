"""What a server is told before anything can run: work pool, queues, deployments, automations.

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

from deployments.local.api import Api
from deployments.local.environment import bare
from deployments.local.parts import POOL, Parts
from deployments.local.place import ROOT, write_private
from unvoiced.errors import StoreError

PREFECT_FILE = ROOT / "deployments" / "prefect.yaml"
_SECONDS = 600


def described() -> list[dict[str, Any]]:
    """The deployments of prefect.yaml."""
    return list(yaml.safe_load(PREFECT_FILE.read_text())["deployments"])


def make_pool(api: Api) -> bool:
    """The work pool, and a queue a role; returns whether anything was missing."""
    wanted = {one["work_pool"]["work_queue_name"] for one in described()}
    made = False
    if api.get(f"/work_pools/{POOL}") is None:
        about = "Runs of unvoiced, as processes of a worker; one queue a role (docs/running.md)"
        api.post("/work_pools/", {"name": POOL, "type": "process", "description": about})
        made = True
    there = {one["name"] for one in api.post(f"/work_pools/{POOL}/queues/filter", {})}
    for name in sorted(wanted - there):
        api.post(f"/work_pools/{POOL}/queues", {"name": name})
        made = True
    return made


def deploy(parts: Parts) -> bool:
    """Apply prefect.yaml, where it or a flow has changed; returns whether it had."""
    stamp, now = parts.place.folder / "deployed", _digest()
    api = parts.api()
    there = api.find("deployments")
    wanted = {one["name"] for one in described()}
    if {one["name"] for one in there} >= wanted and _read(stamp) == now:
        return False
    file = str(PREFECT_FILE.relative_to(ROOT))
    _run(parts, "deploy", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file)
    # Prefect takes a deployment that is applied again for one that nobody has paused.
    for one in there:
        if one["paused"]:
            api.post(f"/deployments/{one['id']}/pause_deployment")
    write_private(stamp, now)
    return True


def apply_automations(parts: Parts) -> None:
    """Apply the automations; Prefect knows each by its name."""
    _run(parts, "automations", "deployments.automations")


def _digest() -> str:
    """Of everything that a stored deployment is made from."""
    files = [PREFECT_FILE, *sorted((ROOT / "flows").glob("*.py"))]
    made_of = [version("prefect"), *(f"{file.name} {_sha256(file)}" for file in files)]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _run(parts: Parts, what: str, module: str, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", module, *arguments],
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
