"""Who has the floor, and so whether the caller is listened to (product description 6.3.9)."""

from collections import deque

import msgspec

from calls.core.commands import CallState
from calls.core.prompts import Playing


class Utterance(msgspec.Struct):
    """One stretch of the caller's voice, in seconds on the engine's clock; it may go on.

    ``ended_at`` is when the voice stopped, ``decided_at`` when that was sure.
    """

    began_at: float
    ended_at: float | None = None
    decided_at: float | None = None


class Floor:
    """Caller, bot or nobody."""

    def __init__(self) -> None:
        self.listening = False
        """The gate between the caller and the recogniser is open."""
        self.bot_owes_answer = False
        """The bot was told something and has not answered."""
        self.resumed = False
        """The bot has not answered for so long that the caller may speak again."""
        self.typing = False
        """The bot was told digits; more may follow before it answers."""
        self.opening = False
        """The bot was told of the call and has said nothing yet: the caller may speak first."""
        self._utterances: deque[Utterance] = deque()
        """Those whose result is not here yet; the caller may speak again before it is."""

    @property
    def caller_speaks(self) -> bool:
        """The caller is speaking, or has spoken and the final result is not here yet."""
        return bool(self._utterances)

    @property
    def voice_is_over(self) -> bool:
        """The caller has fallen silent and the result is not here yet."""
        return bool(self._utterances) and self._utterances[-1].ended_at is not None

    @property
    def bot_is_awaited(self) -> bool:
        """It is the bot's turn, and only the bot's."""
        return self.bot_owes_answer and not self.resumed

    def voice_began(self, now: float) -> None:
        """The caller began to speak."""
        if not self._utterances or self._utterances[-1].ended_at is not None:
            self._utterances.append(Utterance(now))

    def voice_ended(self, at: float, now: float) -> None:
        """The caller fell silent at ``at``, which is sure ``now``; a result is expected."""
        if self._utterances:
            self._utterances[-1].ended_at = at
            self._utterances[-1].decided_at = now

    def utterance_over(self) -> Utterance | None:
        """A result came: the utterance it belongs to, if its voice was noticed."""
        return self._utterances.popleft() if self._utterances else None

    def forget_caller(self) -> None:
        """Nothing more is expected of what the caller said."""
        self._utterances.clear()

    def takes_input(self, playing: Playing | None, *, barge_in: bool, more: bool) -> bool:
        """Whether the caller's input counts; ``more``: further prompts wait.

        With barge-in always; without it not from the end of the caller's turn until the bot's
        prompts have ended, or have all but ended: the caller's first word may come a few tenths of
        a second early. A prompt keeps the rule it was started with.
        """
        if playing is not None:
            return barge_in or (playing.ending and not more and not self.bot_is_awaited)
        return barge_in or self.opening or not self.bot_is_awaited

    def state(self, playing: Playing | None) -> CallState:
        """What the live page shows."""
        if playing is not None and not playing.stopping:
            return "bot speaking"
        if self.caller_speaks:
            return "caller speaking"
        return "thinking" if self.bot_is_awaited else "listening"
