"""Who watches one call from its own voice side, such as the page of a test call."""

from typing import Protocol

from calls.core.waterfall import TurnTimes
from calls.live import LiveLine


class Onlooker(Protocol):
    """Somebody on the voice side who watches the call; no method blocks or raises.

    It gets everything at once and in order, whether or not the live feed works.
    """

    def line(self, line: LiveLine) -> None:
        """A final line of the transcript."""
        ...

    def turn(self, times: TurnTimes) -> None:
        """The times of a turn that has ended."""
        ...

    def interim(self, side: str, text: str) -> None:
        """What ``side`` is saying; empty takes it away."""
        ...

    def state(self, state: str) -> None:
        """What the conversation is doing."""
        ...

    def closed(self, *, ended_by: str, reason_code: str, reason: str) -> None:
        """The call is over; nothing follows."""
        ...
