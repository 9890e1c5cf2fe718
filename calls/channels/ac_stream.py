"""Voice channel: AudioCodes Bot API in streaming mode, where VoiceAI Connect or Live Hub calls us.

`AcStream` is one WebSocket: frames in by `receive`, frames out by the ``send`` it was given. It
does no I/O and holds no task, so any carrier can bring it frames. It is also the call's voice leg.
"""

import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog

from bots.core.activities import Activity, Json, event
from bots.core.audio import LPCM16_16K, AudioFormat, wav_header
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat, ServerState, StreamServer
from bots.selectors import CallConfiguration
from calls.core import events
from calls.core.ports import CallStart, LegCapabilities
from calls.session.bot import stamped
from calls.session.call import CallSession
from calls.session.host import NoCapacity, SessionHost

NAME = "audiocodes"

PREFERRED = (
    MediaFormat.RAW_LPCM16,
    MediaFormat.RAW_LPCM16_8,
    MediaFormat.RAW_MULAW,
    MediaFormat.RAW_LPCM16_24,
    MediaFormat.WAV_LPCM16,
    MediaFormat.WAV_LPCM16_8,
    MediaFormat.WAV_MULAW,
    MediaFormat.WAV_LPCM16_24,
)
"""Best for recognition first; ``wav/`` only for a peer that offers nothing else."""

_DIGITS = frozenset("0123456789*#")
MAX_DIGITS = 100
"""Digits of one activity that count; nobody presses more between two."""

log = structlog.get_logger(__name__)


class AcStream:
    """One socket of VoiceAI Connect.

    ``send`` takes a text frame; ``close`` asks the carrier to close with a WebSocket code once what
    was sent is out. ``configuration`` None: the bot's is broken and calls are refused.
    """

    def __init__(
        self,
        *,
        bot: str,
        configuration: CallConfiguration | None,
        is_test: bool,
        host: SessionHost,
        send: Callable[[str], None],
        close: Callable[[int], None],
    ) -> None:
        self.capabilities = LegCapabilities(audio=False)
        self.caller_audio: AudioFormat = LPCM16_16K
        self.prompt_audio: AudioFormat = LPCM16_16K
        self.media = ""
        self._bot = bot
        self._configuration = configuration
        self._is_test = is_test
        self._host = host
        self._send = send
        self._close = close
        self._server = StreamServer()
        self._session: CallSession | None = None
        self._start: CallStart | None = None
        self._media: MediaFormat | None = None
        self._rejected = 0
        self._streams = itertools.count(1)
        self._socket_id = uuid4().hex[:6]
        self._stream: str | None = None

    @property
    def idle(self) -> bool:
        """Nothing was asked on this socket yet."""
        return self._server.state is ServerState.CONNECTED

    # --- from the carrier -----------------------------------------------------------------------

    def receive(self, frame: str | bytes) -> None:
        """One frame; ``bytes`` stand for a binary frame. Nothing a peer sends raises."""
        for what in self._server.receive(frame):
            self._handle(what)

    def lost(self) -> None:
        """The socket is gone; harmless after `close`."""
        if self._rejected > 1:
            log.info("voice.frames_ignored", count=self._rejected)
        if self._session is not None:
            self._session.detach(self)

    def _handle(self, what: wire.ServerEvent) -> None:
        match what:
            case wire.UserAudio(audio):
                if self._session is not None:
                    self._session.hear(audio)
            case wire.Rejected(problem):
                self._ignore(problem)
            case wire.ValidateRequested():
                self._send(self._server.validated(success=self._configuration is not None))
            case wire.InitiateRequested():
                self._initiate(what)
            case wire.ResumeRequested(conversation_id):
                self._resume(conversation_id)
            case _ if self._session is not None:
                self._during_call(what, self._session)

    def _during_call(self, what: wire.ServerEvent, session: CallSession) -> None:
        match what:
            case wire.UserStreamStarted(participant):
                self._send(self._server.user_stream_started(participant))
                session.open_ear()
            case wire.UserStreamStopped(participant):
                self._send(self._server.user_stream_stopped(participant))
            case wire.ActivitiesReceived(activities):
                for activity in activities:
                    self._take(activity, session)
            case wire.SessionEnded(reason_code, reason):
                session.take(events.CallerHungUp(reason_code=reason_code, reason=reason))

    def _ignore(self, problem: str) -> None:
        """One log line a socket: a peer that talks nonsense must not fill the log."""
        self._rejected += 1
        if self._rejected == 1:
            log.warning("voice.frame_ignored", problem=problem)

    # --- beginning ------------------------------------------------------------------------------

    def _initiate(self, request: wire.InitiateRequested) -> None:
        refusal = self._negotiate(request)
        if refusal is None and self._configuration is not None:
            self._start = CallStart(
                conversation_id=request.conversation_id or str(uuid4()),
                channel=NAME,
                caller=request.caller,
                is_test=self._is_test,
                announced=True,
            )
            try:
                self._session = self._host.open(self._configuration, self, self._start)
            except NoCapacity as reason:
                refusal = str(reason)
            except LookupError as error:
                log.error("voice.plugin_missing", problem=str(error))
                refusal = "the bot's configuration is not complete"
        if refusal is not None:
            self._refuse(refusal)

    def _negotiate(self, request: wire.InitiateRequested) -> str | None:
        """Choose formats and abilities; answers why the session cannot be, in the peer's words."""
        configured = self._configuration
        if configured is None:
            return "the bot's configuration is not valid"
        self._media = wire.choose_format(request.media_formats, PREFERRED)
        if not request.expect_audio_messages and self._media is None:
            return None
        if self._media is None:
            return "No common media format"
        if configured.stt is None or (request.expect_audio_messages and configured.tts is None):
            return "the bot has no speech services; use a text session"
        self.media = self._media.value
        self._set_audio(self._media.audio, prompts=request.expect_audio_messages)
        return None

    def _set_audio(self, audio: AudioFormat, *, prompts: bool) -> None:
        self.caller_audio = self.prompt_audio = audio
        self.capabilities = LegCapabilities(audio=prompts)

    def _resume(self, conversation_id: str) -> None:
        session = self._host.find(self._bot, conversation_id)
        before = session.leg if session is not None else None
        if session is None or before is None or not session.resumable:
            self._refuse("conversation not found")
            return
        self._set_audio(before.prompt_audio, prompts=before.capabilities.audio)
        self.media = before.media
        self._media = MediaFormat(before.media) if before.media else None
        self._start = session.start
        self._send(self._server.accept(self._media))
        self._session = session
        session.attach(self)

    def _refuse(self, reason: str) -> None:
        log.info("voice.refused", reason=reason)
        self._send(self._server.refuse(reason))
        self._close(1000)

    # --- activities of the voice side -----------------------------------------------------------

    def _take(self, activity: Activity, session: CallSession) -> None:
        if activity.kind == "message":
            confidence = _number((activity.parameters or {}).get("confidence"))
            text = activity.text or ""
            session.take(events.CallerSaid(text=text, final=True, confidence=confidence))
            return
        match activity.event:
            case "start":
                self._describe(activity.parameters or {}, session)
                session.take(events.CallStarted(activity))
            case "dtmf":
                pressed = (d for d in str(activity.value) if d in _DIGITS)
                digits = "".join(itertools.islice(pressed, MAX_DIGITS))
                if digits:
                    session.take(events.DigitsPressed(digits))
            case "nouserinput":
                session.take(events.CallerSilent())
            case "transferstatus":
                value = activity.value if isinstance(activity.value, dict) else {}
                session.take(_transfer_done(value))
            case _:
                session.take(events.VoiceSideReported(activity))

    def _describe(self, parameters: Json, session: CallSession) -> None:
        known = session.start
        session.describe(
            caller=str(parameters.get("caller") or known.caller),
            callee=str(parameters.get("callee") or known.callee),
        )

    # --- the voice leg (calls.core.ports.VoiceLeg) ----------------------------------------------

    def accept(self) -> None:
        """``session.accepted`` with the format of the caller's stream."""
        if self._server.state is ServerState.REQUESTED:
            self._send(self._server.accept(self._media))

    def hang_up(self, *, reason_code: str, reason: str, sip_headers: tuple[Json, ...] = ()) -> None:
        """``hangup``, after which the peer sends ``session.end``; a waiting call is refused."""
        if self._server.state is ServerState.REQUESTED:
            self._refuse(reason)
            if self._session is not None:
                over = events.CallerHungUp(reason_code="bot-disconnected", reason=reason)
                self._session.take(over)
            return
        arguments: Json = {"hangupReason": reason}
        if sip_headers:
            arguments["hangupSipHeaders"] = list(sip_headers)
        self.send(event("hangup", activity_params=arguments))

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        """``playStream.start``; the peer's own barge-in follows the prompt's."""
        if self._server.state is not ServerState.ACTIVE or self._media is None:
            return
        self._stream = f"{utterance}-{self._socket_id}-{next(self._streams)}"
        params = {"bargeIn": interruptible}
        self._send(self._server.play_start(self._stream, self._media, text, params))
        if self._media.is_wav:
            self._send(self._server.play_chunk(self._stream, wav_header(self._media.audio)))

    def play(self, utterance: int, audio: bytes) -> None:
        """``playStream.chunk``."""
        if self._server.playing is not None:
            self._send(self._server.play_chunk(self._server.playing, audio))

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        """``playStream.stop``; what the peer still holds of a cut prompt is aborted."""
        if self._server.playing is not None:
            self._send(self._server.play_stop(self._server.playing))
        if interrupted:
            self.send(stamped(event("abortPrompts")))

    def send(self, activity: Activity) -> None:
        """``activities`` with one activity."""
        if self._server.state is ServerState.ACTIVE:
            self._send(self._server.activities([stamped(activity)]))

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        """``userStream.speech.hypothesis`` or ``.recognition``."""
        if self._server.state is not ServerState.ACTIVE:
            return
        if final:
            self._send(self._server.recognition(text, confidence))
        else:
            self._send(self._server.hypothesis(text))

    def show_voice(self, *, speaking: bool) -> None:
        """``userStream.speech.started`` or ``.stopped``."""
        if self._server.state is ServerState.ACTIVE:
            started, stopped = self._server.speech_started, self._server.speech_stopped
            self._send(started() if speaking else stopped())

    def close(self) -> None:
        """Close the socket in order."""
        self._session = None
        self._close(1000)


def _number(value: Any) -> float | None:
    """A confidence as peers write it: a number from 0 to 1 or a string of one."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= 1 else None


def _transfer_done(value: Json) -> events.TransferDone:
    """``transferStatus``: ``status`` answered or failed, with a reason code and text."""
    return events.TransferDone(
        succeeded=value.get("status") == "answered",
        reason=str(value.get("reason") or ""),
        reason_code=str(value.get("reasonCode") or ""),
    )
