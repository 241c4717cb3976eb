"""Tell a Prefect server what to run: work pool, deployments, automations; as often as one likes.

    python -m deployments.container.apply

from the root of a checkout or image, to the server that PREFECT_API_URL names.
"""

import subprocess
import sys

PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")
POOL = "unvoiced"
STEPS = (
    (*PREFECT, "work-pool", "create", POOL, "--type", "process", "--overwrite"),
    (*PREFECT, "deploy", "--all", "--prefect-file", "deployments/prefect.yaml"),
    (sys.executable, "-m", "deployments.automations"),
)


def main() -> None:
    """Take the steps, up to the first that fails; its exit status is ours."""
    for step in STEPS:
        if status := subprocess.run(step, check=False).returncode:  # noqa: S603  # all of it ours
            sys.exit(status)


if __name__ == "__main__":
    main()
