"""What a page shows can be typed: commands, Python, settings."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import PAGES, ROOT, fenced, indented
from tests.docs.shell_lines import check, mentioned, of_ours, written
from unvoiced.config import load_settings

every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT)).replace("/", "-")
)
VKEY = "unvoiced.example/log+58265f9a+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"


@every_page
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    """Commands, options, flows and targets are there, and nothing that is needed is missing."""
    assert _wrong(written(page), whole=True) == []


@every_page
def test_every_command_that_is_mentioned_is_there(page: Path) -> None:
    """In a sentence, where some of what is needed may be left out."""
    assert _wrong(mentioned(page), whole=False) == []


def test_every_block_of_python_compiles() -> None:
    """Those of README and docs/reading.md run in `tests/adapters/test_reading_page.py`."""
    for page in PAGES:
        for kind, block in fenced(page):
            if kind == "python":
                compile(block, str(page), "exec")


def test_every_block_of_data_is_read(tmp_path: Path) -> None:
    """JSON, YAML and TOML by their own readers; what is a settings file's, by ours."""
    readers = {"json": json.loads, "yaml": lambda text: list(yaml.safe_load_all(text)),
               "toml": tomllib.loads}  # fmt: skip
    settings = 0
    for page in PAGES:
        blocks = [*fenced(page), *(("", block) for block in indented(page))]
        for kind, block in blocks:
            if kind in readers:
                readers[kind](block)
            if kind in ("", "toml") and re.match(r"\[[a-z]+\]\n", block):
                _loads(tomllib.loads(block), tmp_path)
                settings += 1
    assert settings


@pytest.mark.parametrize("wrong", ["unvoiced frob", "unvoiced keys rotate --frob", "make frob",
    "unvoiced hold add", "python -m flows.epochs --frob deployment", "python -m flows.frob",
    "python -m deployments.aws frob", "prefect frob", "prefect worker start --frob",
    "pytest tests/frob/test_frob.py", "unvoiced keys"])  # fmt: skip
def test_what_cannot_be_typed_is_found(wrong: str) -> None:
    """Otherwise the tests above could not fail."""
    assert list(of_ours(wrong)) == [wrong]
    assert _wrong([wrong], whole=True)


def test_settings_that_are_none_are_found(tmp_path: Path) -> None:
    """Likewise."""
    _loads({"retention": {"raw_days": 3}}, tmp_path)
    with pytest.raises(Exception, match="raw_dayz"):
        _loads({"retention": {"raw_dayz": 3}}, tmp_path)


def test_a_line_is_taken_apart() -> None:
    """Variables, comments, pipes and what follows."""
    line = "X=1 unvoiced status > out.txt && make check | tail  # unvoiced frob"
    assert list(of_ours(line)) == ["unvoiced status", "make check"]


def _wrong(lines: Any, *, whole: bool) -> list[str]:
    found = []
    for line in lines:
        try:
            check(line, whole=whole)
        except AssertionError as error:
            found.append(f"{line}: {error}")
    return found


def _loads(shown: dict[str, dict[str, Any]], folder: Path) -> None:
    """As a file, with what every file has."""
    every = {"log": {"vkey": VKEY}, "stores": {"raw": "raw"}, "vaults": {"worker": "w"}} | shown
    every["log"].setdefault("vkey", VKEY)
    lines = []
    for section, settings in every.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    path = folder / "unvoiced.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    load_settings(path)
