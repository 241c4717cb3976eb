"""What `python -m deployments.container.apply` leaves as a server's operators have it."""

import subprocess
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from deployments.container import apply


class Server:
    """A server as `apply` meets it."""

    def __init__(self, *, pool: bool) -> None:
        self.pool = pool
        self.paused_again: list[str] = []

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read_work_pool(self, name: str) -> str:
        """The pool, where there is one."""
        if not self.pool:
            answer = httpx.Response(HTTPStatus.NOT_FOUND)
            request = httpx.Request("GET", "http://server.invalid")
            raise ObjectNotFound(httpx.HTTPStatusError("", request=request, response=answer), name)
        return name

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
    """Paused, with a limit, with a job template of its operators': no upgrade undoes it."""
    said = applied(Server(pool=True), monkeypatch)
    assert [one for one in said if "work-pool" in one] == []
    assert len(said) == 2


def test_a_pool_that_is_missing_is_made_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """And could overwrite none that somebody else makes at the same moment."""
    said = applied(Server(pool=False), monkeypatch)
    assert "work-pool create unvoiced --type process" in said[0]
    assert "--overwrite" not in said[0]
    assert len(said) == 3


def test_what_was_paused_is_paused_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever became of the steps."""
    server = Server(pool=True)
    applied(server, monkeypatch)
    with pytest.raises(SystemExit, match="3"):
        applied(server, monkeypatch, status=3)
    assert server.paused_again == ["watch", "watch"]
