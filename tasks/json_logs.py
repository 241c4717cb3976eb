"""A line of JSON for each log record of workers and runs, for whoever gathers logs.

- `deployments/logging.yaml` puts it in place of Prefect's console; what goes to Prefect's own API
  stays as it was.
- Of an exception that a record carries, as `exc_info` or as an argument, and of those it came from,
  a line has the name of its type and not its text, its traceback or its locals: what an error of
  somebody else's code says may be what it was given (INV-1).
- What Prefect has put into words before, of a run or task that failed or crashed, is cut off behind
  those words. Text that other code has put into a message by itself is not known from any other.
- One record is one line, whatever its message holds.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

# What Prefect puts into a record of a run.
_OF_THE_RUN = ("flow_name", "flow_run_name", "flow_run_id", "task_run_name", "task_run_id")
# What Prefect says of a run or task that failed or crashed: these words, mostly the type, the text,
# and perhaps what comes next.
_FAILED = re.compile(
    r"((?:encountered an exception|encountered unexpected exception|failed with exception"
    r"|interrupted by an unexpected exception|Encountered exception during execution"
    r"|attempting to contact the server|Request to \S+ failed):?"
    r"(?: (?:\w+\.)*[A-Z]\w*(?=[(:]| - Retr))?)"
    r".*?"
    r"( - Retr(?:ies are exhausted"
    r"|y \d+/\d+ will start (?:immediately|[\d.]+ second\(s\) from now)))?"
    r"\Z",
    re.DOTALL,
)


class JsonLines(logging.Formatter):
    """Formats records as JSON; the fields are in docs/monitoring.md."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        for name in _OF_THE_RUN:
            if value := getattr(record, name, None):
                fields[name] = str(value)
        if worker := getattr(record, "worker_name", None):
            fields["worker_name"] = str(worker)
        if deployment := _deployment():
            fields["deployment_id"] = deployment
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = record.exc_info[0].__name__
        return json.dumps(fields, ensure_ascii=False, default=_kind)


def _message(record: logging.LogRecord) -> str:
    """The text, with the name of its type in place of an exception that is put into it."""
    arguments = record.args
    if isinstance(arguments, dict):
        arguments = {name: _named(value) for name, value in arguments.items()}
    elif arguments:
        arguments = tuple(map(_named, arguments))
    try:
        text = str(record.msg) % arguments if arguments else str(_named(record.msg))
    except (TypeError, ValueError):  # what does not fit its format is logged as it was written
        text = str(record.msg)
    chain = _chain(record.exc_info[1] if record.exc_info else None)
    said = {form: type(error).__name__ for error in chain for form in (repr(error), str(error))}
    # The longer first: a representation mostly holds the text, and one text another.
    for form in sorted(said.keys() - {""}, key=len, reverse=True):
        text = text.replace(form, said[form])
    return _FAILED.sub(r"\1\2", text)


def _chain(error: BaseException | None) -> list[BaseException]:
    """The exception and all it came from, each once: one may be the cause of its own cause."""
    found: list[BaseException] = []
    ahead = [error]
    while ahead:
        one = ahead.pop()
        if one is not None and not any(one is known for known in found):
            found.append(one)
            ahead += [one.__context__, one.__cause__]
    return found


class _Name(str):
    """A type's name, which is its own representation too: `%r` gives no quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _named(value: object) -> object:
    return _Name(type(value).__name__) if isinstance(value, BaseException) else value


def _kind(value: object) -> str:
    return type(value).__name__


def _deployment() -> str:
    """The deployment that this process runs, where it runs one. Asks no server."""
    # Only now: Prefect reads its logging's configuration while it is being imported itself.
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return str(run.deployment_id) if run is not None and run.deployment_id else ""
