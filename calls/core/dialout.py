"""An outbound call: what was asked for, the states it goes through, and what its dialer is told.

The words are those of AudioCodes' dialout API (VoiceAI Connect documentation, "Outbound calling"):
a dialer gets ``failed`` alone, or ``answered`` and then ``completed``.
"""

import math
from datetime import datetime
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
CANCELLED_CODE = "cancelled"
"""Reason code of a dialout that was taken back; dialers, who do not know it, are told ``error``."""

MAX_REQUEUES = 2
"""How often a dialout goes back to the queue because its process died before it was placed."""
UNCLAIMED_S = 60.0
"""How long after placing a call may come back although the process that placed it died."""


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


UNDER_WAY = frozenset({State.PLACING, State.DIALING, State.ANSWERED})
"""A process has the call; it takes up a line."""
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


class Outcome(msgspec.Struct, frozen=True):
    """How a dialout ends; ``state`` is one of `FINAL`."""

    state: State
    reason_code: str
    reason: str


CANCELLED = Outcome(State.CANCELLED, CANCELLED_CODE, "Cancelled")

_LEFT_BY = {
    "caller": "client-disconnected",
    "bot": "bot-disconnected",
    "operator": "bot-disconnected",
}


def outcome_of(
    *, answered: bool, cancelled: bool, ended_by: str, reason_code: str, reason: str
) -> Outcome:
    """What the end of a call means for the dialout it belongs to.

    ``ended_by`` and ``reason_code`` are those of the call's record. ``cancelled``: somebody took
    the dialout back, which an answer overtakes.
    """
    if answered:
        code = reason_code if reason_code in COMPLETED_CODES else _LEFT_BY.get(ended_by, "error")
        return Outcome(State.COMPLETED, code, reason)
    if cancelled:
        return CANCELLED
    return Outcome(State.FAILED, reason_code if reason_code in FAILED_CODES else "error", reason)


# --- what the dialer is told ----------------------------------------------------------------------


class Notice(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The body of a notification; ``timestamp`` and ``sequence`` are ours and optional."""

    conversation_id: str
    status: Literal["answered", "failed", "completed"]
    timestamp: str
    sequence: int
    reason_code: str = ""
    reason: str = ""


def notice(
    dialout_id: str, state: State, *, at: datetime, reason_code: str = "", reason: str = ""
) -> Notice | None:
    """What the dialer is told when its dialout becomes ``state``; None: nothing."""
    when = at.isoformat(timespec="milliseconds")
    match state:
        case State.ANSWERED:
            return Notice(dialout_id, "answered", when, 1)
        case State.COMPLETED:
            return Notice(dialout_id, "completed", when, 2, reason_code, reason)
        case State.FAILED:
            return Notice(dialout_id, "failed", when, 1, reason_code, reason)
        case State.CANCELLED:
            return Notice(dialout_id, "failed", when, 1, "error", reason)
        case _:
            return None


# --- limits and rescue ----------------------------------------------------------------------------


def pace(per_second: float) -> tuple[int, float]:
    """How many calls may be placed within how many seconds to make ``per_second`` (above 0)."""
    calls = max(1, math.floor(per_second))
    return calls, calls / per_second


class Plight(msgspec.Struct, frozen=True, kw_only=True):
    """A dialout under way that may have been left alone.

    ``handed``: the carrier was asked, or was about to be. ``calls_back``: the carrier brings the
    call to whichever process listens, so that it outlives the one that placed it. ``call`` is the
    state of the call's record. ``overdue_s`` is how long its deadline has passed, below 0: not yet.
    """

    state: State
    handed: bool
    calls_back: bool
    call: Literal["none", "active", "ended"]
    owner_alive: bool
    overdue_s: float
    placed_ago_s: float
    requeues: int


Rescue = Literal["wait", "queue", "as-the-call", "no-answer", "lost", "not-placed"]
"""What to do: leave it, place it again, end it as its call ended, or fail it for that reason."""


def rescue(plight: Plight) -> Rescue:
    """What to do about a dialout that is past its deadline or whose process is gone.

    A call whose record is active is not touched: its process ends it, or the record is closed with
    the process, and the dialout with it.
    """
    overdue = plight.overdue_s >= 0
    if plight.call == "active":
        return "wait"
    if plight.call == "ended":
        # Until the deadline the carrier may still have a better word for it.
        return "as-the-call" if overdue or plight.state is State.ANSWERED else "wait"
    if plight.state is State.ANSWERED:
        return "wait" if plight.owner_alive else "lost"
    if not plight.handed:
        if plight.owner_alive and not overdue:
            return "wait"
        return "queue" if plight.requeues < MAX_REQUEUES else "not-placed"
    if not plight.owner_alive and (not plight.calls_back or plight.placed_ago_s >= UNCLAIMED_S):
        return "lost"
    if not overdue:
        return "wait"
    return "no-answer" if plight.state is State.DIALING else "not-placed"
