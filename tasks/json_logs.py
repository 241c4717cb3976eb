"""A line of JSON for each log record of workers and runs, for whoever gathers logs.

- `deployments/logging.yaml` puts it in place of Prefect's console; what goes to Prefect's own API
  stays as it was.
- Of an exception a line has the name of its type and never its text, its traceback or its locals:
  what an error of somebody else's code says may be what it was given (INV-1).
- One record is one line, whatever its message holds.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

# What Prefect puts into a record of a run.
_OF_THE_RUN = ("flow_name", "flow_run_name", "flow_run_id", "task_run_name", "task_run_id")
# What Prefect says of a run or task that failed: the type, and behind it the text.
_FAILED = re.compile(r"(encountered an exception:? [\w.]+).*", re.DOTALL)


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
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        # The longer first: a representation mostly holds the text.
        for said in sorted({repr(error), str(error)} - {""}, key=len, reverse=True):
            text = text.replace(said, type(error).__name__)
        error = error.__cause__ or error.__context__
    return _FAILED.sub(r"\1", text)


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
