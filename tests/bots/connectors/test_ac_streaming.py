"""A call's session with an AudioCodes bot in streaming mode, against a bot played by hand."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from bots.connectors.ac_api import link, streaming
from bots.connectors.ac_api.link import Authorise
from bots.connectors.ac_api.streaming import StreamingConnector, StreamingSession
from bots.core.activities import Activity, Json, event, message
from bots.core.audio import LPCM16_16K, LPCM16_24K, MULAW_8K
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    AgentReport,
    BotConversation,
    BotEvent,
    EndpointedSpeech,
    Hypothesis,
    SpeechCommitted,
    StreamAudio,
    StreamEnded,
    StreamMark,
    StreamStarted,
    Transcript,
)
from tests.fakes.ac_wire import Socket, WireBot, serving

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

CALL = BotConversation(
    conversation_id="c-1",
    bot="echo",
    language="en-US",
    caller="+15550123",
    caller_audio=MULAW_8K,
    prompt_audio=MULAW_8K,
)
FRAME = bytes(640)


@pytest.fixture
async def bot() -> AsyncIterator[WireBot]:
    async with serving() as found:
        yield found


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session gives up after tenths of the usual time; the rules stay as they are."""
    for name in ("ACCEPT_S", "RESUME_S", "CLOSE_S"):
        monkeypatch.setattr(link, name, getattr(link, name) / 30)
    monkeypatch.setattr(link, "RESUME_PAUSES_S", (0.005, 0.01, 0.02))
    monkeypatch.setattr(streaming, "OPEN_STREAM_S", 0.05)


async def no_token(refused: str | None) -> dict[str, str]:
    return {}


class Talk:
    """A session, the bot's end of it, and what the session told so far."""

    def __init__(self, bot: WireBot, session: StreamingSession, socket: Socket) -> None:
        self.bot = bot
        self.session = session
        self.socket = socket
        self.events = session.events()

    async def next(self) -> BotEvent:
        async with asyncio.timeout(5):
            return await anext(self.events)

    async def take(self, count: int) -> list[BotEvent]:
        return [await self.next() for _ in range(count)]

    async def listen(self) -> None:
        """The caller's stream is open."""
        await self.session.send(event("start"))
        self.session.listen(on=True)
        await self.socket.read("userStream.start")
        await self.socket.send("userStream.started")
        await self.settled()

    async def settled(self) -> None:
        """The session has read everything that was sent to it."""
        await self.socket.act({"type": "event", "name": "settled"})
        assert (await self.next()) == event("settled")


def connector(
    bot: WireBot, *, hears: bool = True, speaks: bool = True, authorise: Authorise = no_token
) -> StreamingConnector:
    return StreamingConnector(url=bot.url, authorise=authorise, hears=hears, speaks=speaks)


@asynccontextmanager
async def talking(
    bot: WireBot,
    *,
    call: BotConversation = CALL,
    media: str | None = "raw/lpcm16",
    hears: bool = True,
    speaks: bool = True,
) -> AsyncIterator[Talk]:
    async with asyncio.TaskGroup() as tasks:
        opening = tasks.create_task(connector(bot, hears=hears, speaks=speaks).open(call))
        socket = await bot.socket()
        await socket.accept(media)
    talk = Talk(bot, opening.result(), socket)
    try:
        yield talk
    finally:
        closing = asyncio.create_task(talk.session.close("client-disconnected", "Client Side"))
        with suppress(ConnectionError):
            await talk.socket.close()
        await closing
        await talk.events.aclose()  # type: ignore[attr-defined]  # an async generator


# --- joining ------------------------------------------------------------------------------------


async def test_a_session_is_asked_for_with_the_legs_own_format_first(bot: WireBot) -> None:
    opening = asyncio.create_task(connector(bot).open(CALL))
    socket = await bot.socket()
    assert await socket.accept("raw/mulaw") == {
        "type": "session.initiate",
        "conversationId": "c-1",
        "botName": "echo",
        "caller": "+15550123",
        "expectAudioMessages": True,
        "supportedMediaFormats": ["raw/mulaw", "raw/lpcm16", "raw/lpcm16_8", "raw/lpcm16_24"],
    }
    assert socket.headers["AC-Conversation-Id"] == "c-1"
    assert socket.headers["AC-Caller-Number"] == "+15550123"
    session = await opening
    assert session.caller_audio == MULAW_8K
    await end(session, socket)


@pytest.mark.parametrize(
    ("hears", "speaks"), [(False, False), (True, False), (False, True), (True, True)]
)
async def test_hearing_and_speaking_are_switched_one_by_one(
    bot: WireBot, *, hears: bool, speaks: bool
) -> None:
    opening = asyncio.create_task(connector(bot, hears=hears, speaks=speaks).open(CALL))
    socket = await bot.socket()
    asked = await socket.accept()
    assert asked["expectAudioMessages"] is speaks
    assert bool(asked["supportedMediaFormats"]) is (hears or speaks)
    await end(await opening, socket)


async def test_what_is_no_header_is_not_sent_as_one(bot: WireBot) -> None:
    call = BotConversation(
        conversation_id="c\r\nX-Evil: 1", bot="b", language="de-DE", caller="+49\u00e4\x00"
    )
    opening = asyncio.create_task(connector(bot).open(call))
    socket = await bot.socket()
    await socket.accept()
    assert not {"X-Evil", "AC-Conversation-Id", "AC-Caller-Number"} & set(socket.headers)
    await end(await opening, socket)


async def end(session: StreamingSession, socket: Socket) -> None:
    """End the call on both sides."""
    closing = asyncio.create_task(session.close("client-disconnected", "Client Side"))
    await socket.read("session.end")
    await socket.close()
    await closing


async def failure(bot: WireBot, authorise: Authorise = no_token) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await connector(bot, authorise=authorise).open(CALL)
    assert caught.value.service == "bot:ac-api"
    assert caught.value.detail.startswith("The bot ")
    return caught.value


async def test_a_refused_session_is_a_failure_with_the_bots_reason(bot: WireBot) -> None:
    failing = asyncio.create_task(failure(bot))
    socket = await bot.socket()
    await socket.read()
    await socket.send("session.error", reason="no\r\ncapacity\x00 today")
    error = await failing
    assert error.detail == "The bot refused the session: no capacity today"
    assert error.fault is Fault.SERVER
    await socket.closed.wait()
    assert socket.code == 1000


async def test_a_bot_that_hangs_up_on_the_request_has_failed(bot: WireBot) -> None:
    failing = asyncio.create_task(failure(bot))
    socket = await bot.socket()
    await socket.close()
    assert "did not accept" in (await failing).detail


async def test_a_bot_that_never_accepts_has_failed(bot: WireBot, short_waits: None) -> None:
    error = await failure(bot)
    assert (error.fault, error.detail) == (
        Fault.TIMEOUT,
        "The bot did not accept the session in time",
    )


async def test_a_bot_that_cannot_be_reached_has_failed() -> None:
    nobody = WireBot()
    nobody.url = "ws://127.0.0.1:9/bot"
    error = await failure(nobody)
    assert (error.fault, error.detail) == (
        Fault.CONNECTIVITY,
        "The bot could not be reached: no connection",
    )


async def test_a_bot_that_hears_must_say_in_which_format(bot: WireBot) -> None:
    failing = asyncio.create_task(failure(bot))
    await (await bot.socket()).accept(None)
    assert (await failing).fault is Fault.PROTOCOL


async def test_a_bot_that_only_speaks_need_not_name_a_format(bot: WireBot) -> None:
    async with talking(bot, hears=False, media=None) as talk:
        await talk.socket.say("p", FRAME)
        assert isinstance(await talk.next(), StreamStarted)


async def test_a_token_that_is_refused_is_replaced_once(bot: WireBot) -> None:
    bot.tokens = {"fresh"}
    asked: list[str | None] = []

    async def authorise(refused: str | None) -> dict[str, str]:
        asked.append(refused)
        return {"Authorization": "Bearer stale" if refused is None else "Bearer fresh"}

    opening = asyncio.create_task(connector(bot, authorise=authorise).open(CALL))
    socket = await bot.socket()
    await socket.accept()
    await end(await opening, socket)
    assert asked == [None, "Bearer stale"]


@pytest.mark.parametrize("fresh", ["Bearer stale", "Bearer worse"])
async def test_a_bot_that_takes_no_token_is_not_asked_again_and_again(
    bot: WireBot, fresh: str
) -> None:
    bot.tokens = {"right"}

    async def authorise(refused: str | None) -> dict[str, str]:
        return {"Authorization": "Bearer stale" if refused is None else fresh}

    error = await failure(bot, authorise)
    assert error.fault is Fault.AUTHENTICATION
    assert error.detail == "The bot does not accept the gateway's token (HTTP status 401)"
    assert bot.refused == (1 if fresh == "Bearer stale" else 2)


async def test_a_bot_that_is_busy_has_failed(bot: WireBot) -> None:
    bot.refuse_with = 503
    error = await failure(bot)
    assert (error.fault, bot.refused) == (Fault.SERVER, 1)


async def test_a_call_that_ends_while_the_bot_thinks_leaves_no_socket(bot: WireBot) -> None:
    opening = asyncio.create_task(connector(bot).open(CALL))
    socket = await bot.socket()
    opening.cancel()
    await asyncio.wait([opening])
    async with asyncio.timeout(5):
        await socket.closed.wait()


# --- trying a bot -------------------------------------------------------------------------------


async def test_a_bot_is_tried_without_a_session(bot: WireBot) -> None:
    checking = asyncio.create_task(connector(bot).check())
    socket = await bot.socket()
    assert await socket.read() == {"type": "connection.validate"}
    await socket.send("connection.validated", success=True)
    await asyncio.wait_for(socket.closed.wait(), 5)
    assert await checking == {"validation": "success"}
    assert "AC-Conversation-Id" not in socket.headers


@pytest.mark.parametrize("how", ["silent", "closes"])
async def test_a_bot_that_does_not_know_the_question_is_well(
    bot: WireBot, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(link, "VALIDATE_S", 0.05)
    checking = asyncio.create_task(connector(bot).check())
    socket = await bot.socket()
    if how == "closes":
        await socket.close()
    assert "does not know" in (await checking)["validation"]


async def test_a_bot_that_says_it_is_not_well_has_failed(bot: WireBot) -> None:
    checking = asyncio.create_task(connector(bot).check())
    socket = await bot.socket()
    await socket.send("connection.validated", success=False)
    with pytest.raises(ServiceError, match="without success"):
        await checking


async def test_a_bot_that_cannot_be_tried_has_failed(bot: WireBot) -> None:
    bot.refuse_with = 403
    with pytest.raises(ServiceError, match="403") as caught:
        await connector(bot).check()
    assert caught.value.fault is Fault.AUTHORIZATION


# --- activities ---------------------------------------------------------------------------------


async def test_activities_go_both_ways_in_text_mode(bot: WireBot) -> None:
    async with talking(bot, hears=False, speaks=False) as talk:
        await talk.session.send(event("start", id="1", timestamp="t"))
        assert await talk.socket.read() == {
            "type": "activities",
            "conversationId": "c-1",
            "activities": [{"type": "event", "name": "start", "id": "1", "timestamp": "t"}],
        }
        await talk.socket.act(
            {"type": "message", "text": "Hi"}, {"type": "Event", "name": "hangup"}
        )
        assert await talk.take(2) == [message("Hi"), Activity(type="Event", name="hangup")]


async def test_the_end_is_told_and_the_bot_closes(bot: WireBot) -> None:
    async with talking(bot) as talk:
        closing = asyncio.create_task(talk.session.close("client-disconnected", "Client Side"))
        assert await talk.socket.read() == {
            "type": "session.end",
            "conversationId": "c-1",
            "reasonCode": "client-disconnected",
            "reason": "Client Side",
        }
        await talk.socket.close()
        await closing
        await talk.session.close("again", "is harmless")


async def test_a_bot_that_does_not_close_is_left_with_code_1000(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        await talk.session.close("client-disconnected", "")
        await talk.socket.closed.wait()
        assert talk.socket.code == 1000


async def test_the_end_may_come_while_events_are_awaited(bot: WireBot) -> None:
    async with talking(bot) as talk:
        waiting = asyncio.create_task(talk.next())
        await asyncio.sleep(0)
        closing = asyncio.create_task(talk.session.close("client-disconnected", ""))
        await talk.socket.read("session.end")
        await talk.socket.close()
        await closing
        with pytest.raises(StopAsyncIteration):
            await waiting
        await talk.session.send(event("late"))


@pytest.mark.parametrize("name", ["hangup", "transfer", "handover"])
async def test_a_bot_may_close_its_socket_after_its_farewell(bot: WireBot, name: str) -> None:
    async with talking(bot) as talk:
        await talk.socket.act({"type": "event", "name": name})
        await talk.socket.close()
        assert await talk.next() == event(name)
        with pytest.raises(StopAsyncIteration):
            await talk.next()
        with pytest.raises(ServiceError, match="has left"):
            await talk.session.send(event("transferStatus"))


async def test_a_bot_that_goes_on_after_a_transfer_has_not_said_farewell(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        await talk.socket.act({"type": "event", "name": "transfer"})
        await talk.socket.act({"type": "message", "text": "I am still here"})
        await talk.take(2)
        talk.socket.cut()
        resumed = asyncio.create_task(talk.next())
        talk.socket = await bot.socket()
        assert (await talk.socket.accept(None))["type"] == "session.resume"
        assert isinstance(await resumed, AgentReport)


async def test_what_follows_a_hang_up_does_not_take_it_back(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.act({"type": "event", "name": "hangup"})
        await talk.socket.act({"type": "event", "name": "sendMetaData"})
        await talk.socket.close()
        await talk.take(2)
        with pytest.raises(StopAsyncIteration):
            await talk.next()


async def test_an_error_in_mid_call_ends_the_session(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.send("session.error", reason="out of order")
        with pytest.raises(ServiceError, match="gave up the session: out of order"):
            await talk.next()
        talk.session.listen(on=True)
        talk.session.hear(FRAME)
        talk.session.reached({})
        with pytest.raises(ServiceError):
            await talk.session.send(event("start"))


# --- the caller's audio -------------------------------------------------------------------------


async def test_start_goes_before_the_callers_audio(bot: WireBot) -> None:
    async with talking(bot) as talk:
        talk.session.listen(on=True)
        talk.session.hear(FRAME)
        await talk.session.send(event("start"))
        assert (await talk.socket.read())["type"] == "activities"
        assert (await talk.socket.read())["type"] == "userStream.start"


async def test_a_bot_that_is_told_nothing_hears_the_caller_all_the_same(
    bot: WireBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "START_FIRST_S", 0.01)
    async with talking(bot) as talk:
        talk.session.listen(on=True)
        assert (await talk.socket.read())["type"] == "userStream.start"


def pcm(*frames: int) -> bytes:
    """Frames of 20 ms at 16 kHz, each filled with its own byte."""
    return b"".join(bytes([frame]) * 640 for frame in frames)


async def chunks(socket: Socket, count: int) -> list[bytes]:
    found = [await socket.read("userStream.chunk") for _ in range(count)]
    return [base64.b64decode(frame["audioChunk"]) for frame in found]


async def test_audio_is_held_until_the_bot_takes_it_and_then_goes_in_frames(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.session.send(event("start"))
        talk.session.listen(on=True)
        talk.session.hear(pcm(1, 2)[:1000])
        await talk.socket.read("userStream.start")
        assert talk.socket.frames.empty()
        await talk.socket.send("userStream.started")
        await talk.settled()
        talk.session.hear(pcm(1, 2)[1000:] + pcm(3))
        assert b"".join(await chunks(talk.socket, 3)) == pcm(1, 2, 3)


async def test_only_the_last_second_is_held(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.session.send(event("start"))
        talk.session.listen(on=True)
        talk.session.hear(pcm(*range(70)))
        await talk.socket.read("userStream.start")
        await talk.socket.send("userStream.started")
        await talk.settled()
        assert b"".join(await chunks(talk.socket, 50)) == pcm(*range(20, 70))


async def test_the_stream_is_closed_and_opened_as_the_call_listens(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.listen()
        talk.session.hear(pcm(1) + b"\x05\x05")
        talk.session.listen(on=False)
        talk.session.hear(pcm(2))
        assert await chunks(talk.socket, 2) == [pcm(1), b"\x05\x05"]
        assert (await talk.socket.read())["type"] == "userStream.stop"
        await talk.socket.send("userStream.stopped")
        talk.session.listen(on=True)
        talk.session.listen(on=True)
        talk.session.hear(pcm(3))
        assert (await talk.socket.read())["type"] == "userStream.start"
        await talk.socket.send("userStream.started")
        await talk.settled()
        assert await chunks(talk.socket, 1) == [pcm(3)]


async def test_a_bot_that_never_opens_the_stream_has_failed(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        await talk.session.send(event("start"))
        talk.session.listen(on=True)
        with pytest.raises(ServiceError, match="did not answer userStream") as caught:
            await talk.next()
        assert caught.value.fault is Fault.TIMEOUT
        closing = asyncio.create_task(talk.session.close("error", "The bot failed"))
        assert (await talk.socket.read("session.end"))["reasonCode"] == "error"
        await talk.socket.close()
        await closing


async def test_a_stream_that_is_closed_again_need_not_have_been_opened(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.session.send(event("start"))
        talk.session.listen(on=True)
        talk.session.listen(on=False)
        await talk.socket.read("userStream.stop")
        assert talk.session._patience is None


async def test_a_pause_of_the_voice_side_is_filled_with_silence(bot: WireBot) -> None:
    async with talking(bot, media="raw/mulaw") as talk:
        await talk.listen()
        talk.session.hear(b"\x11" * 160)
        assert await chunks(talk.socket, 3) == [b"\x11" * 160, b"\xff" * 160, b"\xff" * 160]


async def test_a_bot_that_wants_wav_gets_a_header_first(bot: WireBot) -> None:
    async with talking(bot, media="wav/lpcm16_24") as talk:
        assert talk.session.caller_audio == LPCM16_24K
        await talk.listen()
        talk.session.hear(bytes(960))
        header, audio = await chunks(talk.socket, 2)
        assert header[:4] == b"RIFF"
        assert audio == bytes(960)


async def test_a_bot_without_ears_gets_no_audio_and_what_it_hears_is_ignored(bot: WireBot) -> None:
    async with talking(bot, hears=False) as talk:
        await talk.session.send(event("start"))
        talk.session.listen(on=True)
        talk.session.hear(FRAME)
        for _ in range(3):
            await talk.socket.send("userStream.speech.recognition", text="hello")
        warning = await talk.next()
        assert isinstance(warning, AgentReport)
        assert "directSTT" in warning.detail["description"]
        await talk.settled()
        assert (await talk.socket.read())["type"] == "activities"
        assert talk.socket.frames.empty()


# --- what the bot hears -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("started", {"participantId": "caller"}, EndpointedSpeech(speaking=True)),
        ("stopped", {"participant": "caller"}, EndpointedSpeech(speaking=False)),
        ("committed", {}, SpeechCommitted()),
        ("hypothesis", {"alternatives": [{"text": "my b"}]}, Hypothesis("my b")),
        (
            "recognition",
            {"alternatives": [{"text": "my bill", "confidence": "0.83"}], "timestamp": 1},
            Transcript("my bill", 0.83),
        ),
        ("recognition", {"text": "my bill", "confidence": 1.0}, Transcript("my bill", 1.0)),
        ("recognition", {"alternatives": []}, Transcript("")),
    ],
)
async def test_what_the_bot_hears_is_told(
    bot: WireBot, kind: str, fields: Json, expected: BotEvent
) -> None:
    async with talking(bot) as talk:
        await talk.socket.send(f"userStream.speech.{kind}", **fields)
        assert await talk.next() == expected


# --- play streams -------------------------------------------------------------------------------


async def test_a_prompt_in_one_chunk_becomes_a_stream(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.say(
            "p", FRAME, "raw/lpcm16_24", altText="Hello", activityParams={"bargeIn": False}
        )
        assert await talk.take(3) == [
            StreamStarted(
                stream=1, audio=LPCM16_24K, text="Hello", activity_params={"bargeIn": False}
            ),
            StreamAudio(1, FRAME),
            StreamEnded(1),
        ]


async def test_names_may_repeat_and_formats_be_missing(bot: WireBot) -> None:
    async with talking(bot) as talk:
        for stream in (1, 2):
            await talk.socket.send("playStream.start", streamId="p")
            await talk.socket.send("playStream.stop", streamId="p")
            assert await talk.take(2) == [
                StreamStarted(stream=stream, audio=LPCM16_16K),
                StreamEnded(stream),
            ]


async def test_slips_are_told_once_and_change_nothing(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.send("playStream.start", streamId="p")
        for _ in range(3):
            await talk.socket.send("playStream.chunk", streamId="other", audioChunk="AAAA")
            await talk.socket.send("playStream.chunk", streamId="p", audioChunk="%%%")
            await talk.socket.send("playStream.tempo.set", tempo=2)
            await talk.socket.ws.send_str("hello")
            await talk.socket.ws.send_bytes(b"\x00")
        await talk.socket.send("playStream.start", streamId="q")
        await talk.socket.chunk("q", FRAME)
        told = await talk.take(8)
        assert [what.name for what in told if isinstance(what, AgentReport)] == ["warning"] * 4
        assert [what for what in told if not isinstance(what, AgentReport)] == [
            StreamStarted(stream=1, audio=LPCM16_16K),
            StreamEnded(1),
            StreamStarted(stream=2, audio=LPCM16_16K),
            StreamAudio(2, FRAME),
        ]


async def test_the_rest_of_a_stream_that_is_over_is_not_told(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.send("playStream.start", streamId="p")
        await talk.next()
        talk.session.played(1, heard_ms=20.0, interrupted=True)
        await talk.socket.chunk("p", FRAME)
        await talk.socket.send("playStream.stop", streamId="p")
        assert await talk.next() == StreamEnded(1)
        await talk.socket.say("q", FRAME)
        assert (await talk.take(2))[1] == StreamAudio(2, FRAME)


async def test_a_stream_that_is_only_slow_may_go_on(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.send("playStream.start", streamId="p")
        await talk.next()
        talk.session.played(1, heard_ms=20.0, interrupted=False)
        await talk.socket.chunk("p", FRAME)
        assert await talk.next() == StreamAudio(1, FRAME)


async def test_a_bot_that_is_not_to_speak_is_not_played(bot: WireBot) -> None:
    async with talking(bot, speaks=False) as talk:
        await talk.socket.say("p", FRAME)
        await talk.socket.send("playStream.mark.set", markId="m")
        warning = await talk.next()
        assert isinstance(warning, AgentReport)
        assert "directTTS" in warning.detail["description"]
        await talk.settled()


async def test_a_mark_is_told_with_its_stream_and_given_back(bot: WireBot) -> None:
    async with talking(bot) as talk:
        await talk.socket.send("playStream.mark.set", markId="nothing to hear")
        await talk.settled()
        reached = await talk.socket.read()
        assert reached["type"] == "playStream.mark.reached"
        await talk.socket.say("p", FRAME)
        await talk.socket.say("q", FRAME)
        await talk.socket.send("playStream.mark.set", markId="m")
        await talk.socket.send("playStream.mark.set", markId="n", streamId="p", more=[1])
        told = (await talk.take(8))[6:]
        mark: dict[str, Any] = {"markId": "n", "streamId": "p", "more": [1]}
        assert told == [StreamMark(2, {"markId": "m"}), StreamMark(1, mark)]
        talk.session.reached(mark)
        assert await talk.socket.read() == {
            "type": "playStream.mark.reached",
            "conversationId": "c-1",
            **mark,
        }
        talk.session.played(2, heard_ms=20.0, interrupted=False)
        await talk.socket.send("playStream.mark.set", markId="heard")
        await talk.settled()
        assert (await talk.socket.read())["markId"] == "heard"


# --- a lost socket ------------------------------------------------------------------------------


async def resumed(talk: Talk) -> list[BotEvent]:
    """Let the session come back on a new socket; answers what it told of it."""
    told: list[BotEvent] = []

    async def read() -> None:
        while not told or told[-1] != event("back"):
            told.append(await talk.next())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        talk.socket = await talk.bot.socket()
        asked = await talk.socket.accept(None)
        assert asked == {"type": "session.resume", "conversationId": "c-1"}
        await talk.socket.act({"type": "event", "name": "back"})
    return told[:-1]


@pytest.mark.parametrize("how", ["cut", "closed"])
async def test_a_lost_socket_is_replaced_and_the_caller_is_heard_again(
    bot: WireBot, short_waits: None, how: str
) -> None:
    async with talking(bot) as talk:
        await talk.listen()
        await talk.socket.send("playStream.start", streamId="p")
        await talk.next()
        if how == "cut":
            talk.socket.cut()
        else:
            await talk.socket.close()
        ended, report = await resumed(talk)
        assert ended == StreamEnded(1)
        assert isinstance(report, AgentReport)
        assert report.name == "reconnected"
        assert (await talk.socket.read())["type"] == "userStream.start"
        talk.session.hear(pcm(7))
        await talk.socket.send("userStream.started")
        await talk.settled()
        assert await chunks(talk.socket, 1) == [pcm(7)]
        await talk.socket.send("playStream.start", streamId="p")
        assert await talk.next() == StreamStarted(stream=2, audio=LPCM16_16K)


async def test_what_is_sent_meanwhile_waits_and_audio_does_not(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        await talk.listen()
        talk.socket.cut()
        reading = asyncio.create_task(talk.next())
        socket = await bot.socket()
        talk.session.hear(pcm(1))
        sending = asyncio.create_task(talk.session.send(message("still there?")))
        talk.session.listen(on=False)
        await asyncio.sleep(0)
        assert not sending.done()
        await socket.accept(None)
        await asyncio.gather(reading, sending)
        assert (await socket.read())["type"] == "activities"
        assert socket.frames.empty()
        talk.socket = socket


async def test_an_activity_that_meets_a_lost_socket_goes_out_on_the_next(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        lost = talk.session._link._ws
        assert lost is not None
        await lost.close()
        sending = asyncio.create_task(talk.session.send(message("still there?")))
        await asyncio.sleep(0)
        assert not talk.session._link.up.is_set()
        reading = asyncio.create_task(talk.next())
        talk.socket = await bot.socket()
        await talk.socket.accept(None)
        await asyncio.gather(reading, sending)
        assert (await talk.socket.read())["activities"][0]["text"] == "still there?"


async def test_audio_of_the_lost_socket_does_not_reach_the_next(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        await talk.listen()
        talk.session.hear(pcm(1))
        talk.session.reached({"markId": "old"})
        talk.socket.cut()
        await resumed(talk)
        assert (await talk.socket.read())["type"] == "userStream.start"


async def test_a_bot_that_has_forgotten_the_call_has_failed_at_once(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        talk.socket.cut()
        failing = asyncio.create_task(talk.next())
        talk.socket = await bot.socket()
        await talk.socket.read("session.resume")
        await talk.socket.send("session.error", reason="conversation not found")
        with pytest.raises(ServiceError, match=r"lost its .*conversation not found") as e:
            await failing
        assert e.value.fault is Fault.CONNECTIVITY
        await talk.socket.closed.wait()
        assert talk.bot.accepted == 2


async def test_a_bot_that_is_gone_is_tried_three_times(bot: WireBot, short_waits: None) -> None:
    async with talking(bot) as talk:
        bot.refuse_with = 502
        talk.socket.cut()
        failing = asyncio.create_task(talk.next())
        await bot.refusal()
        waiting = asyncio.create_task(talk.session.send(message("hello?")))
        with pytest.raises(ServiceError, match="HTTP status 502"):
            await failing
        with pytest.raises(ServiceError, match="lost its connection"):
            await asyncio.wait_for(waiting, 5)
        assert bot.refused == 3


async def test_a_bot_that_does_not_answer_the_resumption_has_failed(
    bot: WireBot, short_waits: None
) -> None:
    async with talking(bot) as talk:
        talk.socket.cut()
        with pytest.raises(ServiceError, match="no answer in time"):
            await talk.next()


async def test_a_bot_that_is_lost_again_and_again_has_failed(
    bot: WireBot, short_waits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "MAX_RESUMES", 1)
    async with talking(bot) as talk:
        talk.socket.cut()
        await resumed(talk)
        talk.socket.cut()
        with pytest.raises(ServiceError, match="again and again"):
            await talk.next()
