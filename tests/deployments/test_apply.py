"""What `python -m deployments.apply` leaves as a server's operators have it."""

import subprocess
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists

from deployments import apply


class Server:
    """A server as `apply` meets it."""

    def __init__(self, pool: WorkPoolCreate | None = None) -> None:
        self.pool = pool
        self.paused_again: list[str] = []

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
        """Two, of which one is paused."""
        return [SimpleNamespace(id=name, paused=name == "watch") for name in ("ingest", "watch")]

    def pause_deployment(self, name: str) -> None:
        """Take note of it."""
        self.paused_again.append(name)


def applied(server: Server, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> list[str]:
    """The commands that it runs, each of which ends with this status."""
    said: list[str] = []

    def run(command: tuple[str, ...], **_: Any) -> Any:
        said.append(" ".join(command[2:]))
        return SimpleNamespace(returncode=status)

    monkeypatch.setattr(apply, "get_client", lambda **_: server)
    monkeypatch.setattr(subprocess, "run", run)
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


def test_what_was_paused_is_paused_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever became of the steps."""
    server = Server()
    applied(server, monkeypatch)
    with pytest.raises(SystemExit, match="3"):
        applied(server, monkeypatch, status=3)
    assert server.paused_again == ["watch", "watch"]
