"""How a call ends: who ended it, why, and how long the voice side may take to confirm."""

import msgspec

from calls.core import commands, vocabulary
from calls.core.commands import EndedBy

HANG_UP_TIMEOUT_S = 5.0
"""Confirmation of a hang-up (Bot API conformance checklist, side A, point 7)."""
TRANSFER_TIMEOUT_S = 30.0
"""Confirmation of a transfer."""
STOP_TIMEOUT_S = 1.0
"""The player's report of a stopped prompt when the call is already over."""


class Ending(msgspec.Struct, frozen=True):
    """Who ends the call and why; ``reason_code`` is section 6.11's or one of ours."""

    by: EndedBy
    reason_code: str
    reason: str


class Closing:
    """Collects the end of one call; what is known first counts, unless it proves untrue."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self.bot_result: dict[str, object] | None = None

    @property
    def _transferring(self) -> bool:
        return self.ending is not None and self.ending.reason_code == "transferred"

    def transfer_failed(self, reason: str) -> None:
        """The transfer that was to end the call did not happen; other endings stand."""
        if self._transferring:
            self.ending = Ending("gateway", "transfer-failed", f"The transfer failed: {reason}")

    def unconfirmed(self) -> None:
        """The voice side never answered; a transfer cannot be taken as done."""
        self.transfer_failed("the voice side did not confirm it")

    def voice_side_ended(self, reason_code: str, reason: str) -> None:
        """The voice side ended the call, on its own or because it was asked to."""
        transfer_failed = reason_code == "error" and self._transferring
        if self.ending is None or transfer_failed:
            by, code = vocabulary.ended_by(reason_code)
            self.ending = Ending(by, code, reason)

    def leg_lost(self) -> None:
        """The voice side went away without a word."""
        if self.ending is None:
            reason = "The voice connection was lost and did not come back"
            self.ending = Ending("caller", "connection-lost", reason)

    def finish(self, now: float, turns: int) -> commands.Finish:
        """The last command of the call."""
        ending = self.ending or Ending("gateway", "error", "The call ended without a reason")
        return commands.Finish(
            at=now,
            ended_by=ending.by,
            reason_code=ending.reason_code,
            reason=ending.reason,
            turns=turns,
            bot_result=self.bot_result,
        )
