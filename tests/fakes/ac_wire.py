"""A bot in streaming mode that a test plays by hand, frame by frame, on a socket of loopback."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

Frame = dict[str, Any]
PATIENCE_S = 5.0


class Socket:
    """One connection of the gateway to the bot."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.code: int | None = None
        self.ws = web.WebSocketResponse(compress=False)

    async def read(self, kind: str = "") -> Frame:
        """The next frame, or the next of type ``kind``."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self.frames.get()
                if kind in ("", frame["type"]):
                    return frame

    async def send(self, kind: str, **fields: Any) -> None:
        """A frame of the bot."""
        await self.ws.send_json({"type": kind, **fields})

    async def accept(self, media: str | None = "raw/lpcm16") -> Frame:
        """Take the session that is asked for; answers the request."""
        asked = await self.read()
        await self.send("session.accepted", **({} if media is None else {"mediaFormat": media}))
        return asked

    async def say(self, stream: str, audio: bytes, media: str = "raw/lpcm16", **more: Any) -> None:
        """A whole prompt in one chunk."""
        await self.send("playStream.start", streamId=stream, mediaFormat=media, **more)
        await self.chunk(stream, audio)
        await self.send("playStream.stop", streamId=stream)

    async def chunk(self, stream: str, audio: bytes) -> None:
        """A piece of a prompt."""
        encoded = base64.b64encode(audio).decode()
        await self.send("playStream.chunk", streamId=stream, audioChunk=encoded)

    async def act(self, *activities: Frame) -> None:
        """Activities in one frame."""
        await self.send("activities", activities=list(activities))

    async def close(self) -> None:
        """Close in order; `cut` is without a word."""
        await self.ws.close()

    def cut(self) -> None:
        """Let the connection break."""
        transport = self.ws._req.transport if self.ws._req is not None else None
        if transport is not None:
            transport.abort()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Take frames in until the gateway has closed."""
        await self.ws.prepare(request)
        async for message in self.ws:
            if message.type is WSMsgType.TEXT:
                self.frames.put_nowait(msgspec.json.decode(message.data))
        self.code = self.ws.close_code
        self.closed.set()
        return self.ws


class WireBot:
    """The bot's server; ``tokens``: the bearer tokens it takes, empty: it asks for none."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens: set[str] = set()
        self.accepted = 0
        self.refused = 0
        self.refuse_with = 0
        """The HTTP status every connection is refused with, unless it is 0."""
        self._sockets: asyncio.Queue[Socket] = asyncio.Queue()
        self._refusals: asyncio.Queue[int] = asyncio.Queue()

    async def refusal(self) -> int:
        """The status of the next connection that is refused."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._refusals.get()

    async def socket(self) -> Socket:
        """The next connection of the gateway."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._sockets.get()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
        status = 401 if self.tokens and offered not in self.tokens else self.refuse_with
        if status:
            self.refused += 1
            self._refusals.put_nowait(status)
            return web.Response(status=status)
        socket = Socket(request.headers)
        self.accepted += 1
        self._sockets.put_nowait(socket)
        return await socket.serve(request)


@asynccontextmanager
async def serving() -> AsyncIterator[WireBot]:
    """A `WireBot` on a free port of 127.0.0.1."""
    bot = WireBot()
    application = web.Application()
    application.router.add_get("/bot", bot._answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        bot.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/bot"
        yield bot
    finally:
        await runner.cleanup()
