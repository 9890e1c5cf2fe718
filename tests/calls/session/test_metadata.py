"""Posting a bot's metadata to another system."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bots.net import USER_AGENT, Outbound
from calls.core.commands import PostMetaData
from calls.core.events import MetaDataSent
from calls.session.metadata import post_metadata
from tests.fakes.web import FakeWeb, Names, serving

pytestmark = pytest.mark.wire

SENT = MetaDataSent()
METADATA = {"customer": "Zoë", "order": 12345678901234567890123, "paid": None}


@pytest.fixture
async def server() -> AsyncIterator[FakeWeb]:
    async with serving() as fake:
        yield fake


async def post(
    url: str,
    metadata: Any = METADATA,
    *,
    username: str = "",
    timeout_ms: int = 30_000,
    resolver: Names | None = None,
    allow: str = "127.0.0.1",
) -> MetaDataSent:
    async with Outbound([allow], resolver=resolver) as outbound:
        command = PostMetaData(url=url, metadata=metadata, timeout_ms=timeout_ms)
        return await post_metadata(
            outbound, command, username=username, password=SecretStr("pass:word")
        )


@pytest.mark.parametrize("metadata", [METADATA, {}, [1, "two"], "text", None])
async def test_metadata_arrives_as_json(server: FakeWeb, metadata: Any) -> None:
    assert await post(server.page("/crm/42", b"thanks", status=202), metadata) == SENT
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/crm/42")
    assert json.loads(asked.body) == metadata
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["User-Agent"] == USER_AGENT
    assert "Authorization" not in asked.headers


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("metadata", ["\ud800", nested(100_000)], ids=["surrogate", "depth"])
async def test_metadata_that_is_no_json_is_a_problem(server: FakeWeb, metadata: Any) -> None:
    assert await post(server.page("/crm"), metadata) == MetaDataSent("it is no JSON")
    assert server.asked == []


async def test_a_user_name_is_sent_with_its_password(server: FakeWeb) -> None:
    url = server.page("/crm").replace("//", "//other:user@")
    assert await post(url, username="gäteway") == SENT
    assert server.asked[0].headers["Authorization"] == "Basic Z8OkdGV3YXk6cGFzczp3b3Jk"


async def test_a_user_name_that_basic_authentication_cannot_carry_is_a_problem(
    server: FakeWeb,
) -> None:
    problem = MetaDataSent("a user name cannot hold a colon")
    assert await post(server.page("/crm"), username="gate:way") == problem
    assert server.asked == []


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500, 503])
async def test_any_other_status_is_a_problem_and_not_tried_again(
    server: FakeWeb, status: int
) -> None:
    url = server.page("/crm", b"sorry", status=status, Location="/elsewhere")
    assert await post(url) == MetaDataSent(f"HTTP {status}")
    assert len(server.asked) == 1


async def test_an_answer_without_end_is_not_read(server: FakeWeb) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(bytes(100_000))

    assert await post(server.on("/crm", endless)) == SENT


async def test_an_address_that_is_not_allowed_is_a_problem_and_not_tried_again(
    server: FakeWeb,
) -> None:
    names = Names(crm=[["10.0.0.1"], ["127.0.0.1"]])
    url = server.page("/crm").replace("127.0.0.1", "crm.example.com")
    assert await post(url, resolver=names) == MetaDataSent("address not allowed")
    assert server.asked == []


async def test_a_failed_connection_is_tried_once_more(server: FakeWeb) -> None:
    url = server.page("/crm").replace("127.0.0.1", "crm.example.com")
    assert await post(url, resolver=Names(crm=[[], ["127.0.0.1"]])) == SENT
    twice = Names(crm=[[], [], ["127.0.0.1"]])
    assert await post(url, resolver=twice) == MetaDataSent("host not found")
    assert len(server.asked) == 1


async def test_a_request_that_was_sent_is_not_sent_again(server: FakeWeb) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    assert await post(server.on("/crm", hang_up)) == MetaDataSent("connection lost")
    assert len(server.asked) == 1


async def test_a_server_that_stays_silent_is_given_up_at_the_time_limit(server: FakeWeb) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await server.silence.wait()
        return web.Response()

    problem = MetaDataSent("no answer in time")
    assert await post(server.on("/crm", silent), timeout_ms=50) == problem


async def test_the_time_limit_holds_for_both_attempts_together() -> None:
    problem = MetaDataSent("no answer in time")
    assert await post("http://nowhere.example.com/", resolver=Names(), timeout_ms=50) == problem
