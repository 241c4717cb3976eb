"""All that a Prefect server gives out through its API, record by record.

Which addresses there are is asked of the server itself (`openapi.json`), so that what a newer
Prefect adds is looked at too.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deployments.local.api import Api

_PAGE = 200
# What is kept of each run, by its id.
_OF_A_RUN = (
    "/flow_runs/{}",
    "/flow_runs/{}/graph",
    "/flow_runs/{}/graph-v2",
    "/flow_run_states/?flow_run_id={}",
)


@dataclass(frozen=True)
class Given:
    """A record that the API gave out, and from where."""

    place: str
    text: str


def all_given(api: Api) -> list[Given]:
    """Every record of every kind; secrets of blocks too, which the UI hides."""
    given: list[Given] = []
    for path, methods in api.get("/openapi.json")["paths"].items():
        if "{" in path:
            continue
        if path.endswith("/filter") and "post" in methods:
            found = _events(api) if path == "/events/filter" else _pages(api, path)
            given += [Given(path, json.dumps(one)) for one in found]
        elif "get" in methods and not _needs_more(methods["get"]):
            given.append(Given(path, json.dumps(api.get(path))))
    for pool in api.find("work_pools"):
        for kind in ("queues", "workers"):
            path = f"/work_pools/{pool['name']}/{kind}/filter"
            given += [Given(path, json.dumps(one)) for one in _pages(api, path)]
    for run in api.find("flow_runs"):
        asked = [path.format(run["id"]) for path in _OF_A_RUN]
        given += [Given(path, json.dumps(api.get(path))) for path in asked]
        path = f"/flow_runs/{run['id']}/input/filter"
        given.append(Given(path, json.dumps(api.post(path, {"prefix": ""}))))
    for run in api.find("task_runs"):
        path = f"/task_run_states/?task_run_id={run['id']}"
        given.append(Given(path, json.dumps(api.get(path))))
    return given


def _pages(api: Api, path: str) -> list[Any]:
    found: list[Any] = []
    while True:
        asked = {"limit": _PAGE, "offset": len(found), "include_secrets": True}
        page = api.post(path, asked)
        found += page
        if len(page) < _PAGE:
            return found


def _events(api: Api) -> list[Any]:
    page = api.post("/events/filter", {"limit": 50})
    found = list(page["events"])
    while page["next_page"]:
        here = urlsplit(page["next_page"])
        page = api.get(f"{here.path.removeprefix('/api')}?{here.query}")
        found += page["events"]
    return found


def _needs_more(operation: dict[str, Any]) -> bool:
    """Whether it cannot be asked without an argument."""
    return any(one.get("required") for one in operation.get("parameters", ()))
