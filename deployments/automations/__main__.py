"""Apply the automations to the Prefect server that PREFECT_API_URL names; as often as one likes.

    python -m deployments.automations --run FLOW/DEPLOYMENT     # on every alert, run this
    python -m deployments.automations --notify TYPE/BLOCK       # on every alert, tell by this block

An alert of the watch is the event `unvoiced.alert`. With --run, a deployment is run with the event
as its parameter `alert`; with --notify, a notification block that stands on the server (of type
`slack-webhook`, say) sends its level, kind and numbers. An automation is known by its name: what
stands under it is put right, and nothing else is touched.
"""

import argparse
import sys
from datetime import timedelta
from typing import Any

from prefect.client.orchestration import get_client
from prefect.events.actions import RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from tasks.watch import ALERT_EVENT

NAME = "unvoiced: alert of the watch"
_SUBJECT = "unvoiced: {{ event.payload.level }}: {{ event.payload.kind }}"
_BODY = (
    "{{ event.payload.what }}\nwho: {{ event.payload.requester }} {{ event.payload.source }}\n"
    "from {{ event.payload.start }} to {{ event.payload.end }}\n"
    "{{ event.payload.numbers | tojson }}\nto do: {{ event.payload['to do'] }}"
)


def definition(actions: list[Any]) -> AutomationCore:  # actions of Prefect's own union
    """The automation: each event by itself, so that none hides behind another."""
    return AutomationCore(
        name=NAME,
        description="Every alert of the watch: docs/watch.md",
        enabled=True,
        trigger=EventTrigger(
            expect={ALERT_EVENT},
            match=ResourceSpecification({"prefect.resource.id": f"{ALERT_EVENT}.*"}),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
            within=timedelta(0),
        ),
        actions=actions,
    )


def apply(wanted: AutomationCore) -> str:
    """Create it, or put right what stands under its name; returns which of these it did."""
    with get_client(sync_client=True) as client:
        standing = client.read_automations_by_name(wanted.name)
        if not standing:
            client.create_automation(wanted)
            return "created"
        client.update_automation(standing[0].id, wanted)
        for again in standing[1:]:  # by somebody who applied it at the same moment
            client.delete_automation(again.id)
    return "updated"


def actions(run: str | None, notify: str | None) -> list[Any]:
    """What is to happen. Raises `ValueError`, `ObjectNotFound` for what the server has not."""
    wanted: list[Any] = []
    with get_client(sync_client=True) as client:
        if run:
            deployment = client.read_deployment_by_name(run)
            alert = {"__prefect_kind": "jinja", "template": "{{ event.payload | tojson }}"}
            wanted.append(
                RunDeployment(
                    source="selected",
                    deployment_id=deployment.id,
                    parameters={"alert": {"__prefect_kind": "json", "value": alert}},
                    job_variables=None,
                )
            )
        if notify:
            kind, _, name = notify.partition("/")
            block = client.read_block_document_by_name(name, kind)
            wanted.append(
                SendNotification(block_document_id=block.id, subject=_SUBJECT, body=_BODY)
            )
    return wanted


def main() -> None:
    """Apply."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.automations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--run", metavar="FLOW/DEPLOYMENT", help="run this deployment")
    parser.add_argument("--notify", metavar="TYPE/BLOCK", help="tell by this notification block")
    given = parser.parse_args()
    if not (given.run or given.notify):
        parser.error("say what is to happen: --run, --notify, or both")
    try:
        wanted = definition(actions(given.run, given.notify))
    except (ValueError, ObjectNotFound):
        parser.error("the server has no such deployment, or no such block")
    sys.stdout.write(f"{NAME}: {apply(wanted)}\n")


if __name__ == "__main__":
    main()
