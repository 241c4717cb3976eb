"""Optional dependencies: what an error says where one is missing."""

from unvoiced.errors import InputError


def missing(what: str, extra: str) -> InputError:
    """The error for a missing extra of `pyproject.toml`, with the command that installs it."""
    return InputError(
        f"{what}: pip install './unvoiced[{extra}]', where ./unvoiced is your checkout"
    )
