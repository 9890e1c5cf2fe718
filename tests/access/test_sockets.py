"""Every WebSocket of the console with every role, as the table says."""

from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User
from django.urls import URLPattern

from alarms.routing import websocket_urlpatterns as alarm_sockets
from calls.channels import routes as voice
from calls.database import db
from calls.models import Call
from calls.routing import websocket_urlpatterns as call_sockets
from tests.access.conftest import everyone, permissions, things
from tests.access.table import SOCKETS
from tests.worlds import World, browser

SOCKETS_OF_PEOPLE = [*call_sockets, *alarm_sockets]
NO_SESSION, NOT_PERMITTED, NOT_FOUND = 4401, 4403, 4404
CONSOLE = sorted(path for path, who in SOCKETS.items() if who != "machines")


def paths(patterns: list[URLPattern]) -> set[str]:
    return {str(pattern.pattern) for pattern in patterns}


@pytest.mark.pure
def test_every_socket_has_an_entry_and_every_entry_a_socket() -> None:
    machines = {path for path, who in SOCKETS.items() if who == "machines"}
    assert paths(SOCKETS_OF_PEOPLE) == set(CONSOLE)
    assert paths(voice.websocket_urlpatterns) == machines


async def close_code(path: str, user: User | AnonymousUser) -> int:
    """With which code the socket closes for ``user``; 0 when it lets ``user`` in."""
    socket = WebsocketCommunicator(URLRouter(SOCKETS_OF_PEOPLE), f"/{path}")
    session: Any = (await db(browser, user)).session if isinstance(user, User) else None
    socket.scope |= {"session": session, "client": ["192.0.2.7", 40_000]}
    await socket.connect(timeout=10)
    # Who is let in can leave again; who is not was told before.
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=10)
    while not socket.output_queue.empty():
        output = socket.output_queue.get_nowait()
        if output["type"] == "websocket.close":
            return int(output["code"])
    return 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", CONSOLE)
async def test_each_role_is_let_in_as_the_table_says(path: str, world: World) -> None:
    these = await db(things, world)
    await db(Call.objects.filter(pk=these.call.pk).update, state="active", **UNENDED)
    address = path.replace("<uuid:call>", str(these.call.pk)).replace("<slug:bot>", these.bot.name)
    who = SOCKETS[path]
    assert isinstance(who, tuple)
    for role, user in everyone(world).items():
        code = await close_code(address, user)
        if isinstance(user, AnonymousUser) or not user.is_active:
            assert code == NO_SESSION, role
        elif await db(permissions, user) & set(who):
            assert code not in (NO_SESSION, NOT_PERMITTED, NOT_FOUND), role
        else:
            assert code in (NOT_PERMITTED, NOT_FOUND), role


@pytest.mark.django_db(transaction=True)
async def test_calls_and_bots_beyond_a_persons_reach_are_not_found(world: World) -> None:
    these = await db(things, world)
    await db(Call.objects.filter(pk=these.call.pk).update, state="active", **UNENDED)
    for path in (f"ws/listen/{these.call.pk}", f"ws/call/{these.bot.name}"):
        assert await close_code(path, these.outsider) == NOT_FOUND


UNENDED: dict[str, Any] = {
    "ended_at": None,
    "ended_by": "",
    "reason_code": "",
    "reason": "",
    "transcript_expires_at": None,
}
