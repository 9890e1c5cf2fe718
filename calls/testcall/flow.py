"""Whose turn it is, as a patient caller sees it. Pure; times in seconds on the caller's clock."""

from enum import Enum, auto

from calls.testcall.playback import Prompt

GREETING_SECONDS = 5.0
"""How long the caller waits for the bot to greet."""
ANSWER_SECONDS = 10.0
"""How long the caller waits for an answer."""
QUIET_SECONDS = 0.6
"""The bot has finished when it has been quiet for so long."""
INTERRUPT_AFTER_MS = 700
"""How much of a prompt an interrupting caller listens to, in milliseconds."""


class Step(Enum):
    """What the caller does next."""

    WAIT = auto()
    SPEAK = auto()
    SPEAK_OVER = auto()
    STOP_WAITING = auto()
    HANG_UP = auto()


class Flow:
    """Decides when the caller takes a turn and when everything has been said.

    Call `begin` when the call is up, `caller_done` after each turn, `bot_spoke` for each prompt
    that is heard, and `next_step` every 20 ms.
    """

    def __init__(self, turns: int, *, interrupt: bool) -> None:
        self.turns_left = turns
        self.greeted = False
        self._interrupt = interrupt
        self._quiet_since = 0.0
        self._waiting_since: float | None = None

    def begin(self, now: float) -> None:
        """The call is up; the bot is expected to greet."""
        self._waiting_since = self._quiet_since = now

    def caller_done(self, now: float) -> None:
        """The caller's turn is complete; an answer is expected."""
        self.turns_left -= 1
        self._waiting_since = self._quiet_since = now

    def bot_spoke(self, arrived_at: float, now: float) -> bool:
        """A prompt that arrived at ``arrived_at`` is heard; whether it is what was waited for."""
        self._quiet_since = now
        if self._waiting_since is None or (self.greeted and arrived_at < self._waiting_since):
            return False
        self.greeted = True
        self._waiting_since = None
        return True

    def next_step(self, now: float, *, busy: bool, prompt: Prompt | None) -> Step:
        """What to do at ``now``; ``busy``: the bot is speaking, ``prompt`` is what is heard."""
        if busy:
            self._quiet_since = now
            return Step.SPEAK_OVER if self._may_interrupt(prompt) else Step.WAIT
        if self._waiting_since is not None:
            patience = ANSWER_SECONDS if self.greeted else GREETING_SECONDS
            if now - self._waiting_since < patience:
                return Step.WAIT
            self._waiting_since = None
            return Step.STOP_WAITING
        if now - self._quiet_since < QUIET_SECONDS:
            return Step.WAIT
        return Step.SPEAK if self.turns_left else Step.HANG_UP

    def _may_interrupt(self, prompt: Prompt | None) -> bool:
        """Whether an impatient caller speaks now: the answer began and may be interrupted."""
        return (
            self._interrupt
            and bool(self.turns_left)
            and self._waiting_since is None
            and prompt is not None
            and prompt.barge_in
            and prompt.heard_ms >= INTERRUPT_AFTER_MS
        )
