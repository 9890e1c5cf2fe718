"""Voice channel: AudioCodes Bot API in streaming mode, where VoiceAI Connect or Live Hub calls us.

`AcStream` is one WebSocket: frames in by `receive`, frames out by the ``send`` it was given. It
does no I/O and holds no task, so any carrier can bring it frames. It is also the call's voice leg.
"""

import itertools
from collections.abc import Callable, Mapping
from uuid import uuid4

import structlog

from bots.core.activities import Activity, Json, event
from bots.core.audio import LPCM16_16K, AudioFormat, wav_header
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat, ServerState, StreamServer
from bots.selectors import CallConfiguration
from calls.channels.expected import begun, named_in, start_among, told_to_bot
from calls.channels.voice_activities import event_of
from calls.core import events
from calls.core.ports import CallStart, LegCapabilities
from calls.dialouts.matching import ExpectedCall
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

MAX_HELD = 100
"""Frames that count between an early acceptance and the bot's arrival."""

log = structlog.get_logger(__name__)


class AcStream:
    """One socket of VoiceAI Connect.

    ``send`` takes a text frame; ``close`` asks the carrier to close with a WebSocket code once what
    was sent is out. ``configuration`` None: the bot's is broken and calls are refused. See `expect`
    for outbound calls.
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
        channel: str = NAME,
    ) -> None:
        self.capabilities = LegCapabilities(audio=False)
        self.caller_audio: AudioFormat = LPCM16_16K
        self.prompt_audio: AudioFormat = LPCM16_16K
        self.media = ""
        self.refusal = ""
        """Why the call was refused, once it was."""
        self._bot = bot
        self._configuration = configuration
        self._is_test = is_test
        self._channel = channel
        self._host = host
        self._send = send
        self._close = close
        self._server = StreamServer()
        self._session: CallSession | None = None
        self._start: CallStart | None = None
        self._media: MediaFormat | None = None
        self._expected: ExpectedCall | None = None
        self._supposed: Mapping[str, ExpectedCall] = {}
        self._request: wire.InitiateRequested | None = None
        """Accepted before it was known which call this is."""
        self._held: list[wire.ServerEvent] = []
        """What came since, until the bot is there."""
        self._rejected = 0
        self._streams = itertools.count(1)
        self._socket_id = uuid4().hex[:6]
        self._stream: str | None = None

    @property
    def idle(self) -> bool:
        """Nothing was asked on this socket yet."""
        return self._server.state is ServerState.CONNECTED

    @property
    def undecided(self) -> bool:
        """Accepted, and ``start`` has to tell which call it is."""
        return self._request is not None and self._session is None

    # --- from the carrier -----------------------------------------------------------------------

    def expect(self, call: ExpectedCall) -> None:
        """The session that will be asked for is this outbound call."""
        self._expected = call

    def suppose(self, calls: Mapping[str, ExpectedCall]) -> None:
        """The session that will be asked for may be one of these calls, by the dialout's id.

        Only the ``start`` activity tells, so the voice side is accepted before the bot is asked.
        """
        self._supposed = calls

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
            case _ if self._request is not None:
                self._hold(what, self._request)
            case _ if self._session is not None:
                self._during_call(what, self._session)

    def _during_call(self, what: wire.ServerEvent, session: CallSession) -> None:
        match what:
            case wire.UserStreamStarted(participant):
                self._send(self._server.user_stream_started(participant))
                session.open_ear()
            case wire.UserStreamStopped(participant):
                self._send(self._server.user_stream_stopped(participant))
                session.watched.shut()
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
        if refusal is not None:
            self._refuse(refusal)
        elif self._supposed and self._expected is None:
            self._request = request
            self._send(self._server.accept(self._media))
        else:
            self._open(request)

    def _hold(self, what: wire.ServerEvent, request: wire.InitiateRequested) -> None:
        """Find out by ``start`` which call this is, and keep what the bot is still to be told."""
        if isinstance(what, wire.SessionEnded) and self._session is None:
            self._close(1000)
            return
        if isinstance(what, wire.UserStreamStarted):
            self._send(self._server.user_stream_started(what.participant))
        if len(self._held) < MAX_HELD:
            self._held.append(what)
        if not isinstance(what, wire.ActivitiesReceived) or self._session is not None:
            return
        if (start := start_among(what.activities)) is not None:
            self._expected = named_in(start, self._supposed)
            log.info("voice.decided_late", outbound=self._expected is not None)
            self._open(request)

    def _release(self, session: CallSession) -> None:
        """The bot is there: tell the call what was held."""
        self._request = None
        for what in self._held:
            if isinstance(what, wire.UserStreamStarted):
                session.open_ear()
            else:
                self._during_call(what, session)
        self._held.clear()

    def _open(self, request: wire.InitiateRequested) -> None:
        """Begin the call at the host; it is refused when that cannot be."""
        expected, configuration = self._expected, self._used
        if configuration is None:
            self._refuse("the bot's configuration is not valid")
            return
        start = CallStart(
            conversation_id=request.conversation_id or str(uuid4()),
            channel=self._channel,
            caller=request.caller,
            is_test=self._is_test,
            announced=True,
        )
        self._start = start if expected is None else begun(start, expected.order)
        try:
            self._session = self._host.open(configuration, self, self._start)
        except NoCapacity as reason:
            self._refuse(str(reason))
        except LookupError as error:
            log.error("voice.plugin_missing", problem=str(error))
            self._refuse("the bot's configuration is not complete")

    @property
    def _used(self) -> CallConfiguration | None:
        return self._configuration if self._expected is None else self._expected.configuration

    def _negotiate(self, request: wire.InitiateRequested) -> str | None:
        """Choose formats and abilities; answers why the session cannot be, in the peer's words."""
        configured = self._used
        if configured is None:
            return "the bot's configuration is not valid"
        self._media = wire.choose_format(request.media_formats, PREFERRED)
        if not request.expect_audio_messages and self._media is None:
            return None
        if self._media is None:
            return "No common media format"
        voice = self._host.voice_of(configured)
        if not voice.hears or (request.expect_audio_messages and not voice.speaks):
            return "the bot has no speech services; use a text session"
        self.media = self._media.value
        self._set_audio(self._media.audio, prompts=request.expect_audio_messages)
        return None

    def _set_audio(self, audio: AudioFormat, *, prompts: bool) -> None:
        self.caller_audio = self.prompt_audio = audio
        self.capabilities = LegCapabilities(audio=prompts)

    def _resume(self, conversation_id: str) -> None:
        if self._session is not None:
            if conversation_id == self._session.start.conversation_id:
                self._send(self._server.accept(self._media))  # this socket has it
            else:
                self._refuse("conversation not found")
            return
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
        self.refusal = reason
        self._send(self._server.refuse(reason))
        self._close(1000)

    # --- activities of the voice side -----------------------------------------------------------

    def _take(self, activity: Activity, session: CallSession) -> None:
        if activity.event == "start":
            session.take(events.CallStarted(self._described(activity, session)))
        elif (what := event_of(activity)) is not None:
            session.take(what)

    def _described(self, start: Activity, session: CallSession) -> Activity:
        """``start`` as the bot gets it; who calls whom is recorded."""
        told, known = start.parameters or {}, session.start
        if known.dialout is not None:
            session.describe(caller=known.caller, callee=known.callee)
            return told_to_bot(start, known.dialout)
        session.describe(
            caller=str(told.get("caller") or known.caller),
            callee=str(told.get("callee") or known.callee),
        )
        return start

    # --- the voice leg (calls.core.ports.VoiceLeg) ----------------------------------------------

    def accept(self) -> None:
        """``session.accepted`` with the format of the caller's stream."""
        if self._server.state is ServerState.REQUESTED:
            self._send(self._server.accept(self._media))
        if self._request is not None and self._session is not None:
            self._release(self._session)

    def hang_up(self, *, reason_code: str, reason: str, sip_headers: tuple[Json, ...] = ()) -> None:
        """``hangup``, after which the peer sends ``session.end``; a waiting call is refused."""
        if self._server.state is ServerState.REQUESTED:
            self._refuse(reason)
            if self._session is not None:
                over = events.CallerHungUp(reason_code="bot-disconnected", reason=reason)
                self._session.take(over)
            return
        # Nobody is to be told what was held; what comes now confirms the end.
        self._request = None
        self._held.clear()
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
