"""Conversations in chat mode with a bot on loopback: in order, with failures, kept alive."""

import asyncio
from typing import Any

import pytest

from bots.connectors.ac_api import AcApiConnector, chat, requests
from bots.connectors.ac_api.params import AcApiCredentials, AcApiParams
from bots.core.errors import Fault, ServiceError
from bots.core.ports import AgentReport
from bots.protocols import ac_chat
from tests.bots.connectors.talking import CONVERSATION, WELCOME, connector, failure_of, talking
from tests.fakes.ac_chat_bot import TOKEN, Script, chat_bot

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback", "at_once")]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are as short as can be."""
    monkeypatch.setattr(requests, "PAUSE_S", 0.0)
    monkeypatch.setattr(chat, "PAUSE_S", 0.0)


# --- a conversation -----------------------------------------------------------------------------


async def test_a_conversation_is_created_told_and_disconnected() -> None:
    async with chat_bot(Script(answers=WELCOME)) as bot:
        async with talking(connector(bot)) as talk:
            await talk.send()
            assert await talk.texts(2) == ["Welcome.", "How can I help?"]
            await talk.send("bye")
            assert await talk.texts(2) == ["Bye.", None]
        create, start, bye, disconnect = bot.steps()
        assert create.body == {
            "conversation": "c1",
            "bot": "billing",
            "capabilities": ["websocket"],
        }
        assert start.body["activities"] == [
            {"type": "message", "text": "start", "id": "id-start", "timestamp": "t"}
        ]
        assert (bye.conversation, disconnect.step) == ("c1", "disconnect")
        assert disconnect.body == {
            "conversation": "c1",
            "reason": "Client Side",
            "reasonCode": "client-disconnected",
        }
        assert set(bot.proofs) == {f"Bearer {TOKEN}"}


async def test_it_is_disconnected_once_however_often_it_is_closed() -> None:
    async with chat_bot() as bot:
        session = await connector(bot).open(CONVERSATION)
        await session.close("error", "first")
        await session.close("error", "second")
        (only,) = bot.steps("disconnect")
        assert only.body["reason"] == "first"
        assert [each async for each in session.events()] == []


async def test_activities_are_sent_one_after_the_other() -> None:
    async with chat_bot(Script(answers={"a": ["1"], "b": ["2"]})) as bot:
        bot.fails["activities"].append("silent")
        async with talking(connector(bot)) as talk:
            first = asyncio.ensure_future(talk.send("a"))
            second = asyncio.ensure_future(talk.send("b"))
            await bot.until("activities")
            bot.released.set()
            await asyncio.gather(first, second)
        told = [each.body["activities"][0]["text"] for each in bot.steps("activities")]
        assert told == ["a", "a", "b"]


async def test_without_credentials_no_authorization_is_sent() -> None:
    async with chat_bot(Script(tokens=None)) as bot:
        async with talking(connector(bot, token="")) as talk:
            await talk.send()
        assert set(bot.proofs) == {""}


async def test_a_bot_without_refresh_and_disconnection_is_talked_to() -> None:
    url = "conversation/c1/activities?sig=1"
    script = Script(answers=WELCOME, created={"activitiesURL": url})
    async with chat_bot(script) as bot:
        async with talking(connector(bot)) as talk:
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]
        assert [each.step for each in bot.steps()] == ["create", "activities"]


async def test_nobody_has_said_where_the_bot_is() -> None:
    line = AcApiConnector(AcApiParams(), AcApiCredentials())
    assert (await failure_of(line)).detail == "botURL is not set in the provider"
    assert line.phrases() == ()


# --- failures of the creation -------------------------------------------------------------------


@pytest.mark.parametrize("fault", [503, "cut"])
async def test_a_creation_whose_outcome_is_unknown_is_tried_under_another_id(fault: Any) -> None:
    async with chat_bot(Script(answers=WELCOME)) as bot:
        bot.fails["create"].append(fault)
        async with talking(connector(bot)) as talk:
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]
        first, second = (each.body["conversation"] for each in bot.steps("create"))
        assert first == "c1" != second
        told = [each.body["conversation"] for each in bot.steps("activities", "disconnect")]
        assert told == [second, second]


async def test_a_creation_is_given_up_after_three_attempts() -> None:
    async with chat_bot() as bot:
        bot.always["create"] = 500
        failed = await failure_of(connector(bot))
        assert (failed.service, failed.fault) == ("bot:ac-api", Fault.SERVER)
        assert failed.detail == "The bot answered the creation with HTTP status 500"
        assert len(bot.steps("create")) == 3


@pytest.mark.parametrize(
    ("fault", "kind", "detail"),
    [
        (400, Fault.INVALID_REQUEST, "The bot answered the creation with HTTP status 400"),
        (404, Fault.NOT_FOUND, "The bot answered the creation with HTTP status 404"),
        ("page", Fault.PROTOCOL, "The bot cannot be talked to: the answer to the creation is no"),
    ],
)
async def test_a_creation_that_is_refused_is_not_repeated(
    fault: Any, kind: Fault, detail: str
) -> None:
    async with chat_bot() as bot:
        bot.fails["create"].append(fault)
        failed = await failure_of(connector(bot))
        assert failed.fault is kind
        assert failed.detail.startswith(detail)
        assert len(bot.steps("create")) == 1


async def test_a_bot_that_is_not_there_is_told_as_such() -> None:
    async with chat_bot() as bot:
        line = connector(bot)
    failed = await failure_of(line)
    assert (failed.fault, failed.detail) == (
        Fault.CONNECTIVITY,
        "The bot cannot be reached: no connection",
    )


async def test_a_slow_bot_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "CREATE_S", 0.05)
    async with chat_bot() as bot:
        bot.always["create"] = "silent"
        line = connector(bot)
        await line.check()  # so that there is a connection already
        failed = await failure_of(line)
        assert failed.detail == "The bot gave no answer: no answer in time"
        assert len(bot.steps("create")) == 1


# --- failures in the conversation ---------------------------------------------------------------


async def test_an_activity_is_sent_again_with_the_same_body() -> None:
    async with chat_bot(Script(answers=WELCOME, knows_again=False)) as bot:
        bot.fails["activities"].extend([502, "cut"])
        async with talking(connector(bot)) as talk:
            await talk.send()
            assert await talk.texts(2) == ["Welcome.", "How can I help?"]
        bodies = [each.body for each in bot.steps("activities")]
        assert len(bodies) == 3
        assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize(
    ("fault", "kind", "attempts", "detail"),
    [
        (500, Fault.SERVER, 3, "The bot answered the activity with HTTP status 500"),
        ("cut", Fault.CONNECTIVITY, 3, "The bot gave no answer: connection lost"),
        (400, Fault.INVALID_REQUEST, 1, "The bot answered the activity with HTTP status 400"),
        (404, Fault.NOT_FOUND, 1, "The bot has forgotten the conversation"),
        (403, Fault.AUTHORIZATION, 1, "The bot answered the activity with HTTP status 403"),
    ],
)
async def test_a_failing_bot_fails_the_conversation_as_tabled(
    fault: Any, kind: Fault, attempts: int, detail: str
) -> None:
    async with chat_bot() as bot:
        bot.always["activities"] = fault
        async with talking(connector(bot)) as talk:
            with pytest.raises(ServiceError) as failed:
                await talk.send()
        assert (failed.value.fault, failed.value.detail) == (kind, detail)
        assert len(bot.steps("activities")) == attempts
        assert len(bot.steps("disconnect")) == 1


async def test_the_time_for_an_activity_is_that_of_all_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chat, "REQUEST_S", 0.05)
    async with chat_bot() as bot:
        bot.always["activities"] = "silent"
        async with talking(connector(bot)) as talk:
            with pytest.raises(ServiceError) as failed:
                await talk.send()
        assert failed.value.fault is Fault.TIMEOUT
        assert len(bot.steps("activities")) == 1


async def test_an_answer_that_cannot_be_read_is_noted_once_and_says_nothing() -> None:
    async with chat_bot(Script(answers={"b": ["Still here."]})) as bot:
        bot.fails["activities"].extend(["page", "page"])
        async with talking(connector(bot)) as talk:
            for text in ("a", "a", "b"):
                await talk.send(text)
            report = await talk.next()
            assert isinstance(report, AgentReport)
            assert (report.name, report.note) == ("warning", "The bot's answer is no JSON object")
            assert await talk.texts(1) == ["Still here."]


async def test_an_answer_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_BODY_BYTES", 10_000)
    script = Script(answers={"start": ["x" * 20_000]})
    async with chat_bot(script) as bot, talking(connector(bot)) as talk:
        with pytest.raises(ServiceError, match="larger than 10000 bytes"):
            await talk.send()


async def test_a_disconnection_is_tried_twice_and_never_fails() -> None:
    async with chat_bot() as bot:
        bot.always["disconnect"] = 500
        async with talking(connector(bot)):
            pass
        assert len(bot.steps("disconnect")) == 2


# --- staying alive ------------------------------------------------------------------------------


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversations are refreshed a hundred times a second."""
    monkeypatch.setattr(ac_chat, "SHORTEST_REFRESH_S", 0.01)


@pytest.mark.usefixtures("hasty")
async def test_a_conversation_is_refreshed_for_as_long_as_it_lasts() -> None:
    async with chat_bot(Script(expires=10, refreshed={"expiresSeconds": 9})) as bot:
        async with talking(connector(bot)):
            refreshes = await bot.until("refresh", 3)
        assert refreshes[0].body == {"conversation": "c1"}
        assert bot.steps()[-1].step == "disconnect"
        assert not [task for task in asyncio.all_tasks() if "keep_alive" in repr(task)]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("fault", "kind", "detail"),
    [
        (404, Fault.NOT_FOUND, "The bot has forgotten the conversation"),
        (401, Fault.AUTHENTICATION, "The bot does not accept the gateway's token"),
    ],
)
async def test_a_conversation_that_is_lost_fails(fault: int, kind: Fault, detail: str) -> None:
    async with chat_bot(Script(expires=10)) as bot:
        bot.always["refresh"] = fault
        async with talking(connector(bot)) as talk:
            with pytest.raises(ServiceError, match=detail) as failed:
                await talk.next()
        assert failed.value.fault is kind


@pytest.mark.usefixtures("hasty")
async def test_refreshes_that_fail_are_repeated_until_the_conversation_is_over() -> None:
    async with chat_bot(Script(expires=10, answers=WELCOME)) as bot:
        bot.fails["refresh"].extend([500, "cut", 400])
        async with talking(connector(bot)) as talk:
            await bot.until("refresh", 5)
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]

    async with chat_bot(Script(expires=0.03)) as bot:
        bot.always["refresh"] = 500
        async with talking(connector(bot)) as talk:
            with pytest.raises(ServiceError, match="answered the refresh with HTTP status 500"):
                await talk.next()


@pytest.mark.usefixtures("hasty")
async def test_an_unforeseen_error_in_the_background_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(conversation: str) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(ac_chat, "refreshing", broken)
    async with chat_bot(Script(expires=10)) as bot, talking(connector(bot)) as talk:
        with pytest.raises(RuntimeError, match="a bug"):
            await talk.next()
