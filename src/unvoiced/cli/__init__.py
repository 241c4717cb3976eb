"""The `unvoiced` command."""

import sys

from unvoiced.cli.app import app
from unvoiced.cli.display import complain
from unvoiced.errors import UnvoicedError


def main() -> None:
    """Run the command; an `UnvoicedError` becomes one message and its exit code."""
    try:
        app()
    except UnvoicedError as error:
        complain(error)
        sys.exit(error.exit_code)
