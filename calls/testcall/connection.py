"""The test caller's WebSocket: brings frames to `Caller` and its frames to the gateway."""

import asyncio
import os
import socket
from collections.abc import Iterable
from contextlib import suppress

import aiohttp
import msgspec

from bots.core.errors import GatewayError
from calls.core.ports import TEST_CALLER
from calls.testcall.caller import Caller, Wish

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Bots may send a whole prompt as one chunk (reference: connection, max frame)."""
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 1.0
GRACE_SECONDS = 15.0
"""Added to a call's own time limit; beyond it the socket itself is stuck."""


class Unreachable(GatewayError):
    """No WebSocket could be opened; the text says why and what to do."""

    code = "unreachable"


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Where to call: the bot's WebSocket URL, its bearer token, and what the upgrade carries."""

    url: str
    token: str = ""
    conversation_id: str = ""
    caller: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the upgrade request."""
        headers = {
            "User-Agent": TEST_CALLER,
            "AC-Conversation-Id": self.conversation_id,
            "AC-Caller-Number": self.caller,
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers


async def drive(
    caller: Caller,
    destination: Destination,
    session: aiohttp.ClientSession,
    websocket: aiohttp.ClientWebSocketResponse,
    *,
    hang_up: asyncio.Event,
    limit: float,
) -> None:
    """Carry one call over ``websocket`` to its end.

    ``hang_up`` asks for it, ``limit`` seconds enforce it.
    """
    now = asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(limit + GRACE_SECONDS):
            while True:
                await _converse(caller, websocket, hang_up)
                if caller.wish is not Wish.CUT:
                    return
                websocket = await _reconnect(caller, destination, session)
    except TimeoutError:
        caller.unreachable(now(), "the gateway's socket was stuck")
    except _Lost:
        return


class _Lost(Exception):
    """The gateway took no new socket for a call that was cut."""


async def _reconnect(
    caller: Caller, destination: Destination, session: aiohttp.ClientSession
) -> aiohttp.ClientWebSocketResponse:
    try:
        return await connect(session, destination)
    except Unreachable as error:
        caller.unreachable(asyncio.get_running_loop().time(), f"after the cut {error}")
        raise _Lost from None


async def connect(
    session: aiohttp.ClientSession, destination: Destination
) -> aiohttp.ClientWebSocketResponse:
    """A socket to ``destination``; the peer expects its first frame within seconds.

    Raises:
        Unreachable: there is none to be had.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await session.ws_connect(
                destination.url,
                headers=destination.headers,
                max_msg_size=MAX_FRAME_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
            )
    except aiohttp.WSServerHandshakeError as error:
        raise Unreachable(_refusal(error.status, destination)) from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unreachable(f"the certificate of {destination.url} is not trusted: {error}") from None
    except aiohttp.ClientConnectorDNSError:
        raise Unreachable(f"the host name of {destination.url} is unknown") from None
    except aiohttp.ClientConnectorError as error:
        reason = os.strerror(error.errno).lower() if error.errno else "no connection"
        raise Unreachable(
            f"{destination.url} cannot be reached ({reason}); is it running?"
        ) from None
    except TimeoutError:
        raise Unreachable(
            f"{destination.url} did not answer within {CONNECT_SECONDS:g} s"
        ) from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"{destination.url} cannot be called: {error}") from None


def _refusal(status: int, destination: Destination) -> str:
    """What an HTTP status in the place of the upgrade means to the operator."""
    token = "the token was not accepted" if destination.token else "a token is needed, see --token"
    known = {
        401: token,
        403: "access is forbidden",
        404: "there is no such bot, or it is a base bot or disabled",
        503: "it takes no calls at present",
    }
    return f"{destination.url} answered HTTP {status}: {known.get(status, 'this is no voice bot')}"


async def _converse(
    caller: Caller, websocket: aiohttp.ClientWebSocketResponse, hang_up: asyncio.Event
) -> None:
    """Talk over one socket until the caller wishes it closed or it is gone."""
    gone = asyncio.Event()
    now = asyncio.get_running_loop().time
    async with websocket, asyncio.TaskGroup() as tasks:
        await _send(websocket, caller.connected(now()))
        reader = tasks.create_task(_read(caller, websocket, gone))
        told = False
        while caller.wish is Wish.KEEP and not gone.is_set():
            if hang_up.is_set() and not told:
                told = True
                await _send(websocket, caller.hang_up(now()))
            await asyncio.sleep(max(0.0, caller.next_tick - now()))
            await _send(websocket, caller.tick(now()))
        if caller.wish is Wish.CUT:
            _drop(websocket)
        reader.cancel()


async def _read(
    caller: Caller, websocket: aiohttp.ClientWebSocketResponse, gone: asyncio.Event
) -> None:
    now = asyncio.get_running_loop().time
    async for frame in websocket:
        if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            await _send(websocket, caller.received(frame.data, now()))
    caller.disconnected(now(), websocket.close_code)
    gone.set()


async def _send(websocket: aiohttp.ClientWebSocketResponse, frames: Iterable[str]) -> None:
    with suppress(ConnectionError):  # the reader notices a socket that is gone
        for frame in frames:
            await websocket.send_str(frame)


def _drop(websocket: aiohttp.ClientWebSocketResponse) -> None:
    """Lose the connection as a network does: no closing handshake."""
    transport_socket = websocket.get_extra_info("socket")
    if transport_socket is not None:
        with suppress(OSError):
            transport_socket.shutdown(socket.SHUT_RDWR)
