"""Bots that send more than anybody reads: other calls of the process have their turn."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import WSMsgType

from bots.connectors.ac_api.streaming import StreamingConnector
from bots.core.activities import event
from tests.bots.connectors.test_ac_streaming import CALL, no_token
from tests.fakes.ac_wire import Socket, WireBot, serving

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

COUNT = 2000


@pytest.fixture
async def bot() -> AsyncIterator[WireBot]:
    async with serving() as found:
        yield found


def write_at_once(socket: Socket, *texts: str) -> None:
    """Frames that all lie in the buffer when the gateway begins to read."""
    frames = (bytes([0x80 | WSMsgType.TEXT, len(text)]) + text.encode() for text in texts)
    request = socket.ws._req
    assert request is not None
    assert request.transport is not None
    request.transport.write(b"".join(frames))


@pytest.mark.parametrize("frame", ["", "x", '{"type":"moon"}'])
async def test_frames_that_mean_nothing_leave_turns_to_others(bot: WireBot, frame: str) -> None:
    connector = StreamingConnector(url=bot.url, authorise=no_token, hears=True, speaks=True)
    opening = asyncio.create_task(connector.open(CALL))
    socket = await bot.socket()
    await socket.accept()
    session = await opening
    turns = 0

    async def other_call() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    end = json.dumps({"type": "activities", "activities": [{"type": "event", "name": "end"}]})
    write_at_once(socket, *[frame] * COUNT, end)
    other = asyncio.create_task(other_call())
    events = session.events()
    async with asyncio.timeout(5):
        while await anext(events) != event("end"):
            pass
    other.cancel()
    assert turns >= COUNT
    closing = asyncio.create_task(session.close("client-disconnected", ""))
    with suppress(ConnectionError):
        await socket.close()
    await closing
    await events.aclose()  # type: ignore[attr-defined]  # an async generator
