"""The scripted conversation of a bot with a voice: speech to it, its play streams, interruption."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from bots.conformance.examination import Examination
from bots.conformance.talk import Stream, Talk, grade_delay
from bots.core import registry
from bots.core.audio import FRAME_MS, LPCM16_16K, AudioFormat, Converter
from bots.core.errors import ServiceError
from bots.core.params.sections.barge_in import BargeIn
from bots.core.ports import BotCapabilities, SynthesisRequest, TextToSpeech
from bots.speech import spoken

SPEECH_MS = 3000
"""How much of its speech is used, and how long the tone is that stands in for it."""
SILENCE_MS = 1500
SLOW_ANSWER_S = 3.0
NOTICED_S = 2.0
"""How long a bot may take to notice an interruption."""
MAX_LAG_MS = 500
"""Audio may be so much later than speech would be before it stutters."""


class Caller:
    """Somebody on the line: speech where there is some, else silence, in the time that it takes."""

    def __init__(self, exam: Examination, talk: Talk) -> None:
        self._talk = talk
        self._speed = exam.timing.speed
        self._pieces: deque[bytes] = deque()
        self._silent = asyncio.Event()
        self._silent.set()

    async def run(self) -> None:
        """Have the bot hear the line until this is cancelled or the bot has left."""
        wanted: AudioFormat = self._talk.session.caller_audio
        converter = Converter(LPCM16_16K, wanted)
        silence = bytes(LPCM16_16K.bytes_for_ms(FRAME_MS))
        clock = asyncio.get_running_loop().time
        due = clock()
        try:
            while not self._talk.over:
                piece = self._pieces.popleft() if self._pieces else silence
                if audio := converter.push(piece):
                    self._talk.session.hear(audio)
                if not self._pieces:
                    self._silent.set()
                due += FRAME_MS / 1000 / self._speed
                await asyncio.sleep(max(0.0, due - clock()))
        finally:
            self._pieces.clear()
            self._silent.set()

    async def say(self, audio: bytes) -> None:
        """Speak ``audio`` (`LPCM16_16K`), then be silent for long enough to be answered.

        Raises:
            ServiceError: the bot has failed meanwhile.
            Withdrawn: it has left.
        """
        self._talk.see_it_is_there()
        size = LPCM16_16K.bytes_for_ms(FRAME_MS)
        self._silent.clear()
        self._pieces.extend(audio[at : at + size] for at in range(0, len(audio), size))
        await self._silent.wait()
        self._talk.see_it_is_there()

    async def pause(self) -> None:
        """Be silent for as long as ends an utterance."""
        await asyncio.sleep(SILENCE_MS / 1000 / self._speed)


@asynccontextmanager
async def on_the_line(exam: Examination, talk: Talk) -> AsyncIterator[Caller]:
    """A caller whom the bot hears meanwhile."""
    caller = Caller(exam, talk)
    talk.session.listen(on=True)
    line = asyncio.get_running_loop().create_task(caller.run())
    try:
        yield caller
    finally:
        line.cancel()
        await asyncio.wait([line])


async def check_voice(
    exam: Examination, talk: Talk, does: BotCapabilities, words: str, slowest: list[float]
) -> None:
    """Speak to a bot that hears, look at the streams of one that speaks.

    Raises:
        ServiceError: the bot failed.
        Withdrawn: it has left.
    """
    if not does.hears:
        exam.skip("the gateway recognises speech for this bot", "caller-audio", "spoken-question")
        exam.skip("the bot does not hear the caller", "barge-in")
        _streams(exam, talk)
        return
    interrupts = exam.subject.resolved[BargeIn].barge_in
    async with on_the_line(exam, talk) as caller:
        await _question(exam, talk, caller, words, slowest, listening_on=interrupts)
        if does.speaks:
            _streams(exam, talk)
            await _barge_in(exam, talk, caller, words, allowed=interrupts)
        else:
            exam.skip("the gateway speaks for this bot", "play-stream", "barge-in")


# --- the caller -----------------------------------------------------------------------------------


async def _question(
    exam: Examination,
    talk: Talk,
    caller: Caller,
    words: str,
    slowest: list[float],
    *,
    listening_on: bool,
) -> None:
    exam.begin("caller-audio")
    _let_finish(talk)
    before = len(talk.told)
    audio = await speech(words, exam)
    exam.recorder.record("to bot", {"audio": words, "ms": _ms(audio)})
    await caller.say(audio)
    silent_at = asyncio.get_running_loop().time()
    await caller.pause()
    if not listening_on:
        talk.session.listen(on=False)  # as in a call: not before the bot has answered
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


def _ms(audio: bytes) -> int:
    return round(LPCM16_16K.ms_for_bytes(len(audio)))


async def speech(words: str, exam: Examination) -> bytes:
    """``words`` as `LPCM16_16K`; a tone that comes and goes where nobody can speak them."""
    try:
        plugin = registry.plugin("tts", exam.timing.sampler)
        tts: TextToSpeech = plugin.factory(plugin.params(), plugin.credentials())
        pcm = await spoken(
            tts,
            SynthesisRequest(
                text=words, language=exam.subject.language, rate_hz=LPCM16_16K.rate_hz
            ),
        )
    except (LookupError, ServiceError):
        pcm = b""
    return pcm[: LPCM16_16K.bytes_for_ms(SPEECH_MS)] or _tone()


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


async def _barge_in(
    exam: Examination, talk: Talk, caller: Caller, words: str, *, allowed: bool
) -> None:
    """Speak again, into the prompt that the bot began last."""
    exam.begin("barge-in")
    if not allowed:
        exam.skip("bargeIn is off: callers are not heard while the bot speaks", "barge-in")
        return
    if not talk.streams:
        exam.skip("the bot has not spoken", "barge-in")
        return
    before = len(talk.told)
    exam.recorder.record("to bot", {"audio": words, "interrupting": True})
    began = asyncio.get_running_loop().time()
    await caller.say(await speech(words, exam))
    if talk.heard_at(before) is None:
        await talk.news(NOTICED_S)
    heard_at = talk.heard_at(before)
    if heard_at is None:
        exam.warn("barge-in", "it did not notice that the caller spoke")
    else:
        talk.session.played(max(talk.streams), heard_ms=0.0, interrupted=True)
        exam.ok("barge-in", noticed=f"{(heard_at - began) * 1000:.0f} ms")
    await talk.answer(before, exam.timing.event_s)
    _let_finish(talk)
