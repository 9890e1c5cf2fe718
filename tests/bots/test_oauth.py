"""Tokens: fetched once for everybody, renewed in time, and what a failing server means."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from bots import oauth
from bots.core.errors import Fault, ServiceError
from bots.net import Outbound
from bots.oauth import Bearer, ClientCredentials
from tests.fakes.oauth_server import CLIENT, SECRET, OAuthServer, oauth_server

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]


@pytest.fixture
async def server(loopback: Outbound) -> AsyncIterator[OAuthServer]:
    async with oauth_server() as fake:
        yield fake


def bearer(server: OAuthServer, **changes: Any) -> Bearer:
    values = {
        "token_url": server.url,
        "client_id": CLIENT,
        "client_secret": SecretStr(SECRET),
        **changes,
    }
    return Bearer("bot:x", token=SecretStr("unused"), client=ClientCredentials(**values))


def proof(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer token-{number}"}


async def failure(line: Bearer, refused: str | None = None) -> ServiceError:
    with pytest.raises(ServiceError) as failed:
        await line.headers(refused)
    return failed.value


def pass_seconds(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the clock of the running loop go on by ``seconds`` at once."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)


# --- without a token server ---------------------------------------------------------------------


async def test_a_permanent_token_is_sent_as_it_is_and_there_is_no_other() -> None:
    line = Bearer("bot:x", token=SecretStr("abc"))
    sent = await line.headers()
    assert sent == {"Authorization": "Bearer abc"}
    assert await line.headers(sent["Authorization"]) == sent


async def test_without_any_credentials_nothing_is_sent() -> None:
    assert await Bearer("bot:x", token=SecretStr("")).headers() == {}


@pytest.mark.parametrize("changes", [{"client_id": ""}, {"client_secret": SecretStr("")}])
async def test_oauth_without_a_client_is_a_mistake_of_the_configuration(
    server: OAuthServer, changes: dict[str, Any]
) -> None:
    failed = await failure(bearer(server, **changes))
    assert failed.fault is Fault.AUTHENTICATION
    assert "needs a client id and a client secret" in failed.detail
    assert server.asked == []


# --- fetching -----------------------------------------------------------------------------------


async def test_a_token_is_asked_for_as_documented(server: OAuthServer) -> None:
    assert await bearer(server, scope="bot.talk more").headers() == proof(1)
    assert server.asked == [
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "scope": "bot.talk more",
        }
    ]


async def test_a_scope_is_only_named_if_there_is_one(server: OAuthServer) -> None:
    await bearer(server).headers()
    assert "scope" not in server.asked[0]


async def test_a_hundred_calls_at_once_ask_once(server: OAuthServer) -> None:
    server.held.clear()
    lines = [bearer(server) for _ in range(100)]
    waiting = [asyncio.ensure_future(line.headers()) for line in lines]
    await server.came.wait()
    server.held.set()
    assert await asyncio.gather(*waiting) == [proof(1)] * 100
    assert (len(server.asked), server.most_at_once) == (1, 1)


async def test_a_hundred_calls_whose_token_is_refused_at_once_ask_once(server: OAuthServer) -> None:
    line = bearer(server)
    await line.headers()
    server.came.clear()
    server.held.clear()
    waiting = [asyncio.ensure_future(line.headers("Bearer token-1")) for _ in range(100)]
    await server.came.wait()
    server.held.set()
    assert await asyncio.gather(*waiting) == [proof(2)] * 100
    assert (len(server.asked), server.most_at_once) == (2, 1)


async def test_a_call_that_ends_meanwhile_leaves_the_others_to_ask_one_after_the_other(
    server: OAuthServer,
) -> None:
    line = bearer(server)
    server.held.clear()
    first, *others = [asyncio.ensure_future(line.headers()) for _ in range(20)]
    await server.came.wait()
    first.cancel()
    await asyncio.wait([first])
    server.held.set()
    assert set(map(str, await asyncio.gather(*others))) <= {str(proof(1)), str(proof(2))}
    assert len(server.asked) == 2


async def test_each_client_address_and_scope_has_tokens_of_its_own(server: OAuthServer) -> None:
    assert await bearer(server).headers() == proof(1)
    assert await bearer(server, scope="other").headers() == proof(2)
    assert await bearer(server).headers() == proof(1)


async def test_few_token_servers_are_remembered(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "MAX_SOURCES", 1)
    await bearer(server).headers()
    await bearer(server, scope="other").headers()
    assert await bearer(server).headers() == proof(3)


# --- renewing -----------------------------------------------------------------------------------


async def test_a_token_is_renewed_after_four_fifths_of_its_life(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.expires_in = 100
    line = bearer(server)
    assert await line.headers() == proof(1)
    pass_seconds(monkeypatch, 79)
    assert await line.headers() == proof(1)
    pass_seconds(monkeypatch, 2)
    assert await line.headers() == proof(2)


async def test_while_one_renews_the_token_the_others_go_on_with_it(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.expires_in = 100
    line = bearer(server)
    await line.headers()
    pass_seconds(monkeypatch, 90)
    server.came.clear()
    server.held.clear()
    renewing = asyncio.ensure_future(line.headers())
    await server.came.wait()
    assert await asyncio.gather(*(line.headers() for _ in range(10))) == [proof(1)] * 10
    server.held.set()
    assert await renewing == proof(2)
    assert server.most_at_once == 1


async def test_a_token_that_cannot_be_renewed_is_used_to_its_end(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.expires_in = 100
    line = bearer(server)
    await line.headers()
    server.fails.extend([503, 503])
    pass_seconds(monkeypatch, 90)
    assert await line.headers() == proof(1)
    pass_seconds(monkeypatch, 11)
    assert (await failure(line)).fault is Fault.SERVER


@pytest.mark.parametrize("told", [None, "soon", 0, -5, "300", 1e12, "nan"])
async def test_a_life_time_of_any_form_gives_a_token_to_use(server: OAuthServer, told: Any) -> None:
    server.expires_in = told
    line = bearer(server)
    assert await line.headers() == proof(1)
    assert await line.headers() == proof(1)


# --- failing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "fault", "told"),
    [
        (400, Fault.AUTHENTICATION, "HTTP status 400"),
        (401, Fault.AUTHENTICATION, "HTTP status 401"),
        (404, Fault.NOT_FOUND, "HTTP status 404"),
        (429, Fault.RATE_LIMIT, "HTTP status 429"),
        (503, Fault.SERVER, "HTTP status 503"),
        ("cut", Fault.CONNECTIVITY, "connection lost"),
        ({}, Fault.PROTOCOL, "an answer without a token"),
        ({"access_token": 7}, Fault.PROTOCOL, "an answer without a token"),
        ({"access_token": "a\r\nb: c"}, Fault.PROTOCOL, "a malformed token"),
        ({"access_token": ""}, Fault.PROTOCOL, "a malformed token"),
    ],
)
async def test_what_a_failing_server_means(
    server: OAuthServer, answer: Any, fault: Fault, told: str
) -> None:
    server.fails.append(answer)
    failed = await failure(bearer(server))
    assert (failed.service, failed.fault) == ("bot:x", fault)
    assert failed.detail == f"The OAuth server gives no token: {told}"
    assert SECRET not in str(failed)


async def test_after_a_failure_nobody_asks_for_a_second(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.fails.append(503)
    line = bearer(server)
    server.held.clear()
    waiting = [asyncio.ensure_future(line.headers()) for _ in range(100)]
    await server.came.wait()
    server.held.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {str(each) for each in results} == {
        "bot:x: server: The OAuth server gives no token: HTTP status 503"
    }
    assert len(server.asked) == 1
    pass_seconds(monkeypatch, oauth.PAUSE_S)
    assert await line.headers() == proof(1)


@pytest.mark.parametrize(
    ("told", "pause_s"), [("20", 20), ("soon", oauth.PAUSE_S), ("0", oauth.PAUSE_S), ("999", 30)]
)
async def test_a_server_without_room_is_left_alone_as_long_as_it_asks(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch, told: str, pause_s: float
) -> None:
    server.fails.append(429)
    server.retry_after = told
    line = bearer(server)
    await failure(line)
    pass_seconds(monkeypatch, pause_s - 0.5)
    assert (await failure(line)).fault is Fault.RATE_LIMIT
    pass_seconds(monkeypatch, 0.5)
    assert await line.headers() == proof(1)


async def test_a_token_comes_the_way_that_is_named(server: OAuthServer) -> None:
    async with Outbound() as strict:
        with pytest.raises(ServiceError, match="address not allowed"):
            await bearer(server).headers(way=strict)
    assert server.asked == []


async def test_a_slow_server_is_given_up(
    server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "TOKEN_S", 0.05)
    server.held.clear()
    failed = await failure(bearer(server))
    assert failed.fault is Fault.TIMEOUT
    assert failed.detail == "The OAuth server gives no token: no answer in time"
