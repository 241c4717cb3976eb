"""`down`: nothing runs any more when it returns, and what was stopped stands in a true state.

Runs under way are given time to end; then they are cancelled, by name, while their worker is there
to do it. Any of them is finished by the next run, as after any crash. A run that waits for an
answer (an erasure, to be approved) goes on waiting: it needs no process, and is neither cancelled
nor said to have crashed.
"""

import time
from contextlib import suppress
from typing import Any

from deployments.local.api import Api
from deployments.local.parts import MARK, POOL, Parts
from deployments.local.place import Place
from deployments.local.process import Process, marked
from deployments.local.steps import Steps
from deployments.local.up import pause
from unvoiced.errors import UnvoicedError

_UNDER_WAY = ["RUNNING", "PENDING", "PAUSED", "CANCELLING"]
_WHY = "stopped by `down`; the next run finishes what it began"
_CANCELLED_WITHIN = 45
_ASKED_EVERY = 0.5


def down(place: Place, patience: float, steps: Steps) -> None:
    """Stop worker and server; runs are given `patience` seconds to end by themselves."""
    if not place.there:
        steps.say(f"Nothing was ever started in {place.folder}.")
        return
    place.check()
    with place.lock():
        parts = Parts(place, place.choices())
        api = parts.api() if parts.answers else None
        if parts.worker or _left(place):
            _stop_worker(parts, api, patience, steps)
        else:
            steps.say("Worker: does not run")
        if server := parts.server:
            with steps.step("Prefect server") as outcome:
                server.stop(20)
                outcome("stopped")
        else:
            steps.say("Prefect server: does not run")


def _stop_worker(parts: Parts, api: Api | None, patience: float, steps: Steps) -> None:
    ours: set[str] = set()
    if api:
        # Best effort: the processes go in any case, and the automations find what they leave.
        with suppress(UnvoicedError):
            pause(parts)
            ours = _let_end(parts, api, patience, steps)
    with steps.step("Worker") as outcome:
        if worker := parts.worker:
            worker.stop(30)
        for process in _left(parts.place):
            process.stop(5)
        parts.forget_environments()
        if api:
            with suppress(UnvoicedError):
                for run in _under_way(api):
                    if run["id"] in ours and not _waits(run):
                        _set(api, run, "CRASHED", "Crashed")
        outcome("stopped")


def _let_end(parts: Parts, api: Api, patience: float, steps: Steps) -> set[str]:
    """Wait, then cancel; returns the ids of all runs that were under way."""
    runs = _of_ours(parts, api)
    if not runs:
        return set()
    names = ", ".join(str(run["name"]) for run in runs)
    how = f"Waiting up to {patience:.0f} s for" if patience else "Cancelling"
    with steps.step(f"{how} {names}") as outcome:
        seen = {str(run["id"]) for run in runs}
        limit = time.monotonic() + patience
        while (runs := _of_ours(parts, api)) and time.monotonic() < limit:
            seen |= {str(run["id"]) for run in runs}
            time.sleep(_ASKED_EVERY)
        runs = [run for run in runs if not _waits(run)]
        for run in runs:
            _set(api, run, "CANCELLING", "Cancelling")
        # Its process goes first; the worker then says that it has gone.
        cancelled = {str(run["id"]) for run in runs}
        limit = time.monotonic() + _CANCELLED_WITHIN
        while cancelled & {run["id"] for run in _under_way(api)} and time.monotonic() < limit:
            time.sleep(_ASKED_EVERY)
        outcome(f"{len(runs)} cancelled, the next run finishes them" if runs else "ended")
    return seen | cancelled


def _of_ours(parts: Parts, api: Api) -> list[dict[str, Any]]:
    """Runs under way in processes of this worker; others may serve the same pool."""
    worker = parts.worker
    family = worker.descendants() if worker else []
    family += [one for left in _left(parts.place) for one in (left, *left.descendants())]
    pids = {str(one.pid) for one in family}
    return [run for run in _under_way(api) if run["infrastructure_pid"] in pids]


def _under_way(api: Api) -> list[dict[str, Any]]:
    return api.find(
        "flow_runs",
        work_pools={"name": {"any_": [POOL]}},
        flow_runs={"state": {"type": {"any_": _UNDER_WAY}}},
    )


def _waits(run: dict[str, Any]) -> bool:
    """Whether it waits for an answer, and its process has ended or is about to."""
    return bool(run["state_type"] == "PAUSED")


def _set(api: Api, run: dict[str, Any], kind: str, name: str) -> None:
    state = {"type": kind, "name": name, "message": _WHY}
    api.post(f"/flow_runs/{run['id']}/set_state", {"state": state, "force": kind == "CRASHED"})


def _left(place: Place) -> list[Process]:
    """Processes of this place's worker, by their environment: runs that outlived it, too.

    On Linux only; elsewhere there is the worker's own family.
    """
    return marked(MARK, str(place.folder))
