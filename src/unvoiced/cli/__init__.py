"""The `unvoiced` command."""

import sys

from unvoiced.cli.app import app
from unvoiced.cli.display import complain
from unvoiced.errors import InputError, UnvoicedError


def main() -> None:
    """Run the command; an `UnvoicedError` becomes one message and its exit code."""
    try:
        app()
    except UnvoicedError as error:
        complain(error)
        sys.exit(error.exit_code)
    except OSError as error:
        # What a command was told to read or write on this machine; stores have their own errors.
        complain(InputError(f"{error.filename}: {error.strerror}"))
        sys.exit(InputError.exit_code)
