"""What calls learn of the services they use: told to alarms, and counted for their error rates.

A recogniser works when it gave a text, a synthesiser when it came to its clean end with a sound, a
bot when it answered. What the cache of prompts says tells nothing, so the synthesiser is watched
below it.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from alarms import desk
from alarms.core.catalogue import (
    BOT_PROVIDER_FAILURE,
    STT_PROVIDER_FAILURE,
    TTS_PROVIDER_FAILURE,
    VOICE_CHANNEL_FAILURE,
)
from alarms.core.declare import AlarmType
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SpeechToText,
    SynthesisRequest,
    TextToSpeech,
    Transcript,
)
from calls.core import commands, events
from calls.core.closing import Cause
from calls.core.ports import CallStart
from calls.core.tally import Figures, Tally
from calls.telemetry.calls import counted

FAILURES: dict[str, AlarmType] = {
    "bot": BOT_PROVIDER_FAILURE,
    "stt": STT_PROVIDER_FAILURE,
    "tts": TTS_PROVIDER_FAILURE,
}
"""The type of alarm about each service of a call; also the kind of its provider."""

BROKEN: dict[str, str] = {
    Cause.CONNECTION_LOST: "a connection broke and did not come back",
    Cause.VOICE_SIDE: "the voice side ended a call with an error",
}
"""Ends of calls for which the voice channel is to blame."""

_tally = Tally()


def figures() -> dict[str, Figures]:
    """Uses and failures in this process within the last minutes, by ``<service>:<provider>``."""
    return _tally.figures(time.monotonic())


def worked(service: str, provider: str) -> None:
    """``provider`` did for a call what ``service`` is there for."""
    if provider:
        _tally.count(f"{service}:{provider}", time.monotonic(), failed=False)
        counted(service, provider)
        desk.worked(FAILURES[service], provider)


def failed(service: str, provider: str, fault: Fault, detail: str) -> None:
    """``provider`` failed in a call; what another attempt cannot mend needs no second failure."""
    if provider and service in FAILURES:
        _tally.count(f"{service}:{provider}", time.monotonic(), failed=True)
        counted(service, provider, fault)
        text = f"{fault}: {detail}" if detail else str(fault)
        desk.failed(FAILURES[service], provider, text, certain=not fault.retryable)


class CallWitness:
    """What one call shows of its bot and its voice channel; ``providers`` are named by service."""

    def __init__(self, providers: Mapping[str, str]) -> None:
        self._providers = providers
        self._channel = ""
        self._answer_due = True
        """The bot's next answer is the first to what it was told."""

    def opened(self, start: CallStart) -> None:
        """The call began. Whoever makes test calls may leave them as they like."""
        self._channel = "" if start.is_test else start.channel

    def happened(self, event: events.Event) -> None:
        """An event of the call."""
        if self._answer_due and isinstance(event, events.BotSpoke | events.BotStreamed):
            self._answer_due = False
            worked("bot", self._providers.get("bot", ""))

    def commanded(self, command: commands.Command) -> None:
        """What the call wants done."""
        if isinstance(command, commands.SendToBot):
            self._answer_due = True
        elif isinstance(command, commands.ReportFault):
            provider = self._providers.get(command.service, "")
            failed(command.service, provider, command.fault, command.detail)

    def closed(self, finish: commands.Finish) -> None:
        """The call is over; one that was ended by something else says nothing of its channel."""
        if not self._channel or finish.cause in (Cause.SHUTDOWN, Cause.INTERNAL):
            return
        if (why := BROKEN.get(finish.cause)) is None:
            desk.worked(VOICE_CHANNEL_FAILURE, self._channel)
        else:
            desk.failed(VOICE_CHANNEL_FAILURE, self._channel, why)


class WitnessedStt:
    """A recogniser whose results are noticed; a `SpeechToText` itself."""

    def __init__(self, inner: SpeechToText, provider: str) -> None:
        self.inner = inner
        self.capabilities = inner.capabilities
        self.provider = provider

    async def open(self, request: RecognitionRequest) -> Recognition:
        """See `SpeechToText`."""
        return _WitnessedRecognition(await self.inner.open(request), self.provider)


class _WitnessedRecognition:
    """One stream of it."""

    def __init__(self, inner: Recognition, provider: str) -> None:
        self._inner = inner
        self._provider = provider
        # NB audio goes straight to the recogniser.
        self.begin_utterance = inner.begin_utterance
        self.push = inner.push
        self.end_utterance = inner.end_utterance
        self.close = inner.close

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        """See `Recognition`."""
        async for event in self._inner.events():
            if isinstance(event, Transcript) and event.text:
                worked("stt", self._provider)
            yield event


def reopened(stt: SpeechToText, error: ServiceError) -> None:
    """A stream of ``stt`` failed and is opened again: the call goes on, without what was said."""
    if isinstance(stt, WitnessedStt):
        failed("stt", stt.provider, error.fault, error.detail)


class WitnessedTts:
    """A synthesiser whose prompts are noticed; a `TextToSpeech` itself."""

    def __init__(self, inner: TextToSpeech, provider: str) -> None:
        self.inner = inner
        self.capabilities = inner.capabilities
        self._provider = provider

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        """See `TextToSpeech`."""
        got = False
        async with aclosing(self.inner.synthesise(request)) as pieces:
            async for piece in pieces:
                got = got or bool(piece)
                yield piece
        if got:
            worked("tts", self._provider)
