"""The socket on which a bot in chat mode speaks by itself."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from bots.connectors.ac_api import proactive, requests
from bots.core.ports import AgentReport
from tests.bots.connectors.talking import CONVERSATION, WELCOME, connector, talking
from tests.fakes.ac_chat_bot import TOKEN, ChatBot, Script, chat_bot

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback", "at_once")]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before connecting again."""
    monkeypatch.setattr(proactive, "PAUSE_S", 0.0)
    monkeypatch.setattr(requests, "PAUSE_S", 0.0)


def says(*texts: str, **more: Any) -> str:
    activities = [{"type": "message", "text": text} for text in texts]
    return json.dumps({"activities": activities, **more})


async def socket_of(bot: ChatBot) -> web.WebSocketResponse:
    async with asyncio.timeout(10):
        return await bot.sockets.get()


async def test_the_bot_speaks_by_itself_and_the_gateway_says_nothing_there() -> None:
    async with chat_bot(Script(websocket=True)) as bot:
        async with talking(connector(bot)) as talk:
            socket = await socket_of(bot)
            await socket.send_str(says("One.", "Two."))
            await socket.send_str(says("Three.", conversation="c1"))
            assert await talk.texts(3) == ["One.", "Two.", "Three."]
        assert [each.step for each in bot.steps()] == ["create", "websocket", "disconnect"]
        assert set(bot.proofs) == {f"Bearer {TOKEN}"}
        await asyncio.wait_for(bot.left.wait(), 10)
        assert socket.close_code == 1000


async def test_what_is_said_in_answers_and_by_socket_keeps_its_order() -> None:
    script = Script(websocket=True, answers={"a": ["2"], "b": ["4"]})
    async with chat_bot(script) as bot, talking(connector(bot)) as talk:
        socket = await socket_of(bot)
        heard: list[str | None] = []
        for text, key in (("1", "a"), ("3", "b")):
            await socket.send_str(says(text))
            heard += await talk.texts(1)
            await talk.send(key)
            heard += await talk.texts(1)
        assert heard == ["1", "2", "3", "4"]


async def test_nothing_is_sent_to_the_bot_before_the_socket_is_there() -> None:
    async with chat_bot(Script(websocket=True, answers=WELCOME)) as bot:
        async with talking(connector(bot)) as talk:
            await talk.send()
        assert [each.step for each in bot.steps()] == [
            "create",
            "websocket",
            "activities",
            "disconnect",
        ]


async def test_a_socket_that_is_lost_is_opened_again() -> None:
    async with chat_bot(Script(websocket=True)) as bot, talking(connector(bot)) as talk:
        await (await socket_of(bot)).close()
        await (await socket_of(bot)).send_str(says("Again."))
        assert await talk.texts(1) == ["Again."]


async def test_after_three_more_attempts_the_conversation_goes_on_without() -> None:
    async with chat_bot(Script(websocket=True, answers=WELCOME)) as bot:
        async with talking(connector(bot)) as talk:
            for _ in range(1 + proactive.RECONNECTS):
                await (await socket_of(bot)).close()
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]
        assert len(bot.steps("websocket")) == 1 + proactive.RECONNECTS


async def test_a_socket_that_lasted_is_given_all_attempts_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proactive, "STEADY_S", 0.0)
    async with chat_bot(Script(websocket=True)) as bot, talking(connector(bot)) as talk:
        for _ in range(3 + proactive.RECONNECTS):
            await (await socket_of(bot)).close()
        await (await socket_of(bot)).send_str(says("Still."))
        assert await talk.texts(1) == ["Still."]


@pytest.mark.parametrize("fault", [500, 404, "cut"])
async def test_a_bot_whose_socket_does_not_open_is_talked_to_without(fault: Any) -> None:
    async with chat_bot(Script(websocket=True, answers=WELCOME)) as bot:
        bot.always["websocket"] = fault
        async with talking(connector(bot)) as talk:
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]


async def test_what_cannot_be_read_on_the_socket_is_noted() -> None:
    async with chat_bot(Script(websocket=True)) as bot, talking(connector(bot)) as talk:
        socket = await socket_of(bot)
        await socket.send_bytes(b"\x00\x01")
        await socket.send_str("no JSON")
        await socket.send_str(says("Not for you.", conversation="c2"))
        await socket.send_str(says("For you."))
        notes = [await talk.next(), await talk.next()]
        assert [each.note for each in notes if isinstance(each, AgentReport)] == [
            "The bot's answer is no JSON object",
            "The bot sent a message of another conversation",
        ]
        assert await talk.texts(1) == ["For you."]


async def test_what_the_bot_says_after_the_end_is_ignored() -> None:
    async with chat_bot(Script(websocket=True)) as bot:
        bot.fails["disconnect"].append("silent")
        session = await connector(bot).open(CONVERSATION)
        socket = await socket_of(bot)
        closing = asyncio.ensure_future(session.close("client-disconnected", "over"))
        await bot.until("disconnect")
        await socket.send_str(says("Closing websocket"))
        bot.released.set()
        await closing
        assert [each async for each in session.events()] == []


async def test_a_frame_without_end_costs_the_socket_and_not_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proactive, "MAX_BODY_BYTES", 1000)
    async with chat_bot(Script(websocket=True)) as bot, talking(connector(bot)) as talk:
        await (await socket_of(bot)).send_str(says("x" * 2000))
        await (await socket_of(bot)).send_str(says("Short."))
        assert await talk.texts(1) == ["Short."]
