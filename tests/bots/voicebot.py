"""A bot with a voice for tests: a real connector that says what the test has it say.

Registered as plug-in ``voice``: what it can do and which format it takes are parameters.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core import registry
from bots.core.activities import Activity, Json
from bots.core.audio import LPCM16_16K, MULAW_8K, AudioFormat
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.ports import (
    BotCapabilities,
    BotConversation,
    BotEvent,
    StreamAudio,
    StreamEnded,
    StreamStarted,
)
from bots.core.registry import NoParams


class VoiceBotParams(ParamSet):
    """What the bot does itself, and how it wants to hear."""

    SECTION: ClassVar[str] = "Voice bot"
    hears: Annotated[bool, Param(help="It recognises the caller.")] = Field(
        default=True, alias="voiceBotHears"
    )
    speaks: Annotated[bool, Param(help="It speaks by audio.")] = Field(
        default=True, alias="voiceBotSpeaks"
    )
    mulaw: Annotated[bool, Param(help="It hears mu-law at 8 kHz.")] = Field(
        default=False, alias="voiceBotMulaw"
    )


@registry.register("bot", "voice", "Voice", params=VoiceBotParams)
class VoiceBot:
    """Opens sessions in which a test is the bot."""

    def __init__(self, params: VoiceBotParams, _credentials: NoParams) -> None:
        self.capabilities = BotCapabilities(hears=params.hears, speaks=params.speaks)
        self.sessions: list[VoiceSession] = []
        self.asked: list[BotConversation] = []
        self._audio = MULAW_8K if params.mulaw else LPCM16_16K
        self._joined = asyncio.Event()

    async def open(self, conversation: BotConversation) -> "VoiceSession":
        self.asked.append(conversation)
        self.sessions.append(VoiceSession(self._audio))
        self._joined.set()
        return self.sessions[-1]

    def phrases(self) -> tuple[str, ...]:
        return ()

    async def joined(self) -> "VoiceSession":
        """Its first session."""
        await self._joined.wait()
        return self.sessions[0]


def voice_bot(**params: bool) -> VoiceBot:
    """A bot without a registry; ``params`` by their wire names."""
    return VoiceBot(VoiceBotParams.model_validate(params), NoParams())


class VoiceSession:
    """One conversation: `tell` is what the bot says, the lists are what it was told."""

    def __init__(self, caller_audio: AudioFormat) -> None:
        self.caller_audio = caller_audio
        self.sent: list[Activity] = []
        self.heard = b""
        self.listening: list[bool] = []
        self.plays: list[tuple[int, float, bool]] = []
        self.marks: list[Json] = []
        self.controls: list[Json] = []
        self.closed: tuple[str, str] | None = None
        self._events: asyncio.Queue[BotEvent | ServiceError | None] = asyncio.Queue()
        self._more = asyncio.Event()

    def tell(self, *events: BotEvent | ServiceError | None) -> None:
        """Say something; an error fails, None leaves."""
        for event in events:
            self._events.put_nowait(event)

    def speak(
        self, stream: int, *pieces: bytes, audio: AudioFormat = LPCM16_16K, text: str = ""
    ) -> None:
        """A whole stream."""
        self.tell(StreamStarted(stream=stream, audio=audio, text=text))
        self.tell(*(StreamAudio(stream, piece) for piece in pieces), StreamEnded(stream))

    async def until_played(self, stream: int) -> tuple[float, bool]:
        """How much of a stream was heard when it was over, and whether it was cut off."""
        while True:
            for number, heard_ms, interrupted in self.plays:
                if number == stream:
                    return heard_ms, interrupted
            await self.changed()

    async def changed(self) -> None:
        """The call told something."""
        self._more.clear()
        await self._more.wait()

    # --- the port -------------------------------------------------------------------------------

    async def send(self, activity: Activity) -> None:
        self.sent.append(activity)
        self._more.set()

    async def events(self) -> AsyncIterator[BotEvent]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, ServiceError):
                raise event
            yield event

    async def close(self, reason_code: str, reason: str) -> None:
        self.closed = (reason_code, reason)

    def listen(self, *, on: bool) -> None:
        self.listening.append(on)
        self._more.set()

    def hear(self, audio: bytes) -> None:
        self.heard += audio
        self._more.set()

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        self.plays.append((stream, heard_ms, interrupted))
        self._more.set()

    def reached(self, mark: Json) -> None:
        self.marks.append(mark)
        self._more.set()

    async def control(self, message: Json) -> str:
        """Does as it is told: ``never`` does not answer, ``refuse`` refuses."""
        self.controls.append(message)
        match message.get("type"):
            case "never":
                await asyncio.Event().wait()
            case "refuse":
                raise ServiceError("bot", Fault.INVALID_REQUEST, "it would rather not")
        return "done as told"
