"""Tell a Prefect server what to run: work pool, deployments, automations; as often as one likes.

    python -m deployments.container.apply

from the root of a checkout or image, to the server that PREFECT_API_URL names. A deployment that
somebody paused stays paused: Prefect takes one that is applied again for one that nobody has.
"""

import subprocess
import sys

from prefect.client.orchestration import get_client

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
POOL = "unvoiced"
STEPS = (
    (*PREFECT, "work-pool", "create", POOL, "--type", "process", "--overwrite"),
    (*PREFECT, "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"),
    (sys.executable, "-m", "deployments.automations"),
)


def main() -> None:
    """Take the steps, up to the first that fails; its exit status is ours."""
    with get_client(sync_client=True) as client:
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
