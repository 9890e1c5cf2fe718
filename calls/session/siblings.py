"""Sockets of calls that another web process of this machine carries, and the way there.

Several processes share one port, so that a voice gateway or a page that comes back to a call may
land on any of them. Which one has the call is in its record; there the socket is asked for again,
with the headers that it came with, and everything is decided there as if it had come by itself.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
import structlog
from django.conf import settings

from calls.core.ports import PASSED_ON
from calls.leases import current_leases
from calls.models import Call

CONNECT_S = 3.0
"""How long the other process may take to accept the socket."""
MAX_MESSAGE_BYTES = 1024 * 1024
SERVICE_RESTART = 1012
"""Close code when the other process is gone; whose call it was may come back once more."""
_MARK = PASSED_ON.lower().encode()
_OWN_HEADERS = frozenset((b"connection", b"upgrade", b"transfer-encoding", b"content-length"))
_HANDSHAKE = b"sec-websocket-"

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)


def owner_of_call(call_id: UUID) -> str:
    """The process that carries the call, as its record has it; empty when none does."""
    return _owner(pk=call_id)


def owner_of_conversation(bot: str, conversation_id: str) -> str:
    """The process that carries the live call of ``bot`` with the voice side's id; as above."""
    return _owner(bot_name=bot, conversation_id=conversation_id)


def _owner(**which: Any) -> str:
    active = Call.objects.filter(state=Call.State.ACTIVE, **which)
    return next(iter(active.values_list("owner", flat=True)[:1]), "")


def others_take_calls(owner: str) -> bool:
    """Whether another process behind the port of ``owner`` takes new calls."""
    leases = current_leases(datetime.now(UTC)).filter(role="web", drain=False)
    return any(
        _socket_of(each.owner) is not None and not each.vitals.get("draining")
        for each in leases.exclude(owner=owner)
    )


async def passed_on(
    owner: str, scope: Message, receive: Receive, send: Send, *, first: Message | None = None
) -> bool:
    """Carry an accepted socket on in the process ``owner`` until either side closes it.

    ``first`` is the message that was received already. False: there is no way, and nothing was
    sent; nor is a socket passed on twice.
    """
    path = _socket_of(owner)
    if path is None or _MARK in (name for name, _value in scope["headers"]):
        return False
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector, skip_auto_headers=("User-Agent",)) as way:
        try:
            async with asyncio.timeout(CONNECT_S):
                there = await way.ws_connect(
                    _address(scope), headers=_headers(scope), max_msg_size=MAX_MESSAGE_BYTES
                )
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("socket.not_passed_on", error=type(error).__name__)
            return False
        log.info("socket.passed_on", path=scope["path"], process=owner)
        async with there:
            await _either(_there(receive, there, first), _back(there, send))
    return True


def _socket_of(owner: str) -> Path | None:
    """Where that process listens for us; None if it is no sibling, or ourselves."""
    host, _, number = owner.rpartition(":")[0].rpartition(":")
    path: Path = settings.PROCESS_SOCKETS / f"web-{number}.sock"
    known = host == socket.gethostname()[:40] and number != str(os.getpid())
    return path if known and path.is_socket() else None


def _address(scope: Message) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"http://sibling{quote(scope['path'])}" + (f"?{query}" if query else "")


def _headers(scope: Message) -> list[tuple[str, str]]:
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _OWN_HEADERS and not name.startswith(_HANDSHAKE)
    ]
    client = scope.get("client")
    return [*kept, (PASSED_ON, str(client[0]) if client else "")]


async def _either(*sides: Awaitable[None]) -> None:
    """Until the first of ``sides`` ends; what it raises is raised."""
    tasks = [asyncio.ensure_future(side) for side in sides]
    try:
        done, _rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _there(
    receive: Receive, there: aiohttp.ClientWebSocketResponse, message: Message | None
) -> None:
    message = message or await receive()
    while message["type"] == "websocket.receive":
        text = message.get("text")
        try:
            if text is None:
                await there.send_bytes(message["bytes"])
            else:
                await there.send_str(text)
        except (aiohttp.ClientError, ConnectionError):
            await asyncio.Event().wait()  # the other direction tells how it was closed
        message = await receive()


async def _back(there: aiohttp.ClientWebSocketResponse, send: Send) -> None:
    while True:
        message = await there.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                await send({"type": "websocket.send", "text": message.data})
            case aiohttp.WSMsgType.BINARY:
                await send({"type": "websocket.send", "bytes": message.data})
            case aiohttp.WSMsgType.CLOSE:
                close = {"code": message.data or 1000, "reason": message.extra or ""}
                await send({"type": "websocket.close", **close})
                return
            case _:
                await send({"type": "websocket.close", "code": SERVICE_RESTART})
                return
