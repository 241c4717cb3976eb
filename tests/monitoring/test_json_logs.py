"""Log lines: one of JSON a record, with ids, without what an exception says."""

import json
import logging
import logging.config
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.logging import configuration

from tasks.json_logs import JsonLines
from unvoiced.errors import StoreError

ROOT = Path(__file__).parents[2]
OURS = ROOT / "deployments" / "logging.yaml"
CANARY = "canary-5d1c"


class Decoder(Exception):
    """Somebody else's, whose text and attributes are what it was given."""

    def __init__(self, given: str) -> None:
        super().__init__(given)
        self.object = given


def line(message: Any, *arguments: Any, **given: Any) -> dict[str, str]:
    """What becomes of a record; the newline at its end is the handler's."""
    record = logging.LogRecord("prefect.flow_runs", logging.ERROR, "x.py", 7, message, arguments,
                               given.pop("exc_info", None))  # fmt: skip
    record.__dict__.update(given)
    text = JsonLines().format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def raised(error: Exception) -> Any:
    """As `exc_info` has it, with a frame whose locals hold the same."""
    try:
        raise error
    except Exception as caught:
        return type(caught), caught, caught.__traceback__


def test_a_line_has_the_ids_of_its_run() -> None:
    """Those that there are."""
    found = line(
        "took %d", 5, flow_name="ingest", flow_run_id="1", flow_run_name="n", task_run_id="2",
        task_run_name="batch 1", worker_name="w",
    )  # fmt: skip
    assert found.pop("timestamp").endswith("+00:00")
    assert found == {
        "level": "ERROR", "logger": "prefect.flow_runs", "message": "took 5",
        "flow_name": "ingest", "flow_run_id": "1", "flow_run_name": "n", "task_run_id": "2",
        "task_run_name": "batch 1", "worker_name": "w",
    }  # fmt: skip
    assert line("x").keys() == {"timestamp", "level", "logger", "message"}


def test_a_line_names_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the run is one of a deployment; the server is not asked."""
    run = FlowRun(flow_id=uuid4(), deployment_id=uuid4())
    context = FlowRunContext.model_construct(flow_run=run)
    monkeypatch.setattr(FlowRunContext, "get", classmethod(lambda _: context))
    assert line("x")["deployment_id"] == str(run.deployment_id)


@pytest.mark.inv("INV-1")
@pytest.mark.parametrize(
    "given",
    [
        ("decoding", (), {"exc_info": True}),
        ("Encountered exception during execution: %r", (Decoder(CANARY),), {"exc_info": True}),
        (f"it says {Decoder(CANARY)!r}", (), {"exc_info": True}),
        (f"it says {CANARY}", (), {"exc_info": True}),
        ("Task run failed with %s: %r - Retry 1/3", ("exception", Decoder(CANARY)), {}),
        ("%(error)s", ({"error": Decoder(CANARY)},), {}),
        (Decoder(CANARY), (), {}),
        (f"Finished in state Failed('Flow run encountered an exception: Decoder: {CANARY}')",
         (), {}),
        (f"Finished in state Failed('Task run encountered an exception Decoder: a\n{CANARY}')",
         (), {}),
        (f"Task run failed with exception: Decoder('{CANARY}') - Retries are exhausted", (), {}),
        (f"Crash detected! Execution was interrupted by an unexpected exception: Decoder: {CANARY}",
         (), {}),
        (f"Crash detected! Request to http://x/api failed: Decoder: {CANARY} - Retry 1/2.", (), {}),
        (f"Task run encountered unexpected exception: Decoder('{CANARY}')", (), {}),
    ],
    ids=["text", "argument", "representation", "in-the-message", "no-info", "by-name", "as-message",
         "flow-state", "task-state", "exhausted", "crashed", "request", "unexpected"],
)  # fmt: skip
def test_of_an_exception_there_is_the_type_alone(given: tuple[Any, Any, dict[str, Any]]) -> None:
    """However its text comes into a record: as traceback, as argument, or written out before."""
    message, arguments, more = given
    if more:
        more = {"exc_info": raised(Decoder(CANARY))}
    found = line(message, *arguments, **more)
    assert CANARY not in json.dumps(found)
    assert "Decoder" in found["message"] or found["exception"] == "Decoder"


@pytest.mark.inv("INV-1")
def test_what_an_exception_came_from_is_not_said_either() -> None:
    """The chain's texts are in many a representation of the last one."""
    try:
        try:
            raise Decoder(CANARY)
        except Decoder as inner:
            raise StoreError(f"not read: {inner}") from inner
    except StoreError as error:
        found = line("failed: %s, of %s" % (error, CANARY), exc_info=raised(error))  # noqa: UP031
    assert found["exception"] == "StoreError"
    assert CANARY not in json.dumps(found)


@pytest.mark.inv("INV-1")
def test_texts_that_prefect_wrote_out_are_cut_and_what_comes_next_is_kept() -> None:
    """Where the text is not of a type and a text, nothing of it is taken for a type."""
    failed = "Task run failed with exception: "
    following = " - Retry 1/3 will start 2.5 second(s) from now"
    assert line(f"{failed}Decoder('{CANARY}'){following}")["message"] == (
        f"{failed}Decoder{following}"
    )
    for said in (CANARY, "Canary-5d1c", "canary", f"a: {CANARY}"):
        assert line(f"{failed}{said}{following}")["message"] == failed.strip() + following
    plain = "2 recordings failed: the next run takes them; no exception was raised"
    assert line(plain)["message"] == plain


@pytest.mark.timeout(20)
def test_causes_that_go_round_in_a_circle_are_a_line() -> None:
    """An error handler that raises the first error again from the second makes one."""
    first, second = Decoder(CANARY), StoreError(f"{CANARY} of the second")
    first.__cause__, second.__cause__ = second, first
    found = line(f"failed: {first}, {second}", exc_info=raised(first))
    assert found["message"] == "failed: Decoder, StoreError"


@pytest.mark.inv("INV-1")
def test_a_text_is_taken_out_though_something_else_was_the_cause() -> None:
    """What was being handled when `raise ... from` named another cause."""
    error = StoreError("not read")
    error.__cause__, error.__context__ = StoreError("a cause"), Decoder(CANARY)
    assert CANARY not in line(f"of {CANARY}", exc_info=raised(error))["message"]


def test_what_does_not_fit_its_format_is_still_a_line() -> None:
    """A logger that raises would end what it logs of."""
    assert line("%d of %d", "x")["message"] == "%d of %d"
    assert line("a\nb\u2028\x1b[2J")["message"] == "a\nb\u2028\x1b[2J"
    assert json.loads(JsonLines().format(logging.makeLogRecord({"msg": object()})))


def test_what_goes_to_prefect_stays_as_it_was() -> None:
    """The file is Prefect's own, but for the console: same loggers, levels and API handlers."""
    ours = yaml.safe_load(OURS.read_text())
    theirs = yaml.safe_load(configuration.DEFAULT_LOGGING_SETTINGS_PATH.read_text())
    for name, logger in ours["loggers"].items():
        logger["handlers"] = ["debug" if name == "prefect._internal" else one
                              for one in logger.get("handlers", [])]  # fmt: skip
        assert {"handlers": [], **theirs["loggers"][name]} == logger, name
    left_out = theirs["loggers"].keys() - ours["loggers"].keys()
    assert left_out == {"prefect.server", "uvicorn", "fastapi"}
    for handler in ("api", "worker_api"):
        assert ours["handlers"][handler] == theirs["handlers"][handler]
    assert ours["root"] == theirs["root"]


def test_prefect_can_load_it() -> None:
    """With its own templates filled in; every class that it names is there."""
    config = configuration.load_logging_config(OURS)
    formatter = config["formatters"]["json"]
    assert formatter == {"()": "tasks.json_logs.JsonLines"}
    handlers = logging.config.DictConfigurator(config)
    assert isinstance(handlers.configure_formatter(formatter), JsonLines)
