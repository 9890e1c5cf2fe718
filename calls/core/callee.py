"""The called side of an outbound call: it rings, somebody answers, and what answered.

The order of product description 6.11.2: the bot joins, the call is placed, whoever answers is heard
at once and speaks first. The bot owes nothing until they have; what it says by itself is spoken.
An inbound call has no such side: nothing here happens in it.
"""

import msgspec

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.params.sections.machine_detection import MachineDetection
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from bots.core.start_fields import start_fields
from calls.core import commands, events, machine_detection, vocabulary
from calls.core.bot import BotSide
from calls.core.closing import ANSWER_MARGIN_S, Ending
from calls.core.commands import Answerer
from calls.core.dialout import DialoutOrder
from calls.core.events import Event
from calls.core.life import Life
from calls.core.machine_detection import Detection
from calls.core.notices import Notices
from calls.core.outbox import Outbox
from calls.core.phases import Phase
from calls.core.scopes import Scopes
from calls.core.timeouts import Timer, Timers

NOBODY = Ending("caller", "no-answer", "Nobody answered in time")
MACHINE = Ending("gateway", "machine-detected", "A machine answered")


class Callee:
    """From placing an outbound call to knowing who answered it."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        bot: BotSide,
        notices: Notices,
        life: Life,
    ) -> None:
        self.called = False
        """The call is outbound, and was placed."""
        self._order: DialoutOrder
        self._params = params
        self._out = out
        self._timers = timers
        self._bot = bot
        self._notices = notices
        self._life = life
        self._answered_at = 0.0
        self._detection: Detection | None = None
        """While it is not known whether a person or a machine answered."""

    @property
    def unknown(self) -> bool:
        """It is being found out what answered, for which everything that is said is wanted."""
        return self._detection is not None

    # --- until the answer -------------------------------------------------------------------------

    def ring(self, order: DialoutOrder, arrival: events.CallArrived, now: float) -> None:
        """The bot is there: have the call placed. Only the answer's time counts as its duration."""
        self.called, self._order = True, order
        self._life.ring()
        self._timers.stop(Timer.MAX_DURATION)
        self._timers.start(Timer.ANSWER, now + order.answer_timeout_s + ANSWER_MARGIN_S)
        wanted, given = self._params[CallInitiation], self.start(arrival.start).parameters or {}
        fields = start_fields(wanted, given, arrival.sip_headers)
        self._notices.send(activities.event("dialoutInitiated", value=fields))

    def start(self, activity: Activity) -> Activity:
        """The start activity with what the order says, unless the voice side said it."""
        ours: Json = {"outboundTarget": self._order.target}
        if self._order.metadata is not None:
            ours["dialoutMetadata"] = self._order.metadata
        fields = ours | (activity.parameters or {})
        return msgspec.structs.replace(activity, parameters=fields)

    def nobody(self, now: float) -> None:
        """The answer is overdue; the voice side, which has a timer of its own, said nothing."""
        self._life.hang_up(NOBODY, now)

    def answered(self, now: float) -> None:
        """Somebody, or something, answered."""
        self._life.connected()
        self._timers.stop(Timer.ANSWER)
        limit_ms = self._params[Timeouts].max_call_duration_ms
        self._timers.start(Timer.MAX_DURATION, now + limit_ms / 1000)
        self._out.emit(commands.ReportAnswer())
        self._answered_at = now
        if self._order.machine_detection != "disabled":
            lag_s = self._params[Speech].speech_silence_ms / 1000
            self._detection = Detection(self._params[MachineDetection], now, lag_s=lag_s)

    # --- what answered ----------------------------------------------------------------------------

    def heard(self, event: Event, now: float) -> None:
        """Look for evidence in an event of the conversation."""
        if self._detection is None or self._life.phase is not Phase.TALKING:
            return
        found: Answerer | None = None
        match event:
            case events.VoiceStarted():
                self._detection.voice_started(now)
            case events.VoiceStopped():
                lag_s = self._params[Speech].speech_silence_ms / 1000
                found = self._detection.voice_stopped(now - lag_s)
            case events.CallerSaid(text=text, final=final):
                found = self._detection.said(text, now, final=final)
        self._decide(found, now)

    def reported(self, activity: Activity, now: float) -> bool:
        """A voice side that listens itself may know; True when ``activity`` is its verdict."""
        found = machine_detection.told(activity)
        asked = self.called and self._order.machine_detection != "disabled"
        if found is None or not asked:
            return False
        if self.unknown:
            self._decide(found, now)
        return True

    def expired(self, now: float) -> None:
        """The detection's deadline has come."""
        self._decide(self._detection.expired(now) if self._detection is not None else None, now)

    def hung_up(self, event: events.CallerHungUp, now: float) -> None:
        """The voice side ends the call; it may do so because it found a machine."""
        talking = self._life.phase is Phase.TALKING
        if self.unknown and talking and event.reason_code == MACHINE.reason_code:
            self._known("machine", now)

    def _decide(self, found: Answerer | None, now: float) -> None:
        if found is None:
            return
        self._known(found, now)
        if found == "machine" and self._order.machine_detection == "disconnect":
            self._life.hang_up(MACHINE, now)

    def _known(self, found: Answerer, now: float) -> None:
        self._detection = None
        after_s = now - self._answered_at
        self._out.emit(commands.ReportMachine(detected=found, after_ms=round(after_s * 1000)))
        who = "A machine" if found == "machine" else "A person"
        self._out.note(now, f"{who} answered, after {after_s:.1f} s")
        self._bot.tell(vocabulary.machine_detection(found))

    def settle(self, now: float) -> None:
        """After every event: wait for the verdict as long as the call is talked in."""
        if self._detection is not None and self._life.phase is Phase.TALKING:
            self._timers.start(Timer.MACHINE, max(now, self._detection.deadline))
        else:
            self._timers.stop(Timer.MACHINE)
