"""The times of the turn in hand: where the silence between caller and bot went.

Each turn is told once, by `RecordTurn`, when its answer has been played, when the next turn begins
or when the call ends. Times never go back, so that the segments between them sum to the whole.
"""

from typing import Any, TypeGuard

import msgspec

from bots.core.activities import Json
from bots.core.agents import LATENCIES
from calls.core import commands
from calls.core.outbox import Outbox

MAX_MS = 3_600_000
"""Longer than any answer takes; a voice agent that tells more is mistaken."""


class Stopwatch:
    """Takes the times of one turn after another, in seconds on the engine's clock."""

    def __init__(self, out: Outbox) -> None:
        self._out = out
        self._turn: commands.RecordTurn | None = None

    def begin(self, turn: commands.RecordTurn) -> None:
        """The caller's turn went to the bot."""
        self.close()
        self._turn = turn

    def bot_answered(self, now: float) -> None:
        """The bot sent its first answer."""
        turn = self._turn
        if turn is not None and turn.bot_answered_at is None:
            self._turn = msgspec.structs.replace(turn, bot_answered_at=now)

    def audio_ready(self, now: float) -> None:
        """The first audio of the answer exists."""
        turn = self._turn
        if turn is not None and turn.bot_answered_at is not None and turn.audio_ready_at is None:
            self._turn = msgspec.structs.replace(turn, audio_ready_at=now)

    def audio_sent(self, now: float) -> int | None:
        """The caller hears the first of the answer; milliseconds since the caller stopped."""
        turn = self._turn
        if turn is None or turn.bot_answered_at is None or turn.audio_sent_at is not None:
            return None
        ready_at = now if turn.audio_ready_at is None else turn.audio_ready_at
        self._turn = msgspec.structs.replace(turn, audio_ready_at=ready_at, audio_sent_at=now)
        return round((now - turn.caller_stopped_at) * 1000)

    def playback_ended(self, now: float) -> None:
        """A prompt has ended; the last one of the answer counts."""
        turn = self._turn
        if turn is not None and turn.audio_sent_at is not None:
            self._turn = msgspec.structs.replace(turn, playback_ended_at=now)

    def agent_took(self, latency: Json) -> None:
        """What a voice agent tells of its own times, for the turn in hand."""
        told = {name: round(ms) for name in LATENCIES if _plausible(ms := latency.get(name))}
        if self._turn is not None and told:
            known = self._turn.agent or {}
            self._turn = msgspec.structs.replace(self._turn, agent=known | told)

    def settle(self, *, idle: bool) -> None:
        """``idle``: nothing plays and nothing waits. Tell the turn whose answer was played."""
        if idle and self._turn is not None and self._turn.playback_ended_at is not None:
            self.close()

    def close(self) -> None:
        """Tell the turn, whatever it came to."""
        if self._turn is not None:
            self._out.emit(self._turn)
            self._turn = None


def _plausible(ms: Any) -> TypeGuard[float]:
    return isinstance(ms, int | float) and not isinstance(ms, bool) and 0 <= ms <= MAX_MS
