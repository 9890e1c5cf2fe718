"""How the gateway proves itself to a bot in chat mode, and the test of such a provider."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from bots import oauth
from bots.connectors.ac_api import AcApiConnector, chat, requests
from bots.connectors.ac_api.params import AcApiCredentials, AcApiParams
from bots.core import registry
from bots.core.activities import message
from bots.core.errors import Fault
from bots.core.ports import BotConversation
from bots.probes import StepName, probe
from tests.bots.connectors.talking import WELCOME, connector, failure_of, talking
from tests.fakes.ac_chat_bot import TOKEN, ChatBot, Script, chat_bot
from tests.fakes.oauth_server import CLIENT, SECRET, OAuthServer, oauth_server

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback", "at_once")]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are as short as can be."""
    monkeypatch.setattr(requests, "PAUSE_S", 0.0)
    monkeypatch.setattr(chat, "PAUSE_S", 0.0)


def by_oauth(bot: ChatBot, server: OAuthServer) -> AcApiConnector:
    return AcApiConnector(
        AcApiParams.model_validate({"botURL": bot.url, "oauthTokenUrl": server.url}),
        AcApiCredentials(oauthClientId=CLIENT, oauthClientSecret=SecretStr(SECRET)),
    )


# --- tokens -------------------------------------------------------------------------------------


@asynccontextmanager
async def oauth_bot(*tokens: str, **script: Any) -> AsyncIterator[tuple[ChatBot, OAuthServer]]:
    async with oauth_server() as server, chat_bot(Script(tokens=tokens, **script)) as bot:
        yield bot, server


def accepting(*tokens: str) -> AbstractAsyncContextManager[tuple[ChatBot, OAuthServer]]:
    return oauth_bot(*tokens, answers=WELCOME)


async def test_one_token_serves_all_requests_of_all_calls() -> None:
    async with accepting("token-1") as (bot, server):
        for name in ("c1", "c2"):
            line = by_oauth(bot, server)
            session = await line.open(
                BotConversation(conversation_id=name, bot="b", language="en-US")
            )
            await session.send(message("start", id="1"))
            await session.close("error", "over")
        assert len(server.asked) == 1
        assert set(bot.proofs) == {"Bearer token-1"}


async def test_a_token_that_is_refused_is_fetched_anew_once() -> None:
    async with accepting("token-2") as (bot, server):
        async with talking(by_oauth(bot, server)) as talk:
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]
        assert bot.proofs[:2] == ["Bearer token-1", "Bearer token-2"]
        assert len(server.asked) == 2


async def test_a_token_that_expires_in_the_middle_is_fetched_anew() -> None:
    async with accepting("token-1") as (bot, server):
        async with talking(by_oauth(bot, server)) as talk:
            bot.script = Script(tokens=("token-2",), answers=WELCOME)
            await talk.send()
            assert await talk.texts(1) == ["Welcome."]
        bodies = [each.body for each in bot.steps("activities")]
        assert bodies[0] == bodies[1]


async def test_the_socket_gets_a_fresh_token_too() -> None:
    async with oauth_bot("token-1", "token-2", websocket=True) as (bot, server):
        bot.fails["websocket"].append(401)
        async with talking(by_oauth(bot, server)) as talk:
            await talk.send()
        assert len(server.asked) == 2
        assert [each.step for each in bot.steps()][:2] == ["create", "websocket"]


async def test_a_bot_that_refuses_every_token_fails_after_two() -> None:
    async with accepting("none") as (bot, server):
        failed = await failure_of(by_oauth(bot, server))
        assert failed.fault is Fault.AUTHENTICATION
        assert failed.detail == "The bot does not accept the gateway's token (HTTP status 401)"
        assert (len(server.asked), len(bot.steps("create"))) == (2, 2)


async def test_a_permanent_token_that_is_refused_is_not_sent_again() -> None:
    async with chat_bot() as bot:
        assert (await failure_of(connector(bot, "wrong"))).fault is Fault.AUTHENTICATION
        assert len(bot.steps("create")) == 1


async def test_without_a_token_the_failure_names_the_token_server() -> None:
    async with accepting("token-1") as (bot, server):
        server.fails.append(401)
        failed = await failure_of(by_oauth(bot, server))
        assert failed.fault is Fault.AUTHENTICATION
        assert failed.detail == "The OAuth server gives no token: HTTP status 401"
        assert bot.steps() == []


async def test_a_token_server_that_is_away_for_a_moment_costs_no_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oauth, "PAUSE_S", 0.0)
    async with accepting("token-1") as (bot, server):
        server.fails.append(503)
        async with talking(by_oauth(bot, server)):
            pass
        assert len(server.asked) == 2
        assert [each.conversation for each in bot.steps("disconnect")] == ["c1"]


# --- health -------------------------------------------------------------------------------------


async def test_the_test_of_a_provider_asks_for_health_and_holds_a_conversation() -> None:
    async with chat_bot(Script(answers=WELCOME)) as bot:
        outcome = await tried(bot)
        assert outcome.ok
        assert [step.name for step in outcome.steps] == [
            StepName.BUILD,
            StepName.CHECK,
            StepName.CONNECT,
            StepName.ANSWER,
            StepName.CLOSE,
        ]
        assert outcome.steps[1].facts == {"health": "success"}
        assert outcome.steps[3].facts == {"text": "Welcome."}
        start = bot.steps("activities")[0].body["activities"][0]
        assert start["id"]
        assert start["timestamp"].endswith("Z")
        assert [each.step for each in bot.steps()] == [
            "health",
            "create",
            "activities",
            "disconnect",
        ]


@pytest.mark.parametrize(("fault", "status"), [(404, 404), (500, 500), ("page", 200)])
async def test_a_bot_that_does_not_know_the_question_is_none_the_worse(
    fault: Any, status: int
) -> None:
    async with chat_bot(Script(answers=WELCOME)) as bot:
        bot.always["health"] = fault
        outcome = await tried(bot)
        assert outcome.ok
        assert outcome.steps[1].facts == {"health": f"unknown (HTTP status {status})"}


async def test_a_wrong_token_shows_in_the_test_of_a_provider() -> None:
    async with chat_bot() as bot:
        outcome = await tried(bot, token="wrong")
        assert (outcome.ok, outcome.fault) == (False, Fault.AUTHENTICATION)
        assert outcome.detail == "The bot does not accept the gateway's token (HTTP status 401)"


async def tried(bot: ChatBot, token: str = TOKEN) -> Any:
    params = AcApiParams(botURL=bot.url)
    credentials = AcApiCredentials(token=SecretStr(token))
    plugin = registry.plugin("bot", "ac-api")
    return await probe(plugin, params, credentials, name="billing", language="en-US")
