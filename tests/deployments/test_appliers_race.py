"""Two who apply the automations at the same moment, in every order of what they ask the server."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from greenlet import getcurrent, greenlet
from prefect.events.filters import AutomationFilter
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import PrefectHTTPStatusError

from deployments.automations import standing
from deployments.automations.files import Via, definitions

WANTED = [one.automation(Via()) for one in definitions()[:2]]
# Whose turn it is, is tried out for so many; an applier of these asks ten times at most.
TURNS = 10


@dataclass
class Server:
    """What stands on it, oldest first. Who asks is kept waiting until it is let go on."""

    stands: list[Automation] = field(default_factory=list)

    def read_automations(self, automations: AutomationFilter, sort: object) -> list[Automation]:
        """Newest first, by name or by tag."""
        self._wait()
        names = automations.name.any_ if automations.name else None
        tags = automations.tags.all_ if automations.tags else None
        return [
            one
            for one in self.stands[::-1]
            if (names is None or one.name in names) and (tags is None or {*tags} <= {*one.tags})
        ]

    def create_automation(self, automation: AutomationCore) -> None:
        """One more, whatever it is called."""
        self._wait()
        self.stands.append(Automation(id=uuid4(), **automation.model_dump()))

    def update_automation(self, which: UUID, automation: AutomationCore) -> None:
        """In its place."""
        self._wait()
        self._find(which)
        changed = Automation(id=which, **automation.model_dump())
        self.stands = [changed if one.id == which else one for one in self.stands]

    def delete_automation(self, which: UUID) -> None:
        """One less."""
        self._wait()
        self.stands.remove(self._find(which))

    def _find(self, which: UUID) -> Automation:
        for one in self.stands:
            if one.id == which:
                return one
        answer = httpx.Response(404, request=httpx.Request("GET", "http://server.invalid"))
        raise PrefectHTTPStatusError("", request=answer.request, response=answer)

    def _wait(self) -> None:
        parent = getcurrent().parent
        assert parent is not None
        parent.switch()


def apply(server: Any) -> None:
    """As `python -m deployments.automations`."""
    there = standing.ours(server, [one.name for one in WANTED])
    standing.take(server, standing.steps(WANTED, there))


def interleaved(turns: tuple[int, ...], work: Callable[[], None]) -> None:
    """Let two do it, taking turns so; then in turn, each to its end."""
    both = [greenlet(work), greenlet(work)]
    for who in (*turns, *[0, 1] * 20):
        if not both[who].dead:
            both[who].switch()
    assert all(one.dead for one in both)


@pytest.mark.parametrize("before", ["nothing", "one without our tag", "twins"])
def test_one_of_each_name_is_left(before: str) -> None:
    """Whatever the order, and whatever stood there."""
    for turns in product((0, 1), repeat=TURNS):
        server = Server()
        if before == "one without our tag":
            server.stands = [Automation(id=uuid4(), **WANTED[0].model_dump() | {"tags": []})]
        if before == "twins":
            server.stands = [Automation(id=uuid4(), **WANTED[0].model_dump()) for _ in range(2)]
        interleaved(turns, lambda: apply(server))  # noqa: B023
        left = sorted(one.name for one in server.stands)
        assert left == sorted(one.name for one in WANTED), turns
