"""What the YAML files say: Prefect's own words for a trigger, and what is to happen.

What always holds:

- A file is read into Prefect's own models; a word that Prefect does not know is refused, where
  Prefect itself would pass it over.
- What happens is either said in the file (`actions`), or is to tell somebody (`tell`: subject and
  body of a message), and then does nothing until it is said by what: it stands on the server all
  the same, and fires visibly.
- Every automation bears the tag by which it is known as one of these files'.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.events.actions import DoNothing, RunDeployment, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent
TAG = "unvoiced-automation"


class Message(BaseModel):
    """What is told: Jinja templates over the event; ids, names and counts only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str
    body: str


class Definition(BaseModel):
    """An automation as a file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern="^unvoiced: ")
    description: str
    enabled: bool = True
    trigger: dict[str, Any]  # Prefect's own model has the types
    actions: tuple[dict[str, Any], ...] = ()
    tell: Message | None = None
    # The parameter by which a deployment takes the event's payload, where one may be run for it.
    run_with: str = ""

    def automation(self, via: "Via") -> AutomationCore:
        """What is to stand on the server. Raises `ValueError` where Prefect does not take it."""
        trigger = EventTrigger.model_validate(self.trigger)
        if unknown := self.trigger.keys() - EventTrigger.model_fields.keys():
            raise ValueError(f"{self.name}: no trigger has {', '.join(sorted(unknown))}")
        if bool(self.actions) == bool(self.tell):
            raise ValueError(f"{self.name}: says either `actions` or `tell`")
        wanted = AutomationCore(
            name=self.name,
            description=self.description,
            enabled=self.enabled,
            tags=[TAG],
            trigger=trigger,
            actions=[*self.actions] or self._telling(via),  # type: ignore[list-item]  # Prefect parses
        )
        # With all fields set but the one that no update takes: it passes over those that are not.
        return AutomationCore.model_validate(wanted.model_dump(exclude={"owner_resource"}))

    def _telling(self, via: "Via") -> list[Any]:
        wanted: list[Any] = []
        if self.run_with and via.deployment:
            payload = {"__prefect_kind": "jinja", "template": "{{ event.payload | tojson }}"}
            wanted.append(
                RunDeployment(
                    source="selected",
                    deployment_id=via.deployment,
                    parameters={self.run_with: {"__prefect_kind": "json", "value": payload}},
                    job_variables=None,
                )
            )
        if self.tell and via.block:
            wanted.append(
                SendNotification(
                    block_document_id=via.block, subject=self.tell.subject, body=self.tell.body
                )
            )
        return wanted or [DoNothing()]


@dataclass(frozen=True)
class Via:
    """By what somebody is told: a notification block and a deployment of the server, or neither."""

    block: UUID | None = None
    deployment: UUID | None = None


def definitions(folder: Path = FOLDER) -> list[Definition]:
    """What the files of a folder say, by name. Raises `ValueError` where one says it wrongly."""
    found = [
        Definition.model_validate(yaml.safe_load(file.read_text()))
        for file in sorted(folder.glob("*.yaml"))
    ]
    if not found:  # all that stands would be removed, and with it who is told
        raise ValueError(f"{folder}: there is no *.yaml")
    names = [one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"named twice: {', '.join(sorted(twice))}")
    return sorted(found, key=lambda one: one.name)
