"""Every command of `unvoiced`, with every argument and option, as its help has them."""

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from deployments.documentation.tables import table
from unvoiced.cli.app import app

_OPENING = (
    "# Commands\n\nAll of `unvoiced`, as `unvoiced COMMAND --help` has it. Made by `python -m "
    "deployments.documentation`; what ends with which status stands in "
    "[settings.md](settings.md#exit-status).\n"
)
# Typer's commands are click's, or those of its own copy of click, by its version.
Command = Any


def every() -> Iterator[tuple[str, Command]]:
    """(full name, command) of all commands, in order of name; groups that run by themselves too."""
    root = typer.main.get_command(app)
    yield from sorted(_under("", root))


def page() -> str:
    """The page."""
    lines = [_OPENING]
    for name, command in every():
        lines += [f"## unvoiced {name}", "", _text(command.help), ""]
        lines += table(
            ("", "", "default"), [_row(one) for one in command.params if one.name != "help"]
        )
    return "\n".join(lines).rstrip() + "\n"


def _under(prefix: str, command: Command) -> Iterator[tuple[str, Command]]:
    inside: dict[str, Command] = getattr(command, "commands", {})
    if prefix and (not inside or getattr(command, "invoke_without_command", False)):
        yield prefix, command
    for name, one in inside.items():
        yield from _under(f"{prefix} {name}".strip(), one)


def _row(one: Any) -> tuple[str, str, str]:
    what = f"`{'`, `'.join([*one.opts, *one.secondary_opts])}`"
    if one.param_type_name == "argument":
        what = f"`{(one.name or '').upper()}`"
    about = _text(getattr(one, "help", None))
    if one.envvar:
        about += f" Also by {one.envvar}, in the environment."
    if one.multiple or one.nargs == -1:
        about += " (several)"
    return what, about, _default(one)


def _default(one: Any) -> str:
    if one.required:
        return "must be given"
    # A flag that is off says so by not being there.
    if one.default is None or one.default is False or one.default == "":
        return ""
    if isinstance(one.default, list | tuple):
        return f"`{' '.join(map(str, one.default))}`" if one.default else ""
    return f"`{one.default}`"


def _text(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split())
