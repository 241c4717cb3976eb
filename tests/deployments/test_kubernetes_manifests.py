"""The Kubernetes manifests as `kubectl kustomize` renders them."""

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deployments.contained import ROOT

_FOLDER = ROOT / "deployments" / "kubernetes"
_Object = dict[str, Any]


@pytest.fixture(scope="module")
def rendered() -> list[_Object]:
    """All objects."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        ["kubectl", "kustomize", _FOLDER], capture_output=True, text=True, timeout=60, check=True
    )
    return list(yaml.safe_load_all(done.stdout))


def _pods(rendered: list[_Object]) -> Iterator[tuple[str, _Object]]:
    for one in rendered:
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]


def _of(rendered: list[_Object], kind: str) -> dict[str, _Object]:
    return {one["metadata"]["name"]: one for one in rendered if one["kind"] == kind}


@pytest.mark.slow
def test_every_object_fits_its_schema(rendered: list[_Object]) -> None:
    """No field is unknown or of another type, by the schema of the newest Kubernetes."""
    for one in rendered:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "unvoiced"


def test_every_pod_is_closed(rendered: list[_Object]) -> None:
    """What the pod security standard `restricted` asks for, and a read-only root on top."""
    assert len(list(_pods(rendered))) == 8
    for name, template in _pods(rendered):
        pod = template["spec"]
        context = pod["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] == 10001
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
        assert "@sha256:" in container["image"]
        kinds = {kind for volume in pod["volumes"] for kind in volume.keys() - {"name"}}
        assert kinds <= {"emptyDir", "secret", "configMap", "persistentVolumeClaim"}
    (namespace,) = _of(rendered, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_secrets_are_named_and_not_here(rendered: list[_Object]) -> None:
    """Each process is given the one profile that it needs, as a file."""
    assert not _of(rendered, "Secret")
    for name, template in _pods(rendered):
        secrets = {volume["secret"]["secretName"] for volume in template["spec"]["volumes"]
                   if "secret" in volume}  # fmt: skip
        assert secrets == {"prefect-server" if name == "server" else "prefect-client"}
        (container,) = template["spec"]["containers"]
        assert all("secretKeyRef" not in str(one) for one in container.get("env", ()))


def test_every_queue_has_a_worker_with_a_role_of_its_own(rendered: list[_Object]) -> None:
    """A worker polls the queue of its role, as a service account that no other has."""
    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
    queues = {one["work_pool"]["work_queue_name"] for one in deployments["deployments"]}
    accounts = _of(rendered, "ServiceAccount")
    found = {}
    for name, template in _pods(rendered):
        if template["metadata"]["labels"]["app.kubernetes.io/component"] == "worker":
            role = template["metadata"]["labels"]["unvoiced.role"]
            found[role] = template["spec"]["serviceAccountName"]
            arguments = template["spec"]["containers"][0]["args"]
            assert arguments[-2:] == ["--work-queue", "$(ROLE)"]
            assert name == found[role] == f"worker-{role}"
            arn = accounts[name]["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
            assert arn == f"arn:aws:iam::000000000000:role/unvoiced-{role}"  # a placeholder
    assert set(found) == queues


def test_nothing_talks_to_anything_but_what_is_named(rendered: list[_Object]) -> None:
    """Denied by default; a worker reaches server, names and https, and no node's metadata."""
    policies = {name: one["spec"] for name, one in _of(rendered, "NetworkPolicy").items()}
    assert policies["default-deny"]["podSelector"] == {}
    assert set(policies["default-deny"]["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & policies["default-deny"].keys()
    (enters,) = policies["server"]["ingress"]
    assert enters["ports"] == [{"port": 4200, "protocol": "TCP"}]
    chosen = enters["from"][0]["podSelector"]["matchLabels"].items()
    for name, template in _pods(rendered):
        assert (chosen <= template["metadata"]["labels"].items()) == (name != "server"), name
    (leaves,) = policies["workers"]["egress"]
    assert leaves["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert "169.254.0.0/16" in leaves["to"][0]["ipBlock"]["except"]
    ports = {port["port"] for one in policies.values() for rule in one.get("egress", ())
             for port in rule["ports"]}  # fmt: skip
    assert ports == {53, 443, 4200, 5432}


def test_every_deployment_may_be_drained(rendered: list[_Object]) -> None:
    """One pod at a time, and each budget is about the pods of one deployment."""
    budgets, deployments = _of(rendered, "PodDisruptionBudget"), _of(rendered, "Deployment")
    assert budgets.keys() == deployments.keys()
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        own = deployments[name]["spec"]["selector"]["matchLabels"]
        assert budget["spec"]["selector"]["matchLabels"] == own
        others = [one["spec"]["template"]["metadata"]["labels"] for other, one
                  in deployments.items() if other != name]  # fmt: skip
        assert not any(own.items() <= labels.items() for labels in others)
