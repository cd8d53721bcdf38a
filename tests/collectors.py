"""A collector of OpenTelemetry for the tests: OTLP over HTTP, read with the protocol's own definitions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes

GEN_AI = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
OPERATIONS = {one.value for one in gen_ai_attributes.GenAiOperationNameValues}


@dataclass
class Collector:
    """What came; `status` is what the next requests are answered with."""

    url: str
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        """All spans that came, as the protocol's own reader reads them."""
        return [span for body in self.bodies for span in read(json.loads(body))]


def read(request: dict[str, Any]) -> list[Span]:
    """The spans of an export request. In OTLP's JSON ids are hexadecimal, where protobuf's would be base64."""
    request = json.loads(json.dumps(request))
    spans = [span for one in request["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]
    ids = [{name: bytes.fromhex(span.pop(name, "")) for name in _IDS} for span in spans]
    read = json_format.ParseDict(request, ExportTraceServiceRequest())
    found = [span for one in read.resource_spans for scope in one.scope_spans for span in scope.spans]
    for span, given in zip(found, ids, strict=True):
        span.trace_id, span.span_id, span.parent_span_id = (given[name] for name in _IDS)
    return found


_IDS = ("traceId", "spanId", "parentSpanId")


def said(span: Span) -> dict[str, Any]:
    """The attributes of a span."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def check(spans: list[Span]) -> None:
    """One tree of spans, each within its parent's time, whose names are those of the conventions or palier's own."""
    assert len({span.trace_id for span in spans}) == 1
    by_id = {span.span_id: span for span in spans}
    assert len(by_id) == len(spans)
    assert all(len(span.trace_id) == 16 and len(span.span_id) == 8 for span in spans)
    for span in spans:
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if span.parent_span_id in by_id:
            above = by_id[span.parent_span_id]
            assert above.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= above.end_time_unix_nano + 1_000_000
        for name, value in said(span).items():
            assert name in GEN_AI or name.startswith("palier.") or name == "error.type"
            if name == "gen_ai.operation.name":
                assert value in OPERATIONS
                assert span.name.startswith(value)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on loopback, until the context ends."""
    found = Collector("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.status < 300:
                found.bodies.append(body)
                found.headers.append(dict(self.headers.items()))
            self.send_response(found.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
