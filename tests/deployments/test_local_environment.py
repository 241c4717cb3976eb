"""The settings that every process of a deployment runs with, read by Prefect itself."""

from collections.abc import Iterator
from pathlib import Path
from urllib.request import proxy_bypass_environment

import httpx
import pytest
from prefect.settings import Settings
from prefect.settings.base import PrefectBaseSettings
from pydantic import AliasChoices

from deployments.local.environment import (
    RUNS_DAYS,
    bare,
    client_environment,
    passed_on,
    server_environment,
)

HOME = Path("/home/of/prefect")
AUTH = "unvoiced:a password"
URL = "http://127.0.0.1:4321/api"
SERVER = server_environment(HOME, port=4321, auth=AUTH)
CLIENT = client_environment(HOME, url=URL, auth=AUTH)


def names(settings: type[PrefectBaseSettings], at: tuple[str, ...] = ()) -> Iterator[str]:
    """Every variable that Prefect reads, under any of its names."""
    for field, about in settings.model_fields.items():
        kind = about.annotation
        if isinstance(kind, type) and issubclass(kind, PrefectBaseSettings):
            yield from names(kind, (*at, field))
            continue
        yield "_".join(("prefect", *at, field)).upper()
        if isinstance(about.validation_alias, AliasChoices):
            yield from (str(one).upper() for one in about.validation_alias.choices)


@pytest.mark.parametrize("environment", [SERVER, CLIENT], ids=["server", "client"])
def test_every_name_is_one_that_prefect_reads(environment: dict[str, str]) -> None:
    """A misspelt setting would be passed over in silence."""
    assert environment.keys() - {"DO_NOT_TRACK"} <= set(names(Settings))


def read_by_prefect(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What Prefect makes of an environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_the_server_is_closed_and_tells_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Prefect reads of its environment what docs/running.md says of it."""
    monkeypatch.chdir(tmp_path)  # no pyproject.toml of ours here
    server = read_by_prefect(SERVER, monkeypatch).server
    assert server.api.auth_string is not None
    assert server.api.auth_string.get_secret_value() == AUTH
    assert server.api.csrf_protection_enabled
    assert (server.api.host, server.api.port) == ("127.0.0.1", 4321)
    assert server.api.cors_allowed_origins == "http://127.0.0.1:4321,http://localhost:4321"
    assert server.ui.api_url == URL
    assert not server.analytics_enabled
    assert not server.ephemeral.enabled
    assert server.services.db_vacuum.enabled_vacuum_types == {"events", "flow_runs", "orphans"}
    assert server.services.db_vacuum.retention_period.days == RUNS_DAYS
    assert str(server.memo_store_path).startswith(str(HOME))


def test_runs_store_nothing_and_say_that_they_live(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same for workers, their runs and every command."""
    monkeypatch.chdir(tmp_path)
    settings = read_by_prefect(CLIENT, monkeypatch)
    assert settings.api.url == URL
    assert settings.api.auth_string is not None
    assert settings.client.csrf_support_enabled
    assert not settings.results.persist_by_default
    assert settings.results.local_storage_path == HOME / "storage"
    assert settings.tasks.default_persist_result is False
    assert settings.tasks.disable_caching
    assert settings.flows.heartbeat_frequency == 30
    assert settings.logging.to_api.enabled
    assert settings.worker.webserver.host == settings.runner.server.host == "127.0.0.1"
    assert not settings.runner.server.enable
    assert not settings.runner.auto_install_dependencies
    assert not settings.server.ephemeral.enabled
    assert not settings.server.analytics_enabled


def test_a_proxy_in_front_is_the_only_origin() -> None:
    """Behind TLS, pages of the bare address are as foreign as any other."""
    environment = server_environment(
        HOME, port=4321, auth=AUTH, public_url="https://unvoiced.example.org/"
    )
    origin = "https://unvoiced.example.org"
    assert environment["PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS"] == origin
    assert environment["PREFECT_SERVER_UI_API_URL"] == f"{origin}/api"
    assert environment["PREFECT_SERVER_API_HOST"] == "127.0.0.1"


def test_a_worker_takes_over_keys_and_no_settings_of_prefect() -> None:
    """What opens keys is passed on; what could turn a safe setting off is not."""
    mine = {
        "AWS_PROFILE": "worker",
        "UNVOICED_WORKER_PASSPHRASE_FILE": "/a/file",
        "HOME": "/home/me",
    }
    others = {
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
        "PREFECT_PROFILE": "mine",
        "PYTHONPATH": "/somewhere",
        "LD_PRELOAD": "/somewhere.so",
    }
    taken = passed_on(mine | others)
    assert taken.pop("no_proxy") == taken.pop("NO_PROXY") == "127.0.0.1,localhost"
    assert taken == mine


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_the_password_goes_to_no_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's client asks one wherever the environment names it, for this machine too."""
    variables = passed_on({"http_proxy": "http://proxy.invalid:1", name: "example.org"})
    assert variables["http_proxy"]
    for each, value in variables.items():
        monkeypatch.setenv(each, value)
    assert proxy_bypass_environment("127.0.0.1")
    assert proxy_bypass_environment("example.org")
    (direct,) = [
        transport
        for pattern, transport in httpx.Client()._mounts.items()
        if pattern.matches(httpx.URL(URL))
    ][:1]
    assert direct is None


def test_the_server_knows_nothing_of_who_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is the same whatever stands in that of its user."""
    before = bare(HOME) | server_environment(HOME, port=4321, auth=AUTH)
    for name in ("AWS_SECRET_ACCESS_KEY", "UNVOICED_CONFIG", "PREFECT_PROFILE", "HTTP_PROXY"):
        monkeypatch.setenv(name, "canary")
    after = bare(HOME) | server_environment(HOME, port=4321, auth=AUTH)
    assert after == before
    assert not any("canary" in value for value in after.values())


def test_a_profile_of_the_users_own_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even one that a `.env`, where the process runs, says to take."""
    profile = tmp_path / "profiles.toml"
    profile.write_text('active = "mine"\n[profiles.mine]\nPREFECT_LOGGING_LEVEL = "DEBUG"\n')
    (tmp_path / ".env").write_text(f"PREFECT_PROFILES_PATH={profile}\n")
    monkeypatch.chdir(tmp_path)
    assert Settings().logging.level == "DEBUG"
    environment = client_environment(tmp_path / "prefect", url=URL, auth=AUTH)
    assert read_by_prefect(environment, monkeypatch).logging.level == "INFO"
