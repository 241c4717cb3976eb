"""The invariants, and the tests that bear their ids, name each other."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (INV-\d+) \|.*\| (holds|planned) \|$", re.MULTILINE)


def stated() -> dict[str, str]:
    """Invariant id to its state, from the documentation."""
    return dict(ROW.findall((ROOT / "docs" / "invariants.md").read_text(encoding="utf-8")))


@functools.cache
def marked() -> dict[str, list[str]]:
    """Invariant id to the tests (file::name) whose marks name it."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.inv"):
                for argument in node.args:
                    assert isinstance(argument, ast.Constant), f"{path}: {ast.unparse(node)}"
                    found.setdefault(str(argument.value), []).append(path.name)
    return found


def test_every_design_invariant_is_stated() -> None:
    """The table has all twelve, each either kept or said to be planned."""
    assert list(stated()) == [f"INV-{number}" for number in range(1, 13)]


@pytest.mark.parametrize("invariant", stated())
def test_what_holds_has_a_test_and_what_is_planned_has_none(invariant: str) -> None:
    """Nothing is said to hold without a test, nor called planned once it is tested."""
    assert bool(marked().get(invariant)) == (stated()[invariant] == "holds")


def test_no_test_names_an_invariant_that_is_not_stated() -> None:
    """A mark with a mistyped id would prove nothing."""
    assert marked().keys() <= stated().keys()


def test_the_threat_model_speaks_of_every_invariant() -> None:
    """Each invariant has its line in the threat model."""
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    assert {name for name in stated() if name not in text} == set()
