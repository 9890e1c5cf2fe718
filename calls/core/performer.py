"""Plays and does what is next in the prompt queue, with the parameters that come with it."""

from bots.core.activities import Activity
from bots.core.params.resolve import Resolved
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands
from calls.core.actions import Actions
from calls.core.bot import BotSide
from calls.core.life import Life
from calls.core.outbox import Outbox
from calls.core.phases import Phase
from calls.core.prompts import Action, Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.supervision import Supervision
from calls.core.timeouts import Timer, Timers

CHANGEABLE = (Timer.USER_INPUT, Timer.BOT_INPUT, Timer.BOT_GIVE_UP, Timer.RESUME)
"""Waits whose limit the bot may change while they run; the new one counts from then on."""


class Performer:
    """Carries out the queue. ``audio``: False for a text session."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        queue: PromptQueue,
        speaker: Speaker,
        bot: BotSide,
        actions: Actions,
        life: Life,
        supervision: Supervision,
        audio: bool,
    ) -> None:
        self._params = params
        self._out = out
        self._timers = timers
        self._queue = queue
        self._speaker = speaker
        self._bot = bot
        self._actions = actions
        self._life = life
        self._supervision = supervision
        self._audio = audio

    def go_on(self, now: float) -> None:
        """Start what is next until a prompt plays or the call closes; tell what never will be."""
        while (
            self._life.phase in (Phase.TALKING, Phase.FAILING)
            and (item := self._queue.next()) is not None
        ):
            if item.activity is not None:
                self.enter(item.activity, now, item.act)
            if isinstance(item, Prompt):
                self._say(item, now)
            else:
                self._act(item, now)
                self._supervision.carried_out(item.act)
        for stream in self._queue.take_dropped():
            self._out.emit(commands.DropStream(stream))

    def enter(self, activity: Activity, now: float, act: int | None = None) -> None:
        """Put the parameters that ``activity`` brings in force; ``act`` sent it, if not the bot."""
        before, who = self._params.resolved, self._supervision.author(act) or "The bot"
        for name, problem in self._params.enter(activity).items():
            self._out.note(now, f"{who} set {name}: {problem}")
            self._supervision.refused(act, f"{name}: {problem}")
        self.adopt(before)

    def adopt(self, before: Resolved) -> None:
        """Tell who depends on them that the parameters have changed since ``before``, if so."""
        if self._params.resolved is not before:
            self._out.emit(commands.UseParameters(self._params.resolved))
        if self._params[Timeouts] != before[Timeouts]:
            self._timers.stop(*CHANGEABLE)

    def _say(self, prompt: Prompt, now: float) -> None:
        self._life.accept()
        self._speaker.play(prompt, now)
        if prompt.by_bot and self._life.phase is Phase.TALKING:
            self._bot.answered(now)
            if self._params[Timeouts].expect_another_bot_message:
                self._bot.asked()

    def _act(self, action: Action, now: float) -> None:
        activity, by = action.activity, self._supervision.author(action.act)
        match activity.event:
            case "hangup":
                self._life.bot_hangs_up(activity, now, by)
            case "transfer" | "handover":
                self._life.transfer(activity, now, by)
            case "expectanotherbotmessage":
                self._bot.asked()
            case _ if self._actions.perform(activity, now):
                pass
            case _ if not self._audio:
                self._actions.tell_voice_side(activity)
