"""Tell a Prefect server what to run: work pool, deployments, automations; as often as one likes.

    python -m deployments.apply

from the root of a checkout or image, to the server that PREFECT_API_URL names. What its operators
did stays: the work pool is made where it is missing and otherwise left as it is, and a deployment
that somebody paused stays paused (Prefect takes one that is applied again for one that nobody has).
"""

import subprocess
import sys
from contextlib import suppress

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

POOL = WorkPoolCreate(
    name="unvoiced",
    type="process",
    description="Runs of unvoiced, as processes of a worker; one queue a role (docs/running.md)",
)
PREFECT_FILE = "deployments/prefect.yaml"
STEPS = (
    (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file",
     PREFECT_FILE),
    (sys.executable, "-m", "deployments.automations"),
)  # fmt: skip


def main() -> None:
    """Take the steps, up to the first that fails; its exit status is ours."""
    with get_client(sync_client=True) as client:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(POOL)
        paused = [one.id for one in client.read_deployments() if one.paused]
        try:
            for step in STEPS:
                if status := subprocess.run(step, check=False).returncode:  # noqa: S603  # all ours
                    sys.exit(status)
        finally:
            for deployment in paused:
                client.pause_deployment(deployment)


if __name__ == "__main__":
    main()
