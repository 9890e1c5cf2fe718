"""A browser page on the live feed, and a feed that runs, for tests of what supervisors see."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase

from calls.consumers import LiveConsumer
from calls.database import db
from calls.live import LiveFeed, LiveLine
from calls.models import Call, TranscriptEntry
from tests.worlds import browser


class Page:
    """A browser page on the live feed."""

    def __init__(self, session: SessionBase | None) -> None:
        self.socket = WebsocketCommunicator(LiveConsumer.as_asgi(), "/ws/live")
        self.socket.scope["session"] = session
        self.socket.scope["client"] = ["192.0.2.7", 40_000]
        self.messages = 0
        """How many the server has sent; each holds one frame or several."""
        self._read: list[dict[str, Any]] = []

    async def open(self) -> None:
        assert await self.socket.connect(timeout=10) == (True, None)

    async def frame(self, wanted: str | Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame of that kind, or that passes the test."""
        while True:
            while not self._read:
                self.messages += 1
                message = json.loads(await self.socket.receive_from(timeout=10))
                self._read = message if isinstance(message, list) else [message]
            frame = self._read.pop(0)
            if frame["t"] == wanted if isinstance(wanted, str) else wanted(frame):
                return frame

    async def send(self, **message: Any) -> None:
        await self.socket.send_json_to(message)

    async def close_code(self) -> int:
        """The code with which the server closes, after whatever it still has to say."""
        while True:
            output = await self.socket.receive_output(timeout=10)
            if output["type"] == "websocket.close":
                await self.socket.wait()
                return int(output["code"])


@asynccontextmanager
async def page_of(user: User) -> AsyncIterator[Page]:
    page = Page((await db(browser, user)).session)
    await page.open()
    try:
        yield page
    finally:
        await page.socket.disconnect(timeout=10)


@asynccontextmanager
async def running(feed: LiveFeed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def line(seq: int) -> LiveLine:
    """The line of that number."""
    return LiveLine(seq=seq, offset_ms=seq, side="bot", kind="speech", text=f"line {seq}")


def store(call: Call, seq: int) -> None:
    """Put the line of that number into the database."""
    fields = {"offset_ms": seq, "side": "bot", "kind": "speech", "text": f"line {seq}"}
    TranscriptEntry.objects.create(call=call, seq=seq, **fields)
