"""Sockets that are passed on to the process which carries their call."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from django.utils import timezone

from calls.core.ports import PASSED_ON
from calls.leases import renew_lease
from calls.models import ProcessLease
from calls.session.siblings import others_take_calls, passed_on

pytestmark = pytest.mark.wire

OWNER = f"{socket.gethostname()[:40]}:7:0123abcd"
SECONDS = 10.0


class Sibling:
    """A process at its private socket; it answers each message and closes when told ``bye``."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.closed = asyncio.Event()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        self.requests.append(request)
        there = web.WebSocketResponse()
        await there.prepare(request)
        async for message in there:
            if message.data == "bye":
                await there.close(code=4408, message=b"too slow")
            elif message.data == "die":
                assert request.transport is not None
                request.transport.abort()
            elif message.type is WSMsgType.BINARY:
                await there.send_bytes(message.data + b"!")
            else:
                await there.send_str(message.data + "!")
        self.closed.set()
        return there


@pytest.fixture
async def sibling(tmp_path: Path, settings: Any) -> AsyncIterator[Sibling]:
    settings.PROCESS_SOCKETS = tmp_path
    made = Sibling()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "web-7.sock")).start()
    yield made
    await runner.cleanup()


class Peer:
    """The near side of the socket that is passed on."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self._inbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.scope = {
            "path": "/voice/audiocodes/demo",
            "query_string": b"a=%20b",
            "client": ["192.0.2.7", 4711],
            "headers": [
                (b"authorization", b"Bearer t"),
                (b"host", b"gateway.example"),
                (b"connection", b"Upgrade"),
                (b"upgrade", b"websocket"),
                (b"sec-websocket-key", b"k"),
                *headers,
            ],
        }

    def says(self, **what: Any) -> None:
        self._inbound.put_nowait({"type": "websocket.receive", **what})

    def leaves(self) -> None:
        self._inbound.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def hears(self) -> dict[str, Any]:
        async with asyncio.timeout(SECONDS):
            return await self._outbound.get()

    async def carried(self, owner: str = OWNER, first: dict[str, Any] | None = None) -> bool:
        async with asyncio.timeout(SECONDS):
            return await passed_on(
                owner, self.scope, self._inbound.get, self._outbound.put, first=first
            )


async def test_what_either_side_says_reaches_the_other_from_the_first_message_on(
    sibling: Sibling,
) -> None:
    peer = Peer()
    peer.says(bytes=b"audio")
    carried = asyncio.ensure_future(peer.carried(first={"type": "websocket.receive", "text": "a"}))
    assert await peer.hears() == {"type": "websocket.send", "text": "a!"}
    assert await peer.hears() == {"type": "websocket.send", "bytes": b"audio!"}
    peer.says(text="bye")
    close = {"type": "websocket.close", "code": 4408, "reason": "too slow"}
    assert await peer.hears() == close
    assert await carried


async def test_the_sibling_is_asked_as_the_peer_asked(sibling: Sibling) -> None:
    peer = Peer()
    peer.leaves()
    assert await peer.carried()
    async with asyncio.timeout(SECONDS):
        await sibling.closed.wait()
    (request,) = sibling.requests
    assert request.path_qs == "/voice/audiocodes/demo?a=%20b"
    assert request.headers["Authorization"] == "Bearer t"
    assert request.headers["Host"] == "gateway.example"
    assert request.headers[PASSED_ON] == "192.0.2.7"
    assert request.headers["Sec-WebSocket-Key"] != "k"


async def test_who_loses_the_sibling_may_come_back(sibling: Sibling) -> None:
    peer = Peer()
    peer.says(text="die")
    assert await peer.carried()
    assert await peer.hears() == {"type": "websocket.close", "code": 1012}


async def test_a_socket_is_passed_on_once(sibling: Sibling) -> None:
    assert not await Peer((PASSED_ON.lower().encode(), b"192.0.2.7")).carried()
    assert not sibling.requests


@pytest.mark.parametrize(
    "owner",
    ["", "elsewhere:7:0123abcd", f"{socket.gethostname()[:40]}:8:0123abcd", "../../x:7:0"],
)
async def test_a_process_of_another_machine_or_none_is_out_of_reach(
    sibling: Sibling, owner: str
) -> None:
    assert not await Peer().carried(owner)


async def test_nobody_passes_on_to_themselves(sibling: Sibling, tmp_path: Path) -> None:
    (tmp_path / "web-7.sock").rename(tmp_path / f"web-{os.getpid()}.sock")
    assert not await Peer().carried(OWNER.replace(":7:", f":{os.getpid()}:"))


async def test_a_sibling_that_is_gone_is_no_way(tmp_path: Path, settings: Any) -> None:
    settings.PROCESS_SOCKETS = tmp_path
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "web-7.sock"))
    assert not await Peer().carried()


@pytest.mark.db
@pytest.mark.django_db
def test_only_who_is_behind_the_same_port_and_takes_calls_takes_those_of_another(
    tmp_path: Path, settings: Any
) -> None:
    settings.PROCESS_SOCKETS = tmp_path
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / "web-7.sock"))
    now, own = timezone.now(), f"{OWNER.rpartition(':')[0][:-1]}{os.getpid()}:own"
    renew_lease(own, "here", os.getpid(), now)
    renew_lease("elsewhere:7:ab", "elsewhere", 7, now)
    renew_lease(OWNER.replace(":7:", ":8:"), "here", 8, now)  # of another installation
    assert not others_take_calls(own)
    renew_lease(OWNER, "here", 7, now)
    assert others_take_calls(own)
    renew_lease(OWNER, "here", 7, now, vitals={"draining": True})
    assert not others_take_calls(own)
    renew_lease(OWNER, "here", 7, now)
    ProcessLease.objects.filter(owner=OWNER).update(drain=True)
    assert not others_take_calls(own)
