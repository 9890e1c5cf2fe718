"""Ports: what a bot connector and a speech service look like to a call.

Audio of speech services is ``lpcm16`` mono, that of bots with a voice names its format (see
`bots.core.audio`). Every coroutine raises `ServiceError` and nothing else when the service fails;
an async iterator that ends without error means the peer closed in order.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal, Protocol, runtime_checkable

import msgspec

from bots.core.activities import Activity, Json
from bots.core.agents import ReportName
from bots.core.audio import AudioFormat

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


# --- bots ---------------------------------------------------------------------------------------


class BotCapabilities(msgspec.Struct, frozen=True):
    """What a bot does itself beside talking by activities.

    ``hears``: it takes the caller's audio and recognises it (``directSTT``). ``speaks``: its
    prompts come as audio (``directTTS``). Such a bot needs a call with audio.
    """

    hears: bool = False
    speaks: bool = False


class BotConversation(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot may know about the call it is about to join.

    ``caller_audio`` and ``prompt_audio`` are the formats of the voice side; a bot with a voice best
    uses the same. None: a text session. ``call_id`` is what the REST API knows the call by.
    """

    conversation_id: str
    bot: str
    language: str
    call_id: str = ""
    caller: str = ""
    callee: str = ""
    caller_audio: AudioFormat | None = None
    prompt_audio: AudioFormat | None = None


class StreamStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The bot begins to speak: audio in format ``audio`` follows under the number ``stream``.

    Numbers do not repeat in a session. ``text`` is what is spoken, as far as it is known;
    ``activity_params`` hold for this prompt only.
    """

    stream: int
    audio: AudioFormat
    text: str = ""
    activity_params: Json | None = None


class StreamText(msgspec.Struct, frozen=True):
    """The whole text of a play stream as it is known by now."""

    stream: int
    text: str


class StreamAudio(msgspec.Struct, frozen=True):
    """Audio of a play stream, any length, as fast as it comes; the call paces it."""

    stream: int
    audio: bytes


class StreamMark(msgspec.Struct, frozen=True):
    """The bot wants `VoiceBotSession.reached` called when the caller has heard all up to here."""

    stream: int
    mark: Json


class StreamEnded(msgspec.Struct, frozen=True):
    """A play stream is complete; it plays on to its end."""

    stream: int


class SpeechCommitted(msgspec.Struct, frozen=True):
    """The bot holds the caller's turn for complete and will answer, whatever was recognised."""


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot tells about its own work, beside what the caller hears.

    ``name`` is of the list in `bots.core.agents`; ``detail`` is JSON for hooks and events of the
    call. ``note``: a line for the transcript; empty: none.
    """

    name: ReportName
    detail: Json
    note: str = ""


BotEvent = (
    Activity
    | StreamStarted
    | StreamText
    | StreamAudio
    | StreamMark
    | StreamEnded
    | SpeechCommitted
    | AgentReport
    | Hypothesis
    | Transcript
    | EndpointedSpeech
)
"""What comes from a bot; the last three are what one that ``hears`` makes of the caller."""


class BotSession(Protocol):
    """One conversation with one bot."""

    async def send(self, activity: Activity) -> None:
        """Deliver ``activity``; returns when the bot has it (answers arrive by `events`)."""
        ...

    def events(self) -> AsyncIterator[BotEvent]:
        """What the bot says and tells, in order, until it closes the conversation."""
        ...

    async def close(self, reason_code: str, reason: str) -> None:
        """Tell the bot that the call ended; safe to call twice."""
        ...


class VoiceBotSession(BotSession, Protocol):
    """A conversation with a bot that hears or speaks; its methods return at once, never raise."""

    caller_audio: AudioFormat
    """What `hear` takes, settled when the session was opened."""

    def listen(self, *, on: bool) -> None:
        """Whether the caller is listened to: open or close the stream of their audio."""
        ...

    def hear(self, audio: bytes) -> None:
        """The caller's audio, in real time; also while not listened to, then it is withheld.

        A bounded queue inside drops the oldest and counts.
        """
        ...

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        """A play stream is over for the caller; what still comes of it is dropped."""
        ...

    def reached(self, mark: Json) -> None:
        """The caller has heard everything up to a mark, or will hear nothing more of it."""
        ...


@runtime_checkable
class Controllable(Protocol):
    """A session whose bot can be directed while it talks: its prompt, its voice, its tools."""

    async def control(self, message: Json) -> str:
        """Carry out one of the messages that the plug-in declares (`Plugin.controls`).

        Answers in words what was done; raises `ServiceError` when the bot refuses.
        """
        ...


class BotConnector(Protocol):
    """A configured connection to a bot framework."""

    capabilities: BotCapabilities

    async def open(self, conversation: BotConversation) -> BotSession:
        """Join ``conversation``; the ``start`` activity is sent by the caller of this method.

        One with ``capabilities`` answers with a `VoiceBotSession`.
        """
        ...

    def phrases(self) -> tuple[str, ...]:
        """What callers are expected to say to this bot, for recognisers that take hints."""
        ...


@runtime_checkable
class Checkable(Protocol):
    """A connector that can be tried without a conversation."""

    async def check(self) -> dict[str, str]:
        """Have the service show that it would take a call; what it said, by name.

        Raises `ServiceError` when it would not.
        """
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
    "AgentReport",
    "BotCapabilities",
    "BotConnector",
    "BotConversation",
    "BotEvent",
    "BotSession",
    "Checkable",
    "Controllable",
    "EndpointedSpeech",
    "Hypothesis",
    "Json",
    "Recognition",
    "RecognitionEvent",
    "RecognitionRequest",
    "SpeechCommitted",
    "SpeechToText",
    "StreamAudio",
    "StreamEnded",
    "StreamMark",
    "StreamStarted",
    "StreamText",
    "SttCapabilities",
    "SynthesisRequest",
    "TextToSpeech",
    "Transcript",
    "TtsCapabilities",
    "VoiceActivity",
    "VoiceActivityDetector",
    "VoiceBotSession",
]
