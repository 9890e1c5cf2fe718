"""Calls with a bot that hears and speaks itself, over the voice WebSocket."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bots.core.audio import MULAW_8K, AudioFormat
from bots.core.ports import EndpointedSpeech, StreamAudio, StreamEnded, StreamStarted, Transcript
from bots.models import Bot
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
from calls.session.host import SessionHost
from tests.bots.voicebot import VoiceSession
from tests.calls.channels.conftest import VoiceSide

pytestmark = pytest.mark.db

CODES = bytes(range(256)) * 5
"""Every code of mu-law, 160 ms of them."""
OVER_MS = 100
"""What may still be on its way when a prompt is silenced, beside the lead."""


@pytest.fixture
def make_voice_bot(transactional_db: None) -> Callable[..., Awaitable[Bot]]:
    """Creates a bot that hears and speaks mu-law itself."""

    def make(**params: Any) -> Bot:
        brain = provider_create(name="brain", kind="bot", plugin="voice")
        vad = provider_create(name="vad", kind="vad", plugin="tones")
        usual = {"voiceBotMulaw": True, "bargeIn": True}
        return bot_create(
            name="voice", author="test", params=usual | params, provider=brain, vad_provider=vad
        )

    async def make_in_a_thread(**params: Any) -> Bot:
        return await db(make, **params)

    return make_in_a_thread


async def joined(host: SessionHost) -> VoiceSession:
    """The bot's side of the call that is going on."""
    session = host.find("voice", "c-1")
    assert session is not None
    connector: Any = session._plugins.connector
    return await connector.joined()  # type: ignore[no-any-return]  # a `VoiceBot`


async def listening(side: VoiceSide) -> None:
    """Carry a fresh voice side to an open user stream."""
    await side.until(Accepted)
    await side.start()
    await side.send(side.client.user_stream_start())
    await side.until(UserStreamOpen)


def heard(side: VoiceSide, stream_id: str) -> bytes:
    """The audio of a play stream that arrived."""
    return b"".join(
        e.audio for e in side.seen if isinstance(e, PlayAudio) and e.stream_id == stream_id
    )


def begins(stream: int, audio: AudioFormat = MULAW_8K, text: str = "") -> StreamStarted:
    return StreamStarted(stream=stream, audio=audio, text=text)


async def test_audio_goes_both_ways_as_it_is(
    make_voice_bot: Any, call: Any, host: SessionHost, records: Any, lines: Any
) -> None:
    await make_voice_bot()
    side = await call("voice", formats=(MediaFormat.RAW_MULAW,))
    await listening(side)
    bot = await joined(host)
    bot.tell(begins(1, text="Hello."), StreamAudio(1, CODES[:777]), StreamAudio(1, CODES[777:]))
    bot.tell(StreamEnded(1))
    hello = await side.until(PlayStarted)
    await side.until(PlayStopped)
    assert hello.alt_text == "Hello."
    assert heard(side, hello.stream_id) == CODES
    await bot.until_played(1)

    before = len(bot.heard)
    for start in range(0, len(CODES), 160):
        await side.send(side.client.user_stream_chunk(CODES[start : start + 160]))
    while len(bot.heard) < before + len(CODES):
        await bot.changed()
    assert bot.heard[before:] == CODES

    bot.tell(Transcript("my bill", 0.9))
    assert (await side.until(SpeechRecognition)).text == "my bill"
    bot.speak(2, CODES, audio=MULAW_8K, text="It is high.")
    await bot.until_played(2)
    await side.send(side.client.end("client-disconnected", "Client Side"))
    assert await side.closed() == 1000
    (record,) = await records()
    assert [(by, text) for by, text, _ in await lines(record)] == [
        ("bot", "Hello."),
        ("caller", "my bill"),
        ("bot", "It is high."),
    ]
    assert bot.closed is not None


async def test_a_caller_who_interrupts_silences_a_stream_that_still_comes(
    make_voice_bot: Any, call: Any, host: SessionHost
) -> None:
    await make_voice_bot()
    side = await call("voice", formats=(MediaFormat.RAW_MULAW,))
    await listening(side)
    bot = await joined(host)
    bot.tell(begins(1), StreamAudio(1, CODES * 20))
    story = await side.until(PlayStarted)
    await side.until(PlayAudio)
    bot.tell(EndpointedSpeech(True), StreamAudio(1, CODES), StreamEnded(1))
    heard_ms, interrupted = await bot.until_played(1)
    await side.until(PlayStopped)
    bot.speak(2, CODES, audio=MULAW_8K, text="Yes?")
    answer = await side.until(PlayStarted)
    await side.until(PlayStopped)

    assert interrupted
    assert heard_ms < LEAD_MS
    assert MULAW_8K.ms_for_bytes(len(heard(side, story.stream_id))) <= LEAD_MS + OVER_MS
    assert heard(side, answer.stream_id) == CODES
    await side.send(side.client.end("client-disconnected", "Client Side"))
    await side.closed()


async def test_a_session_without_audio_is_refused_with_the_reason(
    make_voice_bot: Any, call: Any, records: Any
) -> None:
    await make_voice_bot()
    side = await call("voice", audio=False)
    refused = await side.until(Errored)
    assert "this call has no audio" in refused.reason
    (record,) = await records()
    assert record.cause == "bot:invalid-request"
