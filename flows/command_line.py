"""How a shell runs a flow: `python -m flows.NAME`. What is wrong is said before Prefect starts.

The settings are found as commands find them: as an argument, by `UNVOICED_CONFIG`, or in the
current folder.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn

from prefect.client.schemas.objects import State

from flows.parameters import settings_of
from unvoiced.config import FILE_NAME, load_settings
from unvoiced.errors import InputError


def parser_of(name: str, about: str | None, **first: str) -> argparse.ArgumentParser:
    """A parser with a flow module's docstring as its help; `first` are arguments, with their help,
    that stand before the settings.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m flows.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for argument, text in first.items():
        parser.add_argument(argument, help=text)
    parser.add_argument(
        "config",
        nargs="?",
        default="",
        help=f"{FILE_NAME}, or the folder it is in (default: UNVOICED_CONFIG, or {FILE_NAME} here)",
    )
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The arguments. Ends with status 2 where they, or the settings, are not acceptable."""
    given = parser.parse_args()
    given.config = settings_of(given.config)
    try:
        load_settings(Path(given.config))
    except InputError as error:
        parser.error(error.diagnostics())
    return given


def end(state: State[Any]) -> NoReturn:
    """End the process: status 0 where the run completed."""
    sys.exit(0 if state.is_completed() else 1)
