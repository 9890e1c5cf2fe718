"""The socket by which pages learn of alarms: who is told what, and when it ends."""

import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection

from alarms import board, consumers
from alarms.consumers import AlarmConsumer
from alarms.core.catalogue import BOT_MISCONFIGURED, DATABASE_UNAVAILABLE
from bots.models import Bot
from calls.database import db
from tests.alarms.raising import cleared, raised
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.django_db(transaction=True)


class Page:
    """A page of the console, as far as it listens to alarms."""

    def __init__(self, session: SessionBase | None) -> None:
        self.socket = WebsocketCommunicator(AlarmConsumer.as_asgi(), "/ws/alarms")
        self.socket.scope["session"] = session

    async def told(self) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = json.loads(await self.socket.receive_from(timeout=10))
        return frame

    async def close_code(self) -> int:
        """The code with which the server closes, after whatever it still has to say."""
        while True:
            output = await self.socket.receive_output(timeout=10)
            if output["type"] == "websocket.close":
                await self.socket.wait()
                return int(output["code"])


@asynccontextmanager
async def page_of(user: User) -> AsyncIterator[Page]:
    page = Page((await db(browser, user)).session)
    assert await page.socket.connect(timeout=10) == (True, None)
    try:
        yield page
    finally:
        await page.socket.disconnect(timeout=10)


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is looked up again at once."""
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.01)


async def test_a_page_is_told_the_tally_at_once_and_at_every_change(world: World) -> None:
    async with page_of(world.people["viewer"]) as page:
        first = await page.told()
        alarm = await db(raised)
        await db(board.refresh)
        second = await page.told()
        await db(cleared, alarm)
        await db(board.refresh)
        third = await page.told()
    assert [each["total"] for each in (first, second, third)] == [0, 1, 0]
    assert (second["t"], second["worst"], second["counts"]) == ("alarms", "major", {"major": 1})
    assert second["loud"] == [[str(alarm.alarm_id), 4]]
    assert first["version"] < second["version"] < third["version"]


async def test_a_page_that_left_hears_no_more(world: World) -> None:
    before = len(board.BOARD._callbacks)
    async with page_of(world.people["viewer"]) as page:
        await page.told()
        assert len(board.BOARD._callbacks) == before + 1
    assert len(board.BOARD._callbacks) == before


async def test_what_is_not_for_somebodys_eyes_is_no_news_for_them(world: World) -> None:
    mine = await db(Bot.objects.create, name="mine")
    narrow = await db(with_role, "viewer", name="narrow", bots=[mine])
    async with page_of(narrow) as page:
        assert (await page.told())["total"] == 0
        await db(raised, DATABASE_UNAVAILABLE, "")
        await db(board.refresh)
        await db(raised, BOT_MISCONFIGURED, "mine")
        await db(board.refresh)
        told = await page.told()
    assert (told["total"], told["worst"]) == (1, "major")


@pytest.mark.usefixtures("_often")
async def test_a_sign_of_life_goes_out_after_each_look(world: World) -> None:
    async with page_of(world.people["viewer"]) as page:
        assert [(await page.told())["t"] for _ in range(3)] == ["alarms", "hb", "hb"]


@pytest.mark.usefixtures("_often")
async def test_who_loses_the_role_or_signs_out_is_told_no_more(world: World) -> None:
    viewer = world.people["viewer"]
    page = Page((await db(browser, viewer)).session)
    await page.socket.connect(timeout=10)
    await db(viewer.groups.clear)
    assert await page.close_code() == 4403
    session = (await db(browser, world.admin)).session
    page = Page(session)
    await page.socket.connect(timeout=10)
    await db(session.flush)
    assert await page.close_code() == 4401


async def test_strangers_and_people_without_a_role_are_turned_away(world: World) -> None:
    for session, code in (
        (None, 4401),
        ((await db(browser, world.newcomer)).session, 4403),
    ):
        page = Page(session)
        await page.socket.connect(timeout=10)
        assert await page.close_code() == code


async def test_a_page_that_talks_is_not_ours(world: World) -> None:
    async with page_of(world.people["viewer"]) as page:
        await page.told()
        await page.socket.send_to(text_data="{}")
        assert await page.close_code() == 4400


async def test_one_person_has_so_many_sockets_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SOCKETS_PER_USER", 1)
    viewer = world.people["viewer"]
    async with page_of(viewer) as first:
        await first.told()
        second = Page((await db(browser, viewer)).session)
        await second.socket.connect(timeout=10)
        assert await second.close_code() == 4429
    async with page_of(viewer) as third:
        assert (await third.told())["t"] == "alarms"
    assert not AlarmConsumer._sockets


async def test_a_database_that_hangs_ends_it_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def hangs(_key: str | None) -> Any:
        goes_on.wait(30)
        return None

    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(consumers, "_person", hangs)
    page = Page((await db(browser, world.admin)).session)
    await page.socket.connect(timeout=10)
    assert await page.close_code() == 1013
    goes_on.set()


async def test_a_database_that_is_away_ends_it_for_a_while(world: World) -> None:
    session = (await db(browser, world.admin)).session
    page = Page(session)
    await db(_without_sessions)
    try:
        await page.socket.connect(timeout=10)
        assert await page.close_code() == 1013
    finally:
        await db(_with_sessions)


def _without_sessions() -> None:
    _rename("django_session", "away")


def _with_sessions() -> None:
    _rename("away", "django_session")


def _rename(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")
