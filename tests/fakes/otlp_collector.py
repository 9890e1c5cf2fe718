"""An OpenTelemetry collector on loopback: it decodes what it is sent, and refuses when told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Collector(ThreadingHTTPServer):
    """``spans`` are those that came, as protobuf messages; ``status`` is how it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.asked = 0
        self.status = 200
        self._more = threading.Condition()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def take(self, body: bytes) -> None:
        """A request came."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._more:
            self.asked += 1
            if self.status == 200:
                for group in request.resource_spans:
                    self.resources.append(values(group.resource.attributes))
                    for scope in group.scope_spans:
                        self.spans.extend(scope.spans)
            self._more.notify_all()

    def until(self, count: int, name: str) -> list[Any]:
        """Wait until there are ``count`` spans called ``name``; all spans."""
        with self._more:
            came = self._more.wait_for(
                lambda: sum(span.name == name for span in self.spans) >= count, timeout=10
            )
        assert came, f"{[span.name for span in self.spans]}"
        return list(self.spans)


def values(attributes: Any) -> dict[str, Any]:
    """The attributes of a message as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


class _Request(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.path == "/v1/traces" and "protobuf" in self.headers["Content-Type"]
        if known:
            self.server.take(body)
        self.send_response(self.server.status if known else 404)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def collector() -> Iterator[Collector]:
    """A running collector."""
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
