"""The socket on which a bot in chat mode speaks without being asked: the gateway only listens."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from aiohttp import ClientWebSocketResponse, WSMsgType

from bots.connectors.ac_api.requests import CONNECT_S, MAX_BODY_BYTES, SERVICE, Requests
from bots.core.errors import ServiceError
from bots.net import OutboundError, outbound

RECONNECTS = 3
PAUSE_S = 1.0
STEADY_S = 30.0
"""A connection that lasted so long was a good one: losing it is counted from the start."""
HEARTBEAT_S = 30.0
CLOSE_S = 0.4

log = structlog.get_logger(__name__)


class ProactiveSocket:
    """Receives until it is cancelled, or the bot wants no connection any more.

    ``receive`` gets each text; ``settled`` is set once the first attempt to connect is over.
    """

    def __init__(
        self, url: str, requests: Requests, receive: Callable[[str], Awaitable[None]]
    ) -> None:
        self._url = url
        self._requests = requests
        self._receive = receive
        self.settled = asyncio.Event()

    async def run(self) -> None:
        """Connect, listen, and connect again a few times; a failure is none of the call's."""
        clock = asyncio.get_running_loop().time
        left = RECONNECTS
        while True:
            began = clock()
            try:
                await self._listen()
                problem = "closed by the bot"
            except ServiceError as error:
                problem = error.detail
            finally:
                self.settled.set()
            if clock() - began >= STEADY_S:
                left = RECONNECTS
            log.warning("bot.socket_lost", reason=problem, attempts_left=left)
            if not left:
                return
            left -= 1
            await asyncio.sleep(PAUSE_S)

    async def _listen(self) -> None:
        socket = await self._connected()
        try:
            self.settled.set()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
                await asyncio.sleep(0)  # messages that mean nothing keep nobody else waiting
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await socket.close()

    async def _connected(self) -> ClientWebSocketResponse:
        proof = await self._requests.authorise(None)
        try:
            return await self._connect(proof)
        except OutboundError as error:
            fresh = proof
            if error.status == 401 and proof:
                fresh = await self._requests.authorise(proof["Authorization"])
            if fresh == proof:
                raise ServiceError(SERVICE, error.fault, error.reason) from None
        return await self._connect(fresh)

    async def _connect(self, proof: dict[str, str]) -> ClientWebSocketResponse:
        return await outbound().websocket(
            self._url,
            deadline_s=CONNECT_S,
            max_bytes=MAX_BODY_BYTES,
            headers=proof,
            heartbeat_s=HEARTBEAT_S,
            verify_tls=self._requests.verify_tls,
        )
