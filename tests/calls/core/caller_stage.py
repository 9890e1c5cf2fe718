"""The caller's side of a call with the real machines around it."""

from typing import Any

from bots.core import activities
from bots.core.activities import Activity
from calls.core import commands, events
from calls.core.bot import BotSide
from calls.core.caller import CallerSide
from calls.core.floor import Floor
from calls.core.notices import Notices
from calls.core.outbox import Outbox
from calls.core.prompts import Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.stopwatch import Stopwatch
from calls.core.timeouts import Timers
from tests.calls.core.reader import configured


class Stage:
    """The caller's side of a call in which the gate is open, with the machines around it."""

    def __init__(self, *, audio: bool = True, heard_by_bot: bool = False, **values: Any) -> None:
        self.out, self.timers, self.floor = Outbox(), Timers(), Floor()
        self.queue, self.stopwatch = PromptQueue(), Stopwatch(self.out)
        self.params = Scopes(configured(**values))
        machines: dict[str, Any] = {
            "params": self.params,
            "out": self.out,
            "timers": self.timers,
            "queue": self.queue,
        }
        on_air: dict[str, Any] = {"stopwatch": self.stopwatch, "audio": audio}
        self.speaker = Speaker(**machines, **on_air)
        self.bot = BotSide(**machines, **on_air, floor=self.floor)
        self.bot.present = True
        self.caller = CallerSide(
            **machines,
            floor=self.floor,
            speaker=self.speaker,
            notices=Notices(self.params, self.timers, self.bot.tell),
            bot=self.bot,
            audio=audio,
            heard_by_bot=heard_by_bot,
        )
        self.floor.listening = True

    # --- what happens -----------------------------------------------------------------------------

    def bot_says(self, text: str = "We are open from nine to five.") -> None:
        """A prompt of the bot plays; nothing is awaited any more."""
        self.speaker.play(Prompt(text=text, activity=activities.message(text)), 0.0)
        self.timers.clear()
        self.out.take()

    def voice(self, began: float, ended: float | None = None) -> None:
        self.caller.voice_started(events.VoiceStarted(), began)
        if ended is not None:
            self.caller.voice_stopped(events.VoiceStopped(), ended)

    def says(self, text: str, now: float, *, final: bool = True) -> None:
        self.caller.said(events.CallerSaid(text=text, final=final), now)

    def presses(self, digits: str, now: float) -> None:
        self.caller.pressed(events.DigitsPressed(digits), now)

    def waits(self, now: float) -> float | None:
        """When the wait for the caller is over, as far as it is the caller's turn."""
        self.caller.settle(now, talking=True)
        return self.timers.deadline

    # --- what came of it --------------------------------------------------------------------------

    @property
    def told(self) -> list[Activity]:
        """What the bot was told since something was asked last."""
        sent = [each for each in self.out.take() if isinstance(each, commands.SendToBot)]
        return [each.activity for each in sent]

    @property
    def heard(self) -> list[object]:
        """The texts and digits among what the bot was told."""
        return [each.value if each.text is None else each.text for each in self.told]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The lines of the transcript since something was asked last: side and text."""
        lines = [each for each in self.out.take() if isinstance(each, commands.RecordLine)]
        return [(line.side, line.text) for line in lines]

    @property
    def turn(self) -> commands.RecordTurn:
        """The last turn."""
        self.out.take()
        self.stopwatch.close()
        (turn,) = self.out.take()
        assert isinstance(turn, commands.RecordTurn)
        return turn

    @property
    def interrupted(self) -> bool:
        """Whether the prompt that plays is being stopped."""
        return self.queue.playing is not None and self.queue.playing.stopping


def continuous(**values: Any) -> Stage:
    """A stage on which utterances are collected until two seconds of silence."""
    return Stage(continuousASR=True, continuousASRTimeoutInMS=2000, **values)
