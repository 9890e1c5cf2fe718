"""What every synthesiser keeps to, run against each that is registered."""

import asyncio
import os
import signal
from contextlib import aclosing

import numpy as np
import pytest

from bots.core.audio import level_dbfs
from bots.core.errors import ServiceError
from bots.core.ports import SynthesisRequest, TextToSpeech
from bots.speech import spoken
from bots.workers.pool import worker_processes

pytestmark = pytest.mark.speech


def request(text: str, rate_hz: int = 16000, voice: str = "") -> SynthesisRequest:
    return SynthesisRequest(text=text, language="en-US", rate_hz=rate_hz, voice=voice)


async def test_speech_is_as_long_at_every_rate(tts: TextToSpeech) -> None:
    seconds = []
    for rate_hz in tts.capabilities.rates_hz:
        pcm = await spoken(tts, request("I want to pay my bill", rate_hz))
        assert len(pcm) % 2 == 0
        assert level_dbfs(pcm) > -40
        seconds.append(len(pcm) / 2 / rate_hz)
    assert min(seconds) > 0.7
    assert max(seconds) < 3
    assert max(seconds) - min(seconds) < 0.1


async def test_speech_begins_and_ends_without_a_long_silence(tts: TextToSpeech) -> None:
    pcm = await spoken(tts, request("Hello, how can I help you?"))
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(int)) > 300)
    assert loud[0] < 16000 * 0.08
    assert len(pcm) // 2 - loud[-1] < 16000 * 0.25


@pytest.mark.parametrize(
    "text", ["", "   ", "<speak></speak>", "...", "\U0001f600", "\u4f60\u597d"]
)
async def test_text_without_words_does_no_harm(tts: TextToSpeech, text: str) -> None:
    assert len(await spoken(tts, request(text))) < 16000 * 2 * 20


async def test_markup_is_not_read_out(tts: TextToSpeech) -> None:
    plain = await spoken(tts, request("Good morning"))
    marked = await spoken(tts, request('<speak version="1.0"><p>Good morning</p></speak>'))
    broken = await spoken(tts, request("<speak><p>Good morning</speak>"))
    assert abs(len(marked) - len(plain)) < 16000
    assert abs(len(broken) - len(plain)) < 16000


async def test_a_break_is_silence_between_the_words(tts: TextToSpeech) -> None:
    if "break" not in tts.capabilities.ssml:
        pytest.skip("it does not know breaks")
    short = await spoken(tts, request('<speak>One<break time="100ms"/>two</speak>'))
    long = await spoken(tts, request('<speak>One<break time="1100ms"/>two</speak>'))
    assert 0.8 < (len(long) - len(short)) / 32000 < 1.2


async def test_a_long_text_begins_before_it_is_complete(tts: TextToSpeech) -> None:
    text = "This is one of many sentences. " * 40
    chunks = [chunk async for chunk in tts.synthesise(request(text))]
    assert len(chunks) > 10
    assert len(chunks[0]) < sum(map(len, chunks)) / 5


async def test_an_unknown_voice_speaks_all_the_same(tts: TextToSpeech) -> None:
    assert len(await spoken(tts, request("Hello", voice="nobody"))) > 4000


async def test_a_synthesis_that_is_not_wanted_any_more_is_cancelled(tts: TextToSpeech) -> None:
    async with aclosing(tts.synthesise(request("And so on and on. " * 500))) as stream:
        async for _ in stream:
            break
    assert len(await spoken(tts, request("Hello"))) > 4000


async def test_many_texts_at_once_are_all_spoken(tts: TextToSpeech) -> None:
    lengths = await asyncio.gather(
        *(spoken(tts, request(f"Your number is {n}.", 8000)) for n in range(10, 30))
    )
    assert all(len(pcm) > 8000 for pcm in lengths)


async def test_a_killed_worker_fails_what_it_had_and_the_next_text_is_spoken(
    tts: TextToSpeech,
) -> None:
    stream = tts.synthesise(request("And so on and on. " * 2000))
    await anext(stream)
    if not worker_processes():
        pytest.skip("it has no worker of its own")
    for process in worker_processes():
        os.kill(process, signal.SIGKILL)
    with pytest.raises(ServiceError) as failure:
        async for _ in stream:
            pass
    assert failure.value.fault.retryable
    assert len(await spoken(tts, request("Hello"))) > 4000
