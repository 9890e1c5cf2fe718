"""The client side of one talk with a voice agent: what each frame of the server means.

One `AgentClient` serves a whole call, over as many sockets as it takes: `reset` begins the next.
It does no I/O and knows no clock; what it answers is done by `bots.connectors.deepgram_agent`.

Audio comes without an id and faster than it is heard. So a guard tells generations apart: after
``UserStartedSpeaking`` audio is that of an answer which was cut off, until the server says that it
begins another (``AgentStartedSpeaking`` or a line of the assistant).
"""

from collections import deque
from enum import StrEnum

from bots.core.activities import Json
from bots.core.audio import AudioFormat
from bots.core.errors import ProtocolError
from bots.core.ports import (
    AgentReport,
    BotEvent,
    EndpointedSpeech,
    SpeechCommitted,
    StreamAudio,
    StreamEnded,
    StreamStarted,
    StreamText,
    Transcript,
)
from bots.protocols.deepgram_agent import faults, messages
from bots.protocols.deepgram_agent.happenings import (
    MAX_NAME,
    MAX_NOTE,
    Aging,
    Applied,
    Happening,
    Ignored,
    Refused,
    Welcomed,
    asked,
    cut,
    function_response,
    updated,
    withdrawn,
)
from bots.protocols.deepgram_agent.history import Talk
from bots.protocols.deepgram_agent.latencies import Latencies
from bots.protocols.deepgram_agent.messages import MAX_FUNCTIONS, ServerMessage

_INJECTED = 32
"""Lines we put into the caller's mouth of which the echo may still come."""


class Phase(StrEnum):
    """How far a session has come."""

    CONNECTING = "connecting"
    WELCOMED = "welcomed"
    APPLIED = "applied"
    OVER = "over"


_REFUSING = {
    "INJECT_AGENT_MESSAGE_DURING_USER_SPEECH": "InjectAgentMessage",
    "INJECT_AGENT_MESSAGE_DURING_AGENT_SPEECH": "InjectAgentMessage",
    "FORCE_END_TURN_UNSUPPORTED": "ForceEndTurn",
}
"""Warnings that mean that a message was not carried out."""


class AgentClient:
    """What is known of the talk; ``spoken`` is the format of the agent's audio."""

    def __init__(self, spoken: AudioFormat) -> None:
        self.phase = Phase.CONNECTING
        self.talk = Talk()
        self.greeted = False
        """Whether the agent has spoken; then it does not greet again."""
        self._spoken = spoken
        self._streams = 0
        self._stream: int | None = None
        self._text = ""
        """Of the open stream, or of the one that comes next."""
        self._wordless: int | None = None
        """The stream before, as long as nothing is known of what it says."""
        self._stale = False
        """Audio belongs to an answer that the caller cut off."""
        self._silenced = False
        """Audio belongs to an answer that the call stopped."""
        self._odd = b""
        self._speaking = False
        self._injected: deque[str] = deque(maxlen=_INJECTED)
        self._latencies = Latencies()

    @property
    def quiet(self) -> bool:
        """Nobody speaks: neither the caller, nor audio of the agent on its way."""
        return self._stream is None and not self._speaking

    def reset(self) -> list[BotEvent]:
        """Another socket is used from here; what the last one left open ends."""
        self.phase = Phase.CONNECTING
        found = [*self._stopped_speaking(), *self._ended()]
        self._text = ""
        self._stale = self._silenced = False
        self._injected.clear()
        return found

    def injected(self, content: str) -> None:
        """``content`` was sent as the caller's words; its echo is not what the caller said."""
        self._injected.append(cut(content))

    def silenced(self, stream: int) -> None:
        """The call stopped playing ``stream``: the rest of that answer is not wanted."""
        if stream == self._stream:
            self._ended()
            self._silenced = True

    def stalled(self) -> list[BotEvent]:
        """No audio has come for a while although the stream is open; what comes later is a new one.

        Some answers that were cut off are never said to be done.
        """
        return self._ended()

    def receive(self, frame: str | bytes) -> list[Happening]:
        """What ``frame`` means, in order; ``bytes`` are audio. Never raises."""
        if self.phase is Phase.OVER:
            return []
        if isinstance(frame, bytes):
            return [*self._audio(frame)]
        try:
            message = messages.decode(frame)
        except ProtocolError as error:
            return [Ignored(error.problem)]
        return self._read(message)

    # --- what the server says -------------------------------------------------------------------

    def _read(self, message: ServerMessage) -> list[Happening]:
        match message:
            case messages.Welcome():
                return self._welcome(message.request_id)
            case messages.SettingsApplied():
                return self._applied()
            case messages.Error():
                self.phase = Phase.OVER
                return [faults.of_error(message.code, message.description)]
            case messages.Warning():
                return self._warning(message)
            case messages.FunctionCallRequest():
                return self._functions(message)
            case messages.FunctionCallCancelled():
                return withdrawn(message)
            case messages.InjectionRefused():
                detail = {"message": cut(message.message, MAX_NOTE)}
                report = AgentReport(name="injection_refused", detail=detail)
                return [report, Refused("InjectAgentMessage", detail["message"])]
            case (
                messages.ListenUpdated()
                | messages.ThinkUpdated()
                | messages.SpeakUpdated()
                | messages.PromptUpdated()
            ):
                return updated(message)
            case _:
                return [*self._heard_and_said(message)]

    def _heard_and_said(self, message: ServerMessage) -> list[BotEvent]:
        match message:
            case messages.ConversationText(role="user"):
                return self._caller_said(message.content)
            case messages.ConversationText(role="assistant"):
                return self._agent_said(message.content)
            case messages.UserStartedSpeaking():
                return self._caller_began()
            case messages.AgentStartedSpeaking():
                return self._agent_began(message)
            case messages.AgentAudioDone():
                return self._audio_done()
            case messages.AgentThinking():
                content = cut(message.content)
                return [AgentReport(name="thinking", detail={"content": content})]
            case messages.LatencyReport():
                return self._latency(self._latencies.reported(message))
            case messages.History():
                return self._history(message)
            case messages.FunctionCallResponse():
                return [function_response(message)]
            case _:
                return []

    def _welcome(self, request_id: str) -> list[Happening]:
        if self.phase is not Phase.CONNECTING:
            return [Ignored(f"Welcome while {self.phase}")]
        self.phase = Phase.WELCOMED
        return [Welcomed(cut(request_id, MAX_NOTE))]

    def _applied(self) -> list[Happening]:
        if self.phase is not Phase.WELCOMED:
            return [Ignored(f"SettingsApplied while {self.phase}")]
        self.phase = Phase.APPLIED
        return [Applied()]

    def _warning(self, message: messages.Warning) -> list[Happening]:
        code, description = cut(message.code, MAX_NAME), cut(message.description, MAX_NOTE)
        found: list[Happening] = [
            AgentReport(
                name="warning",
                detail={"code": code, "description": description},
                note=f"Deepgram warns: {description or code}",
            )
        ]
        if refused := _REFUSING.get(code):
            found.append(Refused(refused, description or code))
        if code == "MAXIMUM_SESSION_LENGTH_APPROACHING":
            found.append(Aging())
        return found

    def _functions(self, message: messages.FunctionCallRequest) -> list[Happening]:
        found: list[Happening] = []
        for call in message.functions[:MAX_FUNCTIONS]:
            wanted = asked(call)
            detail: Json = {
                "id": wanted.id,
                "name": wanted.name,
                "arguments": wanted.arguments,
                "client_side": call.client_side,
            }
            found.append(AgentReport(name="function_call", detail=detail))
            if call.client_side:
                found.append(wanted)
        return found

    # --- the talk -------------------------------------------------------------------------------

    def _caller_began(self) -> list[BotEvent]:
        self._stale, self._silenced = True, False
        self._text = ""
        self._latencies = Latencies()
        found: list[BotEvent] = []
        if not self._speaking:
            self._speaking = True
            found.append(EndpointedSpeech(speaking=True))
        # NB behind the news: what is interrupted must not look complete, nor its length known.
        found += self._ended()
        self._wordless = None
        return found

    def _caller_said(self, content: str) -> list[BotEvent]:
        text = cut(content)
        if text in self._injected:
            self._injected.remove(text)
            return []
        self.talk.said("user", text)
        self._silenced = False
        self._wordless = None
        self._latencies = Latencies()
        return [*self._stopped_speaking(), Transcript(text)]

    def _stopped_speaking(self) -> list[BotEvent]:
        if not self._speaking:
            return []
        self._speaking = False
        return [EndpointedSpeech(speaking=False)]

    def _agent_began(self, message: messages.AgentStartedSpeaking) -> list[BotEvent]:
        self._stale = self._silenced = False
        found = self._answering()
        found.append(AgentReport(name="speaking", detail={}))
        return found + self._latency(self._latencies.began(message))

    def _answering(self) -> list[BotEvent]:
        """The agent answers: the caller's turn is over, whether or not words of it came."""
        if not self._speaking:
            return []
        return [*self._stopped_speaking(), SpeechCommitted()]

    def _agent_said(self, content: str) -> list[BotEvent]:
        text = cut(content)
        self.talk.said("assistant", text)
        self._stale = False
        found = self._answering()
        if self._silenced:
            return found
        if self._stream is None and self._wordless is not None:
            found.append(StreamText(self._wordless, text))
            self._wordless = None
            return found
        self._text = cut(f"{self._text} {text}".strip())
        if self._stream is not None:
            found.append(StreamText(self._stream, self._text))
        return found

    def _audio(self, audio: bytes) -> list[BotEvent]:
        if self._stale or self._silenced or self.phase is not Phase.APPLIED:
            return []
        audio = self._whole_samples(audio)
        if not audio:
            return []
        found: list[BotEvent] = []
        if self._stream is None:
            self._streams += 1
            self._stream, self.greeted = self._streams, True
            self._wordless = None
            found.append(StreamStarted(stream=self._stream, audio=self._spoken, text=self._text))
        return [*found, StreamAudio(self._stream, audio)]

    def _whole_samples(self, audio: bytes) -> bytes:
        audio = self._odd + audio
        end = len(audio) - len(audio) % self._spoken.sample_bytes
        self._odd = audio[end:]
        return audio[:end]

    def _audio_done(self) -> list[BotEvent]:
        if self._stale:
            return []
        self._silenced = False
        return [*self._ended(), AgentReport(name="audio_done", detail={})]

    def _ended(self) -> list[BotEvent]:
        """End the open stream; its text is not that of the next."""
        self._odd = b""
        if self._stream is None:
            return []
        ended, self._stream = self._stream, None
        self._wordless = None if self._text else ended
        self._text = ""
        return [StreamEnded(ended)]

    def _latency(self, known: Json) -> list[BotEvent]:
        return [AgentReport(name="latency", detail=known)] if known else []

    def _history(self, message: messages.History) -> list[BotEvent]:
        entry = self.talk.entered(message)
        return [AgentReport(name="history", detail=entry)] if entry else []
