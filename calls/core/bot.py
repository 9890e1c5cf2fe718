"""The bot's side of a conversation: what it is told, what it owes, and how long it may take.

The bot's timers are those of product description 6.6; a caller who was ignored meanwhile may speak
again as 6.3.9 says (``resumeRecognitionTimeoutMS``).
"""

from bots.core.activities import Activity
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands
from calls.core.floor import Floor
from calls.core.outbox import Outbox
from calls.core.prompts import Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.stopwatch import Stopwatch
from calls.core.timeouts import NoInput, Timer, Timers

_TIMERS = (Timer.BOT_INPUT, Timer.BOT_GIVE_UP, Timer.RESUME)


class BotSide:
    """Tells the bot what happens and knows whether it owes an answer.

    ``audio``: False for a text session, whose peer reminds the caller itself.
    """

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        floor: Floor,
        queue: PromptQueue,
        stopwatch: Stopwatch,
        audio: bool,
    ) -> None:
        self.turns = 0
        """How often the caller said or pressed something that went to the bot."""
        self.present = False
        """It has joined and has neither left nor failed."""
        self._params = params
        self._out = out
        self._timers = timers
        self._floor = floor
        self._queue = queue
        self._stopwatch = stopwatch
        self._audio = audio
        self._no_input = NoInput()
        self._told = 0
        self._acknowledged = 0
        self._last_turn = 0

    # --- what it is told --------------------------------------------------------------------------

    def tell(self, activity: Activity) -> None:
        """Deliver ``activity``, which the bot need not answer, if it is there."""
        if not self.present:
            return
        self._told += 1
        self._out.emit(commands.SendToBot(activity))

    def take_turn(self, activity: Activity | None, turn: commands.RecordTurn) -> None:
        """The caller's turn is complete: it goes to the bot, whose answer is awaited.

        Without an ``activity`` the bot knows it by itself.
        """
        self.turns += 1
        if activity is not None:
            self.tell(activity)
            self._last_turn = self._told
        self._stopwatch.begin(turn)
        self.asked(typing=turn.kind == "dtmf")

    def acknowledged(self) -> bool:
        """The bot confirmed one activity more; True when it is the caller's last turn."""
        self._acknowledged += 1
        return self._acknowledged == self._last_turn

    # --- what it owes -----------------------------------------------------------------------------

    def asked(self, *, typing: bool = False, opening: bool = False) -> None:
        """The bot owes an answer; a caller who repeats a question in vain extends no wait.

        ``typing``: the caller may press further digits; ``opening``: nobody has spoken yet.
        """
        if typing or not self._floor.bot_owes_answer:
            self._timers.stop(*_TIMERS)
            self._no_input.heard()
        self._timers.stop(Timer.RESUME)
        self._floor.bot_owes_answer = True
        self._floor.typing, self._floor.opening = typing, opening
        self._floor.resumed = False

    def answered(self, now: float) -> None:
        """The bot owes nothing."""
        self._stopwatch.bot_answered(now)
        floor = self._floor
        floor.bot_owes_answer = floor.typing = floor.opening = floor.resumed = False
        self._timers.stop(*_TIMERS)
        self._no_input.heard()

    def silent(self, *, connected: bool) -> str | None:
        """The bot gave no answer in time; answers why to give up, when it is time to."""
        limits = self._params[Timeouts]
        if self._no_input.expired(limits.bot_no_input_retries):
            reason = f"The bot did not answer, {self._no_input.count} times"
            return None if limits.bot_no_input_give_up_timeout_ms else reason
        if connected:
            self.remind(limits.bot_no_input_speech, limits.bot_no_input_url)
        return None

    def resume(self) -> None:
        """The bot is late: the caller may speak again."""
        self._floor.resumed = True
        limits = self._params[Timeouts]
        self.remind(limits.resume_recognition_speech, limits.resume_recognition_play_url)

    def remind(self, speech: str, url: str) -> None:
        """Play what is configured for a silence; speech wins over a file."""
        if speech:
            self._queue.add(Prompt(text=speech))
        elif url:
            self._queue.add(Prompt(url=url))

    def settle(self, now: float, *, talking: bool, connected: bool) -> None:
        """The bot is waited for exactly while it owes an answer and nobody speaks.

        ``connected``: there is a caller who hears.
        """
        if not talking or not self._floor.bot_owes_answer:
            self._timers.stop(*_TIMERS)
            return
        limits = self._params[Timeouts]
        if limits.bot_no_input_give_up_timeout_ms and self._queue.idle:
            due = now + limits.bot_no_input_give_up_timeout_ms / 1000
            self._timers.wait(Timer.BOT_GIVE_UP, due)
        if not self._queue.idle or self._floor.caller_speaks:
            self._timers.stop(Timer.BOT_INPUT, Timer.RESUME)
            return
        if limits.bot_no_input_timeout_ms and self._audio:
            self._timers.wait(Timer.BOT_INPUT, now + limits.bot_no_input_timeout_ms / 1000)
        heard = self._floor.resumed or self._floor.opening or self._params[BargeIn].barge_in
        if not heard and connected and self._audio:
            due = now + limits.resume_recognition_timeout_ms / 1000
            self._timers.wait(Timer.RESUME, due)
