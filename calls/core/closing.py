"""How a call ends: who ended it, why, and how long the voice side may take to confirm."""

from enum import StrEnum

import msgspec

from calls.core import commands, vocabulary
from calls.core.commands import EndedBy

HANG_UP_TIMEOUT_S = 5.0
"""Confirmation of a hang-up (Bot API conformance checklist, side A, point 7)."""
TRANSFER_TIMEOUT_S = 30.0
"""Confirmation of a transfer."""
ANSWER_MARGIN_S = 15.0
"""Beyond the time that the carrier was given to have an outbound call answered."""
RINGING_TIMEOUT_S = 120.0
"""Outcome of a transfer that the bot waits for: whoever it goes to may be slow to answer."""
FAILOVER_TIMEOUT_S = 600.0
"""The activities for a failure, in a call that has outlived its longest duration."""


class Cause(StrEnum):
    """The timer or event that ended a call out of order; a service's fault is ``tts:timeout``."""

    USER_NO_INPUT = "user-no-input"
    BOT_NO_INPUT = "bot-no-input"
    MAX_DURATION = "max-duration"
    PLACEHOLDER = "placeholder"
    PLAY_URL = "play-url"
    TRANSFER = "transfer"
    VOICE_SIDE = "voice-side"
    CONNECTION_LOST = "connection-lost"
    SHUTDOWN = "shutdown"
    INTERNAL = "internal"


class Ending(msgspec.Struct, frozen=True):
    """Who ends the call and why; ``reason_code`` is one of section 6.11 of the Bot API."""

    by: EndedBy
    reason_code: str
    reason: str
    cause: str = ""


def failure(cause: str, reason: str) -> Ending:
    """The gateway ends the call because of ``cause``."""
    return Ending("gateway", "error", reason, cause)


class Closing:
    """Collects the end of one call; what is known first counts, unless it proves untrue."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self.bot_result: dict[str, object] | None = None

    @property
    def transferring(self) -> bool:
        """The call is to end by a transfer."""
        return self.ending is not None and self.ending.reason_code == "transferred"

    def transfer_failed(self, reason: str) -> Ending:
        """The transfer that was to end the call did not happen; a failure before it stays why."""
        cause = (self.ending and self.ending.cause) or Cause.TRANSFER
        self.ending = failure(cause, f"The transfer failed: {reason}")
        return self.ending

    def voice_side_ended(self, reason_code: str, reason: str) -> None:
        """The voice side ended the call, on its own or because it was asked to."""
        if reason_code == "error" and self.transferring:
            self.transfer_failed(reason)
        elif self.ending is None:
            by, code = vocabulary.ended_by(reason_code)
            cause = Cause.VOICE_SIDE if code == "error" else ""
            self.ending = Ending(by, code, reason, cause)

    def leg_lost(self) -> None:
        """The voice side went away without a word."""
        if self.ending is None:
            reason = "The voice connection was lost and did not come back"
            self.ending = Ending("caller", "error", reason, Cause.CONNECTION_LOST)

    def finish(self, now: float, turns: int, recordings: tuple[str, ...]) -> commands.Finish:
        """The last command of the call."""
        ending = self.ending or failure(Cause.INTERNAL, "The call ended without a reason")
        return commands.Finish(
            at=now,
            ended_by=ending.by,
            reason_code=ending.reason_code,
            reason=ending.reason,
            cause=ending.cause,
            turns=turns,
            bot_result=self.bot_result,
            recordings=recordings,
        )
