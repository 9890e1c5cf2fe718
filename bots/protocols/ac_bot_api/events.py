"""What the machines of both sides report about one frame: frozen facts, in the past tense."""

import msgspec

from bots.core.activities import Activity, Json
from bots.core.errors import ProtocolError
from bots.protocols.ac_bot_api import messages
from bots.protocols.ac_bot_api.media import MediaFormat


class Rejected(msgspec.Struct, frozen=True):
    """A frame, or a part of it, broke the protocol; it had no effect.

    Log it once per kind of problem and go on: a peer's slip never ends a call. ``unknown_type``:
    the message's type is none of ours, which newer peers are free to send.
    """

    problem: str
    unknown_type: bool = False


class ActivitiesReceived(msgspec.Struct, frozen=True):
    """Activities to be carried out in this order."""

    activities: tuple[Activity, ...]


def read_activities(
    message: messages.Activities,
) -> list[ActivitiesReceived | Rejected]:
    """The good activities of ``message``, and what was wrong with the others."""
    good: list[Activity] = []
    bad: list[ActivitiesReceived | Rejected] = []
    for raw in message.activities:
        try:
            good.append(messages.read_activity(raw))
        except ProtocolError as error:
            bad.append(Rejected(f"activities: {error.problem}"))
    return [ActivitiesReceived(tuple(good)), *bad] if good else bad


# --- to the bot (StreamServer) ------------------------------------------------------------------


class ValidateRequested(msgspec.Struct, frozen=True):
    """Answer with ``validated``; no session follows."""


class InitiateRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A call begins; answer with ``accept`` or ``refuse``.

    ``conversation_id`` is empty when the peer named none. ``media_formats`` are the peer's offers
    in its order of preference, unknown ones included.
    """

    conversation_id: str
    bot_name: str
    caller: str
    expect_audio_messages: bool
    media_formats: tuple[str, ...]


class ResumeRequested(msgspec.Struct, frozen=True):
    """A conversation wants to go on over this socket; answer with ``accept`` or ``refuse``."""

    conversation_id: str


class SessionEnded(msgspec.Struct, frozen=True):
    """The call is over, in the peer's words; close the socket. No further event follows."""

    reason_code: str
    reason: str


class UserStreamStarted(msgspec.Struct, frozen=True):
    """Audio of ``participant`` follows, from its beginning; answer with ``user_stream_started``."""

    participant: str | None


class UserAudio(msgspec.Struct, frozen=True):
    """Whole samples in the session's media format, without WAV header; never empty."""

    audio: bytes
    participant: str | None


class UserStreamStopped(msgspec.Struct, frozen=True):
    """Audio of ``participant`` has ended; answer with ``user_stream_stopped``."""

    participant: str | None


class MarkReached(msgspec.Struct, frozen=True):
    """The user has heard all up to a mark that we set, or will hear nothing more of it.

    ``mark`` has the fields that named it.
    """

    mark: Json


ServerEvent = (
    ValidateRequested
    | InitiateRequested
    | ResumeRequested
    | SessionEnded
    | UserStreamStarted
    | UserAudio
    | UserStreamStopped
    | MarkReached
    | ActivitiesReceived
    | Rejected
)


# --- to the gateway (StreamClient) --------------------------------------------------------------


class Validated(msgspec.Struct, frozen=True):
    """The bot answered a validation."""

    success: bool


class Accepted(msgspec.Struct, frozen=True):
    """The bot took the call; ``media_format`` is None when it named none that we know."""

    media_format: MediaFormat | None


class Errored(msgspec.Struct, frozen=True):
    """The bot gave up; fatal at any time. Close the socket. No further event follows."""

    reason: str


class UserStreamOpen(msgspec.Struct, frozen=True):
    """Chunks of ``participant`` may be sent."""

    participant: str | None


class UserStreamClosed(msgspec.Struct, frozen=True):
    """The bot has seen the end of the stream of ``participant``."""

    participant: str | None


class SpeechStarted(msgspec.Struct, frozen=True):
    """The bot heard the user begin to speak."""

    participant: str | None


class SpeechStopped(msgspec.Struct, frozen=True):
    """The bot heard the user stop."""

    participant: str | None


class SpeechCommitted(msgspec.Struct, frozen=True):
    """The bot takes the user's turn as complete."""

    participant: str | None


class SpeechHypothesis(msgspec.Struct, frozen=True):
    """Interim text."""

    text: str


class SpeechRecognition(msgspec.Struct, frozen=True):
    """Final text; ``confidence`` is None when the bot gave no number."""

    text: str
    confidence: float | None


class PlayStarted(msgspec.Struct, frozen=True, kw_only=True):
    """Audio to be played follows."""

    stream_id: str
    media_format: MediaFormat
    alt_text: str | None
    activity_params: Json | None


class PlayAudio(msgspec.Struct, frozen=True):
    """Whole samples of the open play stream in its media format; never empty."""

    stream_id: str
    audio: bytes


class PlayStopped(msgspec.Struct, frozen=True):
    """No more audio of this stream will come; what came is still to be played."""

    stream_id: str


class MarkSet(msgspec.Struct, frozen=True):
    """Answer with ``mark_reached`` when the user has heard what was sent so far.

    ``stream_id`` is the play stream that is meant, else the latest; ``mark`` has all the fields,
    to be given back as they are.
    """

    stream_id: str | None
    mark: Json


ClientEvent = (
    Validated
    | Accepted
    | Errored
    | UserStreamOpen
    | UserStreamClosed
    | SpeechStarted
    | SpeechStopped
    | SpeechCommitted
    | SpeechHypothesis
    | SpeechRecognition
    | PlayStarted
    | PlayAudio
    | PlayStopped
    | MarkSet
    | ActivitiesReceived
    | Rejected
)
