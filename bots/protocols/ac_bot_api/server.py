"""The bot's side of the AudioCodes Bot API: a machine without I/O, one per socket.

`StreamServer.receive` takes a frame and returns what it means; every other method returns the frame
to send. Which messages are expected is decided by one table, `EXPECTED`; all else is `Rejected`.

A conversation outlives its socket: after ``session.resume`` on a new socket a new machine goes on,
and whoever owns the conversation tells it the media format by `StreamServer.accept`. Streams of the
old socket are over.
"""

from collections.abc import Sequence
from enum import StrEnum

from bots.core.activities import Activity, Json
from bots.core.errors import ProtocolError
from bots.protocols.ac_bot_api import events, messages
from bots.protocols.ac_bot_api.media import MediaFormat, StreamAudio


class ServerState(StrEnum):
    """Where a socket stands; REQUESTED waits for our own answer."""

    CONNECTED = "connected"
    REQUESTED = "requested"
    ACTIVE = "active"
    ENDED = "ended"


EXPECTED: dict[ServerState, frozenset[type]] = {
    ServerState.CONNECTED: frozenset(
        {messages.ConnectionValidate, messages.SessionInitiate, messages.SessionResume}
    ),
    ServerState.REQUESTED: frozenset({messages.SessionEnd}),
    ServerState.ACTIVE: frozenset(
        {
            messages.ConnectionValidate,
            messages.SessionResume,
            messages.UserStreamStart,
            messages.UserStreamChunk,
            messages.UserStreamStop,
            messages.PlayStreamMarkReached,
            messages.Activities,
            messages.SessionEnd,
        }
    ),
    # A second session.end is harmless and means nothing.
    ServerState.ENDED: frozenset({messages.SessionEnd}),
}
"""The gateway's messages that have a meaning in each state."""


class StreamServer:
    """One socket on which we are the bot.

    Methods that answer a request (`accept`, `refuse`, `validated`) are called once for it; the
    others only while ``state`` is ACTIVE, so look at ``state`` after every wait. A call at a wrong
    time is our bug and raises `RuntimeError`. Play streams: `play_start`, any number of
    `play_chunk`, `play_stop`, one stream at a time.
    """

    def __init__(self) -> None:
        self.state = ServerState.CONNECTED
        self.media_format: MediaFormat | None = None
        self.conversation_id = ""
        self.playing: str | None = None
        """The open play stream."""
        self._users: dict[str | None, StreamAudio | None] = {}

    # --- what comes in --------------------------------------------------------------------------

    def receive(self, frame: str | bytes) -> list[events.ServerEvent]:
        """What ``frame`` means, in order; ``bytes`` stand for a binary frame. Never raises."""
        try:
            message = messages.decode_from_gateway(frame)
            if type(message) not in EXPECTED[self.state]:
                return [events.Rejected(f"{message.type} while {self.state}")]
            return self._accepted_message(message, str(frame))
        except ProtocolError as error:
            unknown = isinstance(error, messages.UnknownMessageError)
            return [events.Rejected(error.problem, unknown)]

    def _accepted_message(
        self, message: messages.GatewayMessage, frame: str
    ) -> list[events.ServerEvent]:
        match message:
            case messages.UserStreamChunk():
                return self._user_audio(message)
            case messages.UserStreamStart(participant=participant):
                return [self._user_stream(participant)]
            case messages.UserStreamStop(participant=participant):
                self._users.pop(participant, None)
                return [events.UserStreamStopped(participant)]
            case messages.Activities():
                return list(events.read_activities(message))
            case messages.PlayStreamMarkReached():
                return [events.MarkReached(messages.mark_fields(frame))]
            case messages.ConnectionValidate():
                return [events.ValidateRequested()]
            case messages.SessionInitiate():
                return [self._initiate(message)]
            case messages.SessionResume():
                self._request(message)
                return [events.ResumeRequested(self.conversation_id)]
            case _:
                return self._end(message)

    def _user_stream(self, participant: str | None) -> events.ServerEvent:
        if participant not in self._users and len(self._users) >= messages.MAX_PARTICIPANTS:
            return events.Rejected("userStream.start of too many participants")
        self._users[participant] = StreamAudio(self.media_format) if self.media_format else None
        return events.UserStreamStarted(participant)

    def _user_audio(self, message: messages.UserStreamChunk) -> list[events.ServerEvent]:
        participant = message.participant
        if participant not in self._users:
            return [events.Rejected("userStream.chunk outside a user stream")]
        stream = self._users[participant]
        if stream is None:
            return [events.Rejected("userStream.chunk in a session without a media format")]
        audio = stream.push(message.audio_chunk)
        return [events.UserAudio(audio, participant)] if audio else []

    def _request(self, message: messages.Message) -> None:
        self.state = ServerState.REQUESTED
        self.conversation_id = message.conversation_id or ""

    def _initiate(self, message: messages.SessionInitiate) -> events.InitiateRequested:
        self._request(message)
        offers = (message.supported_media_formats or ())[: messages.MAX_MEDIA_FORMATS]
        return events.InitiateRequested(
            conversation_id=self.conversation_id,
            bot_name=messages.clip(message.bot_name),
            caller=messages.clip(message.caller),
            expect_audio_messages=message.expect_audio_messages is True,
            media_formats=tuple(messages.clip(o) for o in offers if isinstance(o, str)),
        )

    def _end(self, message: messages.SessionEnd) -> list[events.ServerEvent]:
        if self.state is ServerState.ENDED:
            return []
        self._finish()
        return [
            events.SessionEnded(messages.clip(message.reason_code), messages.clip(message.reason))
        ]

    # --- answers to requests --------------------------------------------------------------------

    def validated(self, *, success: bool = True) -> str:
        """Answer to `events.ValidateRequested`."""
        self._require(ServerState.CONNECTED, ServerState.ACTIVE)
        return messages.encode(messages.ConnectionValidated(success=success))

    def accept(self, media_format: MediaFormat | None) -> str:
        """Take or go on with the call; ``media_format`` of the user streams, None without audio."""
        self._require(ServerState.REQUESTED)
        self.state = ServerState.ACTIVE
        self.media_format = media_format
        return messages.encode(messages.SessionAccepted(media_format=media_format))

    def refuse(self, reason: str) -> str:
        """Decline a request or give the call up; close the socket afterwards."""
        self._require(ServerState.CONNECTED, ServerState.REQUESTED, ServerState.ACTIVE)
        self._finish()
        return messages.encode(
            messages.SessionError(conversation_id=self.conversation_id or None, reason=reason)
        )

    # --- during the call ------------------------------------------------------------------------

    def user_stream_started(self, participant: str | None) -> str:
        """Answer to `events.UserStreamStarted`."""
        return self._during_call(messages.UserStreamStarted(participant=participant))

    def user_stream_stopped(self, participant: str | None) -> str:
        """Answer to `events.UserStreamStopped`."""
        return self._during_call(messages.UserStreamStopped(participant=participant))

    def speech_started(self, participant: str | None = None) -> str:
        """We hear the user; the gateway stops playback if the prompt allows barge-in."""
        return self._during_call(messages.SpeechStarted(participant=participant))

    def speech_stopped(self, participant: str | None = None) -> str:
        """The user fell silent."""
        return self._during_call(messages.SpeechStopped(participant=participant))

    def speech_committed(self, participant: str | None = None) -> str:
        """The user's turn is complete and we are going to answer it."""
        return self._during_call(messages.SpeechCommitted(participant=participant))

    def hypothesis(self, text: str) -> str:
        """Interim text of the user's utterance."""
        return self._during_call(messages.SpeechHypothesis(alternatives=({"text": text},)))

    def recognition(self, text: str, confidence: float | None) -> str:
        """Final text of the user's utterance; ``confidence`` between 0 and 1."""
        best: Json = {"text": text}
        if confidence is not None:
            best["confidence"] = confidence
        return self._during_call(messages.SpeechRecognition(alternatives=(best,)))

    def play_start(
        self,
        stream_id: str,
        media_format: MediaFormat,
        alt_text: str | None = None,
        activity_params: Json | None = None,
    ) -> str:
        """Open a play stream; ``stream_id`` is new in the conversation, the format was offered."""
        self._require(ServerState.ACTIVE)
        self._require_playing(None)
        self.playing = stream_id
        return messages.encode(
            messages.PlayStreamStart(
                stream_id=stream_id,
                media_format=media_format,
                alt_text=alt_text,
                activity_params=activity_params,
            )
        )

    def play_chunk(self, stream_id: str, audio: bytes) -> str:
        """Audio of the open play stream, in its media format."""
        self._require_playing(stream_id)
        return messages.encode(messages.PlayStreamChunk(stream_id=stream_id, audio_chunk=audio))

    def play_stop(self, stream_id: str) -> str:
        """No more audio of the open play stream; the gateway plays what it has."""
        self._require_playing(stream_id)
        self.playing = None
        return messages.encode(messages.PlayStreamStop(stream_id=stream_id))

    def mark(self, mark: Json) -> str:
        """Ask for `events.MarkReached` once all audio sent so far was heard; ``mark`` names it."""
        self._require(ServerState.ACTIVE)
        return messages.encode_mark(messages.PlayStreamMarkSet(), mark)

    def activities(self, activities: Sequence[Activity]) -> str:
        """Hand over activities, which carry an ``id`` and a ``timestamp`` by now."""
        return self._during_call(messages.Activities(activities=activities))

    # --- inside ---------------------------------------------------------------------------------

    def _during_call(self, message: messages.Message) -> str:
        self._require(ServerState.ACTIVE)
        return messages.encode(message)

    def _require(self, *states: ServerState) -> None:
        if self.state not in states:
            raise RuntimeError(f"not possible while {self.state}")

    def _require_playing(self, stream_id: str | None) -> None:
        if self.playing != stream_id:
            raise RuntimeError(f"the open play stream is {self.playing!r}, not {stream_id!r}")

    def _finish(self) -> None:
        self.state = ServerState.ENDED
        self.playing = None
        self._users.clear()
