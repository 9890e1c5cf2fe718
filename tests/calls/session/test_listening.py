"""Hearing a live call through its socket: who may, what comes, and how it ends."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User

from bots.core.auditing import Action
from bots.models import AuditEvent
from bots.selectors import call_configuration
from calls import listening
from calls.core.events import LegLost
from calls.core.ports import CallStart
from calls.core.steering import Say
from calls.database import db
from calls.models import Call
from calls.routing import websocket_urlpatterns
from calls.session import taps
from calls.session.call import CallSession
from calls.session.host import SessionHost
from tests.calls.conftest import MakeCall
from tests.calls.session.calling import Leg
from tests.plugins import tone
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.django_db(transaction=True)

OpenCall = Callable[..., Any]


@pytest.fixture
async def talk(make_bot: Any, host: SessionHost) -> OpenCall:
    """Begins a call and waits until it is in the database."""
    await make_bot({"start": ["Hello."]})
    configuration = await db(call_configuration, "table")

    async def begin(*, audio: bool = True) -> CallSession:
        leg = Leg(audio=audio)
        start = CallStart(conversation_id=uuid.uuid4().hex, channel="test")
        session = leg.session = host.open(configuration, leg, start)
        async with asyncio.timeout(10):
            while not await db(Call.objects.filter(pk=session.call_id).exists):  # noqa: ASYNC110 - a thread writes it
                await asyncio.sleep(0)
        return session

    return begin


class Headphones:
    """One browser that listens."""

    def __init__(self, call_id: object) -> None:
        router = URLRouter(websocket_urlpatterns)
        self.socket = WebsocketCommunicator(router, f"/ws/listen/{call_id}")
        self.socket.scope["client"] = ["192.0.2.7", 40_000]

    async def output(self) -> dict[str, Any]:
        return dict(await self.socket.receive_output(timeout=10))

    async def hello(self) -> dict[str, Any]:
        hello: dict[str, Any] = json.loads((await self.output())["text"])
        return hello

    async def end(self) -> tuple[int, str]:
        """How the server closes, whatever it still has to say."""
        while (output := await self.output())["type"] != "websocket.close":
            pass
        await self.socket.wait()
        return output["code"], output.get("reason", "")


@asynccontextmanager
async def headphones(user: User | AnonymousUser, call_id: object) -> AsyncIterator[Headphones]:
    worn = Headphones(call_id)
    worn.socket.scope["session"] = await db(lambda: browser(user).session)
    assert await worn.socket.connect(timeout=10) == (True, None)
    try:
        yield worn
    finally:
        await worn.socket.disconnect(timeout=10)


async def end_of(user: User | AnonymousUser, call_id: object) -> tuple[int, str]:
    async with headphones(user, call_id) as worn:
        return await worn.end()


async def test_a_supervisor_hears_both_sides_until_the_call_ends(
    world: World, talk: OpenCall
) -> None:
    session = await talk()
    async with headphones(world.people["supervisor"], session.call_id) as worn:
        assert await worn.hello() == {"t": "hello", "rate_hz": 16000, "sides": ["caller", "bot"]}
        session.hear(tone(20))
        session.steer(Say(text="One moment."), "anna", lambda outcome: None)
        frames = [(await worn.output())["bytes"]]
        while frames[-1][0] != taps.BOT:
            frames.append((await worn.output())["bytes"])
        session.take(LegLost())
        assert (await worn.end())[0] == 1000
    assert frames[0] == b"\x00" + tone(20)
    assert len(frames[-1]) > 600
    assert not session.taps.on


async def test_listening_is_written_to_the_audit_log(world: World, talk: OpenCall) -> None:
    session = await talk()
    async with headphones(world.people["supervisor"], session.call_id) as worn:
        await worn.hello()
    event = await db(AuditEvent.objects.get, kind="call")
    assert (event.action, event.actor, event.kind) == (Action.CALL_LISTENED, "supervisor", "call")
    assert (event.target, event.address) == (str(session.call_id), "192.0.2.7")


async def test_only_whose_role_permits_it_hears_a_call(world: World, talk: OpenCall) -> None:
    session = await talk()
    ends = {role: (await end_of(who, session.call_id))[0] for role, who in world.people.items()
            if role not in ("supervisor", "administrator")}  # fmt: skip
    assert ends == {
        "viewer": 4403,
        "operator": 4403,
        "call-data-manager": 4404,
        "account-manager": 4404,
    }
    assert (await end_of(world.stranger, session.call_id))[0] == 4401
    assert (await end_of(world.former, session.call_id))[0] == 4401
    assert (await end_of(world.newcomer, session.call_id))[0] == 4404
    assert not await db(AuditEvent.objects.filter(kind="call").exists)


async def test_a_call_of_a_bot_out_of_reach_does_not_exist(world: World, talk: OpenCall) -> None:
    session = await talk()
    confined = await db(with_role, "supervisor", name="confined", bots=())
    assert (await end_of(confined, session.call_id))[0] == 4404


async def test_calls_that_cannot_be_heard_here_say_why(
    world: World, talk: OpenCall, make_call: MakeCall
) -> None:
    supervisor = world.people["supervisor"]
    written = await talk(audio=False)
    assert await end_of(supervisor, written.call_id) == (
        4404,
        "This call is written, there is nothing to hear",
    )
    elsewhere = await db(make_call, ended=False)
    assert await end_of(supervisor, elsewhere.pk) == (
        4421,
        "Another process of the gateway carries this call",
    )
    over = await db(make_call)
    assert await end_of(supervisor, over.pk) == (4404, "The call has ended")
    assert (await end_of(supervisor, uuid.uuid4()))[0] == 4404


async def test_a_page_that_sends_anything_is_closed(world: World, talk: OpenCall) -> None:
    session = await talk()
    async with headphones(world.people["supervisor"], session.call_id) as worn:
        await worn.hello()
        await worn.socket.send_to(text_data="{}")
        assert (await worn.end())[0] == 4400


async def test_a_role_that_is_taken_away_ends_the_listening(
    world: World, talk: OpenCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "RECHECK_SECONDS", 0.02)
    session = await talk()
    supervisor = world.people["supervisor"]
    async with headphones(supervisor, session.call_id) as worn:
        await worn.hello()
        await db(supervisor.groups.clear)
        assert (await worn.end())[0] == 4403


async def test_one_person_listens_to_a_few_calls_at_a_time(
    world: World, talk: OpenCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "SOCKETS_PER_USER", 1)
    session = await talk()
    supervisor = world.people["supervisor"]
    async with headphones(supervisor, session.call_id) as first:
        await first.hello()
        assert (await end_of(supervisor, session.call_id))[0] == 4429
    async with headphones(supervisor, session.call_id) as next_one:
        await next_one.hello()


async def test_who_falls_behind_is_closed_and_nobody_else_notices(
    world: World, talk: OpenCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taps, "DROPPED_FRAMES", 5)
    session = await talk()
    async with headphones(world.people["supervisor"], session.call_id) as worn:
        await worn.hello()
        for _ in range(200):
            session.hear(tone(100))
        assert (await worn.end())[0] == 4408
    assert session.frames.came == 200
