"""One call's line to its recogniser: voice activity, recognition, and what they report."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Never

import structlog

from bots.core.audio import AudioFormat
from bots.core.errors import Fault, ServiceError, first_service_error
from bots.core.params.sections.speech import Speech
from bots.core.ports import (
    EndpointedSpeech,
    Hypothesis,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SpeechToText,
    Transcript,
    VoiceActivity,
)
from calls.core.events import CallerSaid, Event, ServiceFailed, VoiceStarted, VoiceStopped
from calls.media.gate import Gate
from calls.session import witness
from calls.session.heard import Heard, Shown
from calls.telemetry.frames import Frames

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
MAX_FAILURES = 3
STEADY_S = 5.0
"""A stream that lasted this long worked: services drop streams that are idle or minutes old."""
ENDS = (Fault.CONNECTIVITY, Fault.TIMEOUT)
"""How such streams end in good order."""
EARLY_AUDIO_MS = 1000
"""Audio kept while the recogniser is being opened; the oldest goes first."""


log = structlog.get_logger(__name__)


def recognition_request(
    stt: SpeechToText, settings: Speech, phrases: tuple[str, ...], *, rate_hz: int
) -> RecognitionRequest:
    """What ``stt`` is asked for a caller whose audio has ``rate_hz``; ``phrases`` are the bot's."""
    rates_hz = stt.capabilities.rates_hz
    return RecognitionRequest(
        language=settings.stt_language or settings.language,
        rate_hz=rate_hz if rate_hz in rates_hz else max(rates_hz),
        phrases=(*phrases, *settings.stt_context_phrases),
        punctuation=not settings.stt_disable_punctuation,
        context_id=settings.stt_context_id,
    )


class Ear:
    """`run` is its task; `push` and `listen` may be called at any time and return at once.

    ``frames`` counts what is given up because the recogniser was not open in time.
    """

    def __init__(
        self,
        *,
        stt: SpeechToText,
        vad: VoiceActivity,
        settings: Speech,
        phrases: tuple[str, ...],
        source: AudioFormat,
        shown: Callable[[], Shown],
        kept_back: Callable[[], bool] = lambda: False,
        report: Callable[[Event], None],
        frames: Frames | None = None,
    ) -> None:
        self._stt = stt
        self._vad = vad
        self._settings = settings
        self._phrases = phrases
        self._source = source
        self._heard = Heard(shown=shown, kept_back=kept_back, report=report)
        self._report = report
        self._failures = 0
        self._steady = False
        """Whether the last stream worked for a while."""
        self._listening = False
        self._gate: Gate | None = None
        self._changed = asyncio.Event()
        self._early: deque[bytes] = deque()
        self._early_bytes = 0
        self._frames = frames or Frames()

    def listen(self, *, on: bool) -> None:
        """Open or shut the gate."""
        self._listening = on
        if self._gate is not None:
            self._gate.switch(on=on)

    def use(self, settings: Speech) -> None:
        """These settings from here on; a stream that was asked for others is opened anew."""
        before, self._settings = self._request(), settings
        if self._request() != before:
            self._changed.set()

    def push(self, audio: bytes) -> None:
        """Caller audio in the source format, any length."""
        if self._gate is None:
            self._keep(audio)
            return
        for change in self._gate.push(audio):
            self._heard.voice(speaking=change == "started")

    async def run(self) -> None:
        """Report what the recogniser hears until it fails for good, or cancellation.

        A stream that fails in a way that may pass is opened again; it fails for good when neither
        a result nor a steady stream (`STEADY_S`) came between `MAX_FAILURES` failures.
        """
        while self._failures < MAX_FAILURES:
            try:
                await self._listen()
                self._report(CallerSaid(text="", final=True))
            except ServiceError as error:
                self._failures += 1
                if not error.fault.retryable or self._failures == MAX_FAILURES:
                    failed = ServiceFailed(service="stt", fault=error.fault, detail=error.detail)
                    self._report(failed)
                    return
                log.warning("stt.reopened", fault=error.fault, detail=error.detail)
                if not (self._steady and error.fault in ENDS):
                    witness.reopened(self._stt, error)
                self._report(CallerSaid(text="", final=True))

    async def _listen(self) -> None:
        """One stream of the recogniser, from opening until other settings are to be used.

        Raises:
            ServiceError: why it ended; services end even good streams after some minutes.
        """
        self._changed.clear()
        self._steady = False
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                recognition = await self._stt.open(self._request())
        except TimeoutError:
            detail = "it could not be opened in time"
            raise ServiceError("stt", Fault.TIMEOUT, detail) from None
        opened_at = loop.time()
        try:
            self._open_gate(recognition)
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(recognition))
                await self._changed.wait()
                reading.cancel()
        except* ServiceError as errors:
            raise first_service_error(errors) from None
        finally:
            if loop.time() - opened_at >= STEADY_S:
                self._failures, self._steady = 0, True
            self._gate = None
            await _close(recognition)

    async def _read(self, recognition: Recognition) -> Never:
        async for event in recognition.events():
            self._take(event)
        raise ServiceError("stt", Fault.CONNECTIVITY, "it ended the stream")

    def _request(self) -> RecognitionRequest:
        return recognition_request(
            self._stt, self._settings, self._phrases, rate_hz=self._source.rate_hz
        )

    def _open_gate(self, recognition: Recognition) -> None:
        rate_hz = self._request().rate_hz
        self._gate = Gate(
            source=self._source,
            rate_hz=rate_hz,
            detector=partial(
                self._vad.detector,
                rate_hz=rate_hz,
                voice_ms=self._settings.speech_voice_ms,
                silence_ms=self._settings.speech_silence_ms,
            ),
            recognition=recognition,
            endpointing=self._stt.capabilities.endpointing,
        )
        self._gate.switch(on=self._listening)
        while self._early:
            self.push(self._early.popleft())
        self._early_bytes = 0

    def _keep(self, audio: bytes) -> None:
        self._early.append(audio)
        self._early_bytes += len(audio)
        while self._early_bytes > self._source.bytes_for_ms(EARLY_AUDIO_MS):
            self._early_bytes -= len(self._early.popleft())
            self._frames.dropped += 1

    def _take(self, event: RecognitionEvent) -> None:
        match event:
            case EndpointedSpeech(speaking):
                self._report(VoiceStarted() if speaking else VoiceStopped())
            case Hypothesis():
                self._heard.speech(event)
            case Transcript():
                self._failures = 0
                self._heard.speech(event)


async def _close(recognition: Recognition) -> None:
    """Let the stream go; a failure to close must not take the place of why it is closed."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await recognition.close()
    except (ServiceError, TimeoutError) as error:
        log.warning("stt.not_closed", error=type(error).__name__)
