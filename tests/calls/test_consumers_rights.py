"""Who gets what on the live feed: signed in, permitted to see, permitted to read; and audited."""

import time

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.base import SessionBase

from bots.core.auditing import Action
from bots.models import AuditEvent
from calls import consumers
from calls.database import db
from calls.live import GROUP, LiveFeed
from tests.calls.conftest import MakeCall
from tests.calls.page import Page, line, page_of, running, store
from tests.worlds import World, browser

pytestmark = pytest.mark.django_db(transaction=True)


async def test_strangers_former_colleagues_and_forged_sessions_are_closed_4401(
    world: World,
) -> None:
    former = (await db(browser, world.former)).session
    forged = type(former)("0" * 32)
    for session in (None, former, forged):
        page = Page(session)
        await page.open()
        assert await page.close_code() == 4401


async def test_who_may_not_see_live_calls_is_told_so(world: World) -> None:
    for who in (world.people["call-data-manager"], world.people["account-manager"], world.newcomer):
        page = Page((await db(browser, who)).session)
        await page.open()
        assert await page.close_code() == 4403


async def test_losing_the_right_to_see_live_calls_closes_the_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    supervisor = world.people["supervisor"]
    async with page_of(supervisor) as page:
        await page.frame("snapshot")
        await db(supervisor.groups.clear)
        assert await page.close_code() == 4403


async def test_a_session_that_is_older_than_a_shift_is_over(world: World) -> None:
    def old() -> SessionBase:
        session = browser(world.people["supervisor"]).session
        session["signed_in_at"] = time.time() - settings.SESSION_LONGEST_SECONDS - 1
        session.save()
        return session

    page = Page(await db(old))
    await page.open()
    assert await page.close_code() == 4401


async def test_viewers_see_calls_and_no_word_of_them(world: World, make_call: MakeCall) -> None:
    call = await db(make_call, ended=False)
    await db(store, call, 1)
    feed, call_id = LiveFeed(), str(call.pk)
    async with running(feed), page_of(world.people["viewer"]) as page:
        snapshot = await page.frame("snapshot")
        assert "last_line" not in snapshot["rows"][0]
        await page.send(t="sub", call=call_id, since=0)
        assert await page.frame("refused") == {"t": "refused", "id": call_id, "code": 4403}
        feed.call_changed(call_id, bot="demo", turns=1)
        feed.line(call_id, line(2))
        upsert = await page.frame("call")
        assert "last_line" not in upsert["f"]
        assert upsert["f"]["turns"] == 1
        feed.call_gone(call_id, "done")
        last = await page.frame(lambda f: f["t"] == "line" or f.get("op") == "gone")
    assert last["t"] == "call"
    assert not await db(AuditEvent.objects.filter(kind="call").exists)


async def test_who_may_place_test_calls_follows_them_and_only_them(
    world: World, make_call: MakeCall
) -> None:
    test = await db(make_call, ended=False, is_test=True)
    real = await db(make_call, ended=False)
    await db(store, test, 1)
    async with page_of(world.people["operator"]) as page:
        await page.frame("snapshot")
        await page.send(t="sub", call=str(real.pk))
        assert (await page.frame("refused"))["code"] == 4403
        await page.send(t="sub", call=str(test.pk))
        assert (await page.frame("line"))["text"] == "line 1"


async def test_following_a_call_is_audited_once_a_page(world: World, make_call: MakeCall) -> None:
    call = await db(make_call, ended=False)
    async with page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        for _ in range(3):
            await page.send(t="sub", call=str(call.pk))
            await page.frame("following")
    event = await db(AuditEvent.objects.get, kind="call")
    assert (event.action, event.actor, event.target) == (
        Action.CALL_FOLLOWED,
        "supervisor",
        str(call.pk),
    )
    assert event.address == "192.0.2.7"


async def test_a_right_to_read_that_is_lost_ends_the_following(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    call = await db(make_call, ended=False)
    supervisor = world.people["supervisor"]
    feed, call_id = LiveFeed(), str(call.pk)

    def demote() -> None:
        supervisor.groups.set([Group.objects.get(name="viewer")])

    async with running(feed), page_of(supervisor) as page:
        await page.frame("snapshot")
        await page.send(t="sub", call=call_id)
        await page.frame("following")
        await db(demote)
        assert await page.frame("refused") == {"t": "refused", "id": call_id, "code": 4403}
        feed.call_changed(call_id, bot="demo")
        feed.line(call_id, line(1))
        feed.call_gone(call_id, "done")
        last = await page.frame(lambda f: f["t"] in ("line", "refused") or f.get("op") == "gone")
    assert last["t"] == "call"


async def test_levels_end_with_the_right_to_them(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    call = await db(make_call, ended=False)
    supervisor, layer = world.people["supervisor"], get_channel_layer()
    feed, call_id = LiveFeed(), str(call.pk)

    def demote() -> None:
        supervisor.groups.set([Group.objects.get(name="viewer")])

    async with running(feed), page_of(supervisor) as page:
        await page.frame("snapshot")
        await page.send(t="meter", call=call_id)
        await page.send(t="sub", call=call_id)
        await page.frame("following")
        level = {"type": "live.level", "call": call_id, "u": [1], "b": [2]}
        await layer.group_send(GROUP, level)
        assert await page.frame("level") == {"t": "level", "id": call_id, "u": [1], "b": [2]}
        await db(demote)
        await page.frame("refused")
        await layer.group_send(GROUP, level)
        feed.call_changed(call_id, bot="demo")
        assert (await page.frame(lambda f: f["t"] in ("level", "call")))["t"] == "call"


async def test_signing_out_closes_the_page_soon(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    client = await db(browser, world.people["supervisor"])
    page = Page(client.session)
    await page.open()
    await page.frame("snapshot")
    await db(client.logout)
    assert await page.close_code() == 4401
