"""Ports: what a bot connector and a speech service look like to a call.

Audio is ``lpcm16`` mono (see `bots.core.audio`). Every coroutine raises `ServiceError` and nothing
else when the service fails; an async iterator that ends without error means the peer closed in
order.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal, Protocol

import msgspec

from bots.core.activities import Activity, Json

# --- bots ---------------------------------------------------------------------------------------


class BotConversation(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot may know about the call it is about to join."""

    conversation_id: str
    bot: str
    language: str
    caller: str = ""
    callee: str = ""


class BotSession(Protocol):
    """One conversation with one bot."""

    async def send(self, activity: Activity) -> None:
        """Deliver ``activity``; returns when the bot has it (answers arrive by `activities`)."""
        ...

    def activities(self) -> AsyncIterator[Activity]:
        """What the bot says, in order, until it closes the conversation."""
        ...

    async def close(self, reason_code: str, reason: str) -> None:
        """Tell the bot that the call ended; safe to call twice."""
        ...


class BotConnector(Protocol):
    """A configured connection to a bot framework."""

    async def open(self, conversation: BotConversation) -> BotSession:
        """Join ``conversation``; the ``start`` activity is sent by the caller of this method."""
        ...

    def phrases(self) -> tuple[str, ...]:
        """What callers are expected to say to this bot, for recognisers that take hints."""
        ...


# --- speech to text -----------------------------------------------------------------------------


class SttCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a recogniser can do; everything downstream asks this, never a provider's name."""

    rates_hz: tuple[int, ...]
    interim: bool = False
    punctuation: bool = False
    """Its results can have punctuation, and can do without."""
    endpointing: bool = True
    """False: the call's own voice activity detection brackets each utterance."""
    phrase_hints: bool = False
    cold_start: bool = False
    """The first request of a process is slow and costs nothing: make one before the first call."""


class RecognitionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How one stream of speech is to be recognised."""

    language: str
    rate_hz: int
    phrases: tuple[str, ...] = ()
    punctuation: bool = True
    context_id: str = ""
    """A model or context of the customer's own, in the recogniser's terms."""


class Hypothesis(msgspec.Struct, frozen=True):
    """Interim text of the utterance in progress; ``confidence`` and ``stability`` are 0 to 1."""

    text: str
    confidence: float | None = None
    stability: float | None = None


class Transcript(msgspec.Struct, frozen=True):
    """Final text of one utterance; empty text means speech was heard but not understood."""

    text: str
    confidence: float | None = None
    output: Json | None = None
    """The recogniser's raw result, which bots may ask for."""


class EndpointedSpeech(msgspec.Struct, frozen=True):
    """An engine with ``endpointing`` heard the caller begin (``speaking``) or stop."""

    speaking: bool


RecognitionEvent = Hypothesis | Transcript | EndpointedSpeech


class Recognition(Protocol):
    """One open recogniser stream of one call."""

    def begin_utterance(self) -> None:
        """The caller began to speak (only called when not ``endpointing``)."""
        ...

    def push(self, pcm: bytes) -> None:
        """Feed audio; never blocks. A bounded queue inside drops the oldest and counts."""
        ...

    def end_utterance(self) -> None:
        """The caller stopped; exactly one `Transcript` follows (only when not ``endpointing``)."""
        ...

    def events(self) -> AsyncIterator[RecognitionEvent]:
        """Results until `close`; raises `ServiceError` when the service fails."""
        ...

    async def close(self) -> None:
        """Release the stream; safe to call twice."""
        ...


class SpeechToText(Protocol):
    """A configured recogniser."""

    capabilities: SttCapabilities

    async def open(self, request: RecognitionRequest) -> Recognition:
        """Open a stream; ``request.rate_hz`` is one of the capabilities' rates."""
        ...


# --- text to speech -----------------------------------------------------------------------------


class TtsCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a synthesiser can do."""

    rates_hz: tuple[int, ...]
    ssml: frozenset[str] = frozenset()
    """SSML elements it understands; the others are reduced to their text before it is asked."""
    cold_start: bool = False
    """As for `SttCapabilities`."""


class SynthesisRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt to speak; ``text`` is SSML if it begins with ``<speak``, else plain text."""

    text: str
    language: str
    rate_hz: int
    voice: str = ""


class TextToSpeech(Protocol):
    """A configured synthesiser."""

    capabilities: TtsCapabilities

    def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        """Samples at ``request.rate_hz`` in chunks of any size, as fast as they come.

        Closing the generator cancels the synthesis.
        """
        ...


# --- voice activity -----------------------------------------------------------------------------


class VoiceActivityDetector(Protocol):
    """Tells speech from silence on one stream; pure computation, a few microseconds a frame."""

    def push(self, pcm: bytes) -> Literal["started", "stopped"] | None:
        """Feed one 20 ms frame; says when the caller has begun or stopped to speak."""
        ...


class VoiceActivity(Protocol):
    """A configured voice activity plug-in."""

    def detector(self, *, rate_hz: int, voice_ms: int, silence_ms: int) -> VoiceActivityDetector:
        """A fresh detector: ``voice_ms`` of speech start an utterance, ``silence_ms`` end it."""
        ...


__all__ = [
    "BotConnector",
    "BotConversation",
    "BotSession",
    "EndpointedSpeech",
    "Hypothesis",
    "Json",
    "Recognition",
    "RecognitionEvent",
    "RecognitionRequest",
    "SpeechToText",
    "SttCapabilities",
    "SynthesisRequest",
    "TextToSpeech",
    "Transcript",
    "TtsCapabilities",
    "VoiceActivity",
    "VoiceActivityDetector",
]
