"""How a carrier of calls and our own server do without the queue and the tasks between them.

A server that can do this offers a `Straight` in the scope of a WebSocket as extension `EXTENSION`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

EXTENSION = "gateway.straight"

Frame = str | bytes


class Straight(Protocol):
    """One WebSocket of our server."""

    def hand_over(self, take: Callable[[Frame], None]) -> None:
        """Call ``take`` with every message from here on, as it is read and in order.

        Those that wait for ``receive`` come first. ``take`` must neither wait nor raise; the end of
        the socket still comes by ``receive``.
        """
        ...

    def send_now(self, text: str) -> bool:
        """Send a message at once; False: the socket is closed or its peer is slow to read."""
        ...


def straight(scope: Mapping[str, Any]) -> Straight | None:
    """That of the socket of ``scope``, if its server has such a thing."""
    found: Straight | None = (scope.get("extensions") or {}).get(EXTENSION)
    return found
