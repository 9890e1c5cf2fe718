"""The conversation engine: one call as a pure machine.

``handle(event, now)`` answers with the commands to carry out, in order; afterwards `deadline` says
when `DeadlinePassed` is due. ``now`` is seconds on any monotonic clock. The engine holds no socket,
task, clock or model; it composes the machines beside it:

======================  ==========================================================
`prompts.PromptQueue`   what plays, what waits, what barge-in throws away
`speaker.Speaker`       starts and silences prompts, records what was heard
`floor.Floor`           who has the floor: caller, bot, nobody; when the gate is open
`timeouts.Timers`       what the conversation waits for, and until when
`scopes.Scopes`         the parameters in force
`closing.Closing`       how the call ends, and who ended it
======================  ==========================================================

Rules that hold after every event: at most one prompt plays; from arrival to `Finish` there is a
deadline; nothing follows `Finish`; the gate is open exactly when `Floor.listening` says so.

NB Longer than other files on purpose: what may happen in which phase is to be read in one place.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Literal

from bots.core.activities import Activity
from bots.core.errors import Fault
from bots.core.params.resolve import Resolved
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.dtmf import Dtmf
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands, events, vocabulary
from calls.core.closing import (
    HANG_UP_TIMEOUT_S,
    STOP_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
    Closing,
    Ending,
)
from calls.core.commands import Command
from calls.core.events import Event
from calls.core.floor import Floor, Utterance
from calls.core.outbox import Outbox
from calls.core.ports import LegCapabilities
from calls.core.prompts import Action, Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.timeouts import NoInput, Timer, Timers
from calls.core.transcript import spoken_text
from calls.core.vocabulary import Purpose

START_TIMEOUT_S = 2.0
"""How long a voice side that announced its ``start`` activity may take to send it."""
UTTERANCE_TIMEOUT_S = 60.0
"""How long the caller's voice may last without a result: longer, it is noise."""
RECOGNITION_TIMEOUT_S = 8.0
"""How long the recogniser may take for a final result after the caller stopped."""

_SERVICE_NAMES = {"bot": "bot", "stt": "recogniser", "tts": "synthesiser"}


class Phase(Enum):
    """Where the call is in its life."""

    NEW = auto()
    JOINING = auto()
    """The bot is being connected."""
    STARTING = auto()
    """The bot is there and the call accepted; the voice side's ``start`` is awaited."""
    TALKING = auto()
    CLOSING = auto()
    """A hang-up or a transfer was sent; the voice side's word is awaited."""
    ENDING = auto()
    """Over; the last prompt's heard position is awaited, so that the transcript is exact."""
    ENDED = auto()


_BEFORE_CLOSING = frozenset({Phase.JOINING, Phase.STARTING, Phase.TALKING})


class Conversation:
    """One call. Feed it every event in order with a time that never goes back."""

    def __init__(self, configured: Resolved, leg: LegCapabilities) -> None:
        self.phase = Phase.NEW
        self.turns = 0
        """How often the caller said or pressed something that went to the bot."""
        self._params = Scopes(configured)
        self._leg = leg
        self._out = Outbox()
        self._queue = PromptQueue()
        self._speaker = Speaker(self._queue, self._out)
        self._floor = Floor()
        self._timers = Timers()
        self._no_input = NoInput()
        self._closing = Closing()
        self._arrival: events.CallArrived | None = None
        self._handlers: dict[type, Callable[..., None]] = {
            events.CallArrived: self._call_arrived,
            events.BotJoined: self._bot_joined,
            events.CallStarted: self._call_started,
            events.BotSpoke: self._bot_spoke,
            events.BotLeft: self._bot_left,
            events.VoiceStarted: self._voice_started,
            events.VoiceStopped: self._voice_stopped,
            events.CallerSaid: self._caller_said,
            events.DigitsPressed: self._digits_pressed,
            events.CallerSilent: self._caller_silent,
            events.VoiceSideReported: self._voice_side_reported,
            events.PlaybackStarted: self._speaker.started,
            events.PlaybackDone: self._playback_done,
            events.TransferDone: self._transfer_done,
            events.CallerHungUp: self._caller_hung_up,
            events.LegLost: self._leg_lost,
            events.ServiceFailed: self._service_failed,
            events.EndRequested: self._end_requested,
            events.DeadlinePassed: self._deadline_passed,
        }

    @property
    def deadline(self) -> float | None:
        """When `DeadlinePassed` is due; None only before the arrival and after the end."""
        return self._timers.deadline

    @property
    def listening(self) -> bool:
        """Whether the gate between the caller and the recogniser is to be open."""
        return self._floor.listening

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event; answer what is to be done, in order. Nothing comes after `Finish`."""
        if self.phase is not Phase.ENDED:
            self._handlers[type(event)](event, now)
            self._settle(now)
        return self._out.take()

    # --- joining ------------------------------------------------------------------------------

    def _call_arrived(self, event: events.CallArrived, now: float) -> None:
        if self.phase is not Phase.NEW:
            return
        self.phase = Phase.JOINING
        self._arrival = event
        limit_ms = self._params[Timeouts].max_call_duration_ms
        self._timers.start(Timer.MAX_DURATION, now + limit_ms / 1000)
        self._out.emit(commands.OpenBot())
        self._await_bot(now)

    def _bot_joined(self, _event: events.BotJoined, now: float) -> None:
        if self.phase is not Phase.JOINING or self._arrival is None:
            return
        self.phase = Phase.STARTING
        self._out.emit(commands.AcceptCall())
        if self._arrival.announced:
            # The bot owes nothing yet: it is the voice side that is waited for.
            self._timers.stop(Timer.BOT_GIVE_UP)
            self._timers.start(Timer.START, now + START_TIMEOUT_S)
        else:
            self._begin(self._arrival.start, now)

    def _call_started(self, event: events.CallStarted, now: float) -> None:
        if self.phase is Phase.STARTING:
            self._begin(event.start, now)

    def _begin(self, start: Activity, now: float) -> None:
        self.phase = Phase.TALKING
        self._timers.stop(Timer.START)
        self._out.emit(commands.SendToBot(start))
        if self._queue.idle:  # a bot that has greeted already owes nothing
            self._await_bot(now)

    # --- the bot ------------------------------------------------------------------------------

    def _bot_spoke(self, event: events.BotSpoke, now: float) -> None:
        if self.phase not in (Phase.STARTING, Phase.TALKING):
            return
        activity = event.activity
        purpose = vocabulary.purpose(activity)
        if purpose is Purpose.UNKNOWN:
            described = vocabulary.describe(activity)
            self._out.note(now, f"The bot sent {described}; it was ignored")
            return
        if self._queue.full and purpose is not Purpose.ABORT_PROMPTS:
            flood = "it says more than anybody can hear"
            self._service_failed(
                events.ServiceFailed(service="bot", fault=Fault.PROTOCOL, detail=flood), now
            )
            return
        if purpose.answers:
            self._bot_answered()
        if purpose is Purpose.MESSAGE:
            self._queue.add(Prompt(activity.text or "", activity))
            self._prepare(activity)
        elif purpose is Purpose.ABORT_PROMPTS:
            self._speaker.silence()
        else:
            self._queue.add(Action(activity))

    def _prepare(self, activity: Activity) -> None:
        """Have a message that must wait ready, unless it brings its own way of speaking."""
        brought = {*(activity.activity_params or ()), *(activity.session_params or ())}
        if self._leg.audio and activity.text and not brought & vocabulary.WAYS_OF_SPEAKING:
            speech = self._params[Speech]
            language = speech.tts_language or speech.language
            self._speaker.prepare(activity.text, language=language, voice=speech.voice_name)

    def _bot_left(self, _event: events.BotLeft, now: float) -> None:
        if self.phase is Phase.TALKING:
            self._bot_answered()
            self._queue.add(Action(vocabulary.BOT_LEFT))
        elif self.phase in _BEFORE_CLOSING:
            self._hang_up(Ending("bot", "bot-disconnected", "The bot left"), now)

    def _await_bot(self, now: float) -> None:
        self._floor.bot_owes_answer = True
        give_up_ms = self._params[Timeouts].bot_no_input_give_up_timeout_ms
        if give_up_ms:
            self._timers.start(Timer.BOT_GIVE_UP, now + give_up_ms / 1000)

    def _bot_answered(self) -> None:
        self._floor.bot_owes_answer = False
        self._timers.stop(Timer.BOT_GIVE_UP)

    # --- the caller ---------------------------------------------------------------------------

    def _voice_started(self, _event: events.VoiceStarted, now: float) -> None:
        if self._floor.listening:
            self._floor.voice_began(now)
            self._timers.start(Timer.RECOGNITION, now + UTTERANCE_TIMEOUT_S)
            self._speaker.interrupt()

    def _voice_stopped(self, _event: events.VoiceStopped, now: float) -> None:
        if self._floor.caller_speaks:
            self._floor.voice_ended(now - self._params[Speech].speech_silence_ms / 1000)
            self._timers.start(Timer.RECOGNITION, now + RECOGNITION_TIMEOUT_S)

    def _caller_said(self, event: events.CallerSaid, now: float) -> None:
        if not self._floor.listening:
            return
        if event.text:
            self._speaker.interrupt()
        if not event.final:
            self._out.emit(commands.ShowInterim("caller", event.text))
            return
        utterance = self._floor.utterance_over() or Utterance(now)
        if not self._floor.caller_speaks:
            self._timers.stop(Timer.RECOGNITION)
        self._out.emit(commands.ShowInterim("caller", ""))
        if event.text:
            self._out.caller(utterance.began_at, "speech", event.text, event.confidence)
            speech = self._params[Speech]
            language = speech.stt_language or speech.language
            said = vocabulary.caller_message(event.text, event.confidence, language)
            self._turn(
                said, now, ended_at=now if utterance.ended_at is None else utterance.ended_at
            )

    def _digits_pressed(self, event: events.DigitsPressed, now: float) -> None:
        if self.phase is not Phase.TALKING:
            return
        if self._queue.playing is not None and not self._params[BargeIn].barge_in_on_dtmf:
            self._out.note(now, "Digits were pressed while the bot spoke; they were ignored")
            return
        self._speaker.silence()
        self._no_input.heard()
        self._timers.stop(Timer.USER_INPUT)
        self._out.caller(now, "dtmf", event.digits)
        if self._params[Dtmf].send_dtmf:
            self._turn(vocabulary.digits(event.digits), now, ended_at=now)

    def _turn(self, activity: Activity, now: float, *, ended_at: float) -> None:
        """The caller's turn is complete: it goes to the bot, whose answer is awaited."""
        self.turns += 1
        self._speaker.turn_ended_at = ended_at
        self._no_input.heard()
        self._out.emit(commands.SendToBot(activity))
        self._await_bot(now)

    def _caller_silent(self, _event: events.CallerSilent, now: float) -> None:
        if self.phase is Phase.TALKING and not self._floor.bot_owes_answer:
            self._no_input_expired(now)

    def _no_input_expired(self, now: float) -> None:
        limits = self._params[Timeouts]
        if self._no_input.expired(limits.user_no_input_retries):
            reason = f"The caller gave no input, {self._no_input.count} times"
            self._hang_up(Ending("gateway", "no-user-input", reason), now)
            return
        if limits.user_no_input_send_event:
            self._out.emit(commands.SendToBot(vocabulary.no_user_input(self._no_input.count)))
        if limits.user_no_input_speech:
            self._queue.add(Prompt(limits.user_no_input_speech))

    def _voice_side_reported(self, event: events.VoiceSideReported, _now: float) -> None:
        if self.phase is Phase.TALKING:
            self._out.emit(commands.SendToBot(event.activity))

    # --- the queue ----------------------------------------------------------------------------

    def _playback_done(self, event: events.PlaybackDone, now: float) -> None:
        if self._speaker.done(event, now) and self.phase is Phase.ENDING:
            self._conclude(now)

    def _pump(self, now: float) -> None:
        """Start what is next in the queue until a prompt plays or the call closes."""
        while self.phase is Phase.TALKING and (item := self._queue.next()) is not None:
            if item.activity is not None:
                for name, problem in self._params.enter(item.activity).items():
                    self._out.note(now, f"The bot set {name}: {problem}")
            if isinstance(item, Action):
                self._act(item.activity, now)
            elif spoken_text(item.text):
                speech = self._params[Speech]
                self._speaker.play(
                    item.text,
                    language=speech.tts_language or speech.language,
                    voice=speech.voice_name,
                    interruptible=self._params[BargeIn].barge_in,
                    activity=item.activity,
                )

    def _act(self, activity: Activity, now: float) -> None:
        match activity.event:
            case "hangup":
                self._closing.bot_result = vocabulary.bot_result(activity)
                reason = vocabulary.hang_up_reason(activity)
                self._hang_up(Ending("bot", "bot-disconnected", reason), now)
            case "transfer" | "handover":
                self._transfer(activity, now)
            case _ if not self._leg.audio:
                self._out.emit(commands.SendToVoiceSide(activity))

    # --- the end ------------------------------------------------------------------------------

    def _transfer(self, activity: Activity, now: float) -> None:
        control = self._params[CallControl]
        target = str(activity.parameter("transferTarget") or control.transfer_target)
        reason = str(activity.parameter("handoverReason") or control.handover_reason)
        if not target:
            self._out.note(now, "The bot asked for a transfer without transferTarget; ignored")
            return
        self._out.note(now, f"Transfer to {target}")
        ending = Ending("bot", "transferred", reason or "Transferred by the bot")
        self._close(ending, now + TRANSFER_TIMEOUT_S)
        self._out.emit(commands.TransferCall(target=target, reason=reason, activity=activity))

    def _hang_up(self, ending: Ending, now: float) -> None:
        self._close(ending, now + HANG_UP_TIMEOUT_S)
        self._speaker.silence()
        self._out.emit(commands.HangUp(reason_code=ending.reason_code, reason=ending.reason))

    def _close(self, ending: Ending, due: float) -> None:
        """Nothing more is said or heard; only the voice side's word is awaited, until ``due``."""
        self.phase = Phase.CLOSING
        self._closing.ending = ending
        self._queue.clear()
        self._timers.clear()
        self._timers.start(Timer.VOICE_SIDE, due)

    def _transfer_done(self, event: events.TransferDone, now: float) -> None:
        if self.phase is Phase.CLOSING:
            if not event.succeeded:
                self._closing.transfer_failed(event.reason)
            self._end(now)

    def _caller_hung_up(self, event: events.CallerHungUp, now: float) -> None:
        self._closing.voice_side_ended(event.reason_code, event.reason)
        self._end(now)

    def _leg_lost(self, _event: events.LegLost, now: float) -> None:
        self._closing.leg_lost()
        self._end(now)

    def _end_requested(self, event: events.EndRequested, now: float) -> None:
        ending = Ending(event.by, event.reason_code, event.reason)
        if self.phase in _BEFORE_CLOSING:
            self._hang_up(ending, now)
        elif self.phase is Phase.NEW:  # a call that nobody knows of yet has nobody to wait for
            self._hang_up(ending, now)
            self._end(now)

    def _service_failed(self, event: events.ServiceFailed, now: float) -> None:
        if event.utterance is not None:
            cut = events.PlaybackDone(
                utterance=event.utterance, heard_ms=event.heard_ms, total_ms=0, interrupted=True
            )
            if not self._speaker.done(cut, now):
                return
        fault, detail = event.fault, event.detail
        self._out.emit(commands.ReportFault(service=event.service, fault=fault, detail=detail))
        if self.phase in _BEFORE_CLOSING:
            reason = f"The {_SERVICE_NAMES[event.service]} failed: {fault}"
            self._hang_up(Ending("gateway", "error", reason), now)
        elif self.phase is Phase.ENDING and self._queue.playing is None:
            self._conclude(now)

    def _end(self, now: float) -> None:
        """The call is over: settle what was heard of the last prompt, then finish."""
        if self.phase is Phase.ENDING:
            return
        self._queue.clear()
        self._timers.clear()
        self._speaker.silence()
        if self._queue.playing is None:
            self._conclude(now)
        else:
            self.phase = Phase.ENDING
            self._timers.start(Timer.VOICE_SIDE, now + STOP_TIMEOUT_S)

    def _conclude(self, now: float) -> None:
        self.phase = Phase.ENDED
        self._timers.clear()
        self._out.show("ended")
        self._out.emit(self._closing.finish(now, self.turns))

    # --- time ---------------------------------------------------------------------------------

    def _deadline_passed(self, _event: events.DeadlinePassed, now: float) -> None:
        for timer in self._timers.expire(now):
            if timer is Timer.VOICE_SIDE or self.phase in _BEFORE_CLOSING:
                self._expired(timer, now)

    def _expired(self, timer: Timer, now: float) -> None:
        match timer:
            case Timer.START if self._arrival is not None:
                self._begin(self._arrival.start, now)
            case Timer.USER_INPUT:
                self._no_input_expired(now)
            case Timer.RECOGNITION:
                self._floor.forget_caller()
                self._report_timeout("stt", "no result after the caller stopped speaking")
            case Timer.BOT_GIVE_UP:
                self._report_timeout("bot", "no answer")
                self._hang_up(Ending("gateway", "bot-no-input", "The bot did not answer"), now)
            case Timer.MAX_DURATION:
                reason = "The call reached its longest permitted duration"
                self._hang_up(Ending("gateway", "max-duration", reason), now)
            case _:
                self._voice_side_silent(now)

    def _report_timeout(self, service: Literal["bot", "stt"], detail: str) -> None:
        report = commands.ReportFault(service=service, fault=Fault.TIMEOUT, detail=detail)
        self._out.emit(report)

    def _voice_side_silent(self, now: float) -> None:
        self._closing.unconfirmed()
        if self.phase is Phase.ENDING:
            self._queue.done()
            self._conclude(now)
        else:
            self._end(now)

    def _settle(self, now: float) -> None:
        """After every event: start what is due and make gate, timer and display agree."""
        self._pump(now)
        if self.phase in (Phase.NEW, Phase.ENDED):
            return
        talking = self.phase is Phase.TALKING
        playing = self._queue.playing
        self._settle_gate(talking=talking)
        self._settle_user_timer(now)
        if talking:
            self._out.show(self._floor.state(playing))
        else:
            self._out.show("connecting" if self.phase in _BEFORE_CLOSING else "closing")

    def _settle_gate(self, *, talking: bool) -> None:
        barge_in = self._params[BargeIn].barge_in
        wanted = talking and self._floor.wants_gate(self._queue.playing, barge_in=barge_in)
        if wanted == self._floor.listening:
            return
        self._floor.listening = wanted
        if not wanted:
            self._floor.forget_caller()
            self._timers.stop(Timer.RECOGNITION)
        self._out.emit(commands.Listen(wanted))

    def _settle_user_timer(self, now: float) -> None:
        """The caller is waited for exactly while it is their turn and they are silent."""
        timeout_ms = self._params[Timeouts].user_no_input_timeout_ms
        waiting = (
            self.phase is Phase.TALKING
            and self._leg.audio
            and self._queue.idle
            and not self._floor.caller_speaks
            and not self._floor.bot_owes_answer
        )
        if not waiting or not timeout_ms:
            self._timers.stop(Timer.USER_INPUT)
        elif not self._timers.running(Timer.USER_INPUT):
            self._timers.start(Timer.USER_INPUT, now + timeout_ms / 1000)
