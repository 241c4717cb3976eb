"""A run's metrics, sent by OTLP over HTTP once it has ended.

- Off unless OTEL_EXPORTER_OTLP_ENDPOINT, or ..._METRICS_ENDPOINT, is set; nothing of OpenTelemetry
  is imported before. All else is as its variables say: headers, certificates, the service's name.
- What is sent is `tasks.measures` and nothing besides. There is no tracing.
- A receiver that fails, hangs or is not there costs a run some seconds after its end, and never its
  end: the run's state stands by then.
- A run that is killed sends nothing. What became of recordings stands in the log, never here.
"""

import os
from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run as this_run

from tasks.measures import WORK_BOUNDS, Instrument, Measured, Spread

# For how long a run that has ended waits for the receiver, in seconds.
MOST_WAITED = 5.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
_measured: dict[str, list[Measured]] = {}  # by run; a process may serve several
_lock = Lock()


def is_on() -> bool:
    """Whether the environment names a receiver, and does not switch the SDK or metrics off."""
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    no_metrics = os.environ.get("OTEL_METRICS_EXPORTER", "").lower() == "none"
    return any(map(os.environ.get, _ENDPOINTS)) and not off and not no_metrics


def note(measured: Iterable[Measured]) -> None:
    """Keep what is measured of this run until it ends."""
    if is_on():
        with _lock:
            _measured.setdefault(str(this_run.id), []).extend(measured)


def send(flow: Flow[Any, Any], flow_run: FlowRun, state: State) -> None:
    """A hook of every flow: send what was noted of the run, and how long it took until its end."""
    if not is_on():
        return
    with _lock:
        measured = _measured.pop(str(flow_run.id), [])
    logger = flow_run_logger(flow_run, flow)
    try:
        from tasks.otlp import export
    except ImportError:
        logger.warning("no metrics were sent: the extra `telemetry` is not installed")
        return
    try:
        took = _took(flow_run, state)
        if took is not None:
            measured.append(
                Measured(
                    Instrument.RUN_DURATION,
                    Spread.of([took], WORK_BOUNDS),
                    {"flow": flow.name, "state": str(state.name)},
                )
            )
        why = _bounded(lambda: export(measured, took or 0.0))
    except Exception as error:  # metrics are no reason to trouble a run that has ended
        why = type(error).__name__
    if why:
        logger.warning("no metrics were sent: %s", why)


def _took(flow_run: FlowRun, state: State) -> float | None:
    """From the beginning of the run to its end, in seconds."""
    began = flow_run.start_time or flow_run.expected_start_time
    if began is None or state.timestamp is None:
        return None
    return max(0.0, (state.timestamp - began).total_seconds())


def _bounded(export: Callable[[], bool]) -> str:
    """Export, for so long at most; returns why nothing was sent, or nothing."""
    why: list[str] = []

    def attempt() -> None:
        try:
            why.append("" if export() else "the receiver did not take them")
        except Exception as error:  # nobody else would hear of it in this thread
            why.append(type(error).__name__)

    thread = Thread(target=attempt, daemon=True, name="unvoiced-metrics")
    thread.start()
    thread.join(MOST_WAITED)
    return why[0] if why else f"no answer within {MOST_WAITED:g} s"
