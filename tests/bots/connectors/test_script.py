"""The script bot as a call sees it: through the registry and the ports."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.connectors.script import QUEUED_DEEDS, ScriptConnector, ScriptParams, ScriptSession
from bots.core import registry
from bots.core.activities import Activity, event, message
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Level
from bots.core.params.resolve import Catalogue
from bots.core.ports import BotConversation
from bots.core.registry import NoParams

CALL = BotConversation(conversation_id="c1", bot="echo", language="en-US", caller="+15550123")
ECHO: dict[str, Any] = {
    "states": {"start": {"say": "Hello.", "answers": [{"phrases": ["stop"], "hangup": "done"}]}},
    "noMatch": {"say": "You said {heard}"},
}


def connector(dialogue: dict[str, Any] = ECHO) -> ScriptConnector:
    plugin = registry.plugin("bot", "script")
    params = plugin.params.model_validate({"scriptDialogue": dialogue})
    found: ScriptConnector = plugin.factory(params, NoParams())
    return found


async def read(session: ScriptSession, count: int) -> list[Activity]:
    stream = session.events()
    async with asyncio.timeout(5):
        return [await anext(stream) for _ in range(count)]


async def test_a_conversation_goes_from_greeting_to_hang_up() -> None:
    session = await connector().open(CALL)
    await session.send(event("start"))
    await session.send(message("one two"))
    await session.send(message("stop"))
    assert await read(session, 3) == [
        message("Hello."),
        message("You said one two"),
        event("hangup", activity_params={"hangupReason": "done"}),
    ]


async def test_two_calls_of_one_connector_do_not_meet() -> None:
    bot = connector()
    first, second = await bot.open(CALL), await bot.open(CALL)
    await first.send(event("start"))
    await first.send(message("mine"))
    await second.send(event("start"))
    assert [activity.text for activity in await read(first, 2)] == ["Hello.", "You said mine"]
    assert [activity.text for activity in await read(second, 1)] == ["Hello."]


async def test_the_session_stays_open_after_a_hang_up_until_it_is_closed() -> None:
    session = await connector().open(CALL)
    stream = session.events()
    await session.send(event("start"))
    await session.send(message("stop"))
    assert [(await anext(stream)).kind for _ in range(2)] == ["message", "event"]
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    assert not waiting.done()
    await session.close("client-disconnected", "")
    assert await waiting is None


async def test_closing_twice_ends_the_stream_once_and_drops_what_was_not_read() -> None:
    session = await connector().open(CALL)
    await session.send(event("start"))
    await session.close("client-disconnected", "")
    await session.close("client-disconnected", "")
    await session.send(message("one two"))
    assert [activity async for activity in session.events()] == []


async def test_a_bot_that_is_not_read_makes_the_sender_wait_and_a_close_frees_it() -> None:
    session = await connector().open(CALL)
    await session.send(event("start"))
    for _ in range(QUEUED_DEEDS - 1):
        await session.send(message("more"))
    stuck = asyncio.ensure_future(session.send(message("too much")))
    await asyncio.sleep(0)
    assert not stuck.done()
    await session.close("client-disconnected", "")
    async with asyncio.timeout(5):
        await stuck
    assert [activity async for activity in session.events()] == []


FAULTY: dict[str, Any] = {
    "states": {
        "start": {
            "say": "Hello.",
            "do": [{"say": "Still there?", "delayMs": 1}],
            "answers": [
                {"phrases": ["fail"], "say": "Oh.", "fail": "quota"},
                {"phrases": ["leave"], "leave": True},
                {"phrases": ["wait"], "delayMs": 600_000, "say": "At last."},
            ],
        }
    }
}


async def test_a_pause_lies_between_what_comes_before_and_behind_it() -> None:
    session = await connector(FAULTY).open(CALL)
    await session.send(event("start"))
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert await read(session, 2) == [message("Hello."), message("Still there?")]
    assert loop.time() - before >= 0.001


async def test_a_bot_that_is_to_fail_fails_after_what_it_said_before() -> None:
    session = await connector(FAULTY).open(CALL)
    await session.send(event("start"))
    await session.send(message("fail"))
    stream = session.events()
    assert [(await anext(stream)).text for _ in range(3)] == ["Hello.", "Still there?", "Oh."]
    with pytest.raises(ServiceError) as failure:
        await anext(stream)
    assert failure.value.fault is Fault.QUOTA


async def test_a_bot_that_is_to_leave_ends_its_side_in_order() -> None:
    session = await connector(FAULTY).open(CALL)
    await session.send(event("start"))
    await session.send(message("leave"))
    async with asyncio.timeout(5):
        assert len([activity async for activity in session.events()]) == 2


async def test_a_close_cuts_a_pause_short() -> None:
    session = await connector(FAULTY).open(CALL)
    await session.send(event("start"))
    await session.send(message("wait"))
    stream = session.events()
    for _ in range(2):
        await anext(stream)
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    await session.close("client-disconnected", "")
    async with asyncio.timeout(5):
        assert await waiting is None


async def test_a_bot_that_is_not_to_be_joined_is_not() -> None:
    bot = connector(FAULTY | {"join": {"delayMs": 1, "fail": "authentication"}})
    with pytest.raises(ServiceError) as failure:
        await bot.open(CALL)
    assert failure.value.fault is Fault.AUTHENTICATION


def test_the_expected_phrases_are_those_of_the_dialogue() -> None:
    assert connector().phrases() == ("stop",)


async def test_without_a_dialogue_the_caller_is_told_and_the_call_ends() -> None:
    session = await ScriptConnector(ScriptParams(), NoParams()).open(CALL)
    await session.send(event("start"))
    told, ended = await read(session, 2)
    assert "Nothing has been set up" in (told.text or "")
    assert ended.event == "hangup"


async def test_states_nobody_can_come_to_are_named_once_in_the_log() -> None:
    states = {**ECHO["states"], "attic": {"say": "Hello.", "hangup": True}}
    with capture_logs() as lines:
        bot = connector(ECHO | {"states": states})
        await bot.open(CALL)
        await bot.open(CALL)
    assert [(line["event"], line["states"]) for line in lines] == [
        ("script.unreachable_states", ("attic",))
    ]


def test_a_mistake_in_a_stored_dialogue_is_named_with_its_path() -> None:
    states = {"start": {"say": "Hello.", "goto": "starto"}}
    found = Catalogue([ScriptParams]).problems(Level.BOT, {"scriptDialogue": {"states": states}})
    assert list(found) == ["scriptDialogue"]
    assert "states.start.goto" in found["scriptDialogue"]
