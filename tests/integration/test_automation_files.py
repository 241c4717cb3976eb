"""The automations' YAML files: what they say, whom they concern, and what is done to make it so."""

import ast
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, DoNothing, RunDeployment, SendNotification
from prefect.events.schemas.automations import Automation
from prefect.server.events.schemas.automations import AutomationCreate, EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent, RelatedResource, Resource

from deployments.automations import signs
from deployments.automations.files import FOLDER, TAG, Definition, Via, definitions
from deployments.automations.standing import steps, via
from deployments.local.environment import HEARTBEAT_SECONDS
from tasks.backlog import BACKLOG_EVENT, OLD_EVENT
from tasks.watch import ALERT_EVENT
from tests.integration.prefect_server import ROOT

ZOMBIES, STUCK, FAILED = (f"unvoiced: {name} runs" for name in ("zombie", "stuck", "failed"))
CANCELLED = "unvoiced: stuck cancellations"
OVERDUE = "unvoiced: no ingest"
BY_NAME = {one.name: one for one in definitions()}


def names_of_ends() -> set[tuple[str, str]]:
    """(type, name) of every state that the code of flows and tasks names."""
    found = {("COMPLETED", "Completed"), ("FAILED", "Failed"), ("CRASHED", "Crashed")}
    for file in [*(ROOT / "flows").glob("*.py"), *(ROOT / "tasks").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
                "Completed",
                "Failed",
            }:
                kind = node.func.id.upper()  # type: ignore[attr-defined]  # as was just seen
                found |= {
                    (kind, keyword.value.value)
                    for keyword in node.keywords
                    if keyword.arg == "name" and isinstance(keyword.value, ast.Constant)
                }
    return found


def trigger(name: str) -> EventTrigger:
    """An automation's trigger as the server has it."""
    wanted = BY_NAME[name].automation(Via()).model_dump(mode="json")
    found = AutomationCreate.model_validate(wanted).trigger
    assert isinstance(found, EventTrigger)
    return found


def event(
    kind: str, name: str, tag: str = "unvoiced", flow: str = "ingest", event: str = ""
) -> ReceivedEvent:
    """What the server emits when a flow run's state changes."""
    return ReceivedEvent(
        occurred="2026-11-23T08:00:00Z",
        event=event or f"prefect.flow-run.{name}",
        resource=Resource(
            {
                "prefect.resource.id": f"prefect.flow-run.{uuid4()}",
                "prefect.state-name": name,
                "prefect.state-type": kind,
            }
        ),
        related=[
            RelatedResource({"prefect.resource.id": each, "prefect.resource.role": role, **more})
            for each, role, more in (
                (f"prefect.tag.{tag}", "tag", {}),
                ("prefect.flow.1", "flow", {"prefect.resource.name": flow}),
            )
        ],
        id=uuid4(),
    )


def test_every_file_is_one_that_prefect_takes() -> None:
    """Each by the server's own model; each named, described, and known as ours."""
    assert len(BY_NAME) == len(list(FOLDER.glob("*.yaml")))
    for one in BY_NAME.values():
        wanted = AutomationCreate.model_validate(one.automation(Via()).model_dump(mode="json"))
        assert wanted.tags == [TAG]
        assert wanted.enabled
        assert wanted.description


@pytest.mark.parametrize(("kind", "name"), sorted(names_of_ends()))
def test_every_way_to_end_is_covered(kind: str, name: str) -> None:
    """A failed run is told of, whatever its state is called; a completed one is not."""
    ended = event(kind, name)
    assert trigger(FAILED).covers(ended) == (kind != "COMPLETED")
    assert trigger(OVERDUE).covers(ended) == (kind == "COMPLETED")
    # Named as it may be, an end is a sign of life: nobody is made a zombie after it.
    assert trigger(ZOMBIES).covers(ended)
    assert trigger(ZOMBIES).expects(ended.event)
    assert trigger(STUCK).expects(ended.event)


@pytest.mark.parametrize("name", [ZOMBIES, STUCK, FAILED, CANCELLED, OVERDUE])
def test_runs_of_others_are_left_alone(name: str) -> None:
    """Another team's flow on the same server need not give heartbeats."""
    kind = "COMPLETED" if name == OVERDUE else "FAILED"
    assert trigger(name).covers(event(kind, "Cancelled"))
    assert not trigger(name).covers(event(kind, "Cancelled", tag="theirs"))


@pytest.mark.parametrize(
    ("name", "what", "resource"),
    [
        ("unvoiced: bulk access", ALERT_EVENT, f"{ALERT_EVENT}.0123"),
        ("unvoiced: old backlog", OLD_EVENT, BACKLOG_EVENT),
    ],
)
def test_events_of_our_own_are_heard(name: str, what: str, resource: str) -> None:
    """By the names and resources that the flows give them; a backlog that is not old is not."""
    ours = event("", "", event=what)
    ours.resource.root["prefect.resource.id"] = resource
    assert trigger(name).covers(ours)
    young = ours.model_copy(update={"event": BACKLOG_EVENT})
    assert not trigger(name).covers(young)


def test_what_is_asked_for_a_sign_of_life_is_waited_for() -> None:
    """The events that `signs` emits are those that the files begin to count from."""
    for kind, what in signs.EVENTS.items():
        name = {StateType.RUNNING: ZOMBIES, StateType.PENDING: STUCK}.get(kind, CANCELLED)
        asked = signs.event(what, uuid4(), "ingest")
        received = ReceivedEvent.model_validate(asked.model_dump())
        assert trigger(name).covers(received)
        assert trigger(name).starts_after(what)
        assert not trigger(name).expects(what)


def test_only_ingest_counts_as_ingest() -> None:
    """A completed watch is no ingest."""
    assert not trigger(OVERDUE).covers(event("COMPLETED", "Completed", flow="watch"))


def test_silence_is_longer_than_some_heartbeats() -> None:
    """Two may be lost; and a silence begins with the run, not with its first heartbeat."""
    zombies = trigger(ZOMBIES)
    assert zombies.within.total_seconds() >= 3 * HEARTBEAT_SECONDS
    beat = event("", "", event="prefect.flow-run.heartbeat")
    for start in (beat, event("RUNNING", "Running"), event("RUNNING", "Retrying")):
        assert zombies.starts_after(start.event)
    for action in BY_NAME[ZOMBIES].automation(Via()).actions:
        assert isinstance(action, ChangeFlowRunState)
        assert not action.force  # what has ended meanwhile stays as it ended


def test_what_may_be_suspended_is_never_called_dead() -> None:
    """Every flow is watched for silence but erasure, whose runs wait for approval in silence."""
    flows = {
        found[1]
        for file in (ROOT / "flows").glob("*.py")
        if (found := re.search(r'^    name="([a-z-]+)",$', file.read_text(), re.MULTILINE))
    }
    assert len(flows) > 9
    beat = "prefect.flow-run.heartbeat"
    watched = {one for one in flows if trigger(ZOMBIES).covers(event("", "", flow=one, event=beat))}
    assert flows - watched == {"erasure"}
    suspending = [
        file.stem
        for folder in ("flows", "tasks")
        for file in (ROOT / folder).glob("*.py")
        if re.search(r"(suspend|pause)_flow_run\(", file.read_text())
    ]
    assert suspending == ["approval"]  # which the flow erasure alone imports


def test_who_is_told_stands_in_the_actions() -> None:
    """Nobody: nothing is done. A block: a message; a deployment: only of the watch's alerts."""
    block, deployment = uuid4(), uuid4()
    telling = [one for one in BY_NAME.values() if one.tell]
    assert {one.name for one in BY_NAME.values()} - {one.name for one in telling} == {
        ZOMBIES,
        STUCK,
        CANCELLED,
    }
    for one in telling:
        assert one.automation(Via()).actions == [DoNothing()]
        (action,) = one.automation(Via(block)).actions
        assert isinstance(action, SendNotification)
        assert action.block_document_id == block
    kinds = {one.name: [type(a) for a in one.automation(Via(block, deployment)).actions]
             for one in telling}  # fmt: skip
    assert kinds.pop("unvoiced: bulk access") == [RunDeployment, SendNotification]
    assert all(each == [SendNotification] for each in kinds.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trigger": {"expect": ["x"], "witin": 90}}, "witin"),
        ({"actions": [{"type": "do-nothing"}]}, "either"),
        ({"tell": None}, "either"),
        ({"notify": "everybody"}, "notify"),
        ({"name": "zombies"}, "name"),
        ({"trigger": {"posture": "Proactive", "within": 2}}, "10"),
        ({"actions": [{"type": "explode"}], "tell": None}, "explode"),
    ],
    ids=["misspelt", "both", "neither", "unknown", "nameless", "hasty", "no such action"],
)
def test_a_file_that_says_it_wrongly_is_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """Prefect itself would pass over most of these."""
    good = yaml.safe_load((FOLDER / "failed-runs.yaml").read_text())
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(good | change))
    with pytest.raises(ValueError, match=said):
        definitions(tmp_path)[0].automation(Via())


def test_a_name_stands_in_one_file(tmp_path: Path) -> None:
    """Two of one name would put each other right for ever."""
    text = (FOLDER / "failed-runs.yaml").read_text()
    (tmp_path / "one.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(ValueError, match="named twice: unvoiced: failed runs"):
        definitions(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    """A mistyped one would have all that stands removed, and with it who is told."""
    for folder in (tmp_path, tmp_path / "automatons", FOLDER / "failed-runs.yaml"):
        with pytest.raises(ValueError, match="there is no"):
            definitions(folder)


def standing(one: Definition, via: Via = Via()) -> Automation:  # noqa: B008  # frozen
    """An automation as the server gives it back."""
    wanted = one.automation(via).model_dump(mode="json")
    stored = AutomationCreate.model_validate(wanted).model_dump(mode="json")
    return Automation.model_validate(stored | {"id": str(uuid4())})


def test_what_is_done_follows_from_what_stands() -> None:
    """The missing are created, the same left, the changed updated, others of ours removed."""
    wanted = [one.automation(Via()) for one in BY_NAME.values()]
    there = [standing(BY_NAME[name]) for name in (ZOMBIES, FAILED)]
    again = standing(BY_NAME[ZOMBIES])
    old = standing(BY_NAME[STUCK]).model_copy(update={"name": "unvoiced: of old"})
    there[1].trigger.within = there[1].trigger.within * 2  # type: ignore[union-attr]
    there[1].enabled = False

    planned = steps(wanted, [*there, again, old])

    done = [(step.name, step.what) for step in planned]
    assert [name for name, _ in done] == sorted(name for name, _ in done)
    assert {what: [name for name, each in done if each == what] for _, what in done} == {
        "unchanged": [ZOMBIES],
        "updated": [FAILED],
        "removed": ["unvoiced: of old", ZOMBIES],
        "created": sorted(set(BY_NAME) - {ZOMBIES, FAILED}),
    }
    assert {step.id for step in planned if step.what == "removed"} == {again.id, old.id}


def test_who_is_told_is_read_back() -> None:
    """Applied without a word about it, it stays as it stands."""
    told = Via(uuid4(), uuid4())
    assert via([standing(one, told) for one in BY_NAME.values()]) == told
    assert via([standing(one) for one in BY_NAME.values()]) == Via()
