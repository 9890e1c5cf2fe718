"""Voice sessions over the voice WebSocket: the gateway listens, speaks and is interrupted."""

from typing import Any

import pytest

from bots.core.activities import event
from bots.core.audio import LPCM16_16K, Converter
from bots.protocols.ac_bot_api import (
    Accepted,
    Errored,
    MediaFormat,
    PlayAudio,
    PlayStarted,
    PlayStopped,
    SpeechRecognition,
    SpeechStarted,
    UserStreamOpen,
)
from calls.media.pacer import LEAD_MS
from tests.calls.channels.conftest import VoiceSide
from tests.plugins import CHAR_MS, silence, tone

pytestmark = pytest.mark.db

STORY = "Once upon a time there was a very long story about nothing at all"
SETTINGS = {"speechDetectionSilencePeriodMS": 200}
HEARD_MS = LEAD_MS + 200
"""Sent of a prompt when some words of it have surely been heard."""


async def listening(side: VoiceSide) -> None:
    """Carry a fresh voice side to an open user stream."""
    await side.until(Accepted)
    await side.start()
    await side.send(side.client.user_stream_start())
    await side.until(UserStreamOpen)


def milliseconds(side: VoiceSide, stream_id: str) -> float:
    """How much audio of a play stream arrived."""
    assert side.client.media_format is not None
    audio = [e.audio for e in side.seen if isinstance(e, PlayAudio) and e.stream_id == stream_id]
    return side.client.media_format.audio.ms_for_bytes(len(b"".join(audio)))


async def test_the_caller_is_heard_and_answered(
    make_bot: Any, call: Any, records: Any, lines: Any
) -> None:
    await make_bot({"start": ["Hello."], "my bill": ["It is high."]}, bargeIn=True, **SETTINGS)
    side = await call()
    await listening(side)
    hello = await side.until(PlayStarted)
    assert hello.alt_text == "Hello."
    assert hello.activity_params == {"bargeIn": True}
    await side.until(PlayStopped)
    assert milliseconds(side, hello.stream_id) == pytest.approx(len("Hello.") * CHAR_MS)

    await side.speak(silence(400) + tone(500) + silence(400))
    heard = await side.until(SpeechRecognition)
    assert (heard.text, heard.confidence) == ("my bill", 0.9)
    answer = await side.until(PlayStarted)
    assert answer.alt_text == "It is high."
    assert answer.stream_id != hello.stream_id
    await side.until(PlayStopped)
    await side.send(side.client.end("client-disconnected", "Client Side"))
    assert await side.closed() == 1000
    (record,) = await records()
    assert record.mode == "voice"
    assert record.frames_in == 65
    spoken = await lines(record)
    assert [text for _, text, _ in spoken][:2] == ["Hello.", "my bill"]


async def test_speech_over_the_bot_silences_it_and_what_waits(
    make_bot: Any, call: Any, records: Any, lines: Any
) -> None:
    table = {"start": [STORY, "And another."], "operator": ["Yes?"]}
    await make_bot(table, bargeIn=True, **SETTINGS)
    side = await call()
    await listening(side)
    story = await side.until(PlayStarted)
    while milliseconds(side, story.stream_id) < HEARD_MS:
        await side.until(PlayAudio)
    await side.speak(tone(600))
    await side.until(SpeechStarted)
    await side.until(PlayStopped)
    await side.told("abortPrompts")
    whole_ms = len(STORY) * CHAR_MS
    assert milliseconds(side, story.stream_id) <= whole_ms / 2
    await side.speak(silence(300))
    answer = await side.until(PlayStarted)
    assert answer.alt_text == "Yes?"
    await side.until(PlayStopped)
    await side.send(side.client.end("client-disconnected", ""))
    await side.closed()
    (record,) = await records()
    bot, caller, *_ = await lines(record)
    assert bot[2] == STORY
    assert STORY.startswith(bot[1])
    assert len(bot[1]) < len(STORY) / 2
    assert caller[1] == "operator"
    assert "And another." not in [text for _, text, _ in await lines(record)]


async def test_without_barge_in_the_bot_speaks_to_the_end(make_bot: Any, call: Any) -> None:
    await make_bot({"start": ["Please wait."], "operator": ["Never."]}, **SETTINGS)
    side = await call()
    await listening(side)
    started = await side.until(PlayStarted)
    assert started.activity_params == {"bargeIn": False}
    await side.speak(tone(600) + silence(300))
    await side.until(PlayStopped)
    assert milliseconds(side, started.stream_id) == pytest.approx(len("Please wait.") * CHAR_MS)
    assert not [e for e in side.seen if isinstance(e, SpeechStarted | SpeechRecognition)]


async def test_too_few_words_are_kept_from_the_voice_side_which_would_cut_the_prompt(
    make_bot: Any, call: Any
) -> None:
    table = {"start": [STORY], "my bill": ["Forty."]}
    await make_bot(table, bargeIn=True, bargeInMinWordCount=2, **SETTINGS)
    side = await call()
    await listening(side)
    story = await side.until(PlayStarted)
    await side.speak(tone(300) + silence(300))  # "yes"
    while milliseconds(side, story.stream_id) < HEARD_MS:
        await side.until(PlayAudio)
    assert not [e for e in side.seen if isinstance(e, SpeechStarted | SpeechRecognition)]
    await side.speak(tone(500) + silence(300))  # "my bill"
    assert (await side.until(SpeechRecognition)).text == "my bill"
    assert (await side.until(PlayStarted)).alt_text == "Forty."


async def test_a_prompt_goes_on_after_a_cut_where_it_was_heard(
    make_bot: Any, call: Any, records: Any, lines: Any
) -> None:
    await make_bot({"start": [STORY]}, bargeIn=True)
    side = await call()
    await listening(side)
    first = await side.until(PlayStarted)
    while milliseconds(side, first.stream_id) < LEAD_MS:
        await side.until(PlayAudio)
    before_ms = milliseconds(side, first.stream_id)
    await side.drop()

    again = VoiceSide("table")
    await again.connect()
    await again.send(again.client.resume())
    assert (await again.until(Accepted)).media_format is MediaFormat.RAW_LPCM16
    second = await again.until(PlayStarted)
    assert second.stream_id != first.stream_id
    await again.until(PlayStopped)
    after_ms = milliseconds(again, second.stream_id)
    whole_ms = len(STORY) * CHAR_MS
    assert whole_ms <= before_ms + after_ms <= whole_ms + before_ms
    await again.send(again.client.end("client-disconnected", ""))
    await again.closed()
    (record,) = await records()
    assert [side for side, *_ in await lines(record)] == ["system", "bot"]


async def test_a_resumed_call_keeps_its_very_format(make_bot: Any, call: Any) -> None:
    await make_bot({"start": [STORY]}, bargeIn=True)
    side = await call(formats=[MediaFormat.WAV_LPCM16_8])
    await listening(side)
    await side.until(PlayStarted)
    await side.drop()
    again = VoiceSide("table")
    await again.connect()
    await again.send(again.client.resume())
    assert (await again.until(Accepted)).media_format is MediaFormat.WAV_LPCM16_8


@pytest.mark.parametrize("media_format", list(MediaFormat))
async def test_every_media_format_is_heard_and_spoken(
    make_bot: Any, call: Any, media_format: MediaFormat
) -> None:
    await make_bot({"start": ["Hello."], "my bill": ["High."]}, bargeIn=True, **SETTINGS)
    side = await call(formats=[media_format])
    await listening(side)
    assert side.client.media_format is media_format
    hello = await side.until(PlayStarted)
    assert hello.media_format is media_format
    await side.until(PlayStopped)
    whole_ms = len("Hello.") * CHAR_MS
    assert milliseconds(side, hello.stream_id) == pytest.approx(whole_ms, abs=2)
    voice = Converter(LPCM16_16K, media_format.audio)
    await side.speak(voice.push(silence(400) + tone(500) + silence(600)) + voice.flush())
    assert (await side.until(SpeechRecognition)).text == "my bill"


async def test_the_best_common_format_is_chosen(make_bot: Any, call: Any) -> None:
    await make_bot({})
    offered = [MediaFormat.WAV_LPCM16, MediaFormat.RAW_MULAW, MediaFormat.RAW_LPCM16_8]
    side = await call(formats=offered)
    assert (await side.until(Accepted)).media_format is MediaFormat.RAW_LPCM16_8


async def test_without_a_common_format_the_call_is_refused(make_bot: Any, call: Any) -> None:
    await make_bot({})
    side = await call(formats=[])
    assert (await side.until(Errored)).reason == "No common media format"
    assert await side.closed() == 1000


async def test_a_synthesiser_that_fails_ends_the_call_with_the_reason(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot({"start": ["This text will !fail."]})
    side = await call()
    await listening(side)
    assert (await side.told("hangup")).parameter("hangupReason") == "The synthesiser failed: server"
    await side.send(side.client.end("bot-disconnected", ""))
    await side.closed()
    (record,) = await records()
    assert (record.ended_by, record.reason_code) == ("gateway", "error")


async def test_digits_reach_the_bot(make_bot: Any, call: Any, records: Any, lines: Any) -> None:
    await make_bot({"DTMF": ["You pressed it."]}, sendDTMF=True, dtmfCollect=True)
    side = await call()
    await listening(side)
    await side.act(event("dtmf", value="4x2#"))
    assert (await side.until(PlayStarted)).alt_text == "You pressed it."
    await side.send(side.client.end("client-disconnected", ""))
    await side.closed()
    (record,) = await records()
    assert (await lines(record))[0] == ("caller", "42#", "")
    assert record.turns == 1


async def test_a_silent_caller_is_asked_and_given_up(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot(
        {"start": ["Hi."]},
        userNoInputTimeoutMS=100,
        userNoInputRetries=0,
        userNoInputSpeech="Anybody?",
    )
    side = await call()
    await listening(side)
    while (await side.until(PlayStarted)).alt_text != "Anybody?":
        pass
    await side.told("hangup")
    await side.send(side.client.end("bot-disconnected", ""))
    await side.closed()
    (record,) = await records()
    assert (record.ended_by, record.cause) == ("gateway", "user-no-input")
