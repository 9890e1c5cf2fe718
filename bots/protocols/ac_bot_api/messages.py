"""Messages of the AudioCodes Bot API in streaming mode, as they are on the wire.

Every message is one JSON object in one text frame, told apart by ``type``. The Structs serve both
directions: `decode_from_gateway` reads what the gateway (VoiceAI Connect, Live Hub) sends,
`decode_from_bot` what a bot sends, `encode` writes either.

Reading is liberal: what a machine can do without may be missing, unknown fields are ignored, values
whose shape differs between bots in the field are taken as they come and sorted out by the machines.
Identifiers beyond their bound are refused; free text is cut by `clip`.

Source: AudioCodes "Bot API, streaming mode" (VoiceAI Connect Enterprise 3.24 and later).
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from bots.core.activities import Activity, Json
from bots.core.errors import ProtocolError
from bots.core.json_bounds import has_too_many_parts, is_too_deep

MAX_IDENTIFIER = 200
"""Longest conversation, stream or participant identifier, in characters."""
MAX_NAME = 500
"""Free text such as a caller's number or a reason is cut at this length, in characters."""
MAX_TEXT = 65_536
"""Longest text of a prompt, a hypothesis or a message, in characters."""
MAX_ACTIVITIES = 64
"""Most activities in one frame."""
MAX_MEDIA_FORMATS = 32
"""Offers beyond this number are ignored."""
MAX_PARTICIPANTS = 16
"""Most user streams that may be open at once."""

MAX_MARK = 2000
"""Longest frame that sets or reports a mark, in characters."""

_PROBLEM_LENGTH = 200

M = TypeVar("M")
Identifier = Annotated[str, msgspec.Meta(max_length=MAX_IDENTIFIER)]


class Message(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", rename="camel", omit_defaults=True
):
    """What all messages share; bots usually leave the conversation out."""

    conversation_id: Identifier | None = None

    @property
    def type(self) -> str:
        """The wire name of the message."""
        return str(self.__struct_config__.tag)


# --- gateway to bot -----------------------------------------------------------------------------


class ConnectionValidate(Message, frozen=True, kw_only=True, tag="connection.validate"):
    """A console asks whether this is a bot; there is no session."""


class SessionInitiate(Message, frozen=True, kw_only=True, tag="session.initiate"):
    """A call begins; ``expect_audio_messages`` says whether the bot is to speak by itself."""

    bot_name: str | None = None
    caller: str | None = None
    expect_audio_messages: bool | None = None
    supported_media_formats: Sequence[Any] | None = None


class SessionResume(Message, frozen=True, kw_only=True, tag="session.resume"):
    """The conversation goes on over this new socket."""


class SessionEnd(Message, frozen=True, kw_only=True, tag="session.end"):
    """The call is over."""

    reason_code: str | None = None
    reason: str | None = None


class UserStreamStart(Message, frozen=True, kw_only=True, tag="userStream.start"):
    """A participant's audio is about to flow."""

    participant: Identifier | None = None


class UserStreamChunk(Message, frozen=True, kw_only=True, tag="userStream.chunk"):
    """Audio of a participant in the session's media format; base64 on the wire."""

    audio_chunk: bytes = b""
    participant: Identifier | None = None


class UserStreamStop(Message, frozen=True, kw_only=True, tag="userStream.stop"):
    """A participant's audio has stopped."""

    participant: Identifier | None = None


class Activities(Message, frozen=True, kw_only=True, tag="activities"):
    """Activities, in either direction; read them with `read_activity` one by one."""

    activities: Annotated[Sequence[Any], msgspec.Meta(max_length=MAX_ACTIVITIES)] = ()


class PlayStreamMarkReached(Message, frozen=True, kw_only=True, tag="playStream.mark.reached"):
    """The user has heard everything up to a mark; `mark_fields` has what names it."""


# --- bot to gateway -----------------------------------------------------------------------------


class ConnectionValidated(Message, frozen=True, kw_only=True, tag="connection.validated"):
    """Answer to `ConnectionValidate`."""

    success: bool | None = None


class SessionAccepted(Message, frozen=True, kw_only=True, tag="session.accepted"):
    """The bot takes the call; ``media_format`` is the format of the user streams."""

    media_format: str | None = None


class SessionError(Message, frozen=True, kw_only=True, tag="session.error"):
    """The bot cannot go on; fatal at any time."""

    reason: str | None = None


class UserStreamStarted(Message, frozen=True, kw_only=True, tag="userStream.started"):
    """Chunks may flow."""

    participant: Identifier | None = None


class UserStreamStopped(Message, frozen=True, kw_only=True, tag="userStream.stopped"):
    """No more chunks are expected."""

    participant: Identifier | None = None


class _Speech(Message, frozen=True, kw_only=True):
    """What the speech events share; some bots write ``participantId``."""

    participant: Identifier | None = None
    participant_id: Identifier | None = None


class SpeechStarted(_Speech, frozen=True, kw_only=True, tag="userStream.speech.started"):
    """The bot heard the user begin to speak."""


class SpeechStopped(_Speech, frozen=True, kw_only=True, tag="userStream.speech.stopped"):
    """The bot heard the user stop."""


class SpeechCommitted(_Speech, frozen=True, kw_only=True, tag="userStream.speech.committed"):
    """The bot takes the user's turn as complete."""


class _Recognised(_Speech, frozen=True, kw_only=True):
    """Recognised text: documented as ``alternatives``, sent by some bots at the top level."""

    alternatives: Sequence[Any] | None = None
    text: str | None = None
    confidence: Any = None


class SpeechHypothesis(_Recognised, frozen=True, kw_only=True, tag="userStream.speech.hypothesis"):
    """Interim text."""


class SpeechRecognition(
    _Recognised, frozen=True, kw_only=True, tag="userStream.speech.recognition"
):
    """Final text of an utterance."""


class PlayStreamStart(Message, frozen=True, kw_only=True, tag="playStream.start"):
    """Audio to be played to the user follows."""

    stream_id: Identifier
    media_format: str | None = None
    alt_text: str | None = None
    activity_params: Json | None = None
    participant: Identifier | None = None
    target_player: Identifier | None = None


class PlayStreamChunk(Message, frozen=True, kw_only=True, tag="playStream.chunk"):
    """Audio of the open play stream; base64 on the wire."""

    stream_id: Identifier
    audio_chunk: bytes = b""


class PlayStreamStop(Message, frozen=True, kw_only=True, tag="playStream.stop"):
    """No more audio of this play stream; what was sent is still played."""

    stream_id: Identifier


class PlayStreamMarkSet(Message, frozen=True, kw_only=True, tag="playStream.mark.set"):
    """A point in the audio that was sent so far; `mark_fields` has what names it.

    Its fields are not documented: seen are ``markId``, ``mark``, ``name`` and ``id``.
    """

    stream_id: Identifier | None = None


GatewayMessage = (
    ConnectionValidate
    | SessionInitiate
    | SessionResume
    | SessionEnd
    | UserStreamStart
    | UserStreamChunk
    | UserStreamStop
    | PlayStreamMarkReached
    | Activities
)
"""What the gateway sends to a bot."""

BotMessage = (
    ConnectionValidated
    | SessionAccepted
    | SessionError
    | UserStreamStarted
    | UserStreamStopped
    | SpeechStarted
    | SpeechStopped
    | SpeechCommitted
    | SpeechHypothesis
    | SpeechRecognition
    | PlayStreamStart
    | PlayStreamChunk
    | PlayStreamStop
    | PlayStreamMarkSet
    | Activities
)
"""What a bot sends to the gateway."""

_gateway_decoder: msgspec.json.Decoder[GatewayMessage] = msgspec.json.Decoder(GatewayMessage)
_bot_decoder: msgspec.json.Decoder[BotMessage] = msgspec.json.Decoder(BotMessage)
_encoder = msgspec.json.Encoder()
_ENVELOPE = frozenset({"type", "conversationId"})


class UnknownMessageError(ProtocolError):
    """The message's ``type`` is not one of the protocol's; to be ignored, newer peers have more."""


def decode_from_gateway(frame: str | bytes) -> GatewayMessage:
    """Read one frame that the gateway sent.

    Raises:
        UnknownMessageError: the type is unknown; the problem shows it.
        ProtocolError: the frame is no message; the problem names the field, never its value.
    """
    return _decode("gateway", _gateway_decoder, frame)


def decode_from_bot(frame: str | bytes) -> BotMessage:
    """Read one frame that a bot sent.

    Raises:
        UnknownMessageError: the type is unknown; the problem shows it.
        ProtocolError: the frame is no message; the problem names the field, never its value.
    """
    return _decode("bot", _bot_decoder, frame)


def _decode(peer: str, decoder: msgspec.json.Decoder[M], frame: str | bytes) -> M:
    if not isinstance(frame, str):
        raise ProtocolError(peer, "binary frame")
    if frame[:1] != "{":
        raise ProtocolError(peer, "frame does not begin with '{'")
    if has_too_many_parts(frame):
        raise ProtocolError(peer, "frame has too many parts")
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        problem = str(error)
        unknown = problem.startswith("Invalid value") and problem.endswith("`$.type`")
        kind = UnknownMessageError if unknown else ProtocolError
        raise kind(peer, problem[:_PROBLEM_LENGTH]) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError(peer, f"not JSON: {error}"[:_PROBLEM_LENGTH]) from None


def encode(message: Message) -> str:
    """The text frame for ``message``."""
    return _encoder.encode(message).decode()


def mark_fields(frame: str) -> Json:
    """What names the mark in a frame that was decoded as one: all but type and conversation.

    Raises:
        ProtocolError: the frame is longer than `MAX_MARK` or has a field that cannot be read.
    """
    if len(frame) > MAX_MARK:
        raise ProtocolError("mark", "playStream.mark is too long")
    try:
        fields: Json = msgspec.json.decode(frame)
    except (msgspec.DecodeError, RecursionError):
        raise ProtocolError("mark", "playStream.mark cannot be read") from None
    if is_too_deep(fields):
        raise ProtocolError("mark", "playStream.mark is nested too deeply")
    return {name: value for name, value in fields.items() if name not in _ENVELOPE}


def encode_mark(message: PlayStreamMarkSet | PlayStreamMarkReached, fields: Json) -> str:
    """The text frame for ``message`` with ``fields`` that name the mark."""
    envelope: Json = msgspec.to_builtins(message)
    return _encoder.encode({**fields, **envelope}).decode()


def read_activity(raw: object) -> Activity:
    """One element of ``activities``; an ``id`` or ``timestamp`` that is no string is dropped.

    Raises:
        ProtocolError: it is no activity, is nested too deeply, or its text is longer than
            `MAX_TEXT`.
    """
    if is_too_deep(raw):
        raise ProtocolError("activity", "nested too deeply")
    if isinstance(raw, dict):
        raw = {
            name: value
            for name, value in raw.items()
            if name not in ("id", "timestamp") or isinstance(value, str)
        }
    try:
        activity = msgspec.convert(raw, Activity)
    except msgspec.ValidationError as error:
        raise ProtocolError("activity", str(error)[:_PROBLEM_LENGTH]) from None
    if len(activity.type) > MAX_IDENTIFIER or len(activity.name or "") > MAX_IDENTIFIER:
        raise ProtocolError("activity", "type or name is too long")
    if len(activity.text or "") > MAX_TEXT:
        raise ProtocolError("activity", "text is too long")
    return activity


def clip(text: str | None, limit: int = MAX_NAME) -> str:
    """Free text from the peer, cut at ``limit`` characters; empty when absent."""
    return "" if text is None else text[:limit]
