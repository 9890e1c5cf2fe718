"""Functions of voice agents: a hook, a signed request to the bot's server, and what goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import ValidationError

from bots import functions, net
from bots.core.errors import Fault, ServiceError
from bots.core.ports import AgentReport, BotConversation
from bots.functions import Function, ToolParams, Tools
from bots.net import Outbound
from tests.fakes.receiver import Receiver, Reply, receiving

pytestmark = pytest.mark.wire

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
WEATHER = Function(id="f-1", name="weather", arguments={"town": "Lod", "days": 3})
TALK = BotConversation(
    conversation_id="c-1", call_id="7", bot="shop", language="en-US", caller="+1555", callee="100"
)


@pytest.fixture(autouse=True)
async def _no_hook(loopback: Outbound) -> AsyncIterator[None]:
    yield
    functions.set_hook(None)


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def told() -> list[AgentReport]:
    return []


async def answered(
    told: list[AgentReport], url: str = "", *, secret: str = "", timeout_ms: int = 5000
) -> str | None:
    params = ToolParams(agentToolsUrl=url, agentToolsSecret=secret, agentToolsTimeoutMS=timeout_ms)
    return await Tools(params).answer(WEATHER, TALK, report=told.append)


async def test_a_function_is_posted_signed_and_its_answer_told(told: list[AgentReport]) -> None:
    with receiving() as server:
        url = server.answers("/tools", Reply(body=b' {"sky":"blue \xe2\x98\x80"}\n'))
        assert await answered(told, url, secret=SECRET) == '{"sky":"blue ☀"}'
        server.verify(SECRET)
        (request,) = server.received
    assert json.loads(request.body) == {
        "conversationId": "c-1",
        "callId": "7",
        "bot": "shop",
        "caller": "+1555",
        "callee": "100",
        "function": {"id": "f-1", "name": "weather", "arguments": {"town": "Lod", "days": 3}},
    }
    assert request.headers["content-type"] == "application/json"
    assert told == []


async def test_without_a_secret_nothing_is_signed(told: list[AgentReport]) -> None:
    with receiving() as server:
        assert await answered(told, server.url) == "done"
        (request,) = server.received
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"]


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(500), "HTTP status 500"),
        (Reply(404, body=b"not here"), "HTTP status 404"),
        (Reply(302, (("Location", "http://127.0.0.1:9/"),)), "HTTP status 302"),
        (Reply(fault="cut"), "connection lost"),
        (Reply(body=b"\xff\xfe"), "an answer that is not text in UTF-8"),
        (Reply(body=b"x" * 1_000_001), "larger than 1000000 bytes"),
    ],
)
async def test_a_server_that_fails_is_told_to_the_agent_and_the_operator(
    server: Receiver, told: list[AgentReport], reply: Reply, problem: str
) -> None:
    url = server.always(f"/{problem[:20].replace(' ', '-')}", reply)
    assert await answered(told, url) == f"The function did not work: {problem}."
    (report,) = told
    assert report.name == "warning"
    assert report.note == f"The function weather did not work: {problem}."
    assert report.detail == {"code": "function-failed", "description": report.note}


async def test_a_server_that_never_answers_is_given_up(
    server: Receiver, told: list[AgentReport]
) -> None:
    url = server.always("/silent", Reply(fault="silent"))
    answer = await answered(told, url, timeout_ms=500)
    assert answer == "The function did not work: no answer within 0.5 s."
    server.released.set()
    assert told


async def test_an_address_that_may_not_be_reached_is_a_failure(told: list[AgentReport]) -> None:
    net.configure(())
    async with net.outbound():
        answer = await answered(told, "http://127.0.0.1:9/")
    assert answer == "The function did not work: address not allowed."


async def test_nobody_knows_the_function(told: list[AgentReport]) -> None:
    assert await answered(told) is None
    assert told == []


async def test_a_hook_comes_first_and_may_leave_it(
    server: Receiver, told: list[AgentReport]
) -> None:
    async def hook(function: Function, talk: BotConversation) -> str | None:
        assert (function, talk) == (WEATHER, TALK)
        return answers.pop(0)

    answers: list[str | None] = ["by hook", None, ""]
    functions.set_hook(hook)
    url = server.always("/hooked", Reply(body=b"by HTTP"))
    assert await answered(told, url) == "by hook"
    assert await answered(told, url) == "by HTTP"
    assert await answered(told, url) == "done"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("\ud800", "an answer that is not text in UTF-8"),
        ("ä" * 500_001, "larger than 1000000 bytes"),
    ],
)
async def test_what_a_hook_answers_must_be_sendable(
    told: list[AgentReport], content: str, problem: str
) -> None:
    async def hook(function: Function, talk: BotConversation) -> str | None:
        return content

    functions.set_hook(hook)
    assert await answered(told) == f"The function did not work: {problem}."


async def test_a_hook_that_fails_or_hangs(told: list[AgentReport]) -> None:
    async def fails(function: Function, talk: BotConversation) -> str | None:
        raise ServiceError("hooks", Fault.INTERNAL)

    async def hangs(function: Function, talk: BotConversation) -> str | None:
        await asyncio.Event().wait()
        return ""

    functions.set_hook(fails)
    assert await answered(told) == "The function did not work: internal."
    functions.set_hook(hangs)
    answer = await answered(told, timeout_ms=500)
    assert answer == "The function did not work: no answer within 0.5 s."


async def test_a_name_that_is_no_name_does_not_fill_the_transcript(
    told: list[AgentReport],
) -> None:
    tools = Tools(ToolParams.model_validate({"agentToolsUrl": "http://10.0.0.1/"}))
    function = Function(id="f-2", name="x" * 5000, arguments={})
    await tools.answer(function, TALK, report=told.append)
    assert len(told[0].note) < 200


@pytest.mark.parametrize(
    "values",
    [
        {"agentToolsUrl": "ftp://host/"},
        {"agentToolsUrl": "https://user@host/"},
        {"agentToolsSecret": "short"},
        {"agentToolsSecret": "whsec_"},
        {"agentToolsTimeoutMS": 499},
    ],
)
def test_parameters_that_cannot_work_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ToolParams.model_validate(values)
