"""The scripted conversation of a bot with a voice: speech to it, its play streams, interruption."""

import asyncio
import math
from contextlib import aclosing
from typing import Any

import numpy as np

from bots.conformance.examination import Examination
from bots.conformance.talk import Stream, Talk, grade_delay
from bots.core import registry
from bots.core.audio import FRAME_MS, LPCM16_16K, AudioFormat, Converter
from bots.core.errors import ServiceError
from bots.core.ports import BotCapabilities, SynthesisRequest, TextToSpeech

SAMPLER = "offline"
"""The synthesiser that speaks for the caller."""
SPEECH_MS = 3000
"""How much of its speech is used, and how long the tone is that stands in for it."""
SILENCE_MS = 1500
SLOW_ANSWER_S = 3.0
NOTICED_S = 2.0
"""How long a bot may take to notice an interruption."""
MAX_LAG_MS = 500
"""Audio may be so much later than speech would be before it stutters."""


async def check_voice(
    exam: Examination, talk: Talk, does: BotCapabilities, words: str, slowest: list[float]
) -> None:
    """Speak to a bot that hears, look at the streams of one that speaks.

    Raises:
        ServiceError: the bot failed.
        Withdrawn: it has left.
    """
    if does.hears:
        await _question(exam, talk, words, slowest)
    else:
        exam.skip("the gateway recognises speech for this bot", "caller-audio", "spoken-question")
    if does.speaks:
        _streams(exam, talk)
    else:
        exam.skip("the gateway speaks for this bot", "play-stream")
    if does.hears and does.speaks:
        await _barge_in(exam, talk, words)
    else:
        exam.skip("it takes a bot that hears and speaks itself", "barge-in")


# --- the caller -----------------------------------------------------------------------------------


async def _question(exam: Examination, talk: Talk, words: str, slowest: list[float]) -> None:
    exam.begin("caller-audio")
    talk.see_it_is_there()
    _let_finish(talk)
    before = len(talk.told)
    audio = await speech(words, exam.subject.language)
    exam.recorder.record("to bot", {"audio": words, "ms": _ms(audio)})
    await _speak(exam, talk, audio)
    loop = asyncio.get_running_loop()
    silent_at = loop.time()
    await _speak(exam, talk, bytes(LPCM16_16K.bytes_for_ms(SILENCE_MS)))
    exam.begin("spoken-question")
    at = await talk.answer(before, exam.timing.answer_s)
    if talk.failure is not None:
        exam.begin("caller-audio")
        raise talk.failure
    if talk.heard_at(before) is not None or at is not None:
        exam.ok("caller-audio", spoken=f"{_ms(audio)} ms")
    else:
        exam.warn("caller-audio", "it tells nothing of what it hears")
    if at is None:
        exam.warn("spoken-question", f"no answer within {exam.timing.answer_s:g} s")
        return
    delay_s = max(0.0, at - silent_at)
    slowest.append(delay_s)
    grade_delay(exam, "spoken-question", delay_s, SLOW_ANSWER_S, "it took {} after the last word")


def _let_finish(talk: Talk) -> None:
    """Tell the bot that its prompts so far have been heard."""
    for number, stream in talk.streams.items():
        talk.session.played(number, heard_ms=stream.ms, interrupted=False)


async def _speak(exam: Examination, talk: Talk, audio: bytes) -> None:
    """Have the bot hear ``audio`` (`LPCM16_16K`) in the time that it takes."""
    wanted: AudioFormat = talk.session.caller_audio
    converter = Converter(LPCM16_16K, wanted)
    loop = asyncio.get_running_loop()
    piece_bytes = LPCM16_16K.bytes_for_ms(FRAME_MS)
    due = loop.time()
    for at in range(0, len(audio), piece_bytes):
        talk.see_it_is_there()
        if piece := converter.push(audio[at : at + piece_bytes]):
            talk.session.hear(piece)
        due += FRAME_MS / 1000 / exam.timing.speed
        await asyncio.sleep(max(0.0, due - loop.time()))


def _ms(audio: bytes) -> int:
    return round(LPCM16_16K.ms_for_bytes(len(audio)))


async def speech(words: str, language: str) -> bytes:
    """``words`` as `LPCM16_16K`; a tone that comes and goes where nobody can speak them."""
    limit = LPCM16_16K.bytes_for_ms(SPEECH_MS)
    pcm = bytearray()
    try:
        plugin = registry.plugin("tts", SAMPLER)
        tts: TextToSpeech = plugin.factory(plugin.params(), plugin.credentials())
        request = SynthesisRequest(text=words, language=language, rate_hz=LPCM16_16K.rate_hz)
        async with aclosing(tts.synthesise(request)) as pieces:
            async for piece in pieces:
                pcm += piece
                if len(pcm) >= limit:
                    break
    except (LookupError, ServiceError):
        pcm.clear()
    return bytes(pcm[:limit]) or _tone()


def _tone() -> bytes:
    """Something like syllables: a tone with four bursts a second."""
    at = np.arange(16 * SPEECH_MS) / LPCM16_16K.rate_hz
    loud = np.clip(np.sin(2 * math.pi * 4 * at) + 0.5, 0, 1)
    samples = 8000 * loud * np.sin(2 * math.pi * 220 * at)
    return samples.astype("<i2").tobytes()


# --- the bot --------------------------------------------------------------------------------------


def _streams(exam: Examination, talk: Talk) -> None:
    exam.begin("play-stream")
    streams = list(talk.streams.values())
    if not streams:
        exam.warn("play-stream", "it has not spoken")
        return
    facts: dict[str, Any] = {
        "streams": len(streams),
        "audio": f"{sum(each.ms for each in streams):.0f} ms",
        "format": f"{streams[0].audio.encoding} {streams[0].audio.rate_hz} Hz",
    }
    lag_ms = max(_lag_ms(each) for each in streams)
    if not any(each.bytes for each in streams):
        exam.fail("play-stream", "its streams have no audio", **facts)
    elif not all(each.ended for each in streams[:-1]):
        exam.warn("play-stream", "a stream has no end", **facts)
    elif lag_ms > MAX_LAG_MS:
        exam.warn("play-stream", f"audio comes {lag_ms:.0f} ms slower than speech", **facts)
    elif not any(each.text for each in streams):
        exam.warn("play-stream", "nothing is known of what it says: no text", **facts)
    else:
        exam.ok("play-stream", **facts)


def _lag_ms(stream: Stream) -> float:
    """How much longer the audio took to come than it lasts."""
    if stream.first_audio_at is None:
        return 0.0
    return (stream.last_audio_at - stream.first_audio_at) * 1000 - stream.ms


async def _barge_in(exam: Examination, talk: Talk, words: str) -> None:
    """Speak again, into the prompt that the bot has just begun."""
    exam.begin("barge-in")
    talk.see_it_is_there()
    if not talk.streams:
        exam.skip("the bot has not spoken", "barge-in")
        return
    before = len(talk.told)
    exam.recorder.record("to bot", {"audio": words, "interrupting": True})
    loop = asyncio.get_running_loop()
    began = loop.time()
    await _speak(exam, talk, await speech(words, exam.subject.language))
    await _speak(exam, talk, bytes(LPCM16_16K.bytes_for_ms(SILENCE_MS)))
    if talk.heard_at(before) is None:
        await talk.news(NOTICED_S)
    heard_at = talk.heard_at(before)
    if heard_at is None:
        exam.warn("barge-in", "it did not notice that the caller spoke")
    else:
        last = max(talk.streams)
        talk.session.played(last, heard_ms=0.0, interrupted=True)
        exam.ok("barge-in", noticed=f"{(heard_at - began) * 1000:.0f} ms")
    await talk.answer(before, exam.timing.event_s)
    _let_finish(talk)
