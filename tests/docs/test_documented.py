"""What users meet is documented: settings, commands, options, parameters, fields, end states."""

import ast
import re
import tomllib
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.documentation import commands, flows
from tests.docs.pages import PAGES, ROOT, text
from unvoiced import errors
from unvoiced.access.page import as_markdown
from unvoiced.access.roles import Role
from unvoiced.cli import posture, retention, watch
from unvoiced.cli.app import app
from unvoiced.config import KMS_NAMES
from unvoiced.disposal import Observation, PlacedFeatures, Receipt
from unvoiced.features import builtin_names
from unvoiced.log.leaves import KINDS, parse_leaf
from unvoiced.sections import (
    DisposalSettings,
    IngestSettings,
    ReadingSettings,
    RetentionSettings,
    ReviewSettings,
    WatchSettings,
)

COMMANDS = dict(commands.every())
FLOWS = {flow.name: flow for flow in flows.every()}


def test_every_ingest_setting_is_documented_with_its_default() -> None:
    """A setting that nobody can read about does not exist."""
    page = text("docs/settings.md")
    for field in fields(IngestSettings):
        row = next((line for line in page.splitlines() if f"`{field.name}`" in line), "")
        default = field.default
        shown = f'["{default[0]}"]' if isinstance(default, tuple) else str(default)
        assert shown in row, f"{field.name}: {default} is not in its row"


def test_every_other_setting_is_documented() -> None:
    """With its default where it has one."""
    page = text("docs/settings.md")
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines()]
    for field in (
        *(*fields(DisposalSettings), *fields(RetentionSettings), *fields(ReadingSettings)),
        *(*fields(WatchSettings), *fields(ReviewSettings)),
    ):
        default = "[]" if field.default == () else str(field.default)
        # In the row that comes last of that name: a store and a vault are called `archive` too.
        shown = [row[3].strip("`") for row in rows if len(row) > 3 and row[2] == f"`{field.name}`"]
        assert shown, field.name
        assert shown[-1] == default, field.name
    names = [*KMS_NAMES, *(role.setting for role in Role)]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_page_of_roles_is_the_table() -> None:
    """`unvoiced roles --markdown` makes it; put its output where the old one stands."""
    assert as_markdown() in text("docs/roles.md")


def test_every_builtin_feature_set_is_documented() -> None:
    """What ships is listed."""
    assert [name for name in builtin_names() if name not in text("docs/settings.md")] == []


def test_every_kind_of_leaf_and_every_receipt_field_is_documented() -> None:
    """Whoever reads a log can look up what a field means."""
    page = text("docs/formats.md")
    observed = Observation(False, False, "absent", 0, datetime(2026, 11, 22, tzinfo=UTC))
    placed = PlacedFeatures("features/x", "00", "00")
    leaf = parse_leaf(Receipt("0" * 64, "object", (placed,), observed, "test").leaf())
    names = set(KINDS) | set(leaf.fields)
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_documentation(command: str) -> None:
    """No command is a secret, each says what it does, and some page beside the list has it."""
    about = COMMANDS[command].help
    assert about
    assert len(about) > 30
    written = [page for page in PAGES if page.name != "commands.md"]
    assert any(f"unvoiced {command}" in page.read_text(encoding="utf-8") for page in written)


def test_help_is_shown() -> None:
    """Of a command, with all that it takes."""
    shown = CliRunner().invoke(app, ["certificate", "sample", "--help"])
    assert shown.exit_code == 0
    assert "--organization" in shown.output


def test_every_option_is_documented() -> None:
    """Each has a help, and the page is made of them: `python -m deployments.documentation`."""
    without = [
        f"{name} {one.opts[0]}"
        for name, command in COMMANDS.items()
        for one in command.params
        if not getattr(one, "help", None)
    ]
    assert without == []
    assert text("docs/commands.md") == commands.page()


def test_every_parameter_of_every_flow_is_documented() -> None:
    """Each has a description in its form; the page is made: `python -m deployments.documentation`.

    No parameter is for a secret, as Prefect keeps all of them.
    """
    every = [(name, one) for name, flow in FLOWS.items() for one in flows.parameters(flow)]
    assert [f"{name} {one.name}" for name, one in every if not one.about] == []
    assert not [one for _, one in every if re.search("passphrase|secret|password|token", one.name)]
    assert text("docs/flows.md") == flows.page()


def test_every_flow_of_every_module_is_listed() -> None:
    """A flow that is decorated somewhere else than in `flows` would be missing from the page."""
    decorated = sum(
        len(re.findall(r"^@flow\b", file.read_text(encoding="utf-8"), re.MULTILINE))
        for folder in ("flows", "tasks", "deployments", "src")
        for file in (ROOT / folder).rglob("*.py")
    )
    assert decorated + 1 == len(FLOWS)  # ingest-on-ray is made of ingest


def test_every_exit_status_has_its_row() -> None:
    """Whoever writes a script around a command can look its status up."""
    page = text("docs/settings.md").partition("## Exit status")[2].partition("\n## ")[0]
    statuses = {
        one.exit_code
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.UnvoicedError)
    } | {0, posture.EXIT_CODE, retention.DRIFTED, watch.EXIT_CODE}
    assert {int(row) for row in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == statuses


def end_states() -> set[str]:
    """The names that flows give the states they end in."""
    found: set[str] = set()
    classes: set[str] = set()  # which an annotation may name in quotes
    for file in [*(ROOT / "flows").glob("*.py"), *(ROOT / "tasks").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                classes.add(node.name)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                is_one = re.fullmatch(r"(?:[A-Z][a-z]+){2,4}", node.value)
                found |= {node.value} if is_one else set()
    return found - classes


def test_every_end_state_is_explained() -> None:
    """What a run is called in the UI can be looked up."""
    found = end_states()
    assert {"CompletedWithQuarantine", "DisposalBlocked", "WaitingForRestore"} <= found
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in sorted(found) if f"`{name}`" not in pages] == []


def test_every_dependency_has_its_line() -> None:
    """A dependency is a decision that is written down."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    needed = [
        *project["dependencies"],
        *(line for name, lines in extras.items() if name != "dev" for line in lines),
        *(line for line in extras["dev"] if re.match("mkdocs|playwright|kubernetes", line)),
    ]
    page = text("docs/decisions/dependencies.md")
    names = {re.split(r"[<>=!\[]", line)[0] for line in needed}
    assert [name for name in sorted(names) if name not in page] == []


def test_the_readme_opens_with_what_it_is_and_the_two_commands() -> None:
    """A newcomer's first ten lines: one sentence, then demo and test."""
    opening = text("README.md").splitlines()[:8]
    assert opening[2].endswith("gone.")
    assert any(line.strip().startswith("make demo") for line in opening)
    assert any(line.strip().startswith("make test") for line in opening)


def test_the_readme_is_read_in_ten_minutes() -> None:
    """At 200 words a minute, commands included."""
    assert len(text("README.md").split()) < 2000


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_every_page_has_its_place_in_the_site(page: Path) -> None:
    """A page that the navigation lacks is found by nobody."""
    assert f": {page.relative_to(ROOT / 'docs')}\n" in text("mkdocs.yml")
