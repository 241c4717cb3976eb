"""What users meet is documented: settings, commands, receipt fields, reasons, links."""

import re
import tomllib
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from unvoiced.access.page import as_markdown
from unvoiced.access.roles import Role
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

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def text(name: str) -> str:
    """A page's text."""
    return (ROOT / name).read_text(encoding="utf-8")


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


def commands(group: typer.Typer, prefix: str = "") -> list[str]:
    """The full names of all commands."""
    found = []
    for command in group.registered_commands:
        assert command.callback is not None
        found.append(prefix + (command.name or command.callback.__name__.replace("_", "-")))
    for sub in group.registered_groups:
        assert sub.typer_instance is not None
        found += commands(sub.typer_instance, f"{prefix}{sub.name} ")
    return found


@pytest.mark.parametrize("command", commands(app))
def test_every_command_has_help_and_stands_in_the_documentation(command: str) -> None:
    """No command is a secret, and each says what it does."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.split("Options")[0]) > 60
    assert any(f"unvoiced {command}" in page.read_text(encoding="utf-8") for page in DOCS)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_and_named_files_are_there(page: Path) -> None:
    """A page never sends a reader to a file that does not exist."""
    content = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:docs|tests|src|flows|tasks|deployments)/[\w./-]+)`", content))
    named |= set(re.findall(r"\]\(([^)#:]+)\)", content))
    missing = [
        name for name in named if not (ROOT / name).exists() and not (page.parent / name).exists()
    ]
    assert missing == []


def test_every_dependency_has_its_line() -> None:
    """A dependency is a decision that is written down."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    needed = project["dependencies"] + [
        line
        for extra in ("pipeline", "browser-audio", "demo")
        for line in project["optional-dependencies"][extra]
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
