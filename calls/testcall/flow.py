"""What a caller does when, along the steps of a plan. Pure; seconds on the caller's clock."""

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

import msgspec

from bots.protocols.dialogue.matching import plain_words
from calls.testcall.plan import Expect, ExpectEnd, HangUp, Manner, Silence, Step
from calls.testcall.playback import Prompt

GREETING_SECONDS = 5.0
"""How long the caller waits for the bot to greet before it speaks all the same."""
QUIET_SECONDS = 0.6
"""The bot has finished when it has been quiet for so long."""
INTERRUPT_AFTER_MS = 700
"""How much of a prompt an interrupting caller listens to, in milliseconds."""


class Act(Enum):
    """What the caller does next."""

    WAIT = auto()
    SPEAK = auto()
    SPEAK_OVER = auto()
    STOP_WAITING = auto()
    """No answer came; the plan goes on."""
    GIVE_UP = auto()
    """What `Flow.step` expects did not happen; say so, then call `Flow.skip`."""
    HANG_UP = auto()


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """An expectation that was met by the prompts ``first`` to ``last``, by their numbers.

    ``told``: their text says so; else only an ear can tell.
    """

    text: str
    first: int
    last: int
    told: bool


class Flow:
    """Decides when the caller takes a step and when everything has been done.

    Call `begin` when the call is up, `turn_begun` and `caller_done` around each turn, `bot_spoke`
    for each prompt that is heard, and `next_act` every 20 ms.
    """

    def __init__(self, steps: Sequence[Step], *, patience: float) -> None:
        self.greeted = False
        self.manner = Manner.WAIT
        self._steps = deque(steps)
        self._patience = patience
        self._began = self._quiet_since = 0.0
        self._waiting_since: float | None = None
        self._prompts = 0
        self._heard: list[tuple[int, str]] = []
        """Numbers and words of the prompts that no expectation has used up."""
        self._met: list[Met] = []

    @property
    def step(self) -> Step | None:
        """Where the plan stands; None: everything was done."""
        return self._steps[0] if self._steps else None

    @property
    def left(self) -> list[Step]:
        """The steps from `step` on."""
        return list(self._steps)

    @property
    def judged_by_plan(self) -> bool:
        """Whether the plan itself says what is to follow the turn that it stands at."""
        after = (step for step in self.left[1:] if not isinstance(step, Manner | Silence))
        return isinstance(next(after, None), Expect | ExpectEnd | HangUp)

    def begin(self, now: float) -> None:
        """The call is up; the bot is expected to greet."""
        self._waiting_since = self._quiet_since = self._began = now

    def turn_begun(self) -> None:
        """What the bot said before is no answer to it."""
        self._heard.clear()

    def caller_done(self, now: float) -> None:
        """The caller's turn is complete; an answer is expected."""
        self._waiting_since = None if self.manner is Manner.TALK_OVER else now
        self._quiet_since = now
        self.skip(now)

    def skip(self, now: float) -> None:
        """Go on with the next step."""
        self._steps.popleft()
        self._began = now

    def bot_spoke(self, arrived_at: float, now: float, text: str) -> bool:
        """A prompt that arrived at ``arrived_at`` is heard; whether it is what was waited for."""
        self._quiet_since = now
        self._heard.append((self._prompts, text))
        self._prompts += 1
        if self._waiting_since is None or (self.greeted and arrived_at < self._waiting_since):
            return False
        self.greeted = True
        self._waiting_since = None
        return True

    def met(self, now: float, *, busy: bool) -> list[Met]:
        """The expectations that were met since this was asked last.

        What the bot is still saying counts only for a caller who is about to talk over it.
        """
        while isinstance(step := self.step, Expect):
            unfinished = self._prompts - 1 if busy and not self._impatient else self._prompts
            if not self._meets(step.text, now, unfinished):
                break
            self.skip(now)
        met, self._met = self._met, []
        return met

    def next_act(self, now: float, *, busy: bool, prompt: Prompt | None) -> Act:
        """What to do at ``now``; ``busy``: the bot is speaking, ``prompt`` is what is heard."""
        if busy:
            self._quiet_since = now
        while isinstance(self.step, Manner) or self._silence_over(now):
            if isinstance(self.step, Manner):
                self.manner = self.step
            self.skip(now)
        match self.step:
            case Silence():
                return Act.WAIT
            case HangUp():
                return Act.HANG_UP
            case Expect() | ExpectEnd():
                waited = now - max(self._began, self._quiet_since)
                return Act.GIVE_UP if waited >= self._patience else Act.WAIT
            case _:
                return self._next_turn(now, busy=busy, prompt=prompt)

    def _silence_over(self, now: float) -> bool:
        if not isinstance(self.step, Silence) or now - self._began < self.step.seconds:
            return False
        self._waiting_since = None
        self.greeted = True
        return True

    def _next_turn(self, now: float, *, busy: bool, prompt: Prompt | None) -> Act:
        if busy:
            over = self.step is not None and self._may_talk_over(prompt)
            return Act.SPEAK_OVER if over else Act.WAIT
        if self._waiting_since is not None:
            if now - self._waiting_since < (self._patience if self.greeted else GREETING_SECONDS):
                return Act.WAIT
            self._waiting_since = None
            return Act.STOP_WAITING
        if now - self._quiet_since < QUIET_SECONDS:
            return Act.WAIT
        return Act.HANG_UP if self.step is None else Act.SPEAK

    def _may_talk_over(self, prompt: Prompt | None) -> bool:
        """Whether an impatient caller speaks now: the answer began and its time has come."""
        if self._waiting_since is not None or prompt is None:
            return False
        allowed = self.manner is Manner.TALK_OVER or (
            self.manner is Manner.INTERRUPT and prompt.barge_in
        )
        return allowed and prompt.heard_ms >= INTERRUPT_AFTER_MS

    @property
    def _impatient(self) -> bool:
        """Whether the next turn may be taken over the bot."""
        manner = self.manner
        for step in self._steps:
            if isinstance(step, Manner):
                manner = step
            elif not isinstance(step, Expect):
                break
        return manner is not Manner.WAIT

    def _meets(self, text: str, now: float, unfinished: int) -> bool:
        """Whether ``text`` was said before the prompt ``unfinished``; uses up what was said."""
        wanted = plain_words(text)
        words = [
            (number, word)
            for number, said in self._heard
            if number < unfinished
            for word in plain_words(said)
        ]
        for at in range(len(words) - len(wanted) + 1):
            if tuple(word for _, word in words[at : at + len(wanted)]) == wanted:
                last = words[at + len(wanted) - 1][0]
                self._use(Met(text=text, first=words[at][0], last=last, told=True))
                return True
        silent = [number for number, said in self._heard if not plain_words(said)]
        if not silent or now - self._quiet_since < QUIET_SECONDS:
            return False
        self._use(Met(text=text, first=silent[0], last=silent[-1], told=False))
        return True

    def _use(self, met: Met) -> None:
        self._met.append(met)
        self._heard = [(number, said) for number, said in self._heard if number > met.last]
        self._waiting_since = None
        self.greeted = True
