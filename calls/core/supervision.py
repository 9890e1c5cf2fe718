"""A supervisor's hand in a live call: what is asked for, and what was observed to come of it.

An act is answered twice: ``accepted``, or refused with the reason, when it is taken; then ``done``
or ``failed`` when its effect was seen: the line was heard, the bot answered, the transfer was
answered, the call has ended.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from bots.core.activities import Activity, Json
from bots.core.params.sections.speech import Speech
from calls.core import commands, events, sending, steering, vocabulary
from calls.core.bot import BotSide
from calls.core.life import Life
from calls.core.outbox import Outbox
from calls.core.phases import BEFORE_CLOSING, Phase
from calls.core.prompts import Action, Playing, Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.steering import Outcome
from calls.core.timeouts import Timer, Timers
from calls.core.transcript import spoken_text
from calls.core.vocabulary import Purpose
from calls.core.wording import clean

ANSWER_TIMEOUT_S = 30.0
"""How long a message to the bot waits for an answer before it counts as failed."""
CONTROL_TIMEOUT_S = 15.0
"""How long the bot may take to do what it is directed to."""
MAX_KIND_CHARACTERS = 60
MAX_PENDING = 50
"""Acts whose effect is still awaited."""


class _Pending(msgspec.Struct):
    """An act that was accepted; ``due`` is set while the bot's word on it is awaited.

    ``to_do``: how many of the activities sent were not carried out yet, or heard; ``trouble``: what
    went wrong with one of them.
    """

    act: steering.Steering
    at: float
    by: str
    due: float | None = None
    to_do: int = 0
    trouble: str = ""


class Supervision:
    """Carries out the acts of supervisors in one call."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        queue: PromptQueue,
        speaker: Speaker,
        bot: BotSide,
        life: Life,
        enter: Callable[[Activity, float, int | None], None],
    ) -> None:
        self.muted = False
        """The caller hears nothing of the bot."""
        self._params = params
        self._out = out
        self._timers = timers
        self._queue = queue
        self._speaker = speaker
        self._bot = bot
        self._life = life
        self._enter = enter
        """Puts the parameters that an activity brings in force."""
        self._pending: dict[int, _Pending] = {}

    def acted(self, event: events.SupervisorActed, now: float) -> None:
        """Somebody steps in."""
        problem = self._problem(event)
        if problem:
            self._report(event.number, "failed", problem)
            return
        self._report(event.number, "accepted")
        self._pending[event.number] = _Pending(event.act, now, event.by)
        self._carry_out(event, now)

    def _problem(self, event: events.SupervisorActed) -> str:
        """Why the act cannot be carried out now; empty when it can."""
        phase, act = self._life.phase, event.act
        if phase not in BEFORE_CLOSING:
            return "The call is ending"
        if len(self._pending) >= MAX_PENDING:
            return "Too many steps are under way in this call"
        if isinstance(act, steering.HangUp):
            return ""
        if phase is not Phase.TALKING or not self._life.accepted:
            return _NOT_TALKING.get(phase, "The call is not connected yet")
        if isinstance(act, steering.Say) and not spoken_text(act.text):
            return "There is nothing to say in this text"
        if isinstance(act, steering.Message | steering.ControlAgent) and not self._bot.present:
            return "The bot has left the call"
        if isinstance(act, steering.Activities):
            return self._problem_of(act)
        return ""

    def _problem_of(self, act: steering.Activities) -> str:
        if self._queue.full:
            return "Too much waits to be said in this call"
        return sending.problem(act.activities, self._params)

    def _carry_out(self, event: events.SupervisorActed, now: float) -> None:
        act = event.act
        match act:
            case steering.HangUp():
                self._note(event, now, "ended the call")
                reason = f"Ended by {event.by}"
                ended = events.EndRequested(
                    by="operator", reason_code="bot-disconnected", reason=reason
                )
                self._life.end_requested(ended, now)
            case steering.Transfer(target=target):
                self._note(event, now, f"transfers the call to {target}", target=target)
                self._life.move(target, event.by, event.number, now)
            case steering.Say(text=text, interrupt=interrupt):
                if interrupt:
                    self._speaker.silence(now)
                self._queue.add_act(Prompt(text=text, act=event.number))
                self._pending[event.number].to_do = 1
                self._record(event, interrupt=interrupt)
            case steering.Message(text=text):
                self._message(event, text, now)
            case steering.Mute(on=on):
                self._mute(event, now, on=on)
            case steering.Activities(activities=sent):
                self._send(event, sent, now)
            case steering.ControlAgent(message=message):
                self._control(event, message, now)
            case _:
                self._set(event, act, now)

    def _message(self, event: events.SupervisorActed, text: str, now: float) -> None:
        self._out.operator(now, "event", f"{event.by} to the bot: {text}")
        self._record(event)
        speech = self._params[Speech]
        said = [events.CallerSaid(text=text, final=True)]
        language = speech.stt_language or speech.language
        self._bot.tell(vocabulary.caller_message(said, language, continuous=False))
        self._bot.asked()
        self._pending[event.number].due = now + ANSWER_TIMEOUT_S
        self._arm()

    def _send(self, event: events.SupervisorActed, sent: tuple[Activity, ...], now: float) -> None:
        names = sending.names(sent)
        self._note(event, now, f"sent {', '.join(names)}", activities=names)
        pending, number = self._pending[event.number], event.number
        for activity in sent:
            purpose = vocabulary.purpose(activity)
            if purpose is Purpose.ABORT_PROMPTS:
                self._enter(activity, now, number)
                self._speaker.silence(now)
                continue
            pending.to_do += 1
            if purpose in (Purpose.MESSAGE, Purpose.PLAY_URL):
                prompt = Prompt(text=activity.text or "", activity=activity, act=number)
                self._queue.add(prompt)
                self._speaker.prepare(prompt)
            else:
                self._queue.add(Action(activity, number))

    def _control(self, event: events.SupervisorActed, message: Json, now: float) -> None:
        kind = clean(str(message.get("type", "")), MAX_KIND_CHARACTERS)
        self._note(event, now, f"directs the bot: {kind}", type=kind)
        self._pending[event.number].due = now + CONTROL_TIMEOUT_S
        self._arm()
        self._out.emit(commands.ControlBot(number=event.number, message=message))

    def _mute(self, event: events.SupervisorActed, now: float, *, on: bool) -> None:
        self.muted = on
        if on:
            self._speaker.silence(now)
        self._note(event, now, "muted the bot" if on else "let the bot speak again", on=on)
        hears = "The caller hears nothing of the bot" if on else "The caller hears the bot again"
        self._finish(event.number, "done", hears)

    def _set(self, event: events.SupervisorActed, act: steering.SetParameter, now: float) -> None:
        problem = self._params.supervise(act.name, act.value, event.by)
        if problem:
            self._finish(event.number, "failed", f"{act.name}: {problem}")
            return
        taken_back = act.value is None
        what = f"took back {act.name}" if taken_back else f"set {act.name}"
        self._note(event, now, what, parameter=act.name, value=act.value)
        self._finish(event.number, "done", f"{act.name} is in force")

    # --- what is observed -------------------------------------------------------------------------

    def bot_spoke(self, now: float) -> None:
        """The bot sent something to be heard: messages to it are answered."""
        for number, pending in list(self._pending.items()):
            if isinstance(pending.act, steering.Message):
                self._finish(number, "done", f"The bot answered after {now - pending.at:.1f} s")
        self._arm()

    def controlled(self, event: events.BotControlled, _now: float) -> None:
        """What came of directing the bot; nobody waits for it any more when it is late."""
        pending = self._pending.get(event.number)
        if pending is not None and isinstance(pending.act, steering.ControlAgent):
            status: steering.Status = "failed" if event.problem else "done"
            self._finish(event.number, status, event.problem or event.detail or "The bot did it")
            self._arm()

    def expired(self, now: float) -> None:
        """The bot has not answered, or not done what it was directed to, in time."""
        for number, pending in list(self._pending.items()):
            if pending.due is not None and pending.due <= now:
                directed = isinstance(pending.act, steering.ControlAgent)
                late = "The bot has not confirmed it" if directed else "The bot has not answered"
                self._finish(number, "failed", late)
        self._arm()

    def author(self, act: int | None) -> str:
        """Who did ``act``; empty when it was nobody's, but the bot's."""
        return self._pending[act].by if act is not None else ""

    def carried_out(self, act: int | None) -> None:
        """An activity of ``act`` was carried out."""
        if act is not None:
            self._pending[act].to_do -= 1

    def refused(self, act: int | None, problem: str) -> None:
        """Something that an activity of ``act`` asks for is not done."""
        if act is not None:
            self._pending[act].trouble = problem

    def settle(self) -> None:
        """After every event: tell what came of lines and transfers, and what cannot come any more.

        Nothing may follow the end of the call, so its last words come before.
        """
        for playing in self._queue.take_acts():
            self._spoken(playing)
        for number, problem in self._life.take_moves():
            failed = f"The transfer failed: {problem}" if problem else "The call was transferred"
            self._finish(number, "failed" if problem else "done", failed)
        for number, pending in list(self._pending.items()):
            lasts = isinstance(pending.act, steering.Say | steering.Activities)
            if lasts and not self._queue.holds(number):
                problem = pending.trouble or (_DROPPED if pending.to_do else "")
                self._finish(number, "failed" if problem else "done", problem or "It was done")

    def ended(self) -> None:
        """The call is over."""
        self.settle()
        for number, pending in list(self._pending.items()):
            hung_up = isinstance(pending.act, steering.HangUp)
            self._finish(number, "done" if hung_up else "failed", "The call has ended")

    def _spoken(self, playing: Playing) -> None:
        number, talking = playing.act or 0, self._life.phase is Phase.TALKING
        status: steering.Status = "failed"
        heard = f"after {playing.heard_ms / 1000:.1f} s"
        if playing.failed:
            detail = "The line could not be spoken"
        elif not playing.interrupted:
            status, detail = "done", "The caller heard it"
        else:
            status = "done" if playing.heard_ms and talking else "failed"
            detail = f"Cut off {heard}" if talking else f"The call ended {heard}"
        pending = self._pending[number]
        if isinstance(pending.act, steering.Say):
            self._finish(number, status, detail)
            return
        pending.to_do -= 1
        if playing.failed or playing.interrupted:
            pending.trouble = pending.trouble or detail

    def _arm(self) -> None:
        due = [pending.due for pending in self._pending.values() if pending.due is not None]
        self._timers.stop(Timer.SUPERVISOR)
        if due:
            self._timers.start(Timer.SUPERVISOR, min(due))

    def _finish(self, number: int, status: steering.Status, detail: str) -> None:
        del self._pending[number]
        self._report(number, status, detail)

    def _report(self, number: int, status: steering.Status, detail: str = "") -> None:
        outcome = Outcome(status=status, detail=detail)
        self._out.emit(commands.ReportOutcome(number=number, outcome=outcome))

    # --- what people see --------------------------------------------------------------------------

    def _note(self, event: events.SupervisorActed, now: float, what: str, **detail: Any) -> None:
        self._out.note(now, f"{event.by} {what}")
        self._record(event, **detail)

    def _record(self, event: events.SupervisorActed, **detail: Any) -> None:
        name = event.act.__struct_config__.tag
        record = commands.RecordAct(by=event.by, name=str(name), detail=detail, muted=self.muted)
        self._out.emit(record)


_DROPPED = "It was dropped before it was spoken"
_NOT_TALKING = {
    Phase.TRANSFERRING: "The call is being transferred",
    Phase.FAILING: "The call has failed and is about to end",
}
