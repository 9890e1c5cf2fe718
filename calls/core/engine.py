"""The conversation engine: one call as a pure machine.

``handle(event, now)`` answers with the commands to carry out, in order; afterwards `deadline` says
when `DeadlinePassed` is due. ``now`` is seconds on any monotonic clock. The engine holds no socket,
task, clock or model; it composes the machines beside it:

=========================  =======================================================
`prompts.PromptQueue`      what plays, what waits, what barge-in throws away
`performer.Performer`      plays and does what is next in the queue
`speaker.Speaker`          starts and silences prompts, records what was heard
`floor.Floor`              who has the floor: caller, bot, nobody
`gate.Gate`                whether the caller is listened to
`joining.Joining`          from the arrival to the talk
`callee.Callee`            of an outbound call: ringing, answer, person or machine
`caller.CallerSide`        from voice, results and keys to turns; the caller's timers
`hearing.Hearing`          the caller as a bot hears them that recognises speech itself
`bot.BotSide`              what the bot is told and owes; the bot's timers
`incoming.Incoming`        what the bot sends and says
`notices.Notices`          what else the bot asked to be told
`actions.Actions`          digits, metadata and recording for the bot
`stopwatch.Stopwatch`      where the time of a turn went
`timeouts.Timers`          what the conversation waits for, and until when
`scopes.Scopes`            the parameters in force
`life.Life`                the phase of the call, what failed, how it ends
`supervision.Supervision`  what people have done in the call
=========================  =======================================================

Rules that hold after every event: at most one prompt plays; from arrival to `Finish` there is a
deadline; nothing follows `Finish`; the gate is open while `Floor.listening`, or while it is to be
found out what answered.

NB Longer than other files on purpose: what may happen in which phase is to be read in one place.
"""

from collections.abc import Callable

from bots.core.errors import Fault
from bots.core.params.resolve import Resolved
from bots.core.params.sections.barge_in import BargeIn
from bots.core.ports import BotCapabilities
from calls.core import commands, events
from calls.core.actions import Actions
from calls.core.bot import BotSide
from calls.core.callee import Callee
from calls.core.caller import CallerSide
from calls.core.closing import Cause, failure
from calls.core.commands import Command
from calls.core.events import Event
from calls.core.floor import Floor
from calls.core.gate import Gate
from calls.core.hearing import Hearing
from calls.core.incoming import Incoming
from calls.core.joining import Joining
from calls.core.life import Life
from calls.core.notices import Notices
from calls.core.outbox import Outbox
from calls.core.performer import Performer
from calls.core.phases import BEFORE_CLOSING, ESTABLISHED, Phase
from calls.core.ports import LegCapabilities
from calls.core.prompts import PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.stopwatch import Stopwatch
from calls.core.supervision import Supervision
from calls.core.timeouts import Timer, Timers

MAX_RECOGNITION_TIMEOUTS = 3
"""Utterances in a row without a result after which the recogniser counts as failed."""
NO_RESULT = "no result after the caller stopped speaking"


class Conversation:
    """One call. Feed it every event in order with a time that never goes back.

    ``bot``: what it does itself; recognising is of no account in a text session.
    """

    def __init__(
        self,
        configured: Resolved,
        leg: LegCapabilities,
        bot: BotCapabilities = BotCapabilities(),  # noqa: B008 - immutable
    ) -> None:
        self._leg = leg
        self._heard_by_bot = bot.hears and leg.audio
        self._compose(Scopes(configured))
        self._compose_life()
        joining, incoming, hearing = self._joining, self._incoming, self._hearing
        life, speaker = self._life, self._speaker
        self._handlers: dict[type, Callable[..., None]] = {
            events.CallArrived: joining.arrived,
            events.BotJoined: joining.joined,
            events.CallStarted: joining.started,
            events.BotSpoke: incoming.spoke,
            events.BotStreamed: incoming.streamed,
            events.StreamTextKnown: incoming.text_known,
            events.AgentReported: incoming.reported,
            events.BotControlled: self._supervision.controlled,
            events.BotAcknowledged: self._bot_acknowledged,
            events.BotLeft: incoming.left,
            events.VoiceStarted: hearing.voice_started,
            events.VoiceStopped: self._caller.voice_stopped,
            events.CallerSaid: self._caller_said,
            events.CallerCommitted: self._caller_committed,
            events.DigitsPressed: self._digits_pressed,
            events.CallerSilent: self._caller_silent,
            events.VoiceSideReported: self._voice_side_reported,
            events.AudioReady: speaker.ready,
            events.PlaybackStarted: speaker.started,
            events.PlaybackEnding: speaker.ending,
            events.PlaybackDone: life.playback_done,
            events.PlayUrlFailed: life.play_url_failed,
            events.ServiceFailed: life.service_failed,
            events.MetaDataSent: self._meta_data_sent,
            events.TransferDone: life.transfer_done,
            events.CallerHungUp: self._caller_hung_up,
            events.LegLost: life.leg_lost,
            events.LegResumed: self._leg_resumed,
            events.EndRequested: life.end_requested,
            events.SupervisorActed: self._supervisor_acted,
            events.DeadlinePassed: self._deadline_passed,
        }

    def _compose(self, params: Scopes) -> None:
        """Build the machines; those that many use come first."""
        self._params, audio = params, self._leg.audio
        out, timers, queue, floor = Outbox(), Timers(), PromptQueue(), Floor()
        self._out, self._timers, self._queue, self._floor = out, timers, queue, floor
        stopwatch = self._stopwatch = Stopwatch(out)
        self._actions = Actions(params, out)
        self._speaker = Speaker(
            queue, out, params=params, timers=timers, stopwatch=stopwatch, audio=audio
        )
        self._bot = BotSide(
            params=params,
            out=out,
            timers=timers,
            floor=floor,
            queue=queue,
            stopwatch=stopwatch,
            audio=audio,
        )
        notices = Notices(params, timers, self._bot.tell)
        self._caller = CallerSide(
            params=params,
            out=out,
            timers=timers,
            floor=floor,
            queue=queue,
            speaker=self._speaker,
            notices=notices,
            bot=self._bot,
            audio=audio,
            heard_by_bot=self._heard_by_bot,
        )
        self._hearing = Hearing(
            params=params,
            out=out,
            floor=floor,
            queue=queue,
            caller=self._caller,
            bot=self._bot,
            by_bot=self._heard_by_bot,
        )
        self._notices = notices

    def _compose_life(self) -> None:
        """Build the machines that lead the call through its phases."""
        params, out, timers, queue = self._params, self._out, self._timers, self._queue
        self._life = Life(
            params=params,
            out=out,
            timers=timers,
            queue=queue,
            speaker=self._speaker,
            bot=self._bot,
            notices=self._notices,
            actions=self._actions,
            stopwatch=self._stopwatch,
            last_words=lambda: self._supervision.ended(),
        )
        self._callee = Callee(
            params=params,
            out=out,
            timers=timers,
            bot=self._bot,
            notices=self._notices,
            life=self._life,
        )
        self._joining = Joining(
            params=params,
            out=out,
            timers=timers,
            queue=queue,
            bot=self._bot,
            actions=self._actions,
            callee=self._callee,
            life=self._life,
        )
        self._gate = Gate(
            params=params,
            out=out,
            floor=self._floor,
            queue=queue,
            caller=self._caller,
            callee=self._callee,
            life=self._life,
            audio=self._leg.audio,
        )
        self._supervision = Supervision(
            params=params,
            out=out,
            timers=timers,
            queue=queue,
            speaker=self._speaker,
            bot=self._bot,
            life=self._life,
            enter=lambda *what: self._performer.enter(*what),
        )
        self._performer = Performer(
            params=params,
            out=out,
            timers=timers,
            queue=queue,
            speaker=self._speaker,
            bot=self._bot,
            actions=self._actions,
            life=self._life,
            supervision=self._supervision,
            audio=self._leg.audio,
        )
        self._incoming = Incoming(
            out=out,
            queue=queue,
            speaker=self._speaker,
            bot=self._bot,
            hearing=self._hearing,
            life=self._life,
            stopwatch=self._stopwatch,
            supervision=self._supervision,
            enter=self._performer.enter,
        )

    @property
    def phase(self) -> Phase:
        """Where the call is in its life."""
        return self._life.phase

    @property
    def deadline(self) -> float | None:
        """When `DeadlinePassed` is due; None only before the arrival and after the end."""
        return self._timers.deadline

    @property
    def listening(self) -> bool:
        """Whether the gate between the caller and the recogniser is to be open."""
        return self._gate.open

    @property
    def keeps_speech_back(self) -> bool:
        """A prompt plays that takes several words to interrupt; the voice side would cut it off."""
        playing = self._queue.playing
        several = self._params[BargeIn].barge_in_min_word_count > 1
        return several and playing is not None and playing.interruptible and not playing.stopping

    @property
    def no_inputs(self) -> int:
        """How often in a row the caller gave no input in time."""
        return self._caller.no_inputs

    @property
    def turns(self) -> int:
        """How often the caller said or pressed something that went to the bot."""
        return self._bot.turns

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event; answer what is to be done, in order. Nothing comes after `Finish`."""
        if self.phase is not Phase.ENDED:
            self._handlers[type(event)](event, now)
            self._callee.heard(event, now)
            self._settle(now)
        return self._out.take()

    # --- the caller ---------------------------------------------------------------------------

    def _bot_acknowledged(self, _event: events.BotAcknowledged, now: float) -> None:
        if self._bot.acknowledged() and self.phase is Phase.TALKING:
            self._caller.acknowledged(now)

    def _caller_said(self, event: events.CallerSaid, now: float) -> None:
        if self.phase in ESTABLISHED:
            self._hearing.said(event, now)

    def _caller_committed(self, event: events.CallerCommitted, now: float) -> None:
        if self.phase is Phase.TALKING and self._life.accepted:
            self._hearing.committed(event, now)

    def _digits_pressed(self, event: events.DigitsPressed, now: float) -> None:
        if self.phase is Phase.TALKING and self._life.accepted:
            self._caller.pressed(event, now)

    def _caller_silent(self, _event: events.CallerSilent, now: float) -> None:
        if self.phase is Phase.TALKING and not self._floor.bot_owes_answer:
            self._caller_gave_no_input(now)

    def _caller_gave_no_input(self, now: float) -> None:
        reason = self._caller.silent()
        if reason is not None:
            self._give_up_caller(reason, now)

    def _give_up_caller(self, reason: str, now: float) -> None:
        if self._caller.recognition_timeouts:  # the caller spoke, and nobody recognised it
            self._life.broken("stt", Fault.TIMEOUT, NO_RESULT, now)
        else:
            self._life.fail("general", failure(Cause.USER_NO_INPUT, reason), now)

    def _voice_side_reported(self, event: events.VoiceSideReported, now: float) -> None:
        if self.phase is Phase.TALKING and not self._callee.reported(event.activity, now):
            self._bot.tell(event.activity)

    def _caller_hung_up(self, event: events.CallerHungUp, now: float) -> None:
        self._callee.hung_up(event, now)
        self._life.caller_hung_up(event, now)

    def _supervisor_acted(self, event: events.SupervisorActed, now: float) -> None:
        before = self._params.resolved
        self._supervision.acted(event, now)
        self._performer.adopt(before)

    def _meta_data_sent(self, event: events.MetaDataSent, now: float) -> None:
        if event.problem:
            self._out.note(now, f"The bot's metadata could not be sent: {event.problem}")

    def _leg_resumed(self, _event: events.LegResumed, now: float) -> None:
        self._out.note(now, "The voice connection was lost and came back")

    # --- time ---------------------------------------------------------------------------------

    def _deadline_passed(self, _event: events.DeadlinePassed, now: float) -> None:
        while (timer := self._timers.expire(now)) is not None:
            if timer in (Timer.VOICE_SIDE, Timer.STOPPING) or self.phase in BEFORE_CLOSING:
                self._expired(timer, now)

    def _expired(self, timer: Timer, now: float) -> None:
        match timer:
            case Timer.START:
                self._joining.expired(now)
            case Timer.ANSWER:
                self._callee.nobody(now)
            case Timer.MACHINE:
                self._callee.expired(now)
            case Timer.USER_INPUT:
                self._caller_gave_no_input(now)
            case Timer.USER_GIVE_UP:
                self._give_up_caller("The caller gave no input for too long", now)
            case Timer.RECOGNITION:
                self._recognition_expired(now)
            case Timer.COLLECTION:
                self._caller.collection_expired(now)
            case Timer.DIGITS:
                self._caller.digits_expired(now)
            case Timer.ACKNOWLEDGEMENT:
                self._caller.acknowledged(now)
            case Timer.RESUME:
                self._bot.resume()
            case Timer.SUPERVISOR:
                self._supervision.expired(now)
            case Timer.VOICE_EVENT:
                self._notices.expired()
            case Timer.BOT_INPUT:
                self._bot_gave_no_input(self._bot.silent(connected=self._life.accepted), now)
            case Timer.BOT_GIVE_UP:
                self._bot_gave_no_input("The bot did not answer", now)
            case Timer.FIRST_AUDIO:
                self._life.no_audio(now)
            case Timer.STOPPING:
                self._life.player_silent(now)
            case Timer.MAX_DURATION:
                reason = "The call reached its longest permitted duration"
                self._life.hang_up(failure(Cause.MAX_DURATION, reason), now)
            case _:
                self._life.voice_side_silent(now)

    def _recognition_expired(self, now: float) -> None:
        self._caller.recognition_expired(now)
        if self._caller.recognition_timeouts >= MAX_RECOGNITION_TIMEOUTS:
            self._life.broken("stt", Fault.TIMEOUT, NO_RESULT, now)
        elif not self._heard_by_bot:
            report = commands.ReportFault(service="stt", fault=Fault.TIMEOUT, detail=NO_RESULT)
            self._out.emit(report)

    def _bot_gave_no_input(self, reason: str | None, now: float) -> None:
        if reason is not None:
            report = commands.ReportFault(service="bot", fault=Fault.TIMEOUT, detail="no answer")
            self._out.emit(report)
            self._life.fail("bot", failure(Cause.BOT_NO_INPUT, reason), now)

    # --- after every event --------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Start what is due and make gate, timers and display agree."""
        self._performer.go_on(now)
        self._life.settle(now)
        if self.phase in (Phase.NEW, Phase.ENDED):
            return
        self._supervision.settle()
        self._callee.settle(now)
        self._gate.settle(now)
        if self.phase in ESTABLISHED:
            connected = self._life.accepted
            # Who mutes the bot has the word, and is waited for without a limit.
            waiting = self.phase is Phase.TALKING and not self._supervision.muted
            self._caller.settle(now, talking=waiting and connected)
            self._bot.settle(now, talking=waiting, connected=connected)
        self._stopwatch.settle(idle=self._queue.idle)
        self._show()

    def _show(self) -> None:
        match self.phase:
            case Phase.TALKING if self._life.accepted:
                self._out.show(self._floor.state(self._queue.playing))
            case Phase.FAILING:
                playing = self._queue.playing
                speaks = playing is not None and not playing.stopping
                self._out.show("bot speaking" if speaks else "closing")
            case Phase.TRANSFERRING:
                self._out.show("transferring")
            case Phase.RINGING:
                self._out.show("ringing")
            case phase:
                self._out.show("connecting" if phase in BEFORE_CLOSING else "closing")
