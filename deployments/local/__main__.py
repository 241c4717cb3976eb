"""A Prefect server, a worker and every deployment on its schedule, on this machine.

    python -m deployments.local up        # start what does not run; may be repeated at will
    python -m deployments.local down      # stop it; what is stored stays
    python -m deployments.local status    # what runs; status 1 where anything does not
    python -m deployments.local url       # of the UI
    eval "$(python -m deployments.local env)"   # lets `prefect` and `unvoiced` of this shell know

docs/running.md.
"""

import argparse
import os
import shlex
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from deployments.local.database import SQLITE, database_url, described
from deployments.local.down import down
from deployments.local.environment import NOT_BY_PROXY
from deployments.local.parts import Parts
from deployments.local.place import Choices, Place, place
from deployments.local.steps import Steps
from deployments.local.up import up
from unvoiced.errors import InputError, UnvoicedError


def main() -> None:
    """Do it; an `UnvoicedError` becomes one message and its exit code."""
    given = _parser().parse_args()
    os.umask(0o077)
    where = place(given.home)
    steps = Steps(Console())
    try:
        match given.command:
            case "up":
                up(where, partial(_choices, given), steps)
            case "down":
                down(where, given.wait, steps)
            case "status":
                sys.exit(_status(where))
            case "url":
                print(_parts(where).url.removesuffix("/api"))
            case "env":
                _print_environment(_parts(where))
    except UnvoicedError as error:
        Console(stderr=True).print(
            error.diagnostics(), style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _choices(given: argparse.Namespace, before: Choices) -> Choices:
    """What is said now, or was said the last time."""
    port = before.port if given.port is None else given.port
    if not 0 < port < 65536:
        raise InputError(f"--port: {port} is not a port")
    config = given.config or os.environ.get("UNVOICED_CONFIG")
    return Choices(
        port=port,
        config=str(Path(config).expanduser().resolve()) if config else before.config,
        database=database_url(given.database) if given.database else before.database,
        public_url=before.public_url if given.public_url is None else given.public_url,
    )


def _parts(where: Place) -> Parts:
    if not where.there:
        raise InputError(f"nothing was started in {where.folder} yet: `make up`")
    where.check()
    return Parts(where, where.choices())


def _status(where: Place) -> int:
    parts = _parts(where)
    answers = parts.answers
    print(f"server:     {'runs' if answers else 'does not run'}, {parts.url.removesuffix('/api')}")
    print(f"worker:     {'runs' if parts.worker else 'does not run'}")
    print(f"deployment: {where.config(parts.choices)}")
    print(f"database:   {described(parts.choices.database)}")
    return 0 if answers and parts.worker else 1


def _print_environment(parts: Parts) -> None:
    """As lines for a shell, which reads the password itself: it appears nowhere."""
    for name, value in sorted(parts.client.items()):
        if name == "PREFECT_API_AUTH_STRING":
            user = shlex.quote(value.partition(":")[0])
            print(f'export {name}={user}:"$(cat {shlex.quote(str(parts.place.password_file))})"')
        else:
            print(f"export {name}={shlex.quote(value)}")
    # The password goes to no proxy.
    for name in ("NO_PROXY", "no_proxy"):
        print(f'export {name}="{NOT_BY_PROXY}${{{name}:+,${name}}}"')
    # So that `prefect` and `unvoiced` are those of the environment that this runs in.
    print(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
    print(f"export UNVOICED_CONFIG={shlex.quote(parts.place.config(parts.choices))}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.local",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument(
        "--home", default="", help="where everything is kept (default: .unvoiced of the checkout)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", parents=[everywhere], allow_abbrev=False)
    starting.add_argument("--port", type=int, help="of the UI and the API (default: 4200)")
    starting.add_argument(
        "--config",
        default="",
        help="unvoiced.toml of a deployment, or its folder (default: UNVOICED_CONFIG; else one is"
        " made)",
    )
    starting.add_argument(
        "--database",
        default="",
        help="postgresql+asyncpg://USER@HOST/NAME; @FILE in which the URL stands, with its"
        f" password; or {SQLITE} (default)",
    )
    starting.add_argument(
        "--public-url", help="what browsers call the UI by, where a proxy is in front of it"
    )
    stopping = commands.add_parser("down", parents=[everywhere], allow_abbrev=False)
    stopping.add_argument(
        "--wait", type=float, default=60, help="seconds that runs under way are given (default: 60)"
    )
    for name in ("status", "url", "env"):
        commands.add_parser(name, parents=[everywhere], allow_abbrev=False)
    return parser


if __name__ == "__main__":
    main()
