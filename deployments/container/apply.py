"""Tell a Prefect server what to run: work pool, deployments, automations; as often as one likes.

    python -m deployments.container.apply

from the root of a checkout or image, to the server that PREFECT_API_URL names. What its operators
did stays: the work pool is made where it is missing and otherwise left as it is, and a deployment
that somebody paused stays paused (Prefect takes one that is applied again for one that nobody has).
"""

import subprocess
import sys

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
POOL = "unvoiced"
MAKE_POOL = (*PREFECT, "work-pool", "create", POOL, "--type", "process")
STEPS = (
    (*PREFECT, "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"),
    (sys.executable, "-m", "deployments.automations"),
)


def main() -> None:
    """Take the steps, up to the first that fails; its exit status is ours."""
    with get_client(sync_client=True) as client:
        paused = [one.id for one in client.read_deployments() if one.paused]
        try:
            for step in STEPS if _pool_stands(client) else (MAKE_POOL, *STEPS):
                if status := subprocess.run(step, check=False).returncode:  # noqa: S603  # all ours
                    sys.exit(status)
        finally:
            for deployment in paused:
                client.pause_deployment(deployment)


def _pool_stands(client: SyncPrefectClient) -> bool:
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        return False
    return True


if __name__ == "__main__":
    main()
