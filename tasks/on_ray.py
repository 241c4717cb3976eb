"""Ray as the runner of a flow's tasks: the cluster that RAY_ADDRESS names, or one for the run.

What travels through Ray is what travels to any task: names, versions, sizes, counts, and where the
settings are. Prefect would send its own settings along, and in them its API key and its server's
passwords: they are left out, and each machine goes by its own.

Ray keeps what travels in memory and in log files; of a cluster of the run's own, in a folder that
only we can read and that goes with the run. It listens on every address of the machine and cannot
be told not to; whoever has its token can run anything as the user it runs as (docs/scale.md).
"""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from prefect_ray import task_runners
from prefect_ray.task_runners import RayTaskRunner

# The least that Ray takes. Arguments and results of tasks are smaller than what goes in there.
_OBJECT_STORE_BYTES = 80 * 2**20


_whole_context = task_runners.serialize_context


def context_without_settings(*given: Any, **named: Any) -> dict[str, Any]:  # as Prefect calls it
    """What goes with each task of the run it belongs to; nothing that opens anything."""
    return {**_whole_context(*given, **named), "settings_context": {}}


# There is no setting for it (prefect-ray 0.6).
task_runners.serialize_context = context_without_settings


def ray_runner() -> RayTaskRunner[Any]:
    """A runner on the cluster that RAY_ADDRESS names, or else on one that lives for the run."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address := os.environ.get("RAY_ADDRESS"):
        return RayTaskRunner(address=address, init_kwargs={"log_to_driver": False})
    return RayTaskRunner(init_kwargs={
        "include_dashboard": False,
        "log_to_driver": False,
        "object_store_memory": _OBJECT_STORE_BYTES,
        "_system_config": {"automatic_object_spilling_enabled": False},
        "_temp_dir": str(_private_folder()),
    })  # fmt: skip


def ray_processes() -> int:
    """How many tasks the cluster runs at once."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _private_folder() -> Path:
    """Ray makes its own folders readable to all, and its token's file too: this one is not.

    Its sockets are below; their paths may have 107 characters.
    """
    folder = Path(tempfile.mkdtemp(prefix="unvoiced-ray-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    return folder
