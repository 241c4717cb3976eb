"""A receiver of OTLP over HTTP, as a collector is one: it parses what it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)


class Receiver(ThreadingHTTPServer):
    """Keeps what it was sent; answers with `status`, or not before `answer` is set."""

    daemon_threads = True

    def __init__(self, status: int = 200, *, hangs: bool = False, location: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.location = location  # where a redirection leads
        self.answer = threading.Event()
        if not hangs:
            self.answer.set()
        self.bodies: list[bytes] = []
        self.requests: list[ExportMetricsServiceRequest] = []
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of all requests, by name; the last one of each name."""
        return {
            metric.name: metric
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def resource(self) -> dict[str, str]:
        """The attributes of the last request's resource."""
        return attributes(self.requests[-1].resource_metrics[0].resource)

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """The values of a counter or gauge, by the values of its attributes."""
        metric = self.metrics[name]
        points = getattr(metric, metric.WhichOneof("data")).data_points
        return {
            tuple(attributes(point).values()): point.as_int or point.as_double for point in points
        }


def attributes(of: Any) -> dict[str, str]:
    """As a dictionary, in the order of their names."""
    return {one.key: one.value.string_value for one in sorted(of.attributes, key=lambda a: a.key)}


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """An export."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(body)
        self.server.paths.append(self.path)
        self.server.requests.append(ExportMetricsServiceRequest.FromString(body))
        self.server.answer.wait(60)
        answer = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (its own name)
        """Say nothing."""


@contextmanager
def receiving(status: int = 200, *, hangs: bool = False, location: str = "") -> Iterator[Receiver]:
    """One that is listening."""
    receiver = Receiver(status, hangs=hangs, location=location)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.answer.set()
        receiver.shutdown()
        receiver.server_close()
        thread.join(10)
