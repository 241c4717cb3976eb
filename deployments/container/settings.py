"""Write what `deployments/local/environment.py` sets into the files that other ways to run it read.

    python -m deployments.container.settings

Env files for compose, Kubernetes and systemd, and the environment in the base job templates of work
pools. Only addresses and folders differ from one to the next; a test fails when a file is not what
this would write. No secret is among it: user, password and database's url stand in a profile.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from deployments.local.environment import LOOPBACK, client_environment, server_environment

ROOT = Path(__file__).parents[2]
PORT = 4200
_SECRET = {
    "PREFECT_API_AUTH_STRING",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
}
# In a run's own container: what its worker hands on, and what concerns workers alone.
_NOT_OF_RUNS = {
    "PREFECT_API_URL", "PREFECT_CLI_PROMPT", "PREFECT_PROFILES_PATH", "PREFECT_RUNNER_SERVER_HOST",
    "PREFECT_WORKER_QUERY_SECONDS", "PREFECT_WORKER_WEBSERVER_HOST",
}  # fmt: skip
_HEAD = """\
# Written by `python -m deployments.container.settings`; change deployments/local/environment.py.
# User, password and database stand in the profile that PREFECT_PROFILES_PATH names.
"""


def server(where: str) -> dict[str, str]:
    """The settings of a server, for `container`, `kubernetes` or `systemd`."""
    # On a volume: what runs hold of concurrency limits outlives the server there.
    home = "/var/lib/unvoiced-server" if where == "systemd" else "/var/lib/prefect"
    found = server_environment(Path(home), port=PORT, auth="")
    if where != "systemd":
        # On all addresses of the container: who reaches it is said by what publishes its port.
        found["PREFECT_SERVER_API_HOST"] = "0.0.0.0"  # noqa: S104
    return _without_secrets(found, where, "server")


def client(where: str) -> dict[str, str]:
    """The settings of workers, their runs and commands."""
    host = LOOPBACK if where == "systemd" else "server"
    url = f"http://{host}:{PORT}/api"
    found = client_environment(Path("/tmp/prefect"), url=url, auth="")  # noqa: S108
    if logging := found.get("PREFECT_LOGGING_CONFIG_PATH"):
        root = "/opt/unvoiced" if where == "systemd" else "/app"
        found["PREFECT_LOGGING_CONFIG_PATH"] = f"{root}/{Path(logging).relative_to(ROOT)}"
    return _without_secrets(found, where, "client")


def _without_secrets(found: dict[str, str], where: str, what: str) -> dict[str, str]:
    profiles = {
        "container": f"/run/secrets/prefect-{what}",
        "kubernetes": f"/run/secrets/prefect-{what}/profiles.toml",
    }
    if where in profiles:
        found["PREFECT_PROFILES_PATH"] = profiles[where]
    else:  # the unit itself names its credential
        del found["PREFECT_PROFILES_PATH"]
    return {name: found[name] for name in sorted(found) if name not in _SECRET}


def files() -> Iterator[tuple[Path, str]]:
    """Each file, and what it has to say."""
    for where in ("container", "kubernetes", "systemd"):
        for what, settings in (("server", server(where)), ("client", client(where))):
            lines = (f"{name}={value}\n" for name, value in settings.items())
            yield ROOT / "deployments" / where / f"{what}.env", _HEAD + "".join(lines)
    of_runs = {name: value for name, value in client("container").items()
               if name not in _NOT_OF_RUNS}  # fmt: skip
    for kind in ("ecs", "kubernetes"):
        file = ROOT / "deployments" / "work_pools" / f"{kind}.json"
        template = json.loads(file.read_text())
        template["variables"]["properties"]["env"]["default"] = of_runs
        yield file, json.dumps(template, indent=2) + "\n"


def main() -> None:
    """Write those that differ."""
    for file, text in files():
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            sys.stdout.write(f"{file.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
