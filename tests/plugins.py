"""Plug-ins for tests: a bot that follows a table, speech that needs no engine.

They are real plug-ins: they implement the ports, are found in the registry and run on the event
loop like any other. The test speech is a `tone`: it is an utterance, and its length in steps of
100 ms picks the words from `VOCABULARY`.
"""

import array
import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bots.core import registry
from bots.core.activities import Activity, Json, event, message
from bots.core.audio import level_dbfs
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.ports import (
    BotCapabilities,
    BotConversation,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SttCapabilities,
    SynthesisRequest,
    Transcript,
    TtsCapabilities,
)
from bots.core.registry import NoParams

VOCABULARY = {3: "yes", 4: "no", 5: "my bill", 6: "operator", 8: "goodbye"}
"""Length of an utterance, in steps of 100 ms, to what it says."""
CHAR_MS = 20
"""How long the test voice speaks on each letter."""


def tone(ms: int, rate_hz: int = 16000) -> bytes:
    """A loud tone of ``ms`` milliseconds: the test caller's voice, 16-bit samples."""
    samples = rate_hz * ms // 1000
    wave = (int(12000 * math.sin(2 * math.pi * 440 * i / rate_hz)) for i in range(samples))
    return array.array("h", wave).tobytes()


def silence(ms: int, rate_hz: int = 16000) -> bytes:
    """Silence of ``ms`` milliseconds, 16-bit samples."""
    return bytes(2 * rate_hz * ms // 1000)


class TableParams(ParamSet):
    """What the table bot answers."""

    SECTION: ClassVar[str] = "Table bot"
    table: Annotated[dict[str, list[Any]], Param(help="Heard text or event to answers.")] = Field(
        default_factory=dict, alias="tableAnswers"
    )


@registry.register("bot", "table", "Table", params=TableParams)
class TableBot:
    """Answers what its table says: a string is a message, an object an activity.

    ``!fail`` as an answer fails, ``!leave`` leaves; the key ``!join`` fails to join.
    """

    capabilities = BotCapabilities()

    def __init__(self, params: TableParams, _credentials: NoParams) -> None:
        self.table = params.table
        self.sessions: list[TableSession] = []

    async def open(self, conversation: BotConversation) -> "TableSession":
        if "!join" in self.table:
            raise ServiceError("bot", Fault.CONNECTIVITY, "the table says so")
        self.sessions.append(TableSession(self.table))
        return self.sessions[-1]

    def phrases(self) -> tuple[str, ...]:
        return tuple(key for key in self.table if not key.startswith("!"))


class TableSession:
    """One conversation with the table bot; ``heard`` is what it was sent."""

    def __init__(self, table: dict[str, list[Any]]) -> None:
        self.table = table
        self.heard: list[Activity] = []
        self.closed: tuple[str, str] | None = None
        self._answers: asyncio.Queue[Any] = asyncio.Queue()

    async def send(self, activity: Activity) -> None:
        self.heard.append(activity)
        key = activity.text if activity.kind == "message" else (activity.name or "")
        for answer in self.table.get(key or "", []):
            self._answers.put_nowait(answer)

    async def events(self) -> AsyncIterator[Activity]:
        while (answer := await self._answers.get()) != "!leave":
            if answer == "!fail":
                raise ServiceError("bot", Fault.SERVER, "the table says so")
            if answer == "!crash":
                raise RuntimeError("a bug in a connector")
            yield message(answer) if isinstance(answer, str) else _activity(answer)

    async def close(self, reason_code: str, reason: str) -> None:
        self.closed = (reason_code, reason)


def _activity(answer: Json) -> Activity:
    return event(
        answer["name"],
        activity_params=answer.get("activityParams"),
        session_params=answer.get("sessionParams"),
    )


@registry.register("stt", "tones", "Tones")
class ToneStt:
    """Recognises how long a tone lasts."""

    capabilities = SttCapabilities(rates_hz=(8000, 16000), endpointing=False)

    def __init__(self, _params: NoParams, _credentials: NoParams) -> None:
        pass

    async def open(self, request: RecognitionRequest) -> Recognition:
        return ToneRecognition(request.rate_hz)


class ToneRecognition:
    """Counts the loud 20 ms frames of an utterance."""

    def __init__(self, rate_hz: int) -> None:
        self._frame_bytes = rate_hz // 50 * 2
        self._audio = b""
        self._results: asyncio.Queue[RecognitionEvent | None] = asyncio.Queue()

    def begin_utterance(self) -> None:
        self._audio = b""

    def push(self, pcm: bytes) -> None:
        self._audio += pcm

    def end_utterance(self) -> None:
        size = self._frame_bytes
        frames = [self._audio[i : i + size] for i in range(0, len(self._audio), size)]
        loud_ms = 20 * sum(level_dbfs(frame) > -30 for frame in frames)
        text = VOCABULARY.get(round(loud_ms / 100), "")
        self._results.put_nowait(Transcript(text, 0.9 if text else None))

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        while (result := await self._results.get()) is not None:
            yield result

    async def close(self) -> None:
        self._results.put_nowait(None)


@registry.register("tts", "tones", "Tones")
class ToneTts:
    """Speaks every text as a quiet tone, `CHAR_MS` a letter; ``!fail`` in the text fails."""

    capabilities = TtsCapabilities(rates_hz=(16000,))

    def __init__(self, _params: NoParams, _credentials: NoParams) -> None:
        pass

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        if "!fail" in request.text:
            raise ServiceError("tts", Fault.SERVER, "the text says so")
        for _ in request.text:
            yield tone(CHAR_MS, request.rate_hz)


@registry.register("vad", "tones", "Tones")
class ToneVad:
    """Loud is speech."""

    def __init__(self, _params: NoParams, _credentials: NoParams) -> None:
        pass

    def detector(self, *, rate_hz: int, voice_ms: int, silence_ms: int) -> "ToneDetector":
        return ToneDetector(voice_ms // 20, silence_ms // 20)


class ToneDetector:
    """Counts loud and quiet 20 ms frames."""

    def __init__(self, voice_frames: int, silence_frames: int) -> None:
        self._needed = {True: max(1, voice_frames), False: max(1, silence_frames)}
        self._speaking = False
        self._run = 0

    def push(self, pcm: bytes) -> Literal["started", "stopped"] | None:
        if (level_dbfs(pcm) > -30) == self._speaking:
            self._run = 0
            return None
        self._run += 1
        if self._run < self._needed[not self._speaking]:
            return None
        self._speaking, self._run = not self._speaking, 0
        return "started" if self._speaking else "stopped"
