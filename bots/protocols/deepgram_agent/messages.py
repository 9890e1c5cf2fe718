"""Messages of the Deepgram Voice Agent API, version 1, as they are on the wire.

Text frames hold one JSON object each, told apart by ``type``; binary frames are bare audio, both
ways. What the client sends is written here field by field, because the server refuses what it does
not know. Reading is liberal: unknown fields are ignored, and what a line can do without may be
missing.

Source: Deepgram's API description and "Voice Agent" documentation, state of July 2026.
"""

from typing import Any

import msgspec

from bots.core.activities import Json
from bots.core.errors import ProtocolError
from bots.core.json_bounds import has_too_many_parts

PEER = "deepgram"
MAX_FRAME_BYTES = 4 * 1024 * 1024
"""Larger frames break the connection; audio comes in pieces of some kilobytes."""
MAX_TEXT = 65_536
"""What is kept of a text, in characters."""
MAX_FUNCTIONS = 32
"""Most function calls that are taken from one message."""
_PROBLEM_LENGTH = 200


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What all messages share."""


# --- to the server --------------------------------------------------------------------------------


class Settings(Message, frozen=True, kw_only=True, tag="Settings"):
    """The first message and sent once; see `bots.protocols.deepgram_agent.settings`."""

    audio: Json
    agent: Json | str
    tags: tuple[str, ...] = ()
    experimental: bool | None = None
    flags: Json | None = None
    mip_opt_out: bool | None = None


class UpdateListen(Message, frozen=True, kw_only=True, tag="UpdateListen"):
    """Other recognition; answered by `ListenUpdated`."""

    listen: Json


class UpdateThink(Message, frozen=True, kw_only=True, tag="UpdateThink"):
    """Replaces the whole of ``think``, prompt and functions too; answered by `ThinkUpdated`."""

    think: Json | list[Json]


class UpdateSpeak(Message, frozen=True, kw_only=True, tag="UpdateSpeak"):
    """Another voice from the next utterance; answered by `SpeakUpdated`."""

    speak: Json | list[Json]


class UpdatePrompt(Message, frozen=True, kw_only=True, tag="UpdatePrompt"):
    """More instructions; answered by `PromptUpdated`."""

    prompt: str


class InjectUserMessage(Message, frozen=True, kw_only=True, tag="InjectUserMessage"):
    """As if the caller had said it."""

    content: str


class InjectAgentMessage(Message, frozen=True, kw_only=True, tag="InjectAgentMessage"):
    """Something for the agent to say; the field is ``message``, whatever one page of theirs says.

    ``behavior``: ``default`` only if nobody is in the middle of a turn, ``queue`` after what is
    queued, ``interrupt`` at once.
    """

    message: str
    behavior: str = "default"


class FunctionResult(Message, frozen=True, kw_only=True, tag="FunctionCallResponse"):
    """What a function on our side came to."""

    id: str
    name: str
    content: str


class ForceEndTurn(Message, frozen=True, kw_only=True, tag="ForceEndTurn"):
    """The caller's turn is over; Flux models only."""


class KeepAlive(Message, frozen=True, kw_only=True, tag="KeepAlive"):
    """Nothing to say; due every 8 s while no audio is sent."""


ClientMessage = (
    Settings
    | UpdateListen
    | UpdateThink
    | UpdateSpeak
    | UpdatePrompt
    | InjectUserMessage
    | InjectAgentMessage
    | FunctionResult
    | ForceEndTurn
    | KeepAlive
)
"""What a client sends beside audio."""


# --- from the server ------------------------------------------------------------------------------


class Welcome(Message, frozen=True, kw_only=True, tag="Welcome"):
    """The connection is made; ``request_id`` is what Deepgram's support asks for."""

    request_id: str = ""


class SettingsApplied(Message, frozen=True, kw_only=True, tag="SettingsApplied"):
    """Audio may flow."""


class ConversationText(Message, frozen=True, kw_only=True, tag="ConversationText"):
    """A line of the talk; the agent's come in several messages per turn."""

    role: str = ""
    content: str = ""


class UserStartedSpeaking(Message, frozen=True, kw_only=True, tag="UserStartedSpeaking"):
    """The caller speaks: nothing more of the agent's audio is to be heard."""


class AgentThinking(Message, frozen=True, kw_only=True, tag="AgentThinking"):
    """The language model works; not on every turn."""

    content: str = ""


class AgentStartedSpeaking(Message, frozen=True, kw_only=True, tag="AgentStartedSpeaking"):
    """Audio of an utterance follows; latencies in seconds."""

    total_latency: float | None = None
    tts_latency: float | None = None
    ttt_latency: float | None = None


class AgentAudioDone(Message, frozen=True, kw_only=True, tag="AgentAudioDone"):
    """All audio of the utterance was sent (not played); not sent for some that were cut off."""


class LatencyReport(Message, frozen=True, kw_only=True, tag="LatencyReport"):
    """Latencies of a turn in seconds; may come one field per message."""

    stt_latency: float | None = None
    ttt_token_latency: float | None = None
    ttt_text_latency: float | None = None
    tts_latency: float | None = None
    total_latency: float | None = None


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True):
    """A function the agent wants called; ``arguments`` is JSON text."""

    id: str = ""
    name: str = ""
    arguments: str = ""
    client_side: bool = False


class FunctionCallRequest(Message, frozen=True, kw_only=True, tag="FunctionCallRequest"):
    """Calls of functions; those with ``client_side`` wait for a `FunctionResult`."""

    functions: tuple[FunctionCall, ...] = ()


class FunctionCallCancelled(Message, frozen=True, kw_only=True, tag="FunctionCallCancelled"):
    """The caller went on: results of these calls are not wanted any more."""

    functions: tuple[FunctionCall, ...] = ()


class FunctionCallResponse(Message, frozen=True, kw_only=True, tag="FunctionCallResponse"):
    """What a function on the server's side came to."""

    id: str | None = None
    name: str = ""
    content: Any = ""


class History(Message, frozen=True, kw_only=True, tag="History"):
    """An entry of the talk, to begin another session with: a line, or function calls."""

    role: str | None = None
    content: str | None = None
    function_calls: list[Json] | None = None


class ListenUpdated(Message, frozen=True, kw_only=True, tag="ListenUpdated"):
    """Answer to `UpdateListen`."""


class ThinkUpdated(Message, frozen=True, kw_only=True, tag="ThinkUpdated"):
    """Answer to `UpdateThink`."""


class SpeakUpdated(Message, frozen=True, kw_only=True, tag="SpeakUpdated"):
    """Answer to `UpdateSpeak`."""


class PromptUpdated(Message, frozen=True, kw_only=True, tag="PromptUpdated"):
    """Answer to `UpdatePrompt`."""


class InjectionRefused(Message, frozen=True, kw_only=True, tag="InjectionRefused"):
    """`InjectAgentMessage` came at a bad moment."""

    message: str = ""


class Warning(Message, frozen=True, kw_only=True, tag="Warning"):
    """Something that the session survives."""

    code: str = ""
    description: str = ""


class Error(Message, frozen=True, kw_only=True, tag="Error"):
    """The session is over; the server closes the socket."""

    code: str = ""
    description: str = ""


ServerMessage = (
    Welcome
    | SettingsApplied
    | ConversationText
    | UserStartedSpeaking
    | AgentThinking
    | AgentStartedSpeaking
    | AgentAudioDone
    | LatencyReport
    | FunctionCallRequest
    | FunctionCallCancelled
    | FunctionCallResponse
    | History
    | ListenUpdated
    | ThinkUpdated
    | SpeakUpdated
    | PromptUpdated
    | InjectionRefused
    | Warning
    | Error
)
"""What the server sends beside audio."""

_decoder: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
_encoder = msgspec.json.Encoder()


class UnknownMessageError(ProtocolError):
    """A type that is not known here; to be ignored, for the set of them keeps growing."""


def decode(frame: str) -> ServerMessage:
    """Read one text frame of the server.

    Raises:
        UnknownMessageError: the type is unknown; the problem shows it.
        ProtocolError: the frame is no message; the problem names the field, never its value.
    """
    if frame[:1] != "{":
        raise ProtocolError(PEER, "frame does not begin with '{'")
    if has_too_many_parts(frame):
        raise ProtocolError(PEER, "frame has too many parts")
    try:
        return _decoder.decode(frame)
    except msgspec.ValidationError as error:
        problem = str(error)
        unknown = problem.startswith("Invalid value") and problem.endswith("`$.type`")
        kind = UnknownMessageError if unknown else ProtocolError
        raise kind(PEER, problem[:_PROBLEM_LENGTH]) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError(PEER, f"not JSON: {error}"[:_PROBLEM_LENGTH]) from None


def encode(message: ClientMessage) -> str:
    """The text frame for ``message``."""
    return _encoder.encode(message).decode()
