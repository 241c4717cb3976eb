"""docs/monitoring.md says everything there is: end states, metrics, events, fields of log lines."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from tasks import backlog, watch
from tasks.json_logs import JsonLines
from tasks.measures import WAIT_BOUNDS, Instrument, Kind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
# What makes a state, or a name of one; and of whose states a module is.
MAKERS = {"Completed", "Failed", "Cancelled", "Crashed", "Paused", "Suspended", "Ending"}
FLOW_OF = {
    "report": "ingest", "spread": "ingest-spread", "ingest_spread": "ingest-spread",
    "approval": "erasure", "summary": "backfill",
}  # fmt: skip
# Names that are computed: from what another module says, or from constants of their own module.
COMPUTED = {("backfill", "ended.name"), ("spread", "name")}


def tables(heading: str) -> list[list[str]]:
    """The cells of the rows under a heading, without what marks code."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def states_of(file: Path) -> Iterator[tuple[str, str]]:
    """(flow, name) of every state that a module can return."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    flow = FLOW_OF.get(file.stem, file.stem)
    constants: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                constants |= assigned(target, node.value)
    for node in ast.walk(tree):
        for said in names_in(node):
            if isinstance(said, ast.Constant):
                yield flow, str(said.value)
            elif (text := ast.unparse(said)) in constants:
                yield flow, constants[text]
            else:
                assert (file.stem, text) in COMPUTED, f"{file.name}: a state called {text}?"
                yield from ((flow, one) for one in constants.values() if is_name(one))


def names_in(node: ast.AST) -> list[ast.expr]:
    """The names that this gives a state, where it makes one."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return []
    if node.func.id not in MAKERS:
        return []
    given = [one.value for one in node.keywords if one.arg == "name"]
    if node.func.id == "Ending":
        given = node.args[:1]
    chosen: list[ast.expr] = []
    for one in given:
        chosen += [one.body, one.orelse] if isinstance(one, ast.IfExp) else [one]
    return chosen


def assigned(target: ast.expr, value: ast.expr) -> dict[str, str]:
    """Names that stand for a text, of `A = "x"` and `A, B = "x", "y"`."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=True)
        return {name: text for one in pairs for name, text in assigned(*one).items()}
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return {ast.unparse(target): value.value}
    return {}


def is_name(text: str) -> bool:
    """Whether it could be a state's."""
    return re.fullmatch(r"([A-Z][a-z]+){2,}", text) is not None


def test_every_end_state_is_listed_and_none_that_is_not() -> None:
    """By flow, with what it means and what to do."""
    files = [*(ROOT / "tasks").glob("*.py"), *(ROOT / "flows").glob("*.py")]
    files.append(ROOT / "src/unvoiced/backfill/summary.py")
    made = {one for file in files for one in states_of(file)}
    named = {(flow, name) for flow, name in made if name not in {"Completed", "Failed"}}
    rows = [row for row in tables("End states") if row[0] not in {"flow", "---"}]
    assert {(row[0], row[1]) for row in rows} == named
    assert len(rows) == len(named)
    assert all(len(row) == 5 and row[3] and row[4] for row in rows)
    assert {"DisposalBlocked", "CompletedWithQuarantine"} <= {name for _, name in named}


def test_every_metric_is_listed_as_it_is() -> None:
    """Name, kind, unit, attributes and meaning, each as it is sent."""
    rows = [row for row in tables("Metrics") if row[0].startswith("unvoiced.")]
    said = [
        [one.title, one.kind.value, one.unit, ", ".join(f"`{name}`" for name in one.attributes),
         one.what]
        for one in Instrument
    ]  # fmt: skip
    assert [[*row[:3], row[3] and f"`{row[3]}`", row[4]] for row in rows] == said


def test_expressions_ask_for_metrics_that_there_are() -> None:
    """Under the names that Prometheus gives them, and for a bound that there is."""
    suffix = {"s": "_seconds", "By": "_bytes"}
    there = set()
    for one in Instrument:
        name = one.title.replace(".", "_") + suffix.get(one.unit, "")
        there |= {f"{name}_bucket", f"{name}_count"} if one.kind is Kind.HISTOGRAM else {name}
        there |= {f"{name}_total"} if one.kind is Kind.COUNTER else set()
    expressions = PAGE.partition("```promql")[2].partition("```")[0]
    asked = set(re.findall(r"\bunvoiced_\w+", expressions))
    assert asked
    assert asked <= there
    bounds = [float(one) for one in re.findall(r'le="([\d.]+)"', expressions)]
    assert bounds
    assert set(bounds) <= set(WAIT_BOUNDS)


def test_every_event_is_listed() -> None:
    """What an automation can wait for."""
    rows = [row[0] for row in tables("Events") if row[0] != "event"]
    assert rows == [backlog.BACKLOG_EVENT, backlog.OLD_EVENT, watch.ALERT_EVENT]


def test_every_field_of_a_line_is_listed() -> None:
    """Of a record that has all of them."""
    record = logging.makeLogRecord({
        "msg": "x", "exc_info": (ValueError, ValueError("x"), None), "flow_name": "f",
        "flow_run_name": "r", "flow_run_id": "1", "task_run_name": "t", "task_run_id": "2",
        "worker_name": "w",
    })  # fmt: skip
    fields = {*json.loads(JsonLines().format(record)), "deployment_id"}
    listed = [row[0] for row in tables("Log lines") if row[0] != "field"]
    assert {one for row in listed for one in re.split(r"\W+", row) if one} == fields
