"""Base job templates: complete, hardened, and what ECS and Kubernetes accept."""

import json
import re
from typing import Any

import kubernetes_validate
import pytest
from botocore.session import Session
from botocore.validate import validate_parameters

from deployments.work_pools.__main__ import KINDS, fill, load

_GIVEN = {
    "ecs": {
        "image": "registry.invalid/unvoiced@sha256:00",
        "task_role_arn": "arn:aws:iam::000000000000:role/eraser",
        "execution_role_arn": "arn:aws:iam::000000000000:role/pulls",
        "cluster": "unvoiced",
        "vpc_id": "vpc-0",
        "network_configuration": '{"subnets": ["subnet-0"], "assignPublicIp": "DISABLED"}',
        "region": "eu-central-1",
        "prefect_api_auth_string_secret_arn": "arn:aws:secretsmanager:eu-central-1:0:secret:x",
    },
    "kubernetes": {
        "image": "registry.invalid/unvoiced@sha256:00",
        "service_account_name": "worker-eraser",
    },
}


def _rendered(kind: str, **also: Any) -> Any:
    """The configuration with every variable's value, as Prefect puts it in; None is left out."""
    template = fill(load(kind), _GIVEN[kind])
    values = {name: one.get("default") for name, one in template["variables"]["properties"].items()}

    def put_in(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: put_in(one) for name, one in node.items() if put_in(one) is not None}
        if isinstance(node, list):
            return [put_in(one) for one in node]
        named = re.fullmatch(r"\{\{ (\w+) \}\}", node) if isinstance(node, str) else None
        if named:
            return (values | also)[named[1]]
        if isinstance(node, str):
            return re.sub(r"\{\{ (\w+) \}\}", lambda m: str((values | also)[m[1]]), node)
        return node

    return put_in(template["job_configuration"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_variable_is_defined_and_used(kind: str) -> None:
    """No placeholder is left unfilled at a run's start, and no variable has no effect."""
    template = load(kind)
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(template["variables"]["properties"])
    assert set(template["variables"]["required"]) == set(_GIVEN[kind])
    assert all(one["description"] for one in template["variables"]["properties"].values())


@pytest.mark.parametrize("kind", KINDS)
def test_filling_refuses_what_would_fail_at_the_first_run(kind: str) -> None:
    """A variable that does not exist, or is missing, is said at once."""
    with pytest.raises(ValueError, match="no such variable: role"):
        fill(load(kind), _GIVEN[kind] | {"role": "x"})
    with pytest.raises(ValueError, match="needs a value: image"):
        fill(load(kind), {name: one for name, one in _GIVEN[kind].items() if name != "image"})


def test_ecs_takes_the_task_definition() -> None:
    """It fits the model of the API, is closed, and has one role that no run chooses."""
    configuration = _rendered("ecs", cpu="1024", memory="4096")  # its worker makes these text
    definition = configuration["task_definition"]
    model = Session().get_service_model("ecs")
    validate_parameters(definition, model.operation_model("RegisterTaskDefinition").input_shape)
    (container,) = definition["containerDefinitions"]
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001:10001"
    assert container["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert "environment" not in container
    assert "privileged" not in container
    assert container["logConfiguration"]["logDriver"] == "awslogs"
    assert definition["taskRoleArn"] == _GIVEN["ecs"]["task_role_arn"]
    assert configuration["container_name"] == container["name"]
    assert configuration["task_run_request"]["enableExecuteCommand"] is False
    assert (
        configuration["task_run_request"]["overrides"]["taskRoleArn"] == definition["taskRoleArn"]
    )


def test_kubernetes_takes_the_job() -> None:
    """It fits the schema, and the pod is one that the standard `restricted` lets in."""
    environment = [{"name": "A", "value": "b"}]  # its worker makes the list, and the command one
    job = _rendered("kubernetes", name="run", env=environment, command=["prefect"])["job_manifest"]
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    pod = job["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
