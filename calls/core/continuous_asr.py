"""Continuous ASR: several utterances that go to the bot as one message (product description 6.3.5).

Without it, each utterance is a collection of its own.
"""

import msgspec

from calls.core.events import CallerSaid
from calls.core.floor import Utterance


class Recognised(msgspec.Struct, frozen=True):
    """One utterance: when it was heard, what was recognised, and when."""

    utterance: Utterance
    said: CallerSaid
    at: float


class Collection:
    """The utterances of the turn in hand."""

    def __init__(self) -> None:
        self._utterances: list[Recognised] = []
        self.hypothesis = ""
        """Interim text of an utterance whose final result is not here yet."""
        self.submitted = False
        """The caller pressed the key that ends the turn; a final result is still awaited."""

    def __bool__(self) -> bool:
        return bool(self._utterances)

    @property
    def began_at(self) -> float:
        """When the first of the utterances began; there must be one."""
        return self._utterances[0].utterance.began_at

    def add(self, recognised: Recognised) -> None:
        """One more utterance."""
        self._utterances.append(recognised)
        self.hypothesis = ""

    def take(self) -> list[Recognised]:
        """Everything collected; the collection is empty afterwards."""
        taken, self._utterances = self._utterances, []
        self.hypothesis, self.submitted = "", False
        return taken
