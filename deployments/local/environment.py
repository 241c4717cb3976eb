"""The Prefect settings that every process of a deployment runs with, in one place.

What always holds:

- The server's API wants a user and a password, and from browsers a CSRF token; it listens on this
  machine only, and answers pages of no other origin.
- Nobody is told anything: no usage data to Prefect, no metrics, no updates.
- Results of runs are never written, and no run takes one from a cache.
- No profile, `.env` or setting of the user's own changes any of this: what is not set here is
  Prefect's default, as the processes' environments are built from nothing (`bare`).
- What opens anything of ours (`UNVOICED_*`, `AWS_*`) reaches the worker and never the server.

Names and meanings are those of Prefect 3.8; tests look each of them up in Prefect's own settings.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

USER = "unvoiced"
LOOPBACK = "127.0.0.1"
NOT_BY_PROXY = f"{LOOPBACK},localhost"
# Runs, their logs and reports, and events, are dropped from Prefect's database after so many days.
RUNS_DAYS, EVENTS_DAYS = 90, 30
# Longest silence of a living run, in seconds; the automation for zombies counts in these.
HEARTBEAT_SECONDS = 30

_DAY = 86_400
_LEASES = "prefect.server.concurrency.lease_storage.filesystem"
_LOGGING = Path(__file__).parents[1] / "logging.yaml"

# Told to nobody, by server and clients alike.
_SILENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}

# What a worker passes on to the flows: where the user's own things are, and how keys are reached.
_PASSED_ON = {
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TZ", "USER",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "MKL_NUM_THREADS", "NUMBA_CACHE_DIR", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS", "RAY_ADDRESS",
}  # fmt: skip
_PASSED_ON_KINDS = ("AWS_", "OTEL_", "UNVOICED_")


def server_environment(
    home: Path, *, port: int, auth: str, database: str = "", public_url: str = ""
) -> dict[str, str]:
    """Settings of a server that keeps everything in `home`.

    Args:
        home: Prefect's own folder, private to its user
        port: where it listens, on the loopback interface
        auth: `user:password` of its API
        database: a URL of SQLAlchemy (`postgresql+asyncpg://...`); empty: a SQLite file in `home`
        public_url: what browsers call it by where a proxy stands in front (`https://...`)
    """
    origin = public_url.rstrip("/") or f"http://{LOOPBACK}:{port}"
    origins = [origin] if public_url else [origin, f"http://localhost:{port}"]
    settings = _SILENT | {
        **_home(home),
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(origins),
        "PREFECT_SERVER_UI_API_URL": f"{origin}/api",
        # Not into the installed package, which others share and may not be ours to write to.
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # In memory, a restart would lose what runs hold: theirs would be ended, and a slot kept.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": _LEASES,
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(RUNS_DAYS * _DAY),
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{EVENTS_DAYS}D",
    }
    if database:
        settings["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    return settings


def client_environment(home: Path, *, url: str, auth: str) -> dict[str, str]:
    """Settings of whatever talks to a server: workers and their runs, commands, tests.

    Args:
        home: Prefect's own folder, private to its user
        url: of the API (`http://127.0.0.1:4200/api`)
        auth: `user:password` of the API
    """
    settings = _SILENT | {
        **_home(home),
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": auth,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_LOGGING_TO_API_ENABLED": "true",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
        "PREFECT_TASKS_DISABLE_CACHING": "true",
        # Half of Prefect's: a run that somebody asked for begins within seconds.
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        # No run installs anything.
        "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",
        # Neither is started; where somebody starts one, nobody else reaches it.
        "PREFECT_RUNNER_SERVER_HOST": LOOPBACK,
        "PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK,
    }
    if _LOGGING.is_file():
        settings["PREFECT_LOGGING_CONFIG_PATH"] = str(_LOGGING)
    return settings


def bare(home: Path) -> dict[str, str]:
    """What a process needs of an environment that knows nothing of its user."""
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "TMPDIR": str(home / "tmp"),
        "PYTHONUNBUFFERED": "1",
    }


def passed_on(variables: Mapping[str, str]) -> dict[str, str]:
    """What a worker takes over from who starts it; no setting of Prefect's is among it.

    The API's password goes to no proxy: it would go there with each request to this machine.
    """
    taken = {
        name: value
        for name, value in variables.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_KINDS)
    }
    asked_directly = taken.get("no_proxy") or taken.get("NO_PROXY")
    directly = ",".join(one for one in (NOT_BY_PROXY, asked_directly) if one)
    return taken | {"no_proxy": directly, "NO_PROXY": directly}


def _home(home: Path) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        # Nothing starts a server of its own where ours does not answer.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    }
