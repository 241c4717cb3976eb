"""Tell a Prefect server what to run: work pool, deployments, automations; as often as one likes.

    python -m deployments.apply

from the root of a checkout or image, to the server that PREFECT_API_URL names. What its operators
did stays: the work pool is made where it is missing and otherwise left as it is, a deployment that
somebody paused stays paused, and so do schedules, also such as were added.
"""

import subprocess
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectAlreadyExists

from tasks.artifacts import TAG

POOL = WorkPoolCreate(
    name="unvoiced",
    type="process",
    description="Runs of unvoiced, as processes of a worker; one queue a role (docs/running.md)",
)
PREFECT_FILE = Path("deployments/prefect.yaml")
DEPLOY = (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file")
AUTOMATE = (sys.executable, "-m", "deployments.automations")


def main() -> None:
    """Take the steps, up to the first that fails; its exit status is ours."""
    with get_client(sync_client=True) as client, TemporaryDirectory() as folder:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(POOL)
        ours = [one for one in client.read_deployments() if TAG in one.tags]
        _name_schedules(client, ours)
        file = Path(folder) / PREFECT_FILE.name
        file.write_text(_with_paused({one.name for one in ours if one.paused}))
        for step in ((*DEPLOY, str(file)), AUTOMATE):
            if status := subprocess.run(step, check=False).returncode:  # noqa: S603  # all ours
                sys.exit(status)


def _name_schedules(client: SyncPrefectClient, deployments: Iterable[DeploymentResponse]) -> None:
    """Give those a name that have none, as those that operators add at the UI.

    Where one has none, Prefect removes all schedules of its deployment and makes ours anew, active.
    """
    for deployment in deployments:
        for schedule in deployment.schedules:
            if not schedule.slug:
                slug = f"added-{str(schedule.id)[:8]}"
                client.update_deployment_schedule(deployment.id, schedule.id, slug=slug)


def _with_paused(names: Collection[str]) -> str:
    """The file, saying of these that they are paused: Prefect resumes what it is not said of.

    Pausing them afterwards would leave them a while to run in, and for good where that is killed.
    """
    said = yaml.safe_load(PREFECT_FILE.read_text())
    for one in said["deployments"]:
        if one["name"] in names:
            one["paused"] = True
    return yaml.safe_dump(said, sort_keys=False)


if __name__ == "__main__":
    main()
