"""A call's line to a bot with a voice: audio both ways, and what directs the bot."""

import asyncio
from typing import Any

import pytest

from bots.core.activities import message
from bots.core.audio import MULAW_8K, level_dbfs, mulaw_to_lpcm16
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    AgentReport,
    EndpointedSpeech,
    Hypothesis,
    SpeechCommitted,
    StreamAudio,
    StreamEnded,
    StreamMark,
    StreamStarted,
    StreamText,
    Transcript,
)
from bots.core.registry import NoParams
from calls.core.events import (
    AgentReported,
    BotControlled,
    BotJoined,
    BotLeft,
    BotSpoke,
    BotStreamed,
    CallerCommitted,
    CallerSaid,
    Event,
    ServiceFailed,
    StreamTextKnown,
    VoiceStarted,
    VoiceStopped,
)
from calls.session import bot as bot_module
from calls.session.bot import (
    AT_ONCE,
    CONTROL_TIMEOUT_S,
    MAX_CONTROLS,
    NEEDS_AUDIO,
    PER_SECOND,
    PIECES_PER_SECOND,
    BotLine,
)
from tests.bots.voicebot import VoiceBot, VoiceSession, voice_bot
from tests.calls.media.desk import turns
from tests.calls.media.leaping import leap
from tests.calls.session.calling import SPOKEN, line_of
from tests.plugins import TableBot, TableParams, tone


class StandingTime:
    """A clock by which nothing takes time, however busy the machine is."""

    def perf_counter(self) -> float:
        return 0.0


async def joined(bot: VoiceBot, reports: list[Event]) -> tuple[BotLine, VoiceSession, Any]:
    """A line to a bot with a voice, its session and its task."""
    line = line_of(bot, reports.append, SPOKEN)
    task = asyncio.get_running_loop().create_task(line.run())
    session = await bot.joined()
    await turns()
    return line, session, task


def test_what_a_bot_with_a_voice_does_is_reported_in_order() -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        line, session, task = await joined(voice_bot(), reports)
        session.tell(
            StreamStarted(stream=5, audio=MULAW_8K, text="Hello."),
            StreamAudio(5, b"\x55" * 800),
            StreamText(5, "Hello there."),
            StreamMark(5, {"name": "hello"}),
            StreamEnded(5),
            EndpointedSpeech(True),
            Hypothesis("my", 0.5, 0.7),
            Transcript("my bill", 0.9),
            EndpointedSpeech(False),
            SpeechCommitted(),
            AgentReport(name="latency", detail={"stt_ms": 120}, note="quick"),
            message("One moment."),
            None,
        )
        await task
        assert reports == [
            BotJoined(),
            BotStreamed(stream=1, text="Hello."),
            StreamTextKnown(1, "Hello there."),
            VoiceStarted(),
            CallerSaid(text="my", final=False, confidence=0.5, stability=0.7),
            CallerSaid(text="my bill", final=True, confidence=0.9),
            VoiceStopped(),
            CallerCommitted(),
            AgentReported(name="latency", detail={"stt_ms": 120}, note="quick"),
            BotSpoke(message("One moment.")),
            BotLeft(),
        ]
        line.streams.over(1, heard_ms=100, interrupted=False)
        assert session.marks == [{"name": "hello"}]
        assert session.plays == [(5, 100, False)]
        await line.close("client-disconnected", "")
        assert session.closed == ("client-disconnected", "")
        line.hear(b"late")
        line.listen(on=False)
        line.played(5, heard_ms=0, interrupted=True)
        line.reached({})
        assert (session.heard, len(session.plays), len(session.marks)) == (b"", 1, 1)

    leap(scenario())


def test_audio_is_not_held_up_like_activities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot_module, "time", StandingTime())

    async def scenario() -> None:
        reports: list[Event] = []
        loop = asyncio.get_running_loop()
        line, session, task = await joined(voice_bot(), reports)
        pieces, began = 20 * AT_ONCE, loop.time()
        session.speak(1, *[bytes(640)] * pieces)
        session.tell(None)
        await task
        assert loop.time() - began < 0.5
        stream = line.streams.get(1)
        assert stream is not None
        assert stream.received_ms == 20 * pieces

    leap(scenario())


def test_a_bot_that_sends_more_pieces_than_anybody_needs_is_heard_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bot_module, "time", StandingTime())

    async def scenario() -> None:
        reports: list[Event] = []
        loop = asyncio.get_running_loop()
        _, session, task = await joined(voice_bot(), reports)
        at_once = PIECES_PER_SECOND * AT_ONCE // PER_SECOND
        began = loop.time()
        session.speak(1, *[bytes(2)] * (at_once + PIECES_PER_SECOND))
        session.tell(None)
        await task
        assert loop.time() - began == pytest.approx(1, abs=0.1)

    leap(scenario())


@pytest.mark.parametrize("mulaw", [False, True])
def test_the_caller_is_heard_in_the_format_of_the_bot(mulaw: bool) -> None:
    async def scenario() -> None:
        line, session, task = await joined(voice_bot(voiceBotMulaw=mulaw), [])
        audio = tone(500)
        for start in range(0, len(audio), 640):
            line.hear(audio[start : start + 640])
        if mulaw:
            assert 460 <= len(session.heard) / 8 <= 500
            assert level_dbfs(mulaw_to_lpcm16(session.heard)) == pytest.approx(
                level_dbfs(audio), abs=1
            )
        else:
            assert session.heard == audio
        session.tell(None)
        await task

    leap(scenario())


def test_a_bot_is_told_whether_to_listen_as_soon_as_it_has_joined() -> None:
    async def scenario() -> None:
        bot = voice_bot()
        line = line_of(bot, list[Event]().append, SPOKEN)
        line.listen(on=True)
        line.hear(bytes(640))
        task = asyncio.get_running_loop().create_task(line.run())
        session = await bot.joined()
        await turns()
        line.listen(on=False)
        assert session.listening == [True, False]
        assert session.heard == b""
        session.tell(None)
        await task

    leap(scenario())


def test_a_bot_that_only_speaks_is_not_given_the_audio_of_the_caller() -> None:
    async def scenario() -> None:
        line, session, task = await joined(voice_bot(voiceBotHears=False), [])
        line.listen(on=True)
        line.hear(bytes(640))
        assert not line.hears
        assert (session.heard, session.listening) == (b"", [])
        session.tell(None)
        await task

    leap(scenario())


@pytest.mark.parametrize("params", [{"voiceBotHears": False}, {"voiceBotSpeaks": False}])
def test_a_bot_with_a_voice_cannot_be_joined_without_audio(params: dict[str, bool]) -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        bot = voice_bot(**params)
        await line_of(bot, reports.append).run()
        assert reports == [
            ServiceFailed(service="bot", fault=Fault.INVALID_REQUEST, detail=NEEDS_AUDIO)
        ]
        assert bot.sessions == []

    leap(scenario())


@pytest.mark.parametrize("last", [None, ServiceError("bot", Fault.SERVER, "it broke")])
def test_what_a_bot_said_before_it_went_is_complete(last: ServiceError | None) -> None:
    async def scenario() -> None:
        line, session, task = await joined(voice_bot(), [])
        session.tell(StreamStarted(stream=1, audio=MULAW_8K), StreamAudio(1, bytes(800)), last)
        await task
        stream = line.streams.get(1)
        assert stream is not None
        began = asyncio.get_running_loop().time()
        assert [piece async for piece in stream.pieces(lambda: 0.0)] == [bytes(800)]
        assert asyncio.get_running_loop().time() - began < 0.1  # and nobody waits for more

    leap(scenario())


@pytest.mark.parametrize(
    ("kind", "detail", "problem"),
    [
        ("prompt", "done as told", ""),
        ("refuse", "", "it would rather not"),
        ("never", "", "it did not confirm in time"),
    ],
)
def test_a_bot_is_directed_and_what_came_of_it_is_reported(
    kind: str, detail: str, problem: str
) -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        loop = asyncio.get_running_loop()
        line, session, task = await joined(voice_bot(), reports)
        began = loop.time()
        await line.direct(3, {"type": kind})
        assert reports[-1] == BotControlled(number=3, detail=detail, problem=problem)
        assert loop.time() - began == pytest.approx(
            CONTROL_TIMEOUT_S if kind == "never" else 0, abs=0.01
        )
        assert session.controls == [{"type": kind}]
        session.tell(None)
        await task

    leap(scenario())


def test_only_so_many_messages_to_a_bot_are_under_way() -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        line, session, task = await joined(voice_bot(), reports)
        async with asyncio.TaskGroup() as tasks:
            for number in range(MAX_CONTROLS + 1):
                tasks.create_task(line.direct(number, {"type": "never"}))
        problems = [report.problem for report in reports if isinstance(report, BotControlled)]
        assert len(session.controls) == MAX_CONTROLS
        assert len(problems) == MAX_CONTROLS + 1
        assert problems[0].startswith("too many")
        await line.direct(99, {"type": "prompt"})
        assert reports[-1] == BotControlled(number=99, detail="done as told")
        session.tell(None)
        await task

    leap(scenario())


def test_a_bot_that_takes_no_messages_cannot_be_directed() -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        await line_of(TableBot(TableParams(), NoParams()), reports.append).direct(1, {})
        (controlled,) = reports
        assert isinstance(controlled, BotControlled)
        assert "cannot be directed" in controlled.problem

    leap(scenario())
