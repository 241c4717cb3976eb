"""Measurements as OpenTelemetry has them, and out. An extra: `telemetry`.

The data is put together here and not by instruments of the SDK: those measure a process for as long
as it lives, and a run has its numbers once, when it has ended. So each run sends one delta.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from tasks.measures import Instrument, Kind, Measured, Spread
from unvoiced import __version__


def export(measured: Sequence[Measured], seconds: float) -> bool:
    """Send what was measured in the `seconds` up to now; returns whether it was taken.

    That is an answer of 2xx and no other. A redirection is not followed: it could lead to somebody
    else, with the headers that authorise.
    """
    now = time.time_ns()
    session = requests.Session()
    session.hooks["response"].append(_refuse_redirection)
    exporter = OTLPMetricExporter(session=session)
    try:
        data = as_metrics(measured, now - int(seconds * 1e9), now)
        return exporter.export(data) is MetricExportResult.SUCCESS
    finally:
        exporter.shutdown()


def _refuse_redirection(response: requests.Response, **_: Any) -> None:
    """Raise for what the exporter would take for success: below 400, and not 2xx."""
    if response.ok and not 200 <= response.status_code < 300:
        raise requests.HTTPError("a redirection, which is not followed", response=response)


def as_metrics(measured: Sequence[Measured], began: int, ended: int) -> MetricsData:
    """The same as OpenTelemetry's data; times are POSIX nanoseconds."""
    by_instrument: dict[Instrument, list[Measured]] = {}
    for one in measured:
        by_instrument.setdefault(one.instrument, []).append(one)
    metrics = [
        Metric(instrument.title, instrument.what, instrument.unit, _data(values, began, ended))
        for instrument, values in by_instrument.items()
    ]
    scope = ScopeMetrics(InstrumentationScope("unvoiced", __version__), metrics, "")
    return MetricsData([ResourceMetrics(_resource(), [scope], "")])


def _resource() -> Resource:
    """Who measures: by default nothing of the machine, and the same for every run.

    The SDK's own default is an instance id that is new in every process: a series a run.
    """
    ours = Resource({"service.name": "unvoiced", "service.version": __version__})
    return ours.merge(OTELResourceDetector().detect())


def _data(values: Sequence[Measured], began: int, ended: int) -> Sum | Gauge | Histogram:
    delta = AggregationTemporality.DELTA
    match values[0].instrument.kind:
        case Kind.HISTOGRAM:
            spreads = [(one.attributes, one.value) for one in values]
            points = [
                _distribution(attributes, spread, began, ended)
                for attributes, spread in spreads
                if isinstance(spread, Spread)
            ]
            return Histogram(points, delta)
        case Kind.GAUGE:
            return Gauge(_numbers(values, began, ended))
        case Kind.COUNTER:
            return Sum(_numbers(values, began, ended), delta, is_monotonic=True)


def _numbers(values: Sequence[Measured], began: int, ended: int) -> list[NumberDataPoint]:
    """One point for each set of attributes: what is counted twice is added."""
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for one in values:
        if not isinstance(one.value, Spread):
            key = tuple(sorted(one.attributes.items()))
            found[key] = found.get(key, 0) + one.value
    return [NumberDataPoint(dict(key), began, ended, value) for key, value in found.items()]


def _distribution(
    attributes: Mapping[str, str], spread: Spread, began: int, ended: int
) -> HistogramDataPoint:
    return HistogramDataPoint(
        dict(attributes), began, ended, spread.count, spread.total,
        spread.counts, spread.bounds, spread.least, spread.most,
    )  # fmt: skip
