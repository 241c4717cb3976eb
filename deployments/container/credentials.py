"""Make the secrets that server and workers read as files.

    python -m deployments.container.credentials FOLDER

Prefect has no setting that names a file for one secret, but reads settings from a profile, which
is a file (`PREFECT_PROFILES_PATH`). So each secret stands in a file, and in no environment that
`docker inspect`, a pod's description or a unit shows:

- `server.toml`: the API's user and password, and the database's url with its password;
- `client.toml`: the API's user and password, for workers and commands;
- `database-password`: for PostgreSQL itself;
- `auth-string`: user and password alone, for work pools of Kubernetes and ECS.

A run's own process gets the user and password in its environment: that is how Prefect's workers
hand it on. Files that stand are left as they are; `--renew` makes a new password of the API.
"""

import argparse
import secrets
import sys
import tomllib
from pathlib import Path

from deployments.local.environment import USER

DATABASE = "postgresql+asyncpg://prefect:{password}@database:5432/prefect"
_BYTES = 32


def make(folder: Path, *, database: str = DATABASE, renew: bool = False) -> list[str]:
    """Write what is missing; returns the names of the files written. Raises OSError.

    Args:
        folder: made closed to others; its files are readable, as a container's user is another one
        database: a URL of SQLAlchemy; `{password}` in it is the content of `database-password`
        renew: write a new password of the API
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    written = []
    password = folder / "database-password"
    if not password.exists():
        _write(password, secrets.token_urlsafe(_BYTES))
        written.append(password.name)
    server, client, alone = folder / "server.toml", folder / "client.toml", folder / "auth-string"
    # What the server has holds for the others, and a renewal leaves the database where it is.
    known = _profile(server) if server.exists() else {}
    auth = "" if renew else known.get("PREFECT_SERVER_API_AUTH_STRING", "")
    auth = auth or f"{USER}:{secrets.token_urlsafe(_BYTES)}"
    url = database.replace("{password}", password.read_text().strip())
    url = known.get("PREFECT_SERVER_DATABASE_CONNECTION_URL", url)
    for file, text in (
        (server, _toml(PREFECT_SERVER_API_AUTH_STRING=auth,
                       PREFECT_SERVER_DATABASE_CONNECTION_URL=url)),
        (client, _toml(PREFECT_API_AUTH_STRING=auth)),
        (alone, auth),
    ):  # fmt: skip
        # Without the server's, nobody knows what the others are good for.
        if renew or not known or not file.exists():
            _write(file, text)
            written.append(file.name)
    return written


def _profile(file: Path) -> dict[str, str]:
    settings: dict[str, str] = tomllib.loads(file.read_text())["profiles"]["unvoiced"]
    return settings


def _toml(**settings: str) -> str:
    # The values are urls and passwords of ours, without quotes or backslashes in them.
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    return "\n".join(['active = "unvoiced"', "", "[profiles.unvoiced]", *lines, ""])


def _write(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.chmod(0o444)
    new.replace(file)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(
        prog="python -m deployments.container.credentials",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database", default=DATABASE, help="url of PostgreSQL, where it is yours")
    parser.add_argument("--renew", action="store_true", help="a new password of the API")
    given = parser.parse_args()
    if '"' in given.database or "\\" in given.database:
        parser.error("a url has no quotes or backslashes")
    for name in make(given.folder, database=given.database, renew=given.renew):
        sys.stdout.write(f"{given.folder / name}\n")


if __name__ == "__main__":
    main()
