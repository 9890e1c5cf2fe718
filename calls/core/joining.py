"""How a call begins: the bot is joined, the voice side tells how the call arrived, both meet."""

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import PlaceholderError
from bots.core.params.sections.call_initiation import CallInitiation
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands, events, start
from calls.core.actions import Actions
from calls.core.bot import BotSide
from calls.core.callee import Callee
from calls.core.closing import Cause, failure
from calls.core.life import Life
from calls.core.outbox import Outbox
from calls.core.phases import Phase
from calls.core.prompts import Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.timeouts import Timer, Timers

START_TIMEOUT_S = 2.0
"""How long a voice side that announced its ``start`` activity may take to send it."""


class Joining:
    """Brings a call from its arrival to the talk."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        queue: PromptQueue,
        bot: BotSide,
        actions: Actions,
        callee: Callee,
        life: Life,
    ) -> None:
        self._params = params
        self._out = out
        self._timers = timers
        self._queue = queue
        self._bot = bot
        self._actions = actions
        self._callee = callee
        self._life = life
        self._arrival = events.CallArrived(start=activities.event("start"))

    def arrived(self, event: events.CallArrived, now: float) -> None:
        """A call came in, or is to be placed: have the bot joined."""
        if self._life.phase is not Phase.NEW:
            return
        self._life.phase = Phase.JOINING
        self._arrival = event
        limits = self._params[Timeouts]
        self._timers.start(Timer.MAX_DURATION, now + limits.max_call_duration_ms / 1000)
        if limits.bot_no_input_give_up_timeout_ms:
            due = now + limits.bot_no_input_give_up_timeout_ms / 1000
            self._timers.start(Timer.BOT_GIVE_UP, due)
        self._out.emit(commands.OpenBot())

    def joined(self, _event: events.BotJoined, now: float) -> None:
        """The bot is there: ring, wait for the voice side, or begin."""
        if self._life.phase is not Phase.JOINING:
            return
        self._life.phase = Phase.STARTING
        self._bot.present = True
        self._timers.stop(Timer.BOT_GIVE_UP)
        if self._arrival.dialout is not None:
            self._callee.ring(self._arrival.dialout, self._arrival, now)
        elif self._arrival.announced:
            self._life.accept()  # without it the voice side's own start activity does not come
            self._timers.start(Timer.START, now + START_TIMEOUT_S)
        else:
            if not self._params[CallInitiation].connect_on_prompt:
                self._life.accept()
            self._begin(self._arrival.start, now)

    def started(self, event: events.CallStarted, now: float) -> None:
        """The voice side told how the call arrived; of an outbound call, that it was answered."""
        if self._life.phase is Phase.RINGING:
            self._callee.answered(now)
            self._begin(self._callee.start(event.start), now)
        elif self._life.phase is Phase.STARTING:
            self._begin(event.start, now)

    def expired(self, now: float) -> None:
        """What the voice side announced did not come: what is known already has to do."""
        self._begin(self._arrival.start, now)

    def _begin(self, activity: Activity, now: float) -> None:
        self._life.phase = Phase.TALKING
        self._timers.stop(Timer.START)
        begun = start.beginning(activity, self._arrival.sip_headers, self._params)
        try:
            self._actions.meta_data_url = start.meta_data_url(self._params, begun.fields)
        except PlaceholderError as error:
            reason = f"The parameter sendMetaDataUrl could not be filled: {error}"
            self._life.hang_up(failure(Cause.PLACEHOLDER, reason), now)
            return
        hello, welcome = start.hello(self._params), self._params[CallInitiation].welcome_message
        for told in (begun.initial, hello):
            if told is not None:
                self._bot.tell(told)
        # A bot that has greeted already owes nothing, nor does one that a welcome stands in for;
        # but the prompt that connects the call is always owed. Whoever was called speaks first.
        called = self._callee.called
        greets = not welcome and (begun.initial is not None or not self._life.accepted)
        if (hello is not None or greets) and self._queue.idle and not called:
            self._bot.asked(opening=True)
        self._actions.begin(begun.fields, now)
        if welcome:
            self._queue.add_first(Prompt(text=welcome))
