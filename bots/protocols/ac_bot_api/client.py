"""The gateway's side of the AudioCodes Bot API: a machine without I/O, one per socket.

Mirror of `bots.protocols.ac_bot_api.server`: `StreamClient.receive` takes a frame of the bot and
returns what it means, every other method returns the frame to send. It takes all that bots in the
field are known to send: play streams without a media format or in one that was not offered, prompts
in one giant chunk, recognised text at the top level, confidence as a string, ``participantId``.
"""

import math
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from bots.core.activities import Activity, Json
from bots.core.errors import ProtocolError
from bots.core.json_bounds import is_too_deep
from bots.protocols.ac_bot_api import events, messages
from bots.protocols.ac_bot_api.media import MediaFormat, StreamAudio, parse_format


class ClientState(StrEnum):
    """Where a socket stands; VALIDATING and REQUESTED wait for the bot."""

    CONNECTED = "connected"
    VALIDATING = "validating"
    REQUESTED = "requested"
    ACTIVE = "active"
    ENDED = "ended"


_FATAL: frozenset[type] = frozenset({messages.SessionError})
EXPECTED: dict[ClientState, frozenset[type]] = {
    ClientState.CONNECTED: _FATAL,
    ClientState.VALIDATING: _FATAL | {messages.ConnectionValidated},
    ClientState.REQUESTED: _FATAL | {messages.SessionAccepted},
    ClientState.ACTIVE: _FATAL
    | frozenset(
        {
            messages.UserStreamStarted,
            messages.UserStreamStopped,
            messages.SpeechStarted,
            messages.SpeechStopped,
            messages.SpeechCommitted,
            messages.SpeechHypothesis,
            messages.SpeechRecognition,
            messages.PlayStreamStart,
            messages.PlayStreamChunk,
            messages.PlayStreamStop,
            messages.PlayStreamMarkSet,
            messages.Activities,
        }
    ),
}
"""The bot's messages that have a meaning in each state; once ENDED, what is in flight has none."""


class StreamClient:
    """One socket on which we are the gateway.

    Call `validate`, `initiate` or `resume` first, and nothing else until `events.Accepted` has
    come, because some bots answer out of order. A call at the wrong time is our bug and raises
    `RuntimeError`. ``media_format`` is what a resumed session had: bots may leave it out when they
    accept a resume.
    """

    def __init__(self, conversation_id: str, *, media_format: MediaFormat | None = None) -> None:
        self.conversation_id = conversation_id
        self.media_format = media_format
        self.state = ClientState.CONNECTED
        self._opening: deque[str | None] = deque(maxlen=messages.MAX_PARTICIPANTS)
        self._closing: deque[str | None] = deque(maxlen=messages.MAX_PARTICIPANTS)
        self._wanted: set[str | None] = set()
        self._open: set[str | None] = set()
        self._playing: tuple[str, StreamAudio] | None = None

    # --- what goes out --------------------------------------------------------------------------

    def validate(self) -> str:
        """Ask whether the peer is a bot; there is no session and no conversation."""
        self._require(ClientState.CONNECTED)
        self.state = ClientState.VALIDATING
        return messages.encode(messages.ConnectionValidate())

    def initiate(
        self,
        *,
        bot_name: str,
        caller: str,
        expect_audio_messages: bool,
        media_formats: Sequence[MediaFormat],
    ) -> str:
        """Begin a call; ``media_formats`` in our order of preference, empty for a text session."""
        self._require(ClientState.CONNECTED)
        self.state = ClientState.REQUESTED
        return messages.encode(
            messages.SessionInitiate(
                conversation_id=self.conversation_id,
                bot_name=bot_name,
                caller=caller,
                expect_audio_messages=expect_audio_messages,
                supported_media_formats=media_formats,
            )
        )

    def resume(self) -> str:
        """Go on with the conversation on this new socket."""
        self._require(ClientState.CONNECTED)
        self.state = ClientState.REQUESTED
        return messages.encode(messages.SessionResume(conversation_id=self.conversation_id))

    def end(self, reason_code: str, reason: str) -> str:
        """End the call in any state but ENDED; the last frame of this socket."""
        if self.state is ClientState.ENDED:
            raise RuntimeError("the session has ended")
        self._finish()
        return messages.encode(
            messages.SessionEnd(
                conversation_id=self.conversation_id, reason_code=reason_code, reason=reason
            )
        )

    def user_stream_start(self, participant: str | None = None) -> str:
        """Open a user stream; its chunks wait for `events.UserStreamOpen`."""
        self._require(ClientState.ACTIVE)
        self._opening.append(participant)
        self._wanted.add(participant)
        self._open.discard(participant)
        return messages.encode(
            messages.UserStreamStart(conversation_id=self.conversation_id, participant=participant)
        )

    def hears(self, participant: str | None = None) -> bool:
        """Whether chunks of ``participant`` may be sent."""
        return participant in self._open

    def user_stream_chunk(self, audio: bytes, participant: str | None = None) -> str:
        """Audio of an open user stream in the session's media format."""
        if participant not in self._open:
            raise RuntimeError("the user stream is not open")
        return messages.encode(
            messages.UserStreamChunk(
                conversation_id=self.conversation_id, audio_chunk=audio, participant=participant
            )
        )

    def user_stream_stop(self, participant: str | None = None) -> str:
        """Close a user stream; answered by `events.UserStreamClosed`."""
        self._require(ClientState.ACTIVE)
        self._open.discard(participant)
        self._wanted.discard(participant)
        self._closing.append(participant)
        return messages.encode(
            messages.UserStreamStop(conversation_id=self.conversation_id, participant=participant)
        )

    def activities(self, activities: Sequence[Activity]) -> str:
        """Hand over activities, which carry an ``id`` and a ``timestamp`` by now."""
        self._require(ClientState.ACTIVE)
        return messages.encode(
            messages.Activities(conversation_id=self.conversation_id, activities=activities)
        )

    def mark_reached(self, mark: Json) -> str:
        """The user has heard all up to a mark; ``mark`` is that of `events.MarkSet`."""
        self._require(ClientState.ACTIVE)
        reached = messages.PlayStreamMarkReached(conversation_id=self.conversation_id)
        return messages.encode_mark(reached, mark)

    # --- what comes in --------------------------------------------------------------------------

    def receive(self, frame: str | bytes) -> list[events.ClientEvent]:
        """What ``frame`` means, in order; ``bytes`` stand for a binary frame. Never raises."""
        if self.state is ClientState.ENDED:
            return []
        try:
            message = messages.decode_from_bot(frame)
            if type(message) not in EXPECTED[self.state]:
                return [events.Rejected(f"{message.type} while {self.state}")]
            return self._accepted_message(message, str(frame))
        except ProtocolError as error:
            unknown = isinstance(error, messages.UnknownMessageError)
            return [events.Rejected(error.problem, unknown)]

    def _accepted_message(
        self, message: messages.BotMessage, frame: str
    ) -> list[events.ClientEvent]:
        match message:
            case messages.PlayStreamChunk():
                return self._play_audio(message)
            case messages.PlayStreamStart():
                return self._play_start(message)
            case messages.PlayStreamStop():
                return self._play_stop(message)
            case messages.Activities():
                return list(events.read_activities(message))
            case messages.UserStreamStarted():
                return self._user_stream_open(message)
            case messages.UserStreamStopped():
                return self._user_stream_closed(message)
            case messages.PlayStreamMarkSet(stream_id=stream_id):
                return [events.MarkSet(stream_id, messages.mark_fields(frame))]
            case messages.ConnectionValidated():
                self._finish()
                return [events.Validated(message.success is True)]
            case messages.SessionAccepted():
                return self._session_accepted(message)
            case messages.SessionError():
                self._finish()
                return [events.Errored(messages.clip(message.reason))]
            case _:
                return [_speech_event(message)]

    def _session_accepted(self, message: messages.SessionAccepted) -> list[events.ClientEvent]:
        self.state = ClientState.ACTIVE
        if message.media_format is None:
            return [events.Accepted(self.media_format)]
        self.media_format = parse_format(message.media_format)
        accepted = events.Accepted(self.media_format)
        if self.media_format is None:
            return [events.Rejected("session.accepted with an unknown mediaFormat"), accepted]
        return [accepted]

    def _user_stream_open(self, message: messages.UserStreamStarted) -> list[events.ClientEvent]:
        answered = _answered(self._opening, message.participant)
        if answered is None:
            return [events.Rejected("userStream.started without userStream.start")]
        participant = self._opening[answered]
        del self._opening[answered]
        if participant in self._wanted and participant not in self._opening:
            self._open.add(participant)
        return [events.UserStreamOpen(participant)]

    def _user_stream_closed(self, message: messages.UserStreamStopped) -> list[events.ClientEvent]:
        answered = _answered(self._closing, message.participant)
        if answered is None:
            return [events.Rejected("userStream.stopped without userStream.stop")]
        participant = self._closing[answered]
        del self._closing[answered]
        return [events.UserStreamClosed(participant)]

    def _play_start(self, message: messages.PlayStreamStart) -> list[events.ClientEvent]:
        found = self._implicit_stop()
        media_format = parse_format(message.media_format)
        if message.media_format is None:
            media_format = self.media_format
        if media_format is None:
            return [*found, events.Rejected("playStream.start with an unknown mediaFormat")]
        self._playing = (message.stream_id, StreamAudio(media_format))
        alt_text = None if message.alt_text is None else message.alt_text[: messages.MAX_TEXT]
        started = events.PlayStarted(
            stream_id=message.stream_id,
            media_format=media_format,
            alt_text=alt_text,
            activity_params=None
            if is_too_deep(message.activity_params)
            else message.activity_params,
        )
        return [*found, started]

    def _implicit_stop(self) -> list[events.ClientEvent]:
        """A new play stream ends the one that is open."""
        if self._playing is None:
            return []
        open_id, _ = self._playing
        self._playing = None
        problem = events.Rejected("playStream.start while another play stream is open")
        return [problem, events.PlayStopped(open_id)]

    def _play_audio(self, message: messages.PlayStreamChunk) -> list[events.ClientEvent]:
        if self._playing is None or self._playing[0] != message.stream_id:
            return [events.Rejected("playStream.chunk outside its play stream")]
        audio = self._playing[1].push(message.audio_chunk)
        return [events.PlayAudio(message.stream_id, audio)] if audio else []

    def _play_stop(self, message: messages.PlayStreamStop) -> list[events.ClientEvent]:
        if self._playing is None or self._playing[0] != message.stream_id:
            return [events.Rejected("playStream.stop outside its play stream")]
        self._playing = None
        return [events.PlayStopped(message.stream_id)]

    # --- inside ---------------------------------------------------------------------------------

    def _require(self, state: ClientState) -> None:
        if self.state is not state:
            raise RuntimeError(f"not possible while {self.state}")

    def _finish(self) -> None:
        self.state = ClientState.ENDED
        self._playing = None
        self._opening.clear()
        self._closing.clear()
        self._wanted.clear()
        self._open.clear()


def _answered(pending: deque[str | None], participant: str | None) -> int | None:
    """Which of the ``pending`` requests is answered; bots may leave out or invent participants."""
    if participant in pending:
        return pending.index(participant)
    if participant is None and pending:
        return 0
    return pending.index(None) if None in pending else None


def _speech_event(
    message: messages.SpeechStarted
    | messages.SpeechStopped
    | messages.SpeechCommitted
    | messages.SpeechHypothesis
    | messages.SpeechRecognition,
) -> events.ClientEvent:
    participant = message.participant or message.participant_id
    match message:
        case messages.SpeechStarted():
            return events.SpeechStarted(participant)
        case messages.SpeechStopped():
            return events.SpeechStopped(participant)
        case messages.SpeechCommitted():
            return events.SpeechCommitted(participant)
        case messages.SpeechHypothesis():
            return events.SpeechHypothesis(_best_alternative(message)[0])
        case _:
            return events.SpeechRecognition(*_best_alternative(message))


def _best_alternative(
    message: messages.SpeechHypothesis | messages.SpeechRecognition,
) -> tuple[str, float | None]:
    """Text and confidence of the first alternative, else of the message itself."""
    best = message.alternatives[0] if message.alternatives else None
    if not isinstance(best, dict):
        best = {"text": message.text, "confidence": message.confidence}
    text = best.get("text")
    return (
        text[: messages.MAX_TEXT] if isinstance(text, str) else "",
        _confidence(best.get("confidence")),
    )


def _confidence(value: object) -> float | None:
    """A number between 0 and 1, also when it was written as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return min(1.0, max(0.0, number)) if math.isfinite(number) else None
