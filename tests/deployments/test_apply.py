"""What `python -m deployments.apply` leaves as a server's operators have it."""

import subprocess
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from deployments import apply
from deployments.local.place import ROOT


class Server:
    """A server as `apply` meets it."""

    def __init__(self, pool: WorkPoolCreate | None = None) -> None:
        self.pool = pool
        self.named: dict[tuple[str, str], str] = {}

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def create_work_pool(self, pool: WorkPoolCreate) -> None:
        """Make the pool, where there is none."""
        if self.pool:
            raise ObjectAlreadyExists(HTTPStatus.CONFLICT)
        self.pool = pool

    def read_deployments(self) -> list[Any]:
        """Three, of which two are paused, one of these somebody else's."""
        return [
            self._deployment("ingest", paused=False),
            self._deployment("watch", paused=True),
            self._deployment("posture", paused=True, tags=[]),
        ]

    def _deployment(self, name: str, **said: Any) -> SimpleNamespace:
        schedules = [SimpleNamespace(id="0123456789", slug=slug) for slug in ("daily", None)]
        return SimpleNamespace(
            **{"id": name, "name": name, "tags": ["unvoiced"], "schedules": schedules} | said
        )

    def update_deployment_schedule(self, deployment: str, schedule: str, *, slug: str) -> None:
        """Take note of it."""
        self.named[deployment, schedule] = slug


def applied(server: Server, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> list[Any]:
    """What it runs, each of which ends with this status: a file as it was read, or a command."""
    said: list[Any] = []

    def run(command: tuple[str, ...], **_: Any) -> Any:
        read = command[-1].endswith(".yaml")
        said.append(yaml.safe_load(Path(command[-1]).read_text()) if read else command[-1])
        return SimpleNamespace(returncode=status)

    monkeypatch.setattr(apply, "get_client", lambda **_: server)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.chdir(ROOT)
    apply.main()
    return said


def test_a_pool_that_stands_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit, with a job template of its operators': no upgrade undoes it."""
    theirs = WorkPoolCreate(name="unvoiced", type="kubernetes", concurrency_limit=3)
    server = Server(theirs)
    assert len(applied(server, monkeypatch)) == 2
    assert server.pool is theirs


def test_a_pool_that_is_missing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """For processes of a worker."""
    server = Server()
    assert len(applied(server, monkeypatch)) == 2
    assert server.pool is not None
    assert (server.pool.name, server.pool.type) == ("unvoiced", "process")


def test_what_was_paused_is_never_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for the moment that it takes, in which it could run, or be killed; all else as it is."""
    told, automations = applied(Server(), monkeypatch)
    assert automations == "deployments.automations"
    assert [one["name"] for one in told["deployments"] if one.get("paused")] == ["watch"]
    for one in told["deployments"]:
        one.pop("paused", None)
    assert told == yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())


def test_schedules_that_were_added_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect would replace all of a deployment's where one has no name."""
    server = Server()
    applied(server, monkeypatch)
    assert server.named == {
        ("ingest", "0123456789"): "added-01234567",
        ("watch", "0123456789"): "added-01234567",
    }


def test_a_step_that_fails_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own status."""
    with pytest.raises(SystemExit, match="3"):
        applied(Server(), monkeypatch, status=3)
