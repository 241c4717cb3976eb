"""Lines of shell in the documentation, taken apart, and held against what they call."""

import argparse
import re
import runpy
import shlex
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import typer

from tests.docs.pages import ROOT, fenced, indented, inline, text
from unvoiced.cli.app import app

_OURS = ("unvoiced", "python", "make", "prefect", "pytest", "mkdocs")
_SHELLS = ("", "sh", "shell", "bash", "console")
_VARIABLE = re.compile(r"[A-Z][A-Z_]*=")
# What stands for something of the reader's own; a number where one is asked for.
_PLACEHOLDER = re.compile(r"\.\.\.|[A-Z][A-Z0-9_]*(?:[./=][A-Z0-9_./=]*)?")


# The error of arguments that are not acceptable, whoever's copy of click it is.
_USAGE: Any = typer.BadParameter.__mro__[1]
# Of these, what a sentence may leave out: an argument, an option's value, a group's command.
_INCOMPLETE = {"MissingParameter", "BadOptionUsage", "NoArgsIsHelpError"}


class Parsed(Exception):
    """The arguments were understood; nothing is run."""


def written(page: Path) -> Iterator[str]:
    """Every command of ours in a page's blocks, whole lines joined, without what it is piped to."""
    blocks = [block for kind, block in fenced(page) if kind in _SHELLS]
    for block in [*blocks, *indented(page)]:
        for line in block.replace("\\\n", " ").splitlines():
            yield from of_ours(line)


def mentioned(page: Path) -> Iterator[str]:
    """Commands that a page names in a sentence: these may leave out what they must be given."""
    if page.name == "formats.md":  # names labels that are hashed and signed: `unvoiced approval v1`
        return
    for code in sorted(inline(page)):
        if re.match(r"(unvoiced [a-z]|python -m |make [a-z]|prefect [a-z])", code):
            yield from of_ours(code.replace("\n", " "))


def of_ours(line: str) -> Iterator[str]:
    """The commands of a line that are ours to check."""
    try:
        words = list(_words(line.removeprefix("$ ")))
    except ValueError:  # no line of shell
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in {";", "&&", "||", "|", ">", ">>", "<", "&"}:
            command.append(word)
            continue
        while command and (_VARIABLE.match(command[0]) or command[0] == "env"):
            del command[0]
        if command and command[0] in _OURS:
            yield shlex.join(command)
        command = []


@cache
def check(command: str, *, whole: bool) -> None:
    """Raises `AssertionError` unless that can be typed; `whole`: and nothing is missing."""
    name, *arguments = shlex.split(command)
    {
        "unvoiced": _unvoiced,
        "python": _python,
        "make": _make,
        "prefect": _prefect,
        "pytest": _pytest,
        "mkdocs": lambda _, __: None,
    }[name](arguments, whole)


def _words(line: str) -> Iterator[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    yield from lexer


def _unvoiced(arguments: list[str], whole: bool) -> None:
    # Typer's commands are click's, or its own copy of click's, by its version.
    command: Any = _root()
    context: Any = None
    if arguments[:1] == ["COMMAND"]:
        return
    while True:
        inside: dict[str, Any] = getattr(command, "commands", {})
        context = _parsed(command, [_stand_in(one) for one in arguments], context, whole)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if not inside or not rest:
            runs = not inside or command.invoke_without_command or not whole
            assert runs, f"{command.name}: which of {', '.join(inside)}?"
            return
        assert rest[0] in inside, f"no command {rest[0]!r}"
        command, arguments = inside[rest[0]], rest[1:]


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def _parsed(command: Any, arguments: list[str], parent: Any, whole: bool) -> Any:
    """The context that a command makes of its arguments; it is not invoked."""
    try:
        return command.make_context(command.name, arguments, parent)
    except typer.Exit:  # --help
        pass
    except _USAGE as error:
        about = f"{command.name}: {error.format_message()}"
        stand_in = f"'{_stand_in('X')}' is not one of" in about
        incomplete = type(error).__name__ in _INCOMPLETE and not whole
        if not stand_in and not incomplete:
            raise AssertionError(about) from None
    return command.make_context(command.name, [], parent, resilient_parsing=True)


def _stand_in(argument: str) -> str:
    """What a placeholder stands for may be a number: this one is, and a name and a place too."""
    return "1" if _PLACEHOLDER.fullmatch(argument) else argument


def _python(arguments: list[str], _: bool) -> None:
    match arguments:
        case ["-m", module, *rest] if module.partition(".")[0] in {"flows", "deployments"}:
            if not _PLACEHOLDER.fullmatch(module.rpartition(".")[2]):
                _module(module, [_stand_in(one) for one in rest])
        case ["-m", module, *_] if module.startswith("benchmarks."):
            name = module.replace(".", "/")
            assert _PLACEHOLDER.search(module) or (ROOT / f"{name}.py").exists(), module
        case [script, *_] if script.endswith(".py"):
            assert (ROOT / script).exists(), script


def _module(module: str, arguments: list[str]) -> None:
    """As `python -m` would, up to where its arguments are understood."""
    file = ROOT / module.replace(".", "/")
    source = file / "__main__.py" if file.is_dir() else file.with_suffix(".py")
    assert source.exists(), module
    if "add_argument" not in source.read_text() and "parser_of" not in source.read_text():
        assert arguments == [], f"{module} takes no arguments"
        return
    real = argparse.ArgumentParser.parse_args

    def parse(parser: argparse.ArgumentParser, *_: object) -> None:
        real(parser, arguments)
        raise Parsed

    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse),
        mock.patch.object(sys, "argv", [module, *arguments]),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # that it was imported before
        try:
            runpy.run_module(module, run_name="__main__")
        except Parsed:
            return
        except SystemExit as ended:
            raise AssertionError(f"{module} does not take {arguments}: {ended}") from None
    raise AssertionError(f"{module} reads its arguments in a way that is not known here")


def _make(arguments: list[str], _: bool) -> None:
    targets = re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE)
    variables = set(re.findall(r"\$\((\w+)\)", text("Makefile")))
    variables |= set(re.findall(r"\$\(if \$\((\w+)\)", text("Makefile")))
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        assert name in variables if equals else name in targets, f"make {argument}"


def _prefect(arguments: list[str], _: bool) -> None:
    # The application behind Prefect's own entry point, which takes the words before a command away.
    prefect: Any = import_module("prefect.cli._app")._app
    words = [_stand_in(one) for one in arguments if one not in {"--no-prompt", "--prompt"}]
    try:
        prefect.parse_args(words, exit_on_error=False, print_error=False)
    except Exception as error:  # of cyclopts, which is Prefect's affair
        raise AssertionError(f"prefect {shlex.join(arguments)}: {error}") from None


def _pytest(arguments: list[str], _: bool) -> None:
    files = [one.partition("::")[0] for one in arguments if "/" in one]
    assert all((ROOT / file).exists() for file in files), files
