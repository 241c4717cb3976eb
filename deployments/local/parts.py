"""The two processes of a local server: the server itself, and a worker that serves every queue."""

import os
import shutil
import socket
import sys
import time
from dataclasses import dataclass

from deployments.local.api import Api
from deployments.local.database import check_reachable
from deployments.local.environment import (
    LOOPBACK,
    bare,
    client_environment,
    passed_on,
    server_environment,
)
from deployments.local.place import ROOT, Choices, Place
from deployments.local.process import Process, marked, recorded, start
from unvoiced.errors import InputError, StoreError

POOL = "unvoiced"
WORKER = "local"
# Set in the worker's environment and inherited by its runs: by this they are known when it is gone.
MARK = "UNVOICED_LOCAL_WORKER"
# The same in the server's, which has nothing of `UNVOICED_*`.
SERVER_MARK = "LOCAL_SERVER_OF_UNVOICED"
# Runs at once on this machine; each is a process of 150 MB, and ingest has its own beside it.
_RUNS_AT_ONCE = 8
_SERVER_SECONDS, _WORKER_SECONDS = 180, 120
_ASKED_EVERY = 0.2


@dataclass(frozen=True)
class Parts:
    """The server and the worker of a place."""

    place: Place
    choices: Choices

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://{LOOPBACK}:{self.choices.port}/api"

    @property
    def client(self) -> dict[str, str]:
        """The Prefect settings of whatever talks to the server."""
        return client_environment(self.place.prefect, url=self.url, auth=self.place.auth())

    @property
    def server(self) -> Process | None:
        """The server, where it runs."""
        if found := recorded(self.place.record("server")):
            return found
        # Its `up` was killed before it could note which process it is.
        return next(iter(marked(SERVER_MARK, str(self.place.folder))), None)

    @property
    def worker(self) -> Process | None:
        """The worker, where it runs."""
        return recorded(self.place.record("worker"))

    @property
    def answers(self) -> bool:
        """Whether the server is reached; who else has its port is not told the password."""
        server = self.server
        return bool(server and server.listens(self.choices.port) and self.api().answers())

    def api(self) -> Api:
        """The API, with user and password."""
        return Api(self.url, self.place.auth())

    def start_server(self) -> Process:
        """Start it. Raises `InputError`, `StoreError` where it could not run."""
        check_reachable(self.choices.database)
        self._check_port()
        prefect = self.place.prefect
        variables = bare(prefect) | server_environment(
            prefect,
            port=self.choices.port,
            auth=self.place.auth(),
            database=self.choices.database,
            public_url=self.choices.public_url,
        )
        variables[SERVER_MARK] = str(self.place.folder)
        command = [sys.executable, "-P", str(ROOT / "deployments" / "server.py")]
        # In Prefect's own folder, where no `.env` or `prefect.toml` is.
        return start(command, variables, prefect, self.place.log("server"),
                     self.place.record("server"))  # fmt: skip

    def wait_for_server(self, process: Process) -> None:
        """Wait until it answers. Raises `StoreError` where it does not.

        The password is sent when the port is seen to be this process's, and to nobody else.
        """
        api, limit = self.api(), time.monotonic() + _SERVER_SECONDS
        while not (process.listens(self.choices.port) and api.answers()):
            self._still(process, limit, "server")
        api.get("/admin/version")  # with this password

    def forget_environments(self) -> None:
        """Remove what a killed worker left of its runs' environments, credentials among them.

        Prefect writes each run's into a file, and removes it when the run ends.
        """
        for folder in (self.place.prefect / "tmp").glob("prefect-workspace-attempt-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def start_worker(self, config: str) -> Process:
        """Start it, on a deployment of `unvoiced`."""
        self.forget_environments()
        variables = bare(self.place.prefect) | passed_on(os.environ) | self.client
        variables |= {"UNVOICED_CONFIG": config, MARK: str(self.place.folder)}
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL,
                   "--name", WORKER, "--limit", str(_RUNS_AT_ONCE)]  # fmt: skip
        return start(command, variables, ROOT, self.place.log("worker"),
                     self.place.record("worker"))  # fmt: skip

    def wait_for_worker(self, process: Process, known: str) -> None:
        """Wait until the server hears from it, later than `known`. Raises `StoreError`."""
        limit = time.monotonic() + _WORKER_SECONDS
        while self.last_heard() <= known:
            self._still(process, limit, "worker")

    def last_heard(self) -> str:
        """When the server last heard from a worker of this name; "" for never."""
        workers = self.api().post(f"/work_pools/{POOL}/workers/filter", {}) or []
        return max((str(one["last_heartbeat_time"]) for one in workers if one["name"] == WORKER),
                   default="")  # fmt: skip

    def _still(self, process: Process, limit: float, what: str) -> None:
        if not process.wait(_ASKED_EVERY) and time.monotonic() < limit:
            return
        log = self.place.log(what)
        raise StoreError(f"the Prefect {what} did not start; the end of {log} says why")

    def _check_port(self) -> None:
        port = self.choices.port
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise InputError(
                    f"port {port} of this machine cannot be had ({error.strerror}):"
                    " another program has it; choose one with --port, or make up PORT=4300"
                ) from None
