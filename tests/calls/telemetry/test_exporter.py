"""The way of traces out of a process."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from bots.core.errors import Fault
from calls.core import commands
from calls.core.waterfall import TurnTimes
from calls.telemetry import exporter as module
from calls.telemetry import otlp
from calls.telemetry.exporter import BATCH, Exporter
from calls.telemetry.traces import CallTrace, Span, Told
from tests.fakes.otlp_collector import Collector, collector, values

pytestmark = pytest.mark.wire

TIMES = TurnTimes(
    turn=1, kind="speech", caller_stopped_ms=100, end_decided_ms=300, final_text_ms=350,
    sent_to_bot_ms=350, bot_answered_ms=900, audio_ready_ms=1000, audio_sent_ms=1010,
    playback_ended_ms=2000,
)  # fmt: skip
RESOURCE = {"service.name": "voice-ai-gateway", "service.namespace": "here"}


def told(number: int = 0) -> Told:
    span = Span(trace_id=number, span_id=1, parent_id=None, name="x", start_ns=0, end_ns=1)
    return lambda: [span]


class Sink:
    """Where an exporter sends to; ``works`` says what comes of it."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.batches: list[list[int]] = []

    def __call__(self, spans: Sequence[Span]) -> bool:
        self.batches.append([span.trace_id for span in spans])
        return self.works


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES_S", (0.0, 0.0))


def test_what_waits_is_sent_in_batches_and_in_order() -> None:
    sink = Sink()
    exporter = Exporter(sink)
    for number in range(BATCH + 5):
        exporter.tell(told(number))
    exporter.flush()
    assert [len(batch) for batch in sink.batches] == [BATCH, 5]
    assert [each for batch in sink.batches for each in batch] == list(range(BATCH + 5))
    assert (exporter.sent, exporter.dropped) == (BATCH + 5, 0)


def test_what_does_not_fit_is_given_up_oldest_first() -> None:
    sink = Sink()
    exporter = Exporter(sink, most=3)
    for number in range(5):
        exporter.tell(told(number))
    exporter.flush()
    assert sink.batches == [[2, 3, 4]]
    assert (exporter.sent, exporter.dropped) == (3, 2)


def test_that_the_collector_is_away_is_said_once_and_that_it_is_back() -> None:
    sink = Sink(works=False)
    exporter = Exporter(sink)
    with capture_logs() as lines:
        for number in range(3):
            exporter.tell(told(number))
            exporter.flush()
        assert len(sink.batches) == 9
        assert exporter.dropped == 3
        sink.works = True
        exporter.tell(told(4))
        exporter.flush()
        exporter.tell(told(5))
        exporter.flush()
    assert [line["event"] for line in lines] == ["traces.collector_away", "traces.collector_back"]
    assert exporter.sent == 2


def test_what_could_not_be_sent_is_tried_again() -> None:
    class Mending(Sink):
        def __call__(self, spans: Sequence[Span]) -> bool:
            self.works = len(self.batches) >= 1
            return super().__call__(spans)

    sink = Mending()
    exporter = Exporter(sink)
    exporter.tell(told(7))
    exporter.flush()
    assert sink.batches == [[7], [7]]
    assert (exporter.sent, exporter.dropped) == (1, 0)


def test_a_trace_that_breaks_takes_no_later_one_with_it() -> None:
    def broken() -> list[Span]:
        raise ValueError("a bug in a span")

    def send(_spans: Sequence[Span]) -> bool:
        arrived.set()
        return True

    arrived = threading.Event()
    exporter = Exporter(send)
    with capture_logs() as logs:
        exporter.start()
        exporter.tell(broken)
        exporter._wake.set()
        while not exporter.dropped:
            exporter._thread.join(0.001)
        exporter.tell(told(1))
        exporter._wake.set()
        assert arrived.wait(10)
        exporter.stop()
    assert [line["event"] for line in logs] == ["traces.export_failed"]
    assert (exporter.sent, exporter.dropped) == (1, 1)


def test_the_thread_sends_a_full_batch_and_stops_with_what_is_left() -> None:
    sink, came = Sink(), threading.Event()

    def send(spans: Sequence[Span]) -> bool:
        sink(spans)
        came.set()
        return True

    exporter = Exporter(send)
    exporter.start()
    for number in range(BATCH):
        exporter.tell(told(number))
    assert came.wait(5)
    exporter.tell(told(BATCH))
    exporter.stop()
    assert exporter.sent == BATCH + 1
    assert not exporter._thread.is_alive()


def test_what_is_told_while_the_rest_is_being_sent_is_sent_before_the_end() -> None:
    sending, on = threading.Event(), threading.Event()

    def send(_spans: Sequence[Span]) -> bool:
        sending.set()
        return on.wait(10)

    exporter = Exporter(send)
    exporter.start()
    exporter.tell(told(1))
    exporter._wake.set()
    assert sending.wait(10)
    exporter.tell(told(2))
    stopping = threading.Thread(target=exporter.stop)
    stopping.start()
    assert exporter._stopping.wait(10)
    on.set()
    stopping.join(10)
    assert exporter.sent == 2


# --- a collector ----------------------------------------------------------------------------------


@pytest.fixture
def running() -> Iterator[Collector]:
    with collector() as server:
        yield server
        module.stop()


def test_without_an_endpoint_nobody_listens() -> None:
    module.start("", RESOURCE)
    assert module.listening() is None
    assert module.figures() == (0, 0)
    module.stop()


def test_the_collector_gets_a_call_with_its_turn_and_failures(running: Collector) -> None:
    module.start(running.url, RESOURCE)
    module.start("http://127.0.0.1:1", RESOURCE)  # a second start changes nothing
    call_id = UUID("0b0f4c1e-6a6b-4d5c-8f21-9c6a3f2e7d10")
    tell = module.listening()
    assert tell is not None
    trace = CallTrace(tell, call_id, datetime(2026, 11, 21, tzinfo=UTC), "retail")
    trace.opened(channel="audiocodes", direction="inbound", mode="voice", revision=1)
    trace.turn(TIMES)
    trace.failed(commands.ReportFault(service="tts", fault=Fault.QUOTA), "polly", 1.0)
    trace.closed(
        commands.Finish(at=0, ended_by="gateway", reason_code="error", reason="", turns=1), 3.0
    )
    module.stop()
    spans = {span.name: span for span in running.until(1, "call")}
    assert set(spans) == {
        "call", "turn", "endpointing", "recognition", "bot", "synthesis", "delivery", "playback",
    }  # fmt: skip
    call, turn = spans["call"], spans["turn"]
    assert {span.trace_id.hex() for span in spans.values()} == {call_id.hex}
    assert call.span_id.hex() == call_id.hex[16:]
    assert call.parent_span_id == b""
    assert turn.parent_span_id == call.span_id
    assert spans["bot"].parent_span_id == turn.span_id
    assert spans["bot"].end_time_unix_nano - spans["bot"].start_time_unix_nano == 550 * 10**6
    assert call.status.code == 2
    assert values(turn.attributes)["gateway.turn.silence_ms"] == 910
    assert values(call.attributes)["gateway.bot.name"] == "retail"
    assert [values(each.attributes)["gateway.provider.name"] for each in call.events] == ["polly"]
    assert running.resources[0] == RESOURCE


def test_a_collector_that_refuses_or_is_gone_raises_nothing(running: Collector) -> None:
    span = told(uuid4().int)()
    running.status = 400
    send = otlp.sender(running.url + "/", RESOURCE)
    assert send(span) is False
    running.status = 200
    assert send(span) is True


def test_nobody_at_the_endpoint_is_a_failure_and_says_nothing_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "TIMEOUT_S", 0.05)
    assert otlp.sender("http://127.0.0.1:1", RESOURCE)(told(5)()) is False
    assert caplog.text == ""
