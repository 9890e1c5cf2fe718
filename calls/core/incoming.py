"""What comes from the bot, sorted: into the queue, out of it, or past it."""

from collections.abc import Callable, Collection

import msgspec

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import Fault
from bots.core.params import reading
from calls.core import commands, events, vocabulary
from calls.core.bot import BotSide
from calls.core.closing import Ending
from calls.core.hearing import Hearing
from calls.core.life import Life
from calls.core.outbox import Outbox
from calls.core.phases import WITH_BOT, Phase
from calls.core.prompts import Action, Prompt, PromptQueue
from calls.core.speaker import Speaker
from calls.core.stopwatch import Stopwatch
from calls.core.supervision import Supervision
from calls.core.vocabulary import Purpose

LEFT = Ending("bot", "bot-disconnected", "The bot left")


class Incoming:
    """Takes what the bot sends; what it says is played when its turn comes."""

    def __init__(
        self,
        *,
        out: Outbox,
        queue: PromptQueue,
        speaker: Speaker,
        bot: BotSide,
        hearing: Hearing,
        life: Life,
        stopwatch: Stopwatch,
        supervision: Supervision,
        enter: Callable[[Activity, float], None],
    ) -> None:
        self._out = out
        self._queue = queue
        self._speaker = speaker
        self._bot = bot
        self._hearing = hearing
        self._life = life
        self._stopwatch = stopwatch
        self._supervision = supervision
        self._enter = enter
        """Puts the parameters that an activity brings in force."""
        self._unspoken: int | None = None
        """The play stream that came last while the bot was muted, if its text is not known."""

    @property
    def _talks(self) -> bool:
        return self._life.phase in WITH_BOT and self._bot.present

    # --- activities -------------------------------------------------------------------------------

    def spoke(self, event: events.BotSpoke, now: float) -> None:
        """The bot sent an activity."""
        if not self._talks:
            return
        activity = event.activity
        purpose = vocabulary.purpose(activity)
        smuggled = reading.smuggled(activity) if purpose is Purpose.LEAVING else {}
        for name, problem in smuggled.items():
            what = "the transfer was ignored" if name == "transferTarget" else "it was left out"
            self._out.note(now, f"The bot's {name} {problem}; {what}")
        if "transferTarget" in smuggled:
            return  # nor is it moved to the target that counts when the bot names none
        activity = _without(activity, smuggled.keys())
        if self._life.phase is Phase.RINGING and activity.event == "hangup":
            self._life.bot_hangs_up(activity, now)
        elif purpose is Purpose.UNKNOWN:
            described = vocabulary.describe(activity)
            self._out.note(now, f"The bot sent {described}; it was ignored")
        elif purpose is Purpose.ABORT_PROMPTS:
            self._enter(activity, now)
            self._speaker.silence(now)
        elif not self._flooded(now):
            if purpose.answers:
                self._answered(now)
            self._take(activity, purpose, now)

    def _take(self, activity: Activity, purpose: Purpose, now: float) -> None:
        if purpose not in (Purpose.MESSAGE, Purpose.PLAY_URL):
            self._queue.add(Action(activity))
        elif self._supervision.muted:
            self._enter(activity, now)
            self._not_spoken(activity.text or "an audio file", now)
        else:
            prompt = Prompt(text=activity.text or "", activity=activity)
            self._queue.add(prompt)
            self._speaker.prepare(prompt)

    def _flooded(self, now: float) -> bool:
        if not self._queue.full:
            return False
        self._life.broken("bot", Fault.PROTOCOL, "it says more than anybody can hear", now)
        return True

    def _answered(self, now: float) -> None:
        self._hearing.answered(now)
        self._bot.answered(now)
        self._supervision.bot_spoke(now)

    def _not_spoken(self, text: str, now: float) -> None:
        line = f"Not spoken: {text}"
        self._out.emit(commands.RecordLine(at=now, side="bot", kind="event", text=line))

    # --- its own voice ----------------------------------------------------------------------------

    def streamed(self, event: events.BotStreamed, now: float) -> None:
        """The bot begins to speak itself; whatever becomes of the stream is told."""
        if not self._talks or self._flooded(now):
            self._out.emit(commands.DropStream(event.stream))
            return
        self._answered(now)
        said = activities.message(event.text, activity_params=event.activity_params)
        if not self._supervision.muted:
            self._queue.add(Prompt(text=event.text, activity=said, stream=event.stream))
            return
        self._enter(said, now)
        self._out.emit(commands.DropStream(event.stream))
        self._unspoken = None if event.text else event.stream
        if event.text:
            self._not_spoken(event.text, now)

    def text_known(self, event: events.StreamTextKnown, now: float) -> None:
        """What the bot says, as far as it is known by now."""
        if event.stream == self._unspoken and event.text:
            self._unspoken = None
            self._not_spoken(event.text, now)
        self._speaker.text_known(event, now)

    # --- beside the talk --------------------------------------------------------------------------

    def reported(self, event: events.AgentReported, now: float) -> None:
        """The bot told something about its own work."""
        if event.note:
            self._out.note(now, event.note)
        if event.name == "latency":
            self._stopwatch.agent_took(event.detail)
        self._out.emit(commands.RecordReport(name=event.name, detail=event.detail))

    def left(self, _event: events.BotLeft, now: float) -> None:
        """The bot closed its side of the conversation in order."""
        self._bot.present = False
        match self._life.phase:
            case Phase.TALKING | Phase.TRANSFERRING:
                self._bot.answered(now)
                self._queue.add(Action(vocabulary.BOT_LEFT))
            case Phase.JOINING | Phase.STARTING | Phase.RINGING:
                self._life.hang_up(LEFT, now)
            case _:
                pass


def _without(activity: Activity, names: Collection[str]) -> Activity:
    """``activity`` without the arguments ``names``."""
    if not names:
        return activity
    scopes = {
        "activity_params": activity.activity_params,
        "session_params": activity.session_params,
        "parameters": activity.parameters,
    }
    kept = {
        scope: {name: value for name, value in (values or {}).items() if name not in names}
        for scope, values in scopes.items()
    }
    return msgspec.structs.replace(activity, **kept)
