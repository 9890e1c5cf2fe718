"""A call as a trace."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from bots.core.errors import Fault
from calls.core import commands
from calls.core.waterfall import TurnTimes
from calls.telemetry.traces import MAX_FAILURES, CallTrace, Span, Told

pytestmark = pytest.mark.pure

CALL = UUID("0b0f4c1e-6a6b-4d5c-8f21-9c6a3f2e7d10")
STARTED = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)
START_NS = int(STARTED.timestamp()) * 10**9
MS = 10**6
TIMES = TurnTimes(
    turn=3,
    kind="speech",
    caller_stopped_ms=1000,
    end_decided_ms=1400,
    final_text_ms=1400,
    sent_to_bot_ms=1400,
    bot_answered_ms=2000,
    audio_ready_ms=2200,
    audio_sent_ms=2250,
    playback_ended_ms=5000,
    agent={"stt_ms": 120},
)


class Notes:
    """What a call has told, and the spans of it."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.trace = CallTrace(self.told.append, CALL, STARTED, "retail")
        self.trace.opened(channel="audiocodes", direction="inbound", mode="voice", revision=7)

    @property
    def spans(self) -> dict[str, Span]:
        return {span.name: span for told in self.told for span in told()}


def finish(**given: Any) -> commands.Finish:
    values: dict[str, Any] = {
        "at": 0.0, "ended_by": "caller", "reason_code": "client-disconnected", "turns": 3,
        "reason": "+15550100 hung up",
    }  # fmt: skip
    return commands.Finish(**values | given)


def test_ids_follow_from_the_id_of_the_call() -> None:
    notes = Notes()
    notes.trace.turn(TIMES)
    notes.trace.closed(finish(), 60.0)
    assert {f"{span.trace_id:032x}" for span in notes.spans.values()} == {CALL.hex}
    assert f"{notes.spans['call'].span_id:016x}" == CALL.hex[16:]
    assert notes.spans["call"].parent_id is None
    ids = [span.span_id for span in notes.spans.values()]
    assert len(set(ids)) == len(ids)
    assert all(0 < each < 1 << 64 for each in ids)
    again = Notes()
    again.trace.turn(TIMES)
    assert again.spans["turn"] == notes.spans["turn"]


def test_a_turn_is_a_span_with_one_for_each_part() -> None:
    notes = Notes()
    notes.trace.turn(TIMES)
    turn = notes.spans["turn"]
    assert turn.parent_id == CALL.int & (1 << 64) - 1
    assert (turn.start_ns, turn.end_ns) == (START_NS + 1000 * MS, START_NS + 5000 * MS)
    parts = {name: span for name, span in notes.spans.items() if name != "turn"}
    assert {
        name: ((span.start_ns - START_NS) // MS, (span.end_ns - START_NS) // MS)
        for name, span in parts.items()
    } == {
        "endpointing": (1000, 1400),
        "bot": (1400, 2000),
        "synthesis": (2000, 2200),
        "delivery": (2200, 2250),
        "playback": (2250, 5000),
    }
    assert {span.parent_id for span in parts.values()} == {turn.span_id}
    assert turn.attributes == {
        "gateway.call.id": str(CALL),
        "gateway.bot.name": "retail",
        "gateway.bot.revision": 7,
        "gateway.channel": "audiocodes",
        "gateway.direction": "inbound",
        "gateway.mode": "voice",
        "gateway.turn.number": 3,
        "gateway.turn.kind": "speech",
        "gateway.turn.silence_ms": 1250,
        "gateway.agent.stt_ms": 120,
    }


def test_a_turn_without_an_answer_ends_where_it_came_to() -> None:
    notes = Notes()
    unanswered = msgspec.structs.replace(
        TIMES, bot_answered_ms=None, audio_ready_ms=None, audio_sent_ms=None,
        playback_ended_ms=None, agent=None,
    )  # fmt: skip
    notes.trace.turn(unanswered)
    assert set(notes.spans) == {"turn", "endpointing"}
    assert notes.spans["turn"].end_ns == START_NS + 1400 * MS
    assert "gateway.turn.silence_ms" not in notes.spans["turn"].attributes
    at_once = TurnTimes(
        turn=4,
        kind="dtmf",
        caller_stopped_ms=9,
        end_decided_ms=9,
        final_text_ms=9,
        sent_to_bot_ms=9,
    )
    notes = Notes()
    notes.trace.turn(at_once)
    assert notes.spans["turn"].start_ns == notes.spans["turn"].end_ns == START_NS + 9 * MS


def test_the_call_tells_how_it_ended_without_anybodys_words() -> None:
    notes = Notes()
    notes.trace.closed(finish(), 60.5)
    call = notes.spans["call"]
    assert (call.start_ns, call.end_ns) == (START_NS, START_NS + 60_500 * MS)
    assert not call.failed
    assert call.attributes["gateway.ended_by"] == "caller"
    assert call.attributes["gateway.reason"] == "ordinary"
    assert call.attributes["gateway.turns"] == 3
    assert "+15550100" not in repr(call)


def test_failures_of_services_are_moments_of_the_call() -> None:
    notes = Notes()
    failure = commands.ReportFault(service="stt", fault=Fault.TIMEOUT, detail="key sk-123")
    notes.trace.failed(failure, "azure-1", 2.5)
    notes.trace.failed(commands.ReportFault(service="channel", fault=Fault.SERVER), "", 3)
    for _ in range(MAX_FAILURES):
        notes.trace.failed(failure, "azure-1", 4)
    notes.trace.closed(finish(reason_code="error", cause="stt:timeout"), 5)
    call = notes.spans["call"]
    assert call.failed
    assert len(call.happened) == MAX_FAILURES
    first, second = call.happened[:2]
    assert (first.name, first.at_ns) == ("service.failed", START_NS + 2500 * MS)
    assert first.attributes == {
        "gateway.service": "stt",
        "gateway.fault": "timeout",
        "gateway.provider.name": "azure-1",
    }
    assert "gateway.provider.name" not in second.attributes
    assert "sk-123" not in repr(call)


def test_spans_are_made_only_when_somebody_wants_them() -> None:
    notes = Notes()
    notes.trace.turn(TIMES)
    assert len(notes.told) == 1
    assert callable(notes.told[0])
