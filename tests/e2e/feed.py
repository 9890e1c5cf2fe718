"""A live feed that a test writes: what the gateway would tell a page, at the moment of the test."""

import json
from collections.abc import Iterable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute


class ScriptedFeed:
    """Takes the place of ``/ws/live`` for one page; ``asked`` holds what the page has sent."""

    def __init__(self, page: Page, calls: Iterable[dict[str, Any]]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._calls = list(calls)
        self._seq = 0
        self._socket: WebSocketRoute | None = None
        page.route_web_socket("**/ws/live", self._open)

    def tell(self, kind: str, **fields: Any) -> None:
        """A numbered frame."""
        self._seq += 1
        self.tell_plainly(kind, seq=self._seq, **fields)

    def tell_plainly(self, kind: str, **fields: Any) -> None:
        """A frame without a number, such as an answer to a command."""
        assert self._socket is not None
        self._socket.send(json.dumps({"t": kind, **fields}))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What the page has asked for, of one kind."""
        return [message for message in self.asked if message["t"] == kind]

    def _open(self, socket: WebSocketRoute) -> None:
        self._socket, self._seq = socket, 0
        socket.on_message(lambda message: self.asked.append(json.loads(message)))
        self.tell_plainly("hello", v=1, seq=0, hb=60)
        self.tell("snapshot", view="calls", rows=self._calls, truncated=False)
        self.tell_plainly("hb", seq=self._seq, stale=False)
