"""Spans to an OpenTelemetry collector, by OTLP over HTTP; needs the extra ``otel``.

Source: OpenTelemetry Protocol 1.x, OTLP/HTTP. Headers, certificates and compression are those of
the standard variables ``OTEL_EXPORTER_OTLP_*``, which the package reads itself.
"""

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from calls.telemetry.traces import Send, Span

TIMEOUT_S = 5.0
PATH = "/v1/traces"
SCOPE = InstrumentationScope("voice-ai-gateway")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def sender(endpoint: str, resource: Mapping[str, str]) -> Send:
    """Sends spans to the collector whose base address is ``endpoint``."""
    # It would log each attempt; that the collector is away is said once, by the exporter.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH, timeout=TIMEOUT_S)
    about = Resource(dict(resource))

    def send(spans: Sequence[Span]) -> bool:
        result = exporter.export([_readable(span, about) for span in spans])
        return result is SpanExportResult.SUCCESS

    return send


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id),
        parent=None if span.parent_id is None else _context(span.trace_id, span.parent_id),
        resource=resource,
        attributes=span.attributes,
        events=[
            Event(each.name, attributes=each.attributes, timestamp=each.at_ns)
            for each in span.happened
        ],
        kind=SpanKind.SERVER if span.parent_id is None else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=SCOPE,
    )


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
