"""Voice channel ``browser``: somebody with the right to talks to a bot from a page of the console.

`BrowserLeg` is one WebSocket: frames in by `receive`, frames out by the ``send`` it was given. It
does no I/O and holds no task. `Tape` is what the page shows of the call; it outlives the socket.
The person was admitted by the carrier, `calls.channels.browser_consumer`.
"""

from collections import deque
from collections.abc import Callable
from uuid import uuid4

import msgspec
import structlog

from bots.core.activities import Activity, Json
from bots.core.audio import LPCM16_16K, AudioFormat
from bots.core.params.sections.call_control import CallControl
from bots.selectors import CallConfiguration
from calls.channels import browser_messages as wire
from calls.core import events
from calls.core.allowance import Allowance
from calls.core.ports import CallStart, LegCapabilities
from calls.core.publication import LiveLine
from calls.core.waterfall import TurnTimes
from calls.core.wording import clean
from calls.session.call import CallSession
from calls.session.host import NoCapacity, SessionHost

NAME = "browser"

CALLS_PER_PERSON = 4
"""Test calls that one person may have at a time, those whose socket was lost among them."""
KEPT_LINES = 200
"""Lines of a call that can be told again after its socket was lost."""
AUDIO_SHARE, AUDIO_BURST_MS = 1.2, 3_000
"""Audio may come a little faster than it is spoken: a page that was held up catches up."""
MESSAGES_PER_SECOND, MESSAGES_AT_ONCE = 30, 100
REPORT_HOLDS_S = 0.3
"""How long after its last report a page is believed to play on."""
MAX_PROMPT_CHARS = 10_000

Send = Callable[[str | bytes], None]

log = structlog.get_logger(__name__)


class Tape:
    """What the page shows of one call, in order; keeps what a page without socket misses."""

    def __init__(self) -> None:
        self._lines: deque[wire.Line] = deque(maxlen=KEPT_LINES)
        self._state = wire.State(state="connecting")
        self._show: Callable[[wire.ToBrowser], None] | None = None

    def to(self, show: Callable[[wire.ToBrowser], None] | None, since: int = 0) -> None:
        """Show everything there from here on, beginning with the lines after number ``since``."""
        self._show = show
        for line in self._lines:
            if line.n > since:
                self._tell(line)
        self._tell(self._state)

    def line(self, line: LiveLine) -> None:
        """A final line."""
        made = wire.Line(
            n=line.seq,
            offset_ms=line.offset_ms,
            side=line.side,
            kind=line.kind,
            text=line.text,
            full_text=line.full_text,
            confidence=line.confidence,
            delay_ms=line.delay_ms,
        )
        self._lines.append(made)
        self._tell(made)

    def turn(self, times: TurnTimes) -> None:
        """A turn has ended."""
        self._tell(wire.Turn(times=msgspec.structs.asdict(times)))

    def interim(self, side: str, text: str) -> None:
        """A line in progress."""
        self._tell(wire.Interim(side=side, text=text))

    def state(self, state: str) -> None:
        """What the conversation is doing."""
        self._state = wire.State(state=state)
        self._tell(self._state)

    def closed(self, *, ended_by: str, reason_code: str, reason: str) -> None:
        """The call is over."""
        self._tell(wire.Ended(ended_by=ended_by, reason_code=reason_code, reason=reason))

    def _tell(self, message: wire.ToBrowser) -> None:
        if self._show is not None:
            self._show(message)


class Tester(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. ``token_for`` makes the token that resumes a conversation, ``conversation_of``
    answers the conversation of a token that is good for this person and bot, else None.
    """

    user_id: int
    name: str
    token_for: Callable[[str], str]
    conversation_of: Callable[[str], str | None]


class BrowserLeg:
    """One socket of a page, and the voice leg of its call.

    ``close`` asks the carrier to close with a WebSocket code once what was sent is out; ``clock``
    is that of the event loop. ``configuration`` None: the bot's is broken and calls are refused.
    """

    _calls: dict[int, set[tuple[str, str]]] = {}
    """Bot and conversation of each person's calls; those that are over are weeded out in time."""

    def __init__(
        self,
        *,
        bot: str,
        configuration: CallConfiguration | None,
        tester: Tester,
        host: SessionHost,
        send: Send,
        close: Callable[[int], None],
        clock: Callable[[], float],
    ) -> None:
        self.capabilities = LegCapabilities(audio=True)
        self.caller_audio: AudioFormat = LPCM16_16K
        self.prompt_audio: AudioFormat = LPCM16_16K
        self.media = NAME
        self._bot = bot
        self._configuration = configuration
        self._tester = tester
        self._host = host
        self._send = send
        self._close = close
        self._clock = clock
        self._session: CallSession | None = None
        self._tape: Tape | None = None
        self._audio = Allowance(AUDIO_SHARE * 1000, AUDIO_BURST_MS)
        self._messages = Allowance(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
        self._ignored = 0
        self.placed = ""
        """Id of the call that was begun on this socket."""
        self._played: tuple[int, float, float] | None = None
        """Utterance, milliseconds and time of the last report of what was played."""
        self.plays = False
        """Whether the loudspeaker has played anything (`calls.session.watched.Confirming`)."""

    @property
    def idle(self) -> bool:
        """Nothing was asked on this socket yet."""
        return self._session is None

    # --- from the carrier -----------------------------------------------------------------------

    def receive(self, frame: str | bytes) -> None:
        """One frame; nothing a browser sends raises."""
        if isinstance(frame, bytes):
            self._hear(frame)
            return
        if len(frame) > wire.MAX_TEXT_CHARS or not self._messages.take(1, self._clock()):
            self._ignore("too long or too many")
            return
        try:
            message = wire.read(frame)
        except (msgspec.DecodeError, RecursionError) as error:
            self._ignore(type(error).__name__)
            return
        match message:
            case wire.Call():
                self._place(message)
            case wire.Resume(token=token, since=since):
                self._resume(token, since)
            case wire.Ping(at=at):
                self._tell(wire.Pong(at=at))
            case _ if self._session is not None:
                self._during_call(message, self._session)
            case _:
                self._ignore("no call")

    def lost(self) -> None:
        """The socket is gone; harmless after `close`."""
        if self._ignored > 1:
            log.info("browser_call.frames_ignored", count=self._ignored)
        if self._session is not None:
            if self._tape is not None and self._session.leg is self:
                self._tape.to(None)
            self._session.detach(self)

    def revoke(self, reason: str) -> None:
        """End the call: it should not be."""
        if self._session is not None:
            over = events.EndRequested(by="gateway", reason_code="error", reason=reason)
            self._session.take(over)

    def _hear(self, audio: bytes) -> None:
        if not audio or len(audio) > wire.MAX_AUDIO_BYTES or len(audio) % 2:
            self._ignore("no audio frame")
        elif not self._audio.take(self.caller_audio.ms_for_bytes(len(audio)), self._clock()):
            self._ignore("more audio than time")
        elif self._session is not None and self.capabilities.audio:
            self._session.hear(audio)

    def _during_call(self, message: wire.FromBrowser, session: CallSession) -> None:
        match message:
            case wire.Say(text=text) if not self.capabilities.audio:
                session.take(events.CallerSaid(text=text, final=True))
            case wire.Press(digits=digits):
                session.take(events.DigitsPressed(digits))
            case wire.Played(utterance=utterance, ms=ms):
                self._played = (utterance, ms, self._clock())
                self.plays = self.plays or ms > 0
            case wire.TransferOutcome(outcome=outcome):
                session.take(_transfer_done(outcome))
            case wire.HangUp():
                reason = "The tester hung up"
                session.take(events.CallerHungUp(reason_code="client-disconnected", reason=reason))
            case _:
                self._ignore("not in this call")

    def _ignore(self, problem: str) -> None:
        """One log line a socket: a page that talks nonsense must not fill the log."""
        self._ignored += 1
        if self._ignored == 1:
            log.warning("browser_call.frame_ignored", problem=problem)

    # --- beginning ------------------------------------------------------------------------------

    def _place(self, wanted: wire.Call) -> None:
        if self._session is not None:
            self._ignore("a second call")
            return
        configured = self._configuration
        self.capabilities = LegCapabilities(audio=wanted.audio)
        if configured is None:
            self._refuse("The bot's configuration is not valid.")
        elif wanted.audio and not self._has_voice(configured):
            self._refuse("The bot has no speech services. Try the text chat.")
        elif self._own_calls() >= CALLS_PER_PERSON:
            self._refuse(f"You have {CALLS_PER_PERSON} test calls already. End one of them first.")
        else:
            self._open(configured, wanted)

    def _has_voice(self, configured: CallConfiguration) -> bool:
        voice = self._host.voice_of(configured)
        return voice.hears and voice.speaks

    def _open(self, configured: CallConfiguration, wanted: wire.Call) -> None:
        start = CallStart(
            conversation_id=str(uuid4()),
            channel=NAME,
            caller=wanted.caller or self._tester.name,
            callee=wanted.callee or self._bot,
            is_test=True,
        )
        try:
            session = self._host.open(configured, self, start)
        except NoCapacity as reason:
            self._refuse(str(reason))
        except LookupError as error:
            log.error("voice.plugin_missing", problem=str(error))
            self._refuse("The bot's configuration is not complete.")
        else:
            self._calls.setdefault(self._tester.user_id, set()).add(
                (self._bot, start.conversation_id)
            )
            self.placed = str(session.call_id)
            self._session, self._tape = session, Tape()
            session.onlooker = self._tape
            self._tape.to(self._tell)

    def _own_calls(self) -> int:
        mine = {key for key in self._calls.get(self._tester.user_id, ()) if self._host.find(*key)}
        if mine:
            self._calls[self._tester.user_id] = mine
        else:
            self._calls.pop(self._tester.user_id, None)
        return len(mine)

    def _resume(self, token: str, since: int) -> None:
        if self._session is not None:
            self._ignore("a second call")
            return
        conversation = self._tester.conversation_of(token)
        session = self._host.find(self._bot, conversation) if conversation else None
        tape = session.onlooker if session is not None else None
        if session is None or not session.resumable or not isinstance(tape, Tape):
            self._refuse("The call is over.")
            return
        self.capabilities = session.leg.capabilities
        self._session, self._tape = session, tape
        self.accept()
        tape.to(self._tell, since)
        session.attach(self)

    def _refuse(self, reason: str) -> None:
        log.info("browser_call.refused", reason=reason)
        self._tell(wire.Refused(reason=reason))
        self._close(1000)

    def _tell(self, message: wire.ToBrowser) -> None:
        self._send(wire.write(message))

    # --- the voice leg (calls.core.ports.VoiceLeg) ----------------------------------------------

    def accept(self) -> None:
        """The bot is there; the microphone may be sent."""
        session = self._session
        if session is None or self._configuration is None:
            return
        accepted = wire.Accepted(
            call=str(session.call_id),
            bot=self._bot,
            token=self._tester.token_for(session.start.conversation_id),
            audio=self.capabilities.audio,
            grace_ms=self._configuration.resolved[CallControl].resume_grace_ms,
        )
        self._tell(accepted)
        if self.capabilities.audio:
            session.open_ear()

    def hang_up(self, *, reason_code: str, reason: str, sip_headers: tuple[Json, ...] = ()) -> None:
        """Nobody has to be asked: the page is told that the call has ended."""
        if self._session is not None:
            self._session.take(events.CallerHungUp(reason_code=reason_code, reason=reason))

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        """Announce the prompt."""
        shown = clean(text, MAX_PROMPT_CHARS)
        self._tell(wire.Play(utterance=utterance, text=shown, interruptible=interruptible))

    def play(self, utterance: int, audio: bytes) -> None:
        """Audio with the number of its utterance, so that none is played after a flush."""
        self._send(wire.addressed(utterance, audio))

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        """The prompt ends, at once if it was interrupted."""
        self._tell(wire.Stop(utterance=utterance, flush=interrupted))

    def heard_ms(self, utterance: int) -> float | None:
        """How much of ``utterance`` the loudspeaker has played by now; None: never reported."""
        if self._played is None:
            return None
        known, ms, at = self._played
        if known != utterance:
            return 0.0 if known < utterance else None
        return ms + 1000 * min(self._clock() - at, REPORT_HOLDS_S)

    def send(self, activity: Activity) -> None:
        """Show the activity; a message of a text chat is a line of the transcript already."""
        if activity.event == "transfer":
            target = str(activity.parameter("transferTarget") or "")
            reason = str(activity.parameter("handoverReason") or "")
            asked = wire.TransferAsked(
                target=clean(target, wire.MAX_SAID_CHARS), reason=clean(reason, wire.MAX_SAID_CHARS)
            )
            self._tell(asked)
        elif activity.event:
            self._tell(
                wire.Told(name=activity.name or "", arguments=activity.activity_params or {})
            )

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        """What the recogniser heard."""
        shown = clean(text, MAX_PROMPT_CHARS)
        self._tell(wire.Heard(text=shown, final=final, confidence=confidence))

    def show_voice(self, *, speaking: bool) -> None:
        """The caller began or stopped to speak."""
        self._tell(wire.Voice(speaking=speaking))

    def close(self) -> None:
        """Close the socket in order."""
        self._session = None
        self._close(1000)


def _transfer_done(outcome: str) -> events.TransferDone:
    if outcome == "answered":
        return events.TransferDone(succeeded=True, reason="The tester let it succeed")
    return events.TransferDone(
        succeeded=False, reason="The tester let it fail", reason_code=outcome
    )
