"""deployments/prefect.yaml against the flows, the README's table and Prefect's own schema."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.server.schemas.schedules import CronSchedule

from deployments.local.deploying import PREFECT_FILE, described
from flows import checkout

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = described()
NAMES = [one["name"] for one in DEPLOYMENTS]
# Variants of others, for who has no work pool.
NOT_DEPLOYED = {"ingest_on_ray"}
# What the README says of how often, as a schedule.
RHYTHMS = {
    "daily": r"\d+ \d+ \* \* \*",
    "hourly": r"\d+ \* \* \* \*",
    "every five minutes": r"\*/5 \* \* \* \*",
    "quarterly": r"\d+ \d+ 1 1,4,7,10 \*",
}


def flow_of(deployment: dict[str, Any]) -> str:
    """The module of a deployment's flow."""
    return Path(deployment["entrypoint"].partition(":")[0]).stem


def cron(deployment: dict[str, Any]) -> list[str]:
    """When it runs."""
    return [one["cron"] for one in deployment["schedules"]]


def test_every_flow_is_deployed() -> None:
    """A new file in flows/ has to say when and as whom it runs, or be named here."""
    files = (ROOT / "flows").glob("*.py")
    flows = {file.stem for file in files if "\n@flow(" in file.read_text()}
    assert {flow_of(one) for one in DEPLOYMENTS} == flows
    assert all((ROOT / "flows" / f"{name}.py").exists() for name in NOT_DEPLOYED)
    assert len(NAMES) == len(set(NAMES))


def test_roles_and_rhythms_are_those_of_the_readme() -> None:
    """Each row of its table of flows: which queue, and how often."""
    table = (ROOT / "README.md").read_text().partition("| flow | how often |")[2]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)
    assert len(rows) == 8
    for flow, rhythm, whose in rows:
        roles = re.findall(r"([a-z]+(?: [a-z]+)?)(?: \(`(\w+)`\))?(?:, |$)", whose.strip())
        for role, name in roles:
            (found,) = [one for one in DEPLOYMENTS if one["name"] == (name or flow)]
            assert flow_of(found) == flow
            assert found["work_pool"]["work_queue_name"] == role.replace(" ", "-")
            (when,) = cron(found)
            assert re.fullmatch(RHYTHMS[rhythm.strip()], when), (flow, rhythm, when)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_a_deployment_is_whole(deployment: dict[str, Any]) -> None:
    """Pool, one queue that is its role, tags, a description, and schedules that are in UTC."""
    queue = deployment["work_pool"]["work_queue_name"]
    assert deployment["work_pool"]["name"] == "unvoiced"
    assert deployment["tags"] == ["unvoiced", queue]
    assert deployment["description"].endswith((".", "?"))
    for schedule in deployment["schedules"]:
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
        assert schedule["timezone"] == "UTC"
        assert schedule["slug"]  # by which a schedule that was paused stays so
        # Whatever comes by the clock, comes once at a time.
        assert deployment["concurrency_limit"]["limit"] == 1


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=NAMES)
def test_its_parameters_are_its_flows(deployment: dict[str, Any]) -> None:
    """None is unknown to the flow, none is missing, and none names a place of a machine."""
    flow: Flow[Any, Any] = load_flow_from_entrypoint(deployment["entrypoint"])
    given = deployment.get("parameters", {})
    assert given.keys() <= flow.parameters.properties.keys()
    assert "config" not in given
    assert deployment["name"] == "backfill" or not flow.parameters.required


def test_what_comes_by_the_clock_is_no_dry_run() -> None:
    """A form's first proposal is a dry run; a schedule's is the work."""
    for deployment in DEPLOYMENTS:
        flow: Flow[Any, Any] = load_flow_from_entrypoint(deployment["entrypoint"])
        defaults = {name: one.get("default") for name, one in flow.parameters.properties.items()}
        for schedule in deployment["schedules"]:
            runs_with = defaults | deployment.get("parameters", {}) | schedule.get("parameters", {})
            what = runs_with.get("what") or {}
            assert not runs_with.get("dry_run", False), deployment["name"]
            assert not what.get("dry_run", False), deployment["name"]
            assert what or "what" not in runs_with, deployment["name"]


def test_no_place_of_a_machine_is_named() -> None:
    """No absolute path, no host, no user; and Prefect knows every field."""
    text = PREFECT_FILE.read_text()
    assert not re.search(r"(^|[\s\"':=])(/|~|[A-Z]:\\)\w", text)
    assert not re.search(r"\w@\w|://", text)
    PrefectYamlModel.model_validate(yaml.safe_load(text))


def test_the_pull_step_enters_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From wherever a worker starts a run."""
    monkeypatch.chdir(tmp_path)
    assert checkout.enter() == {"directory": str(ROOT)}
    assert Path.cwd() == ROOT
    assert (Path.cwd() / DEPLOYMENTS[0]["entrypoint"].partition(":")[0]).is_file()


def test_parts_go_to_a_deployment_that_takes_them_all() -> None:
    """A limit would cancel parts, or keep them waiting for each other."""
    flow: Flow[Any, Any] = load_flow_from_entrypoint("flows/ingest_spread.py:ingest_spread")
    default = flow.parameters.properties["deployment"]["default"]
    assert default == "ingest/part"
    (part,) = [one for one in DEPLOYMENTS if one["name"] == "part"]
    assert flow_of(part) == "ingest"
    assert "concurrency_limit" not in part
    assert part["schedules"] == []
