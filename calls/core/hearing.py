"""The caller as a bot hears them that recognises speech itself (``directSTT``).

Such a bot tells what it likes, in the order it likes: that the voice began, hypotheses, a final
text, that the turn is complete; or none of it, and it just answers. Its answer may be there before
the text is. So a turn is complete with the first of these: a final text, the bot's word, its
answer; the text that comes later goes into the transcript and does nothing else (reference of the
Bot API, "Speech events from the bot": hypotheses interrupt, recognitions are mainly for logging).
"""

import msgspec

from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands, events
from calls.core.bot import BotSide
from calls.core.caller import CallerSide
from calls.core.floor import Floor, Utterance
from calls.core.outbox import Outbox
from calls.core.prompts import PromptQueue
from calls.core.scopes import Scopes

UNTOLD_S = 3.0
"""How long after an answer to what nobody told of its text may come."""
OVERLAP_S = 1.0
"""How long after new voice a text is that of the turn before: no utterance is over sooner."""
MAX_LATE = 4
"""Turns whose text is awaited."""


class _Late(msgspec.Struct):
    """A turn without a text: when it began and until when its text may come.

    ``told``: the bot has told of it, so that hypotheses, too, are its own.
    """

    began_at: float
    due: float
    told: bool


class Hearing:
    """Sorts what comes of the caller; with ``by_bot`` it was the bot that heard it."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        floor: Floor,
        queue: PromptQueue,
        caller: CallerSide,
        bot: BotSide,
        by_bot: bool,
    ) -> None:
        self._params = params
        self._out = out
        self._floor = floor
        self._queue = queue
        self._caller = caller
        self._bot = bot
        self._by_bot = by_bot
        self._late: list[_Late] = []

    def voice_started(self, event: events.VoiceStarted, now: float) -> None:
        """The caller began to speak."""
        for late in self._late:
            late.due = min(late.due, now + OVERLAP_S)
        self._caller.voice_started(event, now)

    def said(self, event: events.CallerSaid, now: float) -> None:
        """Words of the caller, interim or final."""
        if self._is_late(event, now):
            self._said_late(event)
            return
        if self._by_bot and event.text and not event.final and not self._floor.caller_speaks:
            self.voice_started(events.VoiceStarted(), now)  # not every bot tells of the voice
        self._caller.said(event, now)

    def _is_late(self, event: events.CallerSaid, now: float) -> bool:
        self._late = [late for late in self._late if late.due > now]
        if not self._late:
            return False
        return event.final or (self._late[0].told and not self._floor.caller_speaks)

    def _said_late(self, event: events.CallerSaid) -> None:
        self._out.emit(commands.ShowInterim("caller", "" if event.final else event.text))
        if event.final:
            began_at = self._late.pop(0).began_at
            if event.text:
                self._out.caller(began_at, "speech", event.text, event.confidence)

    def committed(self, _event: events.CallerCommitted, now: float) -> None:
        """The bot holds the turn for complete; after a final text that is known already."""
        owes = self._floor.bot_owes_answer and not self._floor.opening
        untold = self._queue.idle and not owes
        if self._by_bot and (self._floor.caller_speaks or untold):
            self._commit(now)

    def answered(self, now: float) -> None:
        """The bot answers: whatever the caller was saying, the turn is complete."""
        if not self._by_bot:
            return
        if self._floor.caller_speaks:
            self._commit(now)
        elif self._floor.listening and self._queue.idle and not self._floor.bot_owes_answer:
            self._await_text(now, now + UNTOLD_S, told=False)

    def _commit(self, now: float) -> None:
        utterance = self._floor.utterance_over() or Utterance(now)
        self._caller.committed(utterance, now)
        limit_s = self._params[Timeouts].stt_response_timeout_ms / 1000
        self._await_text(utterance.began_at, now + limit_s, told=True)

    def _await_text(self, began_at: float, due: float, *, told: bool) -> None:
        self._late = [*self._late, _Late(began_at, due, told)][-MAX_LATE:]
