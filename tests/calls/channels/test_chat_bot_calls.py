"""Whole calls with a bot in chat mode: a caller in front, the bot and its faults behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bots.core.activities import message
from bots.models import Bot
from bots.net import Outbound
from bots.protocols.ac_bot_api import Accepted, Errored
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.database import db
from tests.calls.channels.conftest import VoiceSide
from tests.fakes.ac_chat_bot import TOKEN, ChatBot, Script, chat_bot
from tests.fakes.oauth_server import CLIENT, SECRET, OAuthServer, oauth_server

pytestmark = pytest.mark.db

GOODBYE = {"type": "Event", "name": "hangup", "activityParams": {"hangupReason": "Said so"}}
ANSWERS: dict[str, list[Any]] = {
    "start": ["Welcome."],
    "my bill": ["Forty dollars."],
    "bye": ["Bye.", GOODBYE],
}
SORRY = [{"type": "message", "text": "Sorry."}, {"type": "event", "name": "hangup"}]


def set_up(params: dict[str, Any], credentials: dict[str, Any]) -> Bot:
    """A bot ``chat`` behind a provider with ``params``."""
    provider = provider_create(
        name="chat", kind="bot", plugin="ac-api", params=params, credentials=credentials
    )
    return bot_create(
        name="chat",
        author="test",
        provider=provider,
        params={"failoverActivities": {"bot": SORRY}},
    )


@asynccontextmanager
async def answering(script: Script) -> AsyncIterator[ChatBot]:
    """A bot that follows ``script``, and is set up."""
    async with chat_bot(script) as bot:
        await db(set_up, {"botURL": bot.url}, {"token": TOKEN})
        yield bot


@pytest.fixture
def quick(transactional_db: None, loopback: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between attempts."""
    monkeypatch.setattr("bots.connectors.ac_api.requests.PAUSE_S", 0.0)
    monkeypatch.setattr("bots.connectors.ac_api.chat.PAUSE_S", 0.0)


async def begun(call: Any) -> VoiceSide:
    side: VoiceSide = await call("chat", audio=False)
    await side.until(Accepted)
    await side.start()
    assert await side.says() == "Welcome."
    return side


async def hung_up(side: VoiceSide, reason_code: str = "bot-disconnected") -> None:
    await side.told("hangup")
    await side.send(side.client.end(reason_code, "Bot Side"))
    await side.closed()


@pytest.mark.usefixtures("quick")
async def test_a_caller_talks_with_a_bot_in_chat_mode(call: Any, records: Any, lines: Any) -> None:
    async with answering(Script(answers=ANSWERS)) as bot:
        side = await begun(call)
        await side.act(message("my bill", parameters={"confidence": 0.8}))
        assert await side.says() == "Forty dollars."
        await side.act(message("bye"))
        assert await side.says() == "Bye."
        await hung_up(side)
        (record,) = await records()
        assert (record.ended_by, record.reason, record.cause) == ("bot", "Said so", "")
        assert [text for _, text, _ in await lines(record)][-1] == "Bye."
        told = [each.body["activities"][0] for each in bot.steps("activities")]
        assert [each.get("text") or each["name"] for each in told] == ["start", "my bill", "bye"]
        assert all(each["id"] and each["timestamp"].endswith("Z") for each in told)
        assert told[0]["parameters"]["caller"] == "+15550100"
        (disconnect,) = bot.steps("disconnect")
        assert disconnect.body["reasonCode"] == "bot-disconnected"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("fault", "cause", "reason"),
    [
        (500, "bot:server", "The bot failed: The bot answered the activity with HTTP status 500"),
        (404, "bot:not-found", "The bot failed: The bot has forgotten the conversation"),
        (401, "bot:authentication", "The bot failed: The bot does not accept the gateway's token"),
    ],
)
async def test_a_bot_that_fails_is_followed_by_the_failure_activities(
    call: Any, records: Any, fault: int, cause: str, reason: str
) -> None:
    async with answering(Script(answers=ANSWERS)) as bot:
        side = await begun(call)
        bot.always["activities"] = fault
        await side.act(message("my bill"))
        assert await side.says() == "Sorry."
        await hung_up(side)
        (record,) = await records()
        assert record.cause == cause
        assert record.reason.startswith(reason)
        assert TOKEN not in record.reason
        assert len(bot.steps("disconnect")) == 1


@pytest.mark.usefixtures("quick")
async def test_a_bot_that_cannot_be_joined_refuses_the_call(call: Any, records: Any) -> None:
    async with answering(Script(answers=ANSWERS)) as bot:
        bot.always["create"] = 503
        side: VoiceSide = await call("chat", audio=False)
        refused: Errored = await side.until(Errored)
        assert refused.reason == (
            "The bot failed: The bot answered the creation with HTTP status 503"
        )
        (record,) = await records()
        assert record.cause == "bot:server"


@pytest.mark.usefixtures("quick")
async def test_what_no_database_holds_is_no_end_of_a_call(
    call: Any, records: Any, lines: Any
) -> None:
    strange = ["nul \0 bell \7 line\r\nend", {"type": "event", "name": "\0" * 100}, {"type": 7}]
    answers = {**ANSWERS, "my bill": [*strange, "Still here."]}
    async with answering(Script(answers=answers)):
        side = await begun(call)
        await side.act(message("my bill"))
        while await side.says() != "Still here.":
            pass
        await side.act(message("bye"))
        await hung_up(side)
        (record,) = await records()
        assert record.cause == ""
        kept = [text for _, text, _ in await lines(record)]
        assert "\0" not in "".join(kept)
        assert any(text.startswith("The bot sent something that is no activity") for text in kept)


@asynccontextmanager
async def oauth(script: Script) -> AsyncIterator[tuple[ChatBot, OAuthServer]]:
    """A bot whose tokens come from a server."""
    async with oauth_server() as server, chat_bot(script) as bot:
        await db(
            set_up,
            {"botURL": bot.url, "oauthTokenUrl": server.url},
            {"oauthClientId": CLIENT, "oauthClientSecret": SECRET},
        )
        yield bot, server


@pytest.mark.usefixtures("quick")
async def test_a_token_server_that_fails_is_named_in_the_record(call: Any, records: Any) -> None:
    async with oauth(Script(tokens=("token-1",), answers=ANSWERS)) as (bot, server):
        server.fails.append(401)
        side: VoiceSide = await call("chat", audio=False)
        await side.until(Errored)
        (record,) = await records()
        assert record.cause == "bot:authentication"
        assert record.reason == ("The bot failed: The OAuth server gives no token: HTTP status 401")
        assert bot.steps() == []
