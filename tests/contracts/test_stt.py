"""What every recogniser keeps to, run against each that is registered."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bots.core.errors import ServiceError
from bots.core.ports import (
    Hypothesis,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SpeechToText,
    TextToSpeech,
    Transcript,
)
from bots.speech import recognised
from bots.workers.pool import close_pools, worker_processes
from tests.contracts.conftest import said

pytestmark = [pytest.mark.speech, pytest.mark.asyncio(loop_scope="module")]

PHRASES = ("I want to pay my bill", "opening hours", "I am moving house")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[None]:
    """The processes end with the tests of this file: to start one takes longer than most tests."""
    yield
    await close_pools()


def request(rate_hz: int = 16000) -> RecognitionRequest:
    return RecognitionRequest(language="en-US", rate_hz=rate_hz, phrases=PHRASES)


def utter(recognition: Recognition, pcm: bytes, step: int = 640) -> None:
    recognition.begin_utterance()
    for start in range(0, len(pcm), step):
        recognition.push(pcm[start : start + step])
    recognition.end_utterance()


async def result(events: AsyncIterator[RecognitionEvent]) -> Transcript:
    async for event in events:
        if isinstance(event, Transcript):
            return event
    raise AssertionError("the stream ended without a result")


async def test_expected_phrases_are_recognised_at_every_rate(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    for rate_hz in stt.capabilities.rates_hz:
        for phrase in PHRASES:
            pcm = await said(voice, phrase, rate_hz)
            heard = await recognised(stt, request(rate_hz), pcm)
            assert heard.text.lower() == phrase.lower()
            assert heard.confidence is None or 0.25 < heard.confidence <= 1


@pytest.mark.parametrize("pcm", [b"", bytes(32000), b"\x01\x00" * 40000])
async def test_silence_is_understood_as_nothing(stt: SpeechToText, pcm: bytes) -> None:
    assert (await recognised(stt, request(), pcm)).text == ""


async def test_other_speech_is_understood_as_nothing(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    for text in (
        "My grandmother lives in a small village in the mountains.",
        "The weather in Chicago is awful this week.",
    ):
        pcm = await said(voice, text, 16000)
        assert (await recognised(stt, request(), pcm)).text == ""


async def test_one_stream_recognises_one_utterance_after_the_other(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    recognition = await stt.open(request())
    events = recognition.events()
    for phrase in PHRASES:
        utter(recognition, await said(voice, phrase, 16000))
        assert (await result(events)).text.lower() == phrase.lower()
    await recognition.close()


async def test_interim_results_come_before_the_result(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    recognition = await stt.open(request())
    pcm = await said(voice, PHRASES[0], 16000)
    recognition.begin_utterance()
    for start in range(0, len(pcm), 640):
        recognition.push(pcm[start : start + 640])
    if stt.capabilities.interim:
        first = await anext(recognition.events())
        assert isinstance(first, Hypothesis)
        assert first.text
    recognition.end_utterance()
    assert (await result(recognition.events())).text
    await recognition.close()


async def test_an_abandoned_utterance_gives_no_result(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    recognition = await stt.open(request())
    recognition.begin_utterance()
    recognition.push(await said(voice, PHRASES[0], 16000))
    utter(recognition, await said(voice, PHRASES[1], 16000))
    assert (await result(recognition.events())).text == "opening hours"
    await recognition.close()


async def test_audio_outside_an_utterance_is_ignored(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    recognition = await stt.open(request())
    recognition.end_utterance()
    recognition.push(await said(voice, PHRASES[2], 16000))
    utter(recognition, await said(voice, PHRASES[1], 16000))
    assert (await result(recognition.events())).text == "opening hours"
    await recognition.close()


@pytest.mark.parametrize("step", [1, 2, 3, 333, 640, 64_001])
async def test_chunks_of_any_size_are_taken(
    stt: SpeechToText, voice: TextToSpeech, step: int
) -> None:
    recognition = await stt.open(request())
    pcm = await said(voice, PHRASES[1], 16000)
    utter(recognition, pcm[:4000] if step < 3 else pcm, step)
    heard = await result(recognition.events())
    assert heard.text in (("", "opening hours") if step < 3 else ("opening hours",))
    await recognition.close()


async def test_closing_ends_the_events_and_may_be_repeated(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    recognition = await stt.open(request())
    recognition.begin_utterance()
    recognition.push(await said(voice, PHRASES[0], 16000))
    await recognition.close()
    await recognition.close()
    assert [event async for event in recognition.events()] == []


async def test_many_streams_at_once_all_get_their_own_result(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    spoken_phrases = {phrase: await said(voice, phrase, 8000) for phrase in PHRASES}

    async def call(number: int) -> tuple[str, str]:
        phrase = PHRASES[number % len(PHRASES)]
        heard = await recognised(stt, request(8000), spoken_phrases[phrase])
        return phrase.lower(), heard.text.lower()

    for wanted, heard in await asyncio.gather(*(call(number) for number in range(8))):
        assert heard == wanted


async def test_a_killed_worker_fails_its_utterance_and_no_other(
    stt: SpeechToText, voice: TextToSpeech
) -> None:
    pcm = await said(voice, PHRASES[1], 16000)
    await close_pools()  # of several that are killed, one may be seen to be dead too late
    recognition = await stt.open(request())
    utter(recognition, pcm)
    await result(recognition.events())
    recognition.begin_utterance()
    recognition.push(pcm)
    for process in worker_processes():
        os.kill(process, signal.SIGKILL)
    recognition.end_utterance()
    with pytest.raises(ServiceError) as failure:
        await result(recognition.events())
    assert failure.value.fault.retryable
    utter(recognition, pcm)
    assert (await result(recognition.events())).text == "opening hours"
    await recognition.close()
