"""Whole calls with AudioCodes bots in streaming mode: a caller in front, a bot's socket behind."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bots.connectors.ac_api import link
from bots.core.activities import Json
from bots.core.registry import Kind
from bots.models import Bot, Provider
from bots.protocols.ac_bot_api import (
    Accepted,
    Errored,
    MediaFormat,
    PlayAudio,
    PlayStarted,
    PlayStopped,
    SpeechRecognition,
    UserStreamOpen,
)
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.database import db
from calls.media.pacer import LEAD_MS
from tests.calls.channels.conftest import VoiceSide
from tests.fakes.ac_wire import Socket, WireBot, serving
from tests.plugins import tone

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("loopback")]

SECOND = bytes(range(256)) * 31 + bytes(64)
"""One second of mu-law."""
OVER_MS = 150
"""What may still be on its way when a prompt is silenced, beside the lead."""


@pytest.fixture
async def bot() -> AsyncIterator[WireBot]:
    async with serving() as found:
        yield found


@pytest.fixture
def make_ac_bot(transactional_db: None, bot: WireBot) -> Callable[..., Awaitable[Bot]]:
    """Creates a bot that is reached at ``bot`` and ``hears`` and ``speaks`` itself, or not."""

    def make(*, hears: bool = True, speaks: bool = True, **params: Any) -> Bot:
        def ours(kind: Kind, *, needed: bool) -> Provider | None:
            return provider_create(name=kind, kind=kind, plugin="tones") if needed else None

        address: Json = {"botURL": bot.url, "acBotApiType": "streaming"}
        address |= {"directSTT": hears, "directTTS": speaks}
        provider = provider_create(name="ac", kind="bot", plugin="ac-api", params=address)
        return bot_create(
            name="ac",
            author="test",
            params=params,
            provider=provider,
            stt_provider=ours("stt", needed=not hears),
            tts_provider=ours("tts", needed=not speaks),
            vad_provider=ours("vad", needed=not hears),
        )

    async def make_in_a_thread(**settings: Any) -> Bot:
        return await db(lambda: make(**settings))

    return make_in_a_thread


async def joined(bot: WireBot, media: str = "raw/mulaw") -> Socket:
    """The bot's end of a call that it took."""
    socket = await bot.socket()
    await socket.accept(media)
    return socket


async def listening(side: VoiceSide, socket: Socket) -> None:
    """Carry a fresh voice side to a bot that hears the caller."""
    await side.until(Accepted)
    await side.start()
    await side.send(side.client.user_stream_start())
    await side.until(UserStreamOpen)
    assert (await socket.read("activities"))["activities"][0]["name"] == "start"
    await socket.read("userStream.start")
    await socket.send("userStream.started")


def heard(side: VoiceSide) -> bytes:
    """The audio of all prompts that arrived."""
    return b"".join(e.audio for e in side.seen if isinstance(e, PlayAudio))


async def test_a_bot_with_a_voice_greets_hears_and_answers_bit_by_bit(
    make_ac_bot: Any, bot: WireBot, call: Any, records: Any, lines: Any
) -> None:
    await make_ac_bot(bargeIn=True, connectOnPrompt=False)
    side = await call("ac", formats=(MediaFormat.RAW_MULAW,))
    socket = await joined(bot)
    await listening(side, socket)
    await socket.say("p", SECOND[:1600], "raw/mulaw", altText="Welcome.")
    await side.until(PlayStopped)
    assert heard(side) == SECOND[:1600]
    await side.speak(SECOND[:2400])  # until the prompt was heard
    assert (await socket.read("userStream.chunk"))["audioChunk"]
    await socket.send("userStream.speech.recognition", text="my bill", confidence=1.0)
    recognised = await side.until(SpeechRecognition)
    assert recognised.text == "my bill"
    await socket.say("q", SECOND[:1600], "raw/mulaw", altText="It is high.")
    await socket.act({"type": "event", "name": "hangup"})
    await socket.close()
    assert (await side.until(PlayStarted)).alt_text == "It is high."
    await side.told("hangup")
    await side.send(side.client.end("client-disconnected", "Client Side"))
    (record,) = await records()
    assert (record.ended_by, record.reason_code) == ("bot", "bot-disconnected")
    assert [text for _, text, _ in await lines(record)] == ["Welcome.", "my bill", "It is high."]


async def test_speech_that_the_bot_hears_silences_a_prompt_that_it_has_sent_whole(
    make_ac_bot: Any, bot: WireBot, call: Any
) -> None:
    await make_ac_bot(bargeIn=True, connectOnPrompt=False)
    side = await call("ac", formats=(MediaFormat.RAW_MULAW,))
    socket = await joined(bot)
    await listening(side, socket)
    await socket.say("p", SECOND * 20, "raw/mulaw", altText="A very long story.")
    await side.until(PlayAudio)
    await socket.send("playStream.mark.set", markId="end")
    await socket.send("userStream.speech.started")
    await side.until(PlayStopped)
    assert len(heard(side)) < (LEAD_MS + OVER_MS) * 8
    assert (await socket.read("playStream.mark.reached"))["markId"] == "end"


@pytest.mark.parametrize(("hears", "speaks"), [(True, False), (False, True), (False, False)])
async def test_what_the_bot_does_not_do_itself_the_gateway_does(
    make_ac_bot: Any, bot: WireBot, call: Any, *, hears: bool, speaks: bool
) -> None:
    await make_ac_bot(
        hears=hears, speaks=speaks, connectOnPrompt=False, speechDetectionSilencePeriodMS=200
    )
    side = await call("ac", formats=(MediaFormat.RAW_LPCM16,))
    socket = await joined(bot, "raw/lpcm16")
    await side.until(Accepted)
    await side.start()
    await side.send(side.client.user_stream_start())
    await side.until(UserStreamOpen)
    await socket.read("activities")
    if speaks:
        await socket.say("p", bytes(640), altText="Hi.")
    else:
        await socket.act({"type": "message", "text": "Hi."})
    assert (await side.until(PlayStarted)).alt_text == "Hi."
    await side.until(PlayStopped)
    if hears:
        await socket.read("userStream.start")
        await socket.send("userStream.started")
        await socket.send("userStream.speech.recognition", text="my bill")
        assert (await side.until(SpeechRecognition)).text == "my bill"
    else:
        await side.speak(bytes(9600) + tone(500) + bytes(12_800))
        told = await socket.read("activities")
        assert told["activities"][0]["text"] == "my bill"


async def test_a_lost_connection_is_resumed_and_the_call_goes_on(
    make_ac_bot: Any, bot: WireBot, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "RESUME_PAUSES_S", (0.01, 0.02))
    await make_ac_bot(bargeIn=True, connectOnPrompt=False)
    side = await call("ac", formats=(MediaFormat.RAW_MULAW,))
    socket = await joined(bot)
    await listening(side, socket)
    socket.cut()
    socket = await bot.socket()
    assert (await socket.accept(None))["type"] == "session.resume"
    await socket.read("userStream.start")
    await socket.say("p", SECOND[:1600], "raw/mulaw", altText="I am back.")
    assert (await side.until(PlayStarted)).alt_text == "I am back."


async def test_a_bot_that_refuses_refuses_the_call(
    make_ac_bot: Any, bot: WireBot, call: Any, records: Any
) -> None:
    await make_ac_bot()
    side = await call("ac")
    socket = await bot.socket()
    await socket.read("session.initiate")
    await socket.send("session.error", reason="no capacity")
    refused = await side.until(Errored)
    assert refused.reason == "The bot failed: The bot refused the session: no capacity"
    (record,) = await records()
    assert record.cause == "bot:server"


async def test_a_bot_that_gives_up_in_mid_call_ends_it_with_its_reason(
    make_ac_bot: Any, bot: WireBot, call: Any, records: Any
) -> None:
    await make_ac_bot(connectOnPrompt=False)
    side = await call("ac", formats=(MediaFormat.RAW_MULAW,))
    socket = await joined(bot)
    await side.until(Accepted)
    await side.start()
    await socket.read("activities")
    await socket.send("session.error", reason="out of order")
    ended = await side.told("hangup")
    assert "gave up the session: out of order" in str(ended.parameter("hangupReason"))
    await side.send(side.client.end("client-disconnected", "Client Side"))
    (record,) = await records()
    assert record.cause == "bot:server"


async def test_a_bot_with_a_voice_cannot_take_a_call_without_audio(
    make_ac_bot: Any, bot: WireBot, call: Any
) -> None:
    await make_ac_bot()
    side = await call("ac", audio=False)
    assert "no audio" in (await side.until(Errored)).reason


async def test_text_goes_both_ways(make_ac_bot: Any, bot: WireBot, call: Any) -> None:
    await make_ac_bot(hears=False, speaks=False, connectOnPrompt=False)
    side = await call("ac", audio=False)
    socket = await bot.socket()
    assert (await socket.accept())["expectAudioMessages"] is False
    await side.until(Accepted)
    await side.start()
    await socket.read("activities")
    await socket.act({"type": "message", "text": "Welcome."})
    assert await side.says() == "Welcome."
