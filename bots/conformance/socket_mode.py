"""Bots behind a WebSocket: who is let in, and the session of the AudioCodes Bot API by hand."""

import asyncio
import socket
from asyncio.trsock import TransportSocket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from uuid import uuid4

import aiohttp
import msgspec

from bots.conformance.examination import WRONG_TOKEN, Examination, Withdrawn
from bots.connectors.ac_api.link import ACCEPT_S, LOST, MAX_FRAME_BYTES, SERVICE, plain
from bots.connectors.ac_api.voice import offers
from bots.core.audio import LPCM16_16K
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotCapabilities
from bots.net import OutboundError, outbound
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat, StreamClient

CHECKS = ("handshake", "resume")
FAREWELL_S = 1.0

Open = Callable[[], Awaitable[aiohttp.ClientWebSocketResponse]]


async def check_stranger(
    exam: Examination, url: str, scheme: str, *, verify_tls: bool = True
) -> None:
    """Connect with a wrong token; ``scheme`` is that of the header Authorization.

    Raises:
        ServiceError: the refusal says nothing about the token.
    """
    exam.recorder.record("to bot", {"websocket": url, "proof": "a wrong token"})
    headers = {"Authorization": f"{scheme} {WRONG_TOKEN}"}
    try:
        websocket = await _opened(exam, url, headers, verify_tls=verify_tls)
    except OutboundError as error:
        exam.recorder.record("from bot", {"status": error.status, "reason": error.reason})
        if error.status in (401, 403):
            exam.ok("wrong-token", f"refused with HTTP status {error.status}")
            return
        raise Withdrawn(f"the refusal tells nothing of the token: {error.reason}") from None
    await _dropped(websocket)
    exam.recorder.record("from bot", {"status": 101})
    exam.warn("wrong-token", "a wrong token is accepted: anybody can talk to this bot")


async def check_session(
    exam: Examination,
    url: str,
    authorise: Callable[[str | None], Awaitable[dict[str, str]]],
    does: BotCapabilities,
    *,
    verify_tls: bool,
) -> None:
    """Open a session, lose its connection, and take it up on a new one.

    Raises:
        ServiceError: the bot takes no session.
    """

    async def connect() -> aiohttp.ClientWebSocketResponse:
        headers = await authorise(None)
        return await _opened(exam, url, headers, verify_tls=verify_tls)

    exam.begin("handshake")
    offered = offers(LPCM16_16K) if does.hears or does.speaks else ()
    client = StreamClient(str(uuid4()))
    await _initiate(exam, connect, client, offered, does)
    exam.begin("resume")
    again = StreamClient(client.conversation_id, media_format=client.media_format)
    websocket = await connect()
    try:
        met = await _exchange(exam, websocket, again.resume(), again, exam.timing.connect_s)
        if isinstance(met, wire.Accepted):
            exam.ok("resume")
            await _farewell(exam, websocket, again)
        elif isinstance(met, wire.Errored):
            exam.inform("resume", f"the bot does not know the session any more: {met.reason}")
        else:
            exam.inform("resume", "the bot did not take the session up again")
    finally:
        await _dropped(websocket)


async def _initiate(
    exam: Examination,
    connect: Open,
    client: StreamClient,
    offered: tuple[MediaFormat, ...],
    does: BotCapabilities,
) -> None:
    websocket = await connect()
    try:
        request = client.initiate(
            bot_name=exam.subject.bot,
            caller="conformance-check",
            expect_audio_messages=does.speaks,
            media_formats=offered,
        )
        met = await _exchange(exam, websocket, request, client, ACCEPT_S)
        if isinstance(met, wire.Errored):
            detail = f"The bot refused the session: {plain(met.reason)}"
            raise ServiceError(SERVICE, Fault.SERVER, detail)
        if not isinstance(met, wire.Accepted):
            raise ServiceError(SERVICE, Fault.TIMEOUT, "The bot did not accept the session")
        _grade_accepted(exam, client, offered)
    finally:
        _cut(websocket)
        await _dropped(websocket)


def _grade_accepted(
    exam: Examination, client: StreamClient, offered: tuple[MediaFormat, ...]
) -> None:
    chosen = client.media_format
    if offered and chosen is None:
        exam.fail("handshake", "it accepted without a known mediaFormat")
    elif offered and chosen not in offered:
        exam.warn("handshake", f"it chose {chosen}, which was not offered", mediaFormat=chosen)
    else:
        exam.ok("handshake", mediaFormat=chosen or "none")


async def _exchange(
    exam: Examination,
    websocket: aiohttp.ClientWebSocketResponse,
    request: str,
    client: StreamClient,
    limit_s: float,
) -> wire.ClientEvent | None:
    """Send ``request`` and read until the bot accepts, refuses, closes, or is silent."""
    exam.recorder.record("to bot", msgspec.json.decode(request))
    with suppress(TimeoutError, *LOST):
        async with asyncio.timeout(limit_s):
            await websocket.send_str(request)
            while isinstance(frame := (await websocket.receive()).data, str | bytes):
                _record(exam, frame)
                for met in client.receive(frame):
                    if isinstance(met, wire.Accepted | wire.Errored):
                        return met
    return None


def _record(exam: Examination, frame: str | bytes) -> None:
    try:
        exam.recorder.record("from bot", msgspec.json.decode(frame))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        shown = frame if isinstance(frame, str) else f"a binary frame of {len(frame)} bytes"
        exam.recorder.record("from bot", {"unreadable": shown})


async def _farewell(
    exam: Examination, websocket: aiohttp.ClientWebSocketResponse, client: StreamClient
) -> None:
    frame = client.end("client-disconnected", "The check of the bot is over")
    exam.recorder.record("to bot", msgspec.json.decode(frame))
    with suppress(*LOST):
        await websocket.send_str(frame)


async def _opened(
    exam: Examination, url: str, headers: Mapping[str, str], *, verify_tls: bool
) -> aiohttp.ClientWebSocketResponse:
    return await outbound().websocket(
        url,
        deadline_s=exam.timing.connect_s,
        max_bytes=MAX_FRAME_BYTES,
        headers=headers,
        verify_tls=verify_tls,
    )


def _cut(websocket: aiohttp.ClientWebSocketResponse) -> None:
    """Let the connection break, as networks do."""
    line: TransportSocket | None = websocket.get_extra_info("socket")
    with suppress(OSError):  # the bot was first
        if line is not None:
            line.shutdown(socket.SHUT_RDWR)


async def _dropped(websocket: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(TimeoutError, *LOST):
        async with asyncio.timeout(FAREWELL_S):
            await websocket.close()
