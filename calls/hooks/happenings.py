"""What handlers are told: one struct for each name that `calls.hooks.on` takes.

The names of the first thirteen are those of deepgram-audiocodes-bridge, so that its users find what
they know. Times are aware datetimes in UTC.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

EventName = Literal[
    "session_start",
    "session_end",
    "conversation_text",
    "user_started_speaking",
    "agent_thinking",
    "agent_audio_done",
    "function_call_request",
    "prompt_updated",
    "speak_updated",
    "think_updated",
    "warning",
    "activity",
    "error",
    "agent_connected",
    "function_call_response",
    "injection_refused",
    "latency",
    "listen_updated",
    "playback_done",
]


class SessionStart(msgspec.Struct, frozen=True, kw_only=True):
    """The bot is there and the conversation begins."""

    at: datetime


class SessionEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The call is over: the last that a handler is told of it.

    ``reason``: transfer, hangup (the caller's), ended (by the bot or by a person here) or error.
    ``reason_code``, ``text`` and ``cause`` are those of the CDR.
    """

    at: datetime
    reason: Literal["transfer", "hangup", "ended", "error"]
    duration_ms: int
    reason_code: str
    text: str
    cause: str = ""


class ConversationText(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the transcript, final: what was understood, or what was heard of a prompt."""

    at: datetime
    role: Literal["user", "assistant", "operator"]
    content: str
    confidence: float | None = None


class UserStartedSpeaking(msgspec.Struct, frozen=True, kw_only=True):
    """The caller began to speak."""

    at: datetime


class PlaybackDone(msgspec.Struct, frozen=True, kw_only=True):
    """The caller has heard a prompt, or the first ``heard_ms`` of one that was ``interrupted``."""

    at: datetime
    heard_ms: int
    interrupted: bool


class AgentThinking(msgspec.Struct, frozen=True, kw_only=True):
    """The voice agent thinks."""

    at: datetime
    content: str


class AgentAudioDone(msgspec.Struct, frozen=True, kw_only=True):
    """The voice agent has sent all of its answer, which the caller may still be hearing."""

    at: datetime


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True):
    """One function that the agent calls; ``arguments`` are by name.

    ``client_side``: the answer is ours to give.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    client_side: bool


class FunctionCallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The voice agent calls functions."""

    at: datetime
    functions: tuple[FunctionCall, ...]


class FunctionCallResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A function was answered, by whom ever."""

    at: datetime
    id: str
    name: str
    content: str


class Updated(msgspec.Struct, frozen=True, kw_only=True):
    """The voice agent confirms new instructions, another voice, model or recognition."""

    at: datetime


class InjectionRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The voice agent did not say what it was told to say."""

    at: datetime
    message: str


class AgentConnected(msgspec.Struct, frozen=True, kw_only=True):
    """The voice agent is connected, or again; ``request_id`` is for the vendor's support."""

    at: datetime
    request_id: str
    again: bool


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long parts of an answer took the voice agent, in milliseconds, by name."""

    at: datetime
    took_ms: dict[str, int]


class Warning(msgspec.Struct, frozen=True, kw_only=True):
    """The bot, or the talk with it, is not as it should be; the call goes on."""

    at: datetime
    code: str
    description: str


class InboundActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What the bot is told beside words: start, DTMF, noUserInput, transferStatus ...

    ``activity`` has the names of the Bot API (``name``, ``value``, ``parameters``).
    """

    at: datetime
    activity: dict[str, Any]


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """A service of the call failed, or a handler (code ``handler_error``).

    ``recoverable``: the call goes on.
    """

    at: datetime
    code: str
    description: str
    recoverable: bool = True


Happening = (
    SessionStart
    | SessionEnd
    | ConversationText
    | UserStartedSpeaking
    | PlaybackDone
    | AgentThinking
    | AgentAudioDone
    | FunctionCallRequest
    | FunctionCallResponse
    | Updated
    | InjectionRefused
    | AgentConnected
    | Latency
    | Warning
    | InboundActivity
    | Error
)

ENDS: frozenset[EventName] = frozenset({"session_start", "session_end"})
"""Never dropped, however slow the handlers are."""
VITAL = ENDS | {"function_call_request"}
"""Dropped only when nothing else waits."""
