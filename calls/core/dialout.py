"""An outbound call: what was asked for, the states it goes through, and what its dialer is told.

The words are those of AudioCodes' dialout API (VoiceAI Connect documentation, "Outbound calling"):
a dialer gets ``failed`` alone, or ``answered`` and then ``completed``.
"""

from enum import StrEnum
from typing import Literal

import msgspec

from bots.core.activities import Json

MachineDetection = Literal["disabled", "detect", "disconnect"]

FAILED_CODES = frozenset({"no-answer", "busy", "declined", "error"})
"""Reason codes of calls that were never answered."""
COMPLETED_CODES = frozenset(
    {"client-disconnected", "bot-disconnected", "transferred", "machine-detected", "error"}
)


class State(StrEnum):
    """How far a dialout is."""

    QUEUED = "queued"
    """Accepted; waits for its time and for a free line."""
    PLACING = "placing"
    """A process has it: the bot and the carrier are being reached."""
    DIALING = "dialing"
    """The carrier has the call: it rings, or will."""
    ANSWERED = "answered"
    COMPLETED = "completed"
    """Was answered and is over."""
    FAILED = "failed"
    """Was never answered."""
    CANCELLED = "cancelled"
    """Taken back before it was answered."""


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})

_NEXT: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.PLACING, State.FAILED, State.CANCELLED}),
    # NB Answered and even over may come first: the carrier's reply can be the last to arrive.
    State.PLACING: frozenset(
        {State.QUEUED, State.DIALING, State.ANSWERED, State.FAILED, State.CANCELLED}
    ),
    State.DIALING: frozenset({State.ANSWERED, State.FAILED, State.CANCELLED}),
    State.ANSWERED: frozenset({State.COMPLETED}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


def before(state: State) -> frozenset[State]:
    """The states from which a dialout may become ``state``."""
    return frozenset(earlier for earlier, later in _NEXT.items() if state in later)


class DialoutOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a carrier needs to place one call, and what the conversation needs to know of it.

    ``target`` is a ``tel:`` or ``sip:`` URI; ``metadata`` is the dialer's own and goes to the bot.
    """

    dialout_id: str
    bot: str
    target: str
    caller: str = ""
    caller_host: str = ""
    caller_display_name: str = ""
    answer_timeout_s: int = 60
    machine_detection: MachineDetection = "disabled"
    metadata: Json | None = None
