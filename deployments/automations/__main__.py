"""Apply the automations to the Prefect server that PREFECT_API_URL names; as often as one likes.

    python -m deployments.automations                           # create, put right, remove
    python -m deployments.automations --notify TYPE/BLOCK       # and tell by this block
    python -m deployments.automations --run FLOW/DEPLOYMENT     # and on every alert, run this
    python -m deployments.automations --dry-run                 # only say what would be done
    python -m deployments.automations --files FOLDER            # files of yours instead

Each is a YAML file beside this module: docs/automations.md has them all. Who is told stays: what
was said with --notify or --run holds until something else is said, or `none`. A notification block
stands on the server (of type `slack-webhook`, say); a deployment is run with the alert of the watch
as its parameter `alert`. What others made is not touched.
"""

import argparse
import sys
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from yaml import YAMLError

from deployments.automations import signs, standing
from deployments.automations.files import FOLDER, Via, definitions
from flows import clock
from unvoiced.errors import UnvoicedError

_NONE = "none"


def main() -> None:
    """Apply."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.automations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--run", metavar="FLOW/DEPLOYMENT", help="run this on an alert; or `none`")
    parser.add_argument("--notify", metavar="TYPE/BLOCK", help="tell by this block; or `none`")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--files", metavar="FOLDER", type=Path, default=FOLDER, help="YAML files of yours instead"
    )
    given = parser.parse_args()
    try:
        files = definitions(given.files)
    except (ValueError, YAMLError) as error:
        parser.error(str(error))
    with get_client(sync_client=True) as client:
        try:
            # By a clock that is behind, `signs` would have living runs called dead.
            clock.compare(client)
        except UnvoicedError as error:
            parser.error(error.diagnostics())
        there = standing.ours(client, [one.name for one in files])
        now = standing.via(there)
        try:
            via = Via(
                _block(client, given.notify) if given.notify else now.block,
                _deployment(client, given.run) if given.run else now.deployment,
            )
        except (ValueError, ObjectNotFound):
            parser.error("the server has no such deployment, or no such block")
        steps = standing.steps([one.automation(via) for one in files], there)
        if not given.dry_run:
            standing.take(client, steps)
            signs.ask(client)
    for step in steps:
        sys.stdout.write(f"{step.name}: {step.what}\n")


def _block(client: SyncPrefectClient, said: str) -> UUID | None:
    kind, _, name = said.partition("/")
    return None if said == _NONE else client.read_block_document_by_name(name, kind).id


def _deployment(client: SyncPrefectClient, said: str) -> UUID | None:
    return None if said == _NONE else client.read_deployment_by_name(said).id


if __name__ == "__main__":
    main()
