"""A call's line to its recogniser, when the recogniser behaves and when it does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bots.core.audio import LPCM16_16K
from bots.core.errors import Fault, ServiceError
from bots.core.params.sections.speech import Speech
from bots.core.ports import (
    Hypothesis,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SttCapabilities,
    Transcript,
)
from bots.core.registry import NoParams
from calls.core.events import CallerSaid, Event, ServiceFailed, VoiceStarted, VoiceStopped
from calls.session import ear as ear_module
from calls.session.ear import EARLY_AUDIO_MS, MAX_FAILURES, STEADY_S, Ear
from calls.telemetry.frames import Frames
from tests.calls.media.leaping import leap
from tests.plugins import ToneVad, silence, tone

Results = asyncio.Queue[RecognitionEvent | ServiceError | None]


class Stream:
    """A recogniser stream whose results a test hands in; None ends it in order."""

    def __init__(self) -> None:
        self.results: Results = asyncio.Queue()
        self.heard = b""
        self.closing: Callable[[], Any] | None = None
        self.closed = asyncio.Event()

    def begin_utterance(self) -> None:
        self.heard += b"<"

    def push(self, pcm: bytes) -> None:
        self.heard += pcm

    def end_utterance(self) -> None:
        self.heard += b">"

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        while (result := await self.results.get()) is not None:
            if isinstance(result, ServiceError):
                raise result
            yield result

    async def close(self) -> None:
        self.closed.set()
        if self.closing is not None:
            await self.closing()


class Streams:
    """A recogniser that hands out the streams it was given; none left: `open` waits for ever."""

    capabilities = SttCapabilities(rates_hz=(16000,), endpointing=True)

    def __init__(self, *streams: Stream | ServiceError) -> None:
        self._streams = list(streams)
        self.requests: list[RecognitionRequest] = []
        self.asked = asyncio.Event()

    async def open(self, request: RecognitionRequest) -> Recognition:
        self.requests.append(request)
        if not self._streams:
            self.asked.set()
            await asyncio.Event().wait()
        stream = self._streams.pop(0)
        if isinstance(stream, ServiceError):
            raise stream
        return stream


class Leg:
    """What the voice side is shown."""

    def __init__(self) -> None:
        self.shown: list[object] = []

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        self.shown.append((text, final, confidence))

    def show_voice(self, *, speaking: bool) -> None:
        self.shown.append(speaking)


class Desk:
    """An ear, its task, its leg and its reports; `until` waits for a number of reports."""

    def __init__(self, stt: Streams, **settings: Any) -> None:
        self.leg = Leg()
        self.kept_back = False
        self.reports: list[Event] = []
        self._more = asyncio.Event()
        self.frames = Frames()
        self.ear = Ear(
            stt=stt,
            vad=ToneVad(NoParams(), NoParams()),
            settings=Speech.model_validate(settings),
            phrases=("pay my bill",),
            source=LPCM16_16K,
            shown=lambda: self.leg,
            kept_back=lambda: self.kept_back,
            report=self._report,
            frames=self.frames,
        )

    def _report(self, event: Event) -> None:
        if isinstance(event, CallerSaid) and len(event.text.split()) > 1:
            self.kept_back = False  # enough words to interrupt
        self.reports.append(event)
        self._more.set()

    async def until(self, count: int) -> list[Event]:
        async with asyncio.timeout(5):
            while len(self.reports) < count:
                self._more.clear()
                await self._more.wait()
        return self.reports


def failure(fault: Fault = Fault.CONNECTIVITY) -> ServiceError:
    return ServiceError("stt", fault, "the test says so")


async def ended(task: "asyncio.Task[None]") -> BaseException | None:
    """Cancel ``task``; what it ended with, which is nothing when it took the cancellation."""
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done, "the task did not end"
    return None if task.cancelled() else task.exception() or RuntimeError("swallowed")


async def test_results_are_shown_to_the_voice_side_and_reported() -> None:
    stream = Stream()
    desk = Desk(Streams(stream))
    task = asyncio.create_task(desk.ear.run())
    for result in (Hypothesis("my"), Transcript("my bill", 0.9), Transcript("")):
        stream.results.put_nowait(result)

    assert await desk.until(3) == [
        CallerSaid(text="my", final=False),
        CallerSaid(text="my bill", final=True, confidence=0.9),
        CallerSaid(text="", final=True),
    ]
    assert desk.leg.shown == [("my", False, None), ("my bill", True, 0.9)]
    assert await ended(task) is None
    assert stream.closed.is_set()


async def test_a_recogniser_is_asked_in_its_own_language_and_with_all_phrases() -> None:
    stt = Streams(Stream())
    desk = Desk(stt, language="de-DE", sttLanguage="en-GB", sttContextPhrases=["operator"])
    task = asyncio.create_task(desk.ear.run())
    desk.ear.push(silence(20))
    await asyncio.sleep(0)
    assert stt.requests == [
        RecognitionRequest(language="en-GB", rate_hz=16000, phrases=("pay my bill", "operator"))
    ]
    assert await ended(task) is None


async def test_voice_is_noticed_only_while_the_gate_is_open() -> None:
    stream = Stream()
    desk = Desk(Streams(stream), speechDetectionSilencePeriodMS=100)
    task = asyncio.create_task(desk.ear.run())
    await asyncio.sleep(0)
    desk.ear.push(tone(500))
    assert desk.reports == []
    desk.ear.listen(on=True)
    desk.ear.push(tone(500) + silence(500))
    assert desk.reports == [VoiceStarted(), VoiceStopped()]
    assert desk.leg.shown == [True, False]
    assert await ended(task) is None


async def test_a_stream_that_may_recover_is_opened_again() -> None:
    first, second = Stream(), Stream()
    desk = Desk(Streams(first, second))
    task = asyncio.create_task(desk.ear.run())
    first.results.put_nowait(failure())
    second.results.put_nowait(Transcript("yes", 0.5))
    assert await desk.until(2) == [
        CallerSaid(text="", final=True),
        CallerSaid(text="yes", final=True, confidence=0.5),
    ]
    assert first.closed.is_set()
    assert await ended(task) is None


async def test_a_stream_that_the_service_ends_in_order_is_opened_again() -> None:
    first, second = Stream(), Stream()
    desk = Desk(Streams(first, second))
    task = asyncio.create_task(desk.ear.run())
    first.results.put_nowait(None)
    second.results.put_nowait(Transcript("yes", 0.5))
    reports = await desk.until(2)
    assert reports[-1] == CallerSaid(text="yes", final=True, confidence=0.5)
    assert await ended(task) is None


async def test_failures_without_a_result_between_them_are_final() -> None:
    desk = Desk(Streams(*(failure() for _ in range(MAX_FAILURES))))
    await desk.ear.run()
    assert desk.reports[-1] == ServiceFailed(
        service="stt", fault=Fault.CONNECTIVITY, detail="the test says so"
    )
    assert len(desk.reports) == MAX_FAILURES


def test_a_service_that_drops_idle_streams_is_opened_again_and_again() -> None:
    async def main() -> None:
        streams = [Stream() for _ in range(MAX_FAILURES + 2)]
        stt = Streams(*streams)
        desk = Desk(stt)
        task = asyncio.create_task(desk.ear.run())
        for stream in streams:
            await asyncio.sleep(STEADY_S + 1)
            stream.results.put_nowait(failure())
        await stt.asked.wait()

        assert not [report for report in desk.reports if isinstance(report, ServiceFailed)]
        task.cancel()
        await asyncio.wait([task])

    leap(main())


async def test_a_failure_that_cannot_pass_is_final_at_once() -> None:
    desk = Desk(Streams(failure(Fault.AUTHENTICATION)))
    await desk.ear.run()
    assert [type(report) for report in desk.reports] == [ServiceFailed]


async def test_an_end_of_the_call_is_not_swallowed_by_a_stream_that_fails_to_close() -> None:
    stream = Stream()

    async def fail() -> None:
        raise failure()

    stream.closing = fail
    desk = Desk(Streams(stream))
    task = asyncio.create_task(desk.ear.run())
    stream.results.put_nowait(Hypothesis("my"))
    await desk.until(1)
    assert await ended(task) is None


async def test_a_stream_that_hangs_at_close_holds_up_neither_the_end_nor_the_next_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ear_module, "CLOSE_TIMEOUT_S", 0.01)
    first, second = Stream(), Stream()
    first.closing = second.closing = asyncio.Event().wait
    desk = Desk(Streams(first, second))
    task = asyncio.create_task(desk.ear.run())
    first.results.put_nowait(failure())
    second.results.put_nowait(Transcript("yes", 0.5))
    reports = await desk.until(2)
    assert reports[-1] == CallerSaid(text="yes", final=True, confidence=0.5)
    assert await ended(task) is None


async def test_as_much_early_audio_is_kept_for_each_stream() -> None:
    first, second = Stream(), Stream()
    desk = Desk(Streams(first, second))
    desk.ear.listen(on=True)
    for _ in range(EARLY_AUDIO_MS // 20):
        desk.ear.push(silence(20))
    assert desk.frames.dropped == 0
    desk.ear.push(silence(20))
    assert desk.frames.dropped == 1
    task = asyncio.create_task(desk.ear.run())
    first.results.put_nowait(Hypothesis("my"))
    await desk.until(1)
    assert len(first.heard) == LPCM16_16K.bytes_for_ms(EARLY_AUDIO_MS)

    holding = asyncio.Event()
    first.closing = holding.wait
    first.results.put_nowait(failure())
    await first.closed.wait()
    for _ in range(EARLY_AUDIO_MS // 20):
        desk.ear.push(silence(20))
    assert desk.frames.dropped == 1
    holding.set()
    second.results.put_nowait(Hypothesis("bill"))
    await desk.until(3)
    assert len(second.heard) == LPCM16_16K.bytes_for_ms(EARLY_AUDIO_MS)
    assert await ended(task) is None


async def test_other_settings_open_the_stream_anew_and_nothing_said_is_held_against_it() -> None:
    first, second = Stream(), Stream()
    stt = Streams(first, second)
    desk = Desk(stt)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(desk.ear.run())
        first.results.put_nowait(Transcript("hello", 0.9))
        await desk.until(1)
        desk.ear.use(Speech.model_validate({"language": "de-DE", "sttDisablePunctuation": True}))
        await desk.until(2)
        second.results.put_nowait(Transcript("hallo", 0.8))
        reports = await desk.until(3)
        task.cancel()
    assert [(request.language, request.punctuation) for request in stt.requests] == [
        ("en-US", True),
        ("de-DE", False),
    ]
    assert first.closed.is_set()
    assert reports[1:] == [
        CallerSaid(text="", final=True),
        CallerSaid(text="hallo", final=True, confidence=0.8),
    ]


async def test_settings_that_change_nothing_for_the_recogniser_keep_the_stream() -> None:
    stream = Stream()
    desk = Desk(Streams(stream))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(desk.ear.run())
        stream.results.put_nowait(Hypothesis("he", 0.5, 0.7))
        await desk.until(1)
        desk.ear.use(Speech.model_validate({"voiceName": "slt", "ttsLanguage": "de-DE"}))
        stream.results.put_nowait(Transcript("hello", 0.9, {"nbest": 1}))
        reports = await desk.until(2)
        task.cancel()
    assert reports == [
        CallerSaid(text="he", final=False, confidence=0.5, stability=0.7),
        CallerSaid(text="hello", final=True, confidence=0.9, recognition_output={"nbest": 1}),
    ]


async def test_what_is_kept_from_the_voice_side_is_told_when_it_was_enough() -> None:
    stream = Stream()
    desk = Desk(Streams(stream))
    desk.kept_back = True
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(desk.ear.run())
        desk.ear.listen(on=True)
        desk.ear.push(silence(20) + tone(200))
        await desk.until(1)
        stream.results.put_nowait(Hypothesis("stop"))
        await desk.until(2)
        assert desk.leg.shown == []
        stream.results.put_nowait(Hypothesis("stop it"))
        await desk.until(3)
        task.cancel()
    assert desk.leg.shown == [True, ("stop it", False, None)]


async def test_a_voice_that_was_kept_back_does_not_end_for_the_voice_side() -> None:
    desk = Desk(Streams(Stream()))
    desk.kept_back = True
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(desk.ear.run())
        desk.ear.listen(on=True)
        desk.ear.push(silence(20) + tone(200) + silence(700))
        assert await desk.until(2) == [VoiceStarted(), VoiceStopped()]
        task.cancel()
    assert desk.leg.shown == []
