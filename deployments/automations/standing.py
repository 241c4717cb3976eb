"""What stands on the server, and how it becomes what the files say.

What always holds:

- Ours is what bears our tag or one of our names; nothing else is looked at or touched.
- What stands as it should is left as it is: an update would make the server forget the silences
  that it is counting.
- Whoever applies at the same moment, one of each name is left: each applier removes all but the
  oldest after it has created one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.sorting import AutomationSort
from prefect.events.actions import RunDeployment, SendNotification
from prefect.events.filters import AutomationFilter, AutomationFilterName, AutomationFilterTags
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import PrefectHTTPStatusError

from deployments.automations.files import TAG, Via

What = Literal["created", "updated", "unchanged", "removed"]


@dataclass(frozen=True)
class Step:
    """What becomes of one automation; `id` is that of what stands, None where there is none."""

    what: What
    name: str
    id: UUID | None = None
    wanted: AutomationCore | None = None


def steps(wanted: Sequence[AutomationCore], standing: Sequence[Automation]) -> list[Step]:
    """What is to be done, by name. `standing` is ours, oldest first."""
    kept: dict[str, Automation] = {}
    for one in standing:
        kept.setdefault(one.name, one)
    planned = [_step(one, kept.get(one.name)) for one in wanted]
    needed = {step.id for step in planned}
    removed = [Step("removed", one.name, one.id) for one in standing if one.id not in needed]
    return sorted([*planned, *removed], key=lambda step: step.name)


def _step(wanted: AutomationCore, there: Automation | None) -> Step:
    if there is None:
        return Step("created", wanted.name, None, wanted)
    as_it_is = AutomationCore.model_validate(there.model_dump())
    if as_it_is == wanted:
        return Step("unchanged", wanted.name, there.id, wanted)
    return Step("updated", wanted.name, there.id, wanted)


def ours(client: SyncPrefectClient, names: Sequence[str]) -> list[Automation]:
    """What stands of ours, oldest first."""
    named = AutomationFilter(name=AutomationFilterName(any_=list(names)))
    # With a name of ours and without our tag: there are none but before the first run. One with the
    # tag counts where it is among the tagged, too: another applier may have removed it in between.
    untagged = [one for one in _read(client, named) if TAG not in one.tags]
    tagged = _read(client, AutomationFilter(tags=AutomationFilterTags(all_=[TAG])))
    since = {one.id for one in tagged}
    return [*(one for one in untagged if one.id not in since), *tagged]


def _read(client: SyncPrefectClient, automations: AutomationFilter) -> list[Automation]:
    """Oldest first."""
    newest_first = client.read_automations(
        automations=automations, sort=AutomationSort.CREATED_DESC
    )
    return newest_first[::-1]


def via(standing: Sequence[Automation]) -> Via:
    """By what is told now."""
    actions = [action for one in standing for action in one.actions]
    blocks = [one.block_document_id for one in actions if isinstance(one, SendNotification)]
    runs = [one.deployment_id for one in actions if isinstance(one, RunDeployment)]
    return Via(next(iter(blocks), None), next(iter(runs), None))


def take(client: SyncPrefectClient, planned: Sequence[Step]) -> None:
    """Do it."""
    for step in planned:
        if step.what == "created" and step.wanted:
            client.create_automation(step.wanted)
        elif step.what == "updated" and step.wanted and step.id:
            client.update_automation(step.id, step.wanted)
        elif step.what == "removed" and step.id:
            _delete(client, step.id)
    created = [step.name for step in planned if step.what == "created"]
    oldest: set[str] = set()
    for one in ours(client, created) if created else []:
        if one.name in oldest:
            _delete(client, one.id)
        oldest.add(one.name)


def _delete(client: SyncPrefectClient, automation: UUID) -> None:
    """Nothing happens where it is gone: another applier removed it."""
    try:
        client.delete_automation(automation)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
