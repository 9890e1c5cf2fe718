"""What of a call is written down, and in which shape."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from bots.core.errors import Fault
from calls.core import commands, events
from calls.core.ports import CallStart
from calls.core.publication import CallNews
from calls.core.waterfall import TurnTimes
from calls.facts import (
    CallClosed,
    CallDescribed,
    CallOpened,
    EventHappened,
    Fact,
    LineHeard,
    ServiceFailure,
    TurnTimed,
)
from calls.live import LiveFeed
from calls.records import RecordWriter
from calls.session import reporter as module
from calls.session.reporter import (
    MAX_ADDRESS_CHARS,
    MAX_CAUSE_CHARS,
    MAX_LINE_CHARS,
    MAX_REASON_CHARS,
    MAX_RECORDING_ID_CHARS,
    MAX_RECORDINGS,
    Reporter,
)
from calls.telemetry import exporter
from calls.telemetry.frames import Frames
from calls.telemetry.traces import Told
from tests.calls.session.calling import call_configured

HOSTILE = "\x00\ud800" + "1" * 1_000_000


class Desk:
    """A reporter that began at 100 s of the engine's clock."""

    def __init__(self, **storage: Any) -> None:
        self._records = RecordWriter()
        self.live = LiveFeed()
        self.call_id = uuid4()
        self.reporter = Reporter(
            self._records,
            self.live,
            call_id=self.call_id,
            started=100.0,
            configuration=call_configured(**storage),
        )

    def open(self, **start: Any) -> None:
        self.reporter.opened(
            CallStart(**{"conversation_id": "c-1", "channel": "test", **start}),
            mode="voice",
            owner="web-1",
            bot_id=1,
            bot="demo",
            revision=3,
        )

    def close(self, **finish: Any) -> None:
        values: dict[str, Any] = {
            "at": 101.5,
            "ended_by": "caller",
            "reason_code": "client-disconnected",
            "reason": "",
            "turns": 2,
        }
        frames = Frames()
        frames.came, frames.dropped = 9, 1
        self.reporter.closed(commands.Finish(**values | finish), frames)

    @property
    def facts(self) -> list[Fact]:
        return list(self._records._queue)

    @property
    def last(self) -> Fact:
        return self.facts[-1]

    @property
    def shown(self) -> CallNews:
        """What a supervisor who follows the call is told."""
        (news,) = self.live._publication.state(str(self.call_id)).news
        return news


@pytest.fixture
async def desk() -> Desk:
    assert asyncio.get_running_loop()
    return Desk()


def said(text: str, at: float = 100.25, full_text: str = "") -> commands.RecordLine:
    return commands.RecordLine(at=at, side="bot", kind="speech", text=text, full_text=full_text)


async def test_lines_are_numbered_from_one_and_timed_from_the_start(desk: Desk) -> None:
    numbered = []
    for at in (99.0, 100.0, 101.234):
        desk.reporter.line(said("Hello.", at), turns=0)
        assert isinstance(desk.last, LineHeard)
        numbered.append((desk.last.seq, desk.last.offset_ms))
    assert numbered == [(1, 0), (2, 0), (3, 1234)]


async def test_a_call_ends_as_long_after_its_start_as_its_own_clock_says(desk: Desk) -> None:
    desk.open()
    opened = desk.last
    desk.close()
    closed = desk.last
    assert isinstance(opened, CallOpened)
    assert isinstance(closed, CallClosed)
    assert (closed.ended_at - opened.started_at).total_seconds() == 1.5
    assert (closed.turns, closed.frames_in, closed.frames_dropped) == (2, 9, 1)
    desk.close(at=0.0)
    assert isinstance(desk.last, CallClosed)
    assert desk.last.ended_at == opened.started_at


async def test_whatever_a_peer_writes_fits_the_columns(desk: Desk) -> None:
    desk.open(caller=HOSTILE, callee=HOSTILE, conversation_id=HOSTILE)
    opened = desk.last
    assert isinstance(opened, CallOpened)
    texts = [opened.caller, opened.callee, opened.conversation_id]
    desk.reporter.described(caller=HOSTILE, callee=HOSTILE)
    assert isinstance(desk.last, CallDescribed)
    texts += [desk.last.caller, desk.last.callee]
    assert {len(text) for text in texts} == {MAX_ADDRESS_CHARS}
    desk.reporter.line(said(HOSTILE, full_text=HOSTILE), turns=0)
    assert isinstance(desk.last, LineHeard)
    texts += [desk.last.text, desk.last.full_text]
    assert len(desk.last.text) == len(desk.last.full_text) == MAX_LINE_CHARS
    recordings = (HOSTILE,) * 2 * MAX_RECORDINGS
    desk.close(reason=HOSTILE, reason_code=HOSTILE, cause=HOSTILE, recordings=recordings)
    assert isinstance(desk.last, CallClosed)
    texts += [desk.last.reason, desk.last.reason_code, desk.last.cause, *desk.last.recordings]
    assert len(desk.last.cause) == MAX_CAUSE_CHARS
    assert {len(each) for each in desk.last.recordings} == {MAX_RECORDING_ID_CHARS}
    assert len(desk.last.recordings) == MAX_RECORDINGS
    assert (len(desk.last.reason), len(desk.last.reason_code)) == (MAX_REASON_CHARS, 40)
    for text in texts:
        assert "\x00" not in text
        text.encode()


async def test_an_end_has_a_reason_code_whatever_the_peer_says(desk: Desk) -> None:
    desk.close(reason_code="\x00")
    assert isinstance(desk.last, CallClosed)
    assert desk.last.reason_code == "error"


async def test_a_turn_is_stored_and_shown_in_milliseconds_since_the_start(desk: Desk) -> None:
    desk.open()
    desk.reporter.turn(
        commands.RecordTurn(
            turn=2,
            kind="speech",
            caller_stopped_at=110.0,
            end_decided_at=110.5,
            final_text_at=110.6,
            sent_to_bot_at=110.6,
            bot_answered_at=111.0,
        )
    )
    times = TurnTimes(
        turn=2,
        kind="speech",
        caller_stopped_ms=10_000,
        end_decided_ms=10_500,
        final_text_ms=10_600,
        sent_to_bot_ms=10_600,
        bot_answered_ms=11_000,
    )
    assert desk.last == TurnTimed(call_id=desk.call_id, **msgspec.structs.asdict(times))
    assert desk.shown.turns == (times,)


async def test_what_ended_a_call_and_its_recordings_are_told(desk: Desk) -> None:
    desk.close(cause="tts:timeout", recordings=("r-1", "r-2"))
    assert isinstance(desk.last, CallClosed)
    assert (desk.last.cause, desk.last.recordings) == ("tts:timeout", ["r-1", "r-2"])


async def test_a_transcript_is_kept_for_a_day_after_the_call_unless_the_bot_says_else(
    desk: Desk,
) -> None:
    longer = Desk(transcriptRetentionDays=30)
    for each, days in ((desk, 1), (longer, 30)):
        each.open()
        assert isinstance(each.last, CallOpened)
        assert each.last.transcript_days == days
        each.close()
        assert isinstance(each.last, CallClosed)
        assert each.last.transcript_expires_at == each.last.ended_at + timedelta(days=days)


async def test_a_transcript_that_is_not_stored_is_shown_all_the_same() -> None:
    desk = Desk(storeTranscripts=False)
    desk.open()
    assert isinstance(desk.last, CallOpened)
    assert desk.last.transcript_days == 0
    desk.reporter.line(said("My card number is"), turns=1)
    desk.reporter.line(said("1234"), turns=1)
    desk.close()
    assert not any(isinstance(fact, LineHeard) for fact in desk.facts)
    assert [(line.seq, line.text) for line in desk.shown.lines] == [
        (1, "My card number is"),
        (2, "1234"),
    ]
    assert isinstance(desk.last, CallClosed)
    assert desk.last.transcript_expires_at is None


def events_of(desk: Desk) -> list[tuple[int, int, str, str]]:
    return [
        (fact.seq, fact.offset_ms, fact.source, fact.name)
        for fact in desk.facts
        if isinstance(fact, EventHappened)
    ]


async def test_what_happens_is_numbered_stored_and_shown(desk: Desk) -> None:
    desk.open()
    desk.reporter.happened(events.BotJoined(), 100.5)
    desk.reporter.happened(events.VoiceStarted(), 100.75)
    desk.reporter.commanded(commands.ShowState("listening"), 101.0)
    told = [(1, 500, "bot", "joined"), (2, 1000, "gateway", "state")]
    assert events_of(desk) == told
    shown = [(each.seq, each.offset_ms, each.source, each.name) for each in desk.shown.events]
    assert shown == told


async def test_events_are_stored_as_little_as_transcripts(desk: Desk) -> None:
    desk = Desk(storeTranscripts=False)
    desk.open()
    desk.reporter.happened(events.BotJoined(), 100.5)
    assert events_of(desk) == []
    assert [each.name for each in desk.shown.events] == ["joined"]


async def test_of_very_many_events_the_first_are_kept_and_that_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 3)
    desk.open()
    for _ in range(10):
        desk.reporter.happened(events.BotJoined(), 100.5)
    names = [name for *_, name in events_of(desk)]
    assert names == ["joined", "joined", "no-more-events-kept"]
    assert isinstance(desk.last, EventHappened)
    assert desk.last.detail == {"events": 3}


async def test_failures_are_counted_and_kept_with_the_name_of_the_provider(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.open()
    failed = commands.ReportFault(service="bot", fault=Fault.TIMEOUT, detail="x\x00" * 1_000)
    desk.reporter.commanded(failed, 101.0)
    assert isinstance(desk.last, ServiceFailure)
    assert (desk.last.service, desk.last.provider, desk.last.fault) == ("bot", "brain", "timeout")
    assert len(desk.last.detail) == MAX_REASON_CHARS
    monkeypatch.setattr(module, "MAX_FAULTS", 2)
    for _ in range(5):
        desk.reporter.commanded(failed, 102.0)
    lost = commands.ReportFault(service="channel", fault=Fault.SERVER)
    desk.reporter.commanded(lost, 102.0)
    kept = [fact for fact in desk.facts if isinstance(fact, ServiceFailure)]
    assert len(kept) == 2
    desk.close()
    assert isinstance(desk.last, CallClosed)
    assert desk.last.faults == 6


async def test_how_long_the_caller_waited_is_summed_up(desk: Desk) -> None:
    desk.open()
    for turn, silence in enumerate((0.5, 2.0, 0.7, 0.9, None), 1):
        sent = None if silence is None else 110.0 + silence
        desk.reporter.turn(
            commands.RecordTurn(
                turn=turn,
                kind="speech",
                caller_stopped_at=110.0,
                end_decided_at=110.0,
                final_text_at=110.0,
                sent_to_bot_at=110.0,
                bot_answered_at=sent,
                audio_ready_at=sent,
                audio_sent_at=sent,
            )
        )
    desk.close()
    assert isinstance(desk.last, CallClosed)
    assert (desk.last.silence_median_ms, desk.last.silence_max_ms) == (700, 2000)
    desk = Desk()
    desk.close()
    assert isinstance(desk.last, CallClosed)
    assert (desk.last.silence_median_ms, desk.last.silence_max_ms) == (None, None)


async def test_flags_are_shown_when_they_change(desk: Desk) -> None:
    desk.open()
    desk.reporter.happened(events.CallerSaid(text="", final=True), 101.0)
    desk.reporter.waited(2, 101.0)
    assert desk.shown.fields["flags"] == {"not-understood": 1, "no-input": 2}
    assert [each.name for each in desk.shown.events] == ["not-understood", "no-input"]
    desk.reporter.waited(2, 102.0)
    desk.reporter.happened(events.CallerSaid(text="yes", final=True), 103.0)
    desk.reporter.waited(0, 103.0)
    assert desk.shown.fields["flags"] == {}
    assert [each.name for each in desk.shown.events][2:] == ["recognised"]


async def test_a_call_is_a_trace_when_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Told] = []
    monkeypatch.setattr(exporter, "listening", lambda: told.append)
    desk = Desk()
    desk.open(caller="+15550100")
    desk.reporter.commanded(commands.ReportFault(service="bot", fault=Fault.TIMEOUT), 101.0)
    desk.reporter.turn(
        commands.RecordTurn(
            turn=1,
            kind="speech",
            caller_stopped_at=100.5,
            end_decided_at=100.7,
            final_text_at=100.8,
            sent_to_bot_at=100.8,
        )
    )
    desk.close()
    spans = {span.name: span for each in told for span in each()}
    assert set(spans) == {"turn", "endpointing", "recognition", "call"}
    assert spans["call"].end_ns - spans["call"].start_ns == 1_500_000_000
    assert [each.name for each in spans["call"].happened] == ["service.failed"]
    assert "+15550100" not in repr(spans)
