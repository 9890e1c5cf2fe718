"""The part of the voice side in a transfer: it rings, and then somebody answers or nobody does."""

from bots.core.activities import Activity, Json, event
from calls.testcall.plan import Outcome

RING_SECONDS = 1.0
"""From the transfer to its outcome, whatever it is."""

REASONS: dict[Outcome, str] = {
    "no-answer": "No answer",
    "busy": "Busy here",
    "declined": "Declined",
    "error": "The target cannot be reached",
}
"""How a target that was not reached is spoken of."""


class Transfer:
    """One transfer of which the bot wants to know the outcome; ``now`` in seconds."""

    def __init__(self, activity: Activity, outcome: Outcome, now: float) -> None:
        self.activity = activity
        self.answered = outcome == "answered"
        self._outcome = outcome
        self._due = now + RING_SECONDS

    def over(self, now: float) -> bool:
        """Whether the outcome is known."""
        return now >= self._due

    def status(self, language: str) -> Activity:
        """What the bot is told."""
        value: Json = {"status": "answered"}
        if not self.answered:
            reason = REASONS[self._outcome]
            value = {"status": "failed", "reasonCode": self._outcome, "reason": reason}
        return event("transferStatus", value=value, language=language)
