"""Calls in which one side is not heard: pure decisions from the counters of one call.

Source: product description 5.2 (silent calls); how far a caller has heard a prompt is known only of
voice sides that tell it.
"""

from typing import Literal

import msgspec

DEAF_S = 10.0
"""A stream of the caller's that is open for so long without any audio is broken."""
UNHEARD_PIECES = 150
"""Of so many pieces of audio, some seconds, a working voice side has played something."""

Verdict = Literal["works", "broken"]


class Stream(msgspec.Struct, frozen=True):
    """The caller's stream that is open: since when, in seconds, and the pieces that came in it."""

    opened_at: float
    frames: int


class Sound(msgspec.Struct, frozen=True):
    """What a voice side that tells what it plays was sent, and whether it played any of it."""

    pieces: int
    plays: bool


def caller_heard(stream: Stream | None, now: float) -> Verdict | None:
    """Whether the caller's audio comes; None: that cannot be said yet."""
    if stream is None:
        return None
    if stream.frames:
        return "works"
    return "broken" if now - stream.opened_at > DEAF_S else None


def bot_heard(sound: Sound | None) -> Verdict | None:
    """Whether the caller hears the bot; None: that cannot be said yet, or of this voice side."""
    if sound is None:
        return None
    if sound.plays:
        return "works"
    return "broken" if sound.pieces >= UNHEARD_PIECES else None


LONGEST_S = 4 * 3600.0
"""Longer than people talk; a bot that is permitted longer calls has them."""
ENDING_S = 600.0
"""How long a call may go on that has reached its longest duration: what is configured for a failure
is carried out first."""


def is_overdue(lasted_s: float, permitted_s: float) -> bool:
    """Whether a call of ``lasted_s`` was not ended by what should have ended it.

    ``permitted_s`` is the longest duration of the bot's calls.
    """
    return lasted_s > min(2 * permitted_s, max(LONGEST_S, permitted_s + ENDING_S))
