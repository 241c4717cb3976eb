"""Compose, and that every way to run it sets what `deployments/local/environment.py` sets."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.container.settings import files
from tests.deployments.contained import ROOT, env_file, services

_SERVICES = services({"UNVOICED_DEPLOYMENT": "/d", "UNVOICED_SECRETS": "/s"})
_WORKERS = {name: one for name, one in _SERVICES.items() if "worker" in one.get("command", ())}


def _queues() -> set[str]:
    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())
    return {one["work_pool"]["work_queue_name"] for one in deployments["deployments"]}


def test_every_way_to_run_it_has_the_settings_of_the_local_server() -> None:
    """Safe settings stand in one place: what is written elsewhere is what is made of them."""
    stale = [str(file.relative_to(ROOT)) for file, text in files() if file.read_text() != text]
    assert not stale, "python -m deployments.container.settings"


@pytest.mark.parametrize("where", ["container", "kubernetes", "systemd"])
def test_no_env_file_has_a_secret_or_lets_everybody_in(where: str) -> None:
    """Secrets are in profiles; a server is on loopback, or in a container of its own."""
    folder = ROOT / "deployments" / where
    server, client = env_file(folder / "server.env"), env_file(folder / "client.env")
    assert not [name for name in {*server, *client} if "AUTH" in name or "DATABASE" in name]
    assert server["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED"] == "true"
    assert server["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert "*" not in server["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"]
    expected = "127.0.0.1" if where == "systemd" else "0.0.0.0"  # noqa: S104
    assert server["PREFECT_SERVER_API_HOST"] == expected
    assert client["PREFECT_RESULTS_PERSIST_BY_DEFAULT"] == "false"
    assert client["PREFECT_WORKER_WEBSERVER_HOST"] == "127.0.0.1"


@pytest.mark.parametrize("name", sorted(_SERVICES))
def test_every_service_of_compose_is_hardened(name: str) -> None:
    """Read-only, no capability, no new rights, no core dump, bounded, and no secret in it."""
    service: dict[str, Any] = _SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("cap_add")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}
    assert service["init"] is True
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert not service["user"].startswith(("0", "root"))
    assert not service.get("privileged")
    assert all("noexec,nosuid,nodev" in place for place in service["tmpfs"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ("healthcheck" in service) == (name != "apply")  # that one ends
    for variable in service.get("environment", {}):
        assert "PASSWORD" not in variable or variable.endswith("_FILE")
    if name == "database":
        assert "@sha256:" in service["image"]
    else:
        assert service["user"] == "10001:10001"


def test_one_worker_a_queue_and_each_with_its_own_alone() -> None:
    """Every queue of prefect.yaml has its worker, which polls no other."""
    for name, worker in _WORKERS.items():
        command = worker["command"]
        assert command[command.index("--work-queue") + 1] == name
        assert command.count("--work-queue") == 1
        assert command[command.index("--pool") + 1] == "unvoiced"
    assert set(_WORKERS) == _queues()


def test_no_container_is_given_a_vault_that_is_not_its_role_s() -> None:
    """What opens features or names people is mounted nowhere; the archive's key, once."""
    for name, service in _SERVICES.items():
        mounted = {Path(volume["source"]).relative_to("/d") for volume in service.get("volumes", ())
                   if volume["type"] == "bind"}  # fmt: skip
        vaults = {place.stem for place in mounted if place.parts[0] == "keys"}
        expected = {"archivist": {"worker", "archive"}}.get(name, {"worker"})
        assert vaults == (expected if name in _WORKERS else set())
        assert mounted <= {Path("unvoiced.toml"), Path("stores"),
                           *(Path("keys", vault) for vault in vaults),
                           *(Path("keys", f"{vault}.kek") for vault in vaults)}  # fmt: skip
