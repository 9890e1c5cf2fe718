"""The prompt queue: what the bot wants said and done, in order, and what barge-in throws away.

Prompts and actions share one queue, because a hang-up or a transfer waits for the prompts queued
before it (Bot API reference, "Activities in detail"). Barge-in drops prompts and keeps actions.
"""

from collections import deque
from itertools import takewhile

import msgspec

from bots.core import activities
from bots.core.activities import Activity, Json

MAX_WAITING = 500
"""Prompts and actions that may wait; a bot that says more does not know what it does."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """Something to say: ``text``, the audio file at ``url``, or the bot's play stream ``stream``.

    ``activity`` is the bot's own, a message or a ``playUrl`` whose file its parameters name. A
    prompt without one is the gateway's: a welcome or a reminder; so is one that is ``configured``.
    """

    text: str = ""
    url: str = ""
    activity: Activity | None = None
    configured: bool = False
    """The activity is an administrator's, for a failure."""
    act: int | None = None
    """The number of the supervisor's act that this line is, or is part of."""
    stream: int | None = None
    """Then ``text`` is what it says, as far as that is known."""

    @property
    def by_bot(self) -> bool:
        """The bot sent it in this call."""
        return self.activity is not None and not self.configured and self.act is None


class Action(msgspec.Struct, frozen=True):
    """Something to do when its turn comes: config, hang up, transfer; ``act`` as of a `Prompt`."""

    activity: Activity
    act: int | None = None


class AudioFile(msgspec.Struct, frozen=True):
    """The audio file of a prompt that plays, and what to do when it cannot be had."""

    url: str
    failure_handling: str
    """``disconnect``, ``ignore`` or ``notify-bot`` (Bot API, 6.5)."""


class Playing(msgspec.Struct, kw_only=True):
    """The prompt at the caller's ear."""

    utterance: int
    text: str
    interruptible: bool
    by_bot: bool
    file: AudioFile | None = None
    stream: int | None = None
    started_at: float | None = None
    """When the caller heard the first sample, in seconds on the engine's clock."""
    ending: bool = False
    """Only a few tenths of a second of it are left."""
    stopping: bool = False
    late: bool = False
    """It is an audio file of which nothing could be heard in time."""
    delay_ms: int | None = None
    """From the end of the caller's turn to the first sample heard."""
    act: int | None = None
    """It is a supervisor's line, with the number of that act."""
    failed: bool = False
    interrupted: bool = False
    heard_ms: float = 0.0
    """How much of it was heard when it was interrupted."""


def _lasting(item: Prompt | Action) -> Json:
    """The parameters that ``item`` sets for the rest of the call."""
    if item.activity is None:
        return {}
    of_activity = item.activity.activity_params if item.activity.event == "config" else None
    return {**(of_activity or {}), **(item.activity.session_params or {})}


class PromptQueue:
    """Queued prompts and actions and the one prompt that plays."""

    def __init__(self) -> None:
        self._waiting: deque[Prompt | Action] = deque()
        self.last_utterance = 0
        """The number of the prompt that was played last."""
        self.playing: Playing | None = None
        self._acts: list[Playing] = []
        """Lines of supervisors that have ended, until they are asked for."""
        self._dropped: list[int] = []
        """Play streams that will not be played, until they are asked for."""

    @property
    def idle(self) -> bool:
        """Nothing plays and nothing waits."""
        return self.playing is None and not self._waiting

    @property
    def full(self) -> bool:
        """Nothing more is to be added."""
        return len(self._waiting) >= MAX_WAITING

    @property
    def prompts_wait(self) -> bool:
        """More is to be said after what plays."""
        return any(isinstance(item, Prompt) for item in self._waiting)

    def add(self, item: Prompt | Action) -> None:
        """Queue ``item`` behind everything that waits."""
        self._waiting.append(item)

    def add_first(self, item: Prompt | Action) -> None:
        """Queue ``item`` in front of everything that waits."""
        self._waiting.appendleft(item)

    def add_act(self, prompt: Prompt) -> None:
        """Queue a supervisor's line in front of all but earlier ones."""
        ours = takewhile(lambda item: isinstance(item, Prompt) and item.act, self._waiting)
        self._waiting.insert(len(list(ours)), prompt)

    def next(self) -> Prompt | Action | None:
        """Take the item whose turn it is; None while a prompt plays or when nothing waits."""
        if self.playing is not None or not self._waiting:
            return None
        return self._waiting.popleft()

    def play(
        self,
        text: str,
        *,
        interruptible: bool,
        by_bot: bool,
        file: AudioFile | None = None,
        stream: int | None = None,
        act: int | None = None,
    ) -> Playing:
        """Make ``text`` the prompt that plays; utterance numbers never repeat in a call.

        The number tells a late report of the player from one about what plays, so that nothing
        stale follows a purge.
        """
        self.last_utterance += 1
        self.playing = Playing(
            utterance=self.last_utterance,
            text=text,
            interruptible=interruptible,
            by_bot=by_bot,
            file=file,
            stream=stream,
            act=act,
        )
        return self.playing

    def current(self, utterance: int) -> Playing | None:
        """The playing prompt if it is ``utterance``, else None (a late event about an old one)."""
        if self.playing is None or self.playing.utterance != utterance:
            return None
        return self.playing

    def done(self) -> None:
        """The playing prompt has ended."""
        if self.playing is not None and self.playing.act is not None:
            self._acts.append(self.playing)
        self.playing = None

    def holds(self, act: int) -> bool:
        """Whether something of the supervisor's act waits or plays."""
        playing = self.playing is not None and self.playing.act == act
        return playing or any(item.act == act for item in self._waiting)

    def take_acts(self) -> list[Playing]:
        """The supervisors' lines that have ended since the last call."""
        taken, self._acts = self._acts, []
        return taken

    def sets(self, names: frozenset[str]) -> bool:
        """Whether something that waits sets one of these parameters for the rest of the call."""
        return any(names & _lasting(item).keys() for item in self._waiting)

    def purge(self) -> None:
        """Drop the prompts that wait; actions stay, in order, and so do settings for the call."""
        kept: deque[Prompt | Action] = deque()
        for item in self._waiting:
            self._drop(item)
            if isinstance(item, Action):
                kept.append(item)
            elif settings := _lasting(item):
                kept.append(Action(activities.event("config", session_params=settings)))
        self._waiting = kept

    def clear(self) -> None:
        """Drop everything that waits."""
        for item in self._waiting:
            self._drop(item)
        self._waiting.clear()

    def _drop(self, item: Prompt | Action) -> None:
        if isinstance(item, Prompt) and item.stream is not None:
            self._dropped.append(item.stream)

    def take_dropped(self) -> list[int]:
        """The play streams that were dropped since the last call."""
        taken, self._dropped = self._dropped, []
        return taken

    def text_known(self, stream: int, text: str) -> Playing | None:
        """What a play stream says; answers it when it plays. One that is over is passed over."""
        if self.playing is not None and self.playing.stream == stream:
            self.playing.text = text
            return self.playing
        for place, item in enumerate(self._waiting):
            if isinstance(item, Prompt) and item.stream == stream:
                self._waiting[place] = msgspec.structs.replace(item, text=text)
        return None
