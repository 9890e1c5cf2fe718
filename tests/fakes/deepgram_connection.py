"""One connection to the fake voice agent: what goes over it, how it begins and how it ends."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.deepgram_script import Script

_WAIT_S = 20.0


class _Over(Exception):
    """The connection is over; ends what runs beside it."""


class Connection(ABC):
    """A socket that greets its client, watches the time and writes down what comes."""

    def __init__(self, request: web.Request, script: Script, number: int) -> None:
        self.script = script
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.request_id = f"00000000-0000-4000-8000-{number:012d}"
        self.received: list[dict[str, Any]] = []
        """Every JSON message, in order."""
        self.closed = asyncio.Event()
        self.close_code: int | None = None
        """The client's, or the one it was given; 1006: no close frame came."""
        self._transport = request.transport
        self._arrived = asyncio.Condition()
        self._welcomed = False
        self._last_message_at = 0.0
        self._socket: web.WebSocketResponse
        self._tasks: asyncio.TaskGroup

    @abstractmethod
    async def _take(self, frame: str) -> None:
        """A text frame of the client."""

    @abstractmethod
    async def _take_audio(self, audio: bytes) -> None:
        """The caller's voice."""

    # --- for tests

    async def message(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The ``count``-th message of type ``kind``, as soon as it is there."""
        await self.until(lambda: sum(each.get("type") == kind for each in self.received) >= count)
        return [each for each in self.received if each.get("type") == kind][count - 1]

    async def until(self, settled: Callable[[], object]) -> None:
        """Wait until ``settled()`` is true; it is asked whenever something arrives."""
        async with asyncio.timeout(_WAIT_S), self._arrived:
            await self._arrived.wait_for(settled)

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message of the server."""
        await self.send_text(json.dumps(message))

    async def send_text(self, frame: str) -> None:
        """Send any text frame."""
        with suppress(ConnectionError):
            await self._socket.send_str(frame)

    async def send_audio(self, audio: bytes) -> None:
        """Send speech of the agent."""
        with suppress(ConnectionError):
            await self._socket.send_bytes(audio)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in order."""
        self.close_code = code
        await self._socket.close(code=code, message=reason.encode())

    def cut(self) -> None:
        """Break the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def stop_reading(self) -> None:
        """Take nothing more; what the client sends waits in its own buffers."""
        if self._transport is not None:
            self._transport.pause_reading()

    # --- the connection

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Talk until one side closes."""
        self._socket = socket
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._watch())
                tasks.create_task(self._welcome())
                async for frame in socket:
                    self._last_message_at = self._now()
                    if frame.type is WSMsgType.TEXT:
                        await self._take(frame.data)
                    elif frame.type is WSMsgType.BINARY:
                        await self._take_audio(frame.data)
                    async with self._arrived:
                        self._arrived.notify_all()
                raise _Over
        except* _Over:
            pass
        finally:
            if self.close_code is None:
                self.close_code = socket.close_code or 1006
            self.closed.set()
            async with self._arrived:
                self._arrived.notify_all()

    async def _welcome(self) -> None:
        self._last_message_at = self._now()
        await asyncio.sleep(self.script.welcome_s)
        if self.script.has("never welcome"):
            return
        await self.send({"type": "Welcome", "request_id": self.request_id})
        self._welcomed = True
        self._last_message_at = self._now()

    async def _watch(self) -> None:
        """End the session that is too long, and the one whose client says nothing."""
        script, began_at, warned = self.script, self._now(), False
        while True:
            limit = script.session_limit_s
            if not warned:
                limit = min(limit, script.session_warning_s)
            until = min(began_at + limit, self._last_message_at + script.client_timeout_s)
            await asyncio.sleep(max(0.001, until - self._now()))
            now = self._now()
            if now >= self._last_message_at + script.client_timeout_s:
                await self._fail("CLIENT_MESSAGE_TIMEOUT", "We waited too long for a message.")
                return
            if now >= began_at + script.session_limit_s:
                await self._fail("MAXIMUM_SESSION_LENGTH_REACHED", "The session is too long.")
                return
            if not warned and now >= began_at + script.session_warning_s:
                warned = True
                await self._warn("MAXIMUM_SESSION_LENGTH_APPROACHING", "Five minutes are left.")

    # --- complaints

    async def _fail(self, code: str, description: str) -> None:
        await self.send({"type": "Error", "code": code, "description": description})
        await self.close(1000)

    async def _warn(self, code: str, description: str) -> None:
        await self.send({"type": "Warning", "code": code, "description": description})

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
