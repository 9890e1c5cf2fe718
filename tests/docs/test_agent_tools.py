"""The tool endpoint of the guide answers what the gateway asks, and nobody else."""

import threading
from collections.abc import Iterator
from http.server import HTTPServer
from types import ModuleType
from typing import Protocol

import pytest

from bots.core.ports import AgentReport, BotConversation
from bots.functions import Function, ToolParams, Tools
from bots.net import Outbound

pytestmark = pytest.mark.wire

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
TALK = BotConversation(conversation_id="c-1", bot="orders", language="en-US")


class Block(Protocol):
    text: str
    file: str


class Page(Protocol):
    def blocks(self, kind: str) -> Iterator[Block]: ...


@pytest.fixture
def endpoint(page_named: dict[str, Page], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server of the guide on a free port; its URL."""
    monkeypatch.setenv("TOOLS_SECRET", SECRET)
    (block,) = page_named["docs/how-to/give-an-agent-tools.md"].blocks("python")
    module = ModuleType("tools")
    exec(compile(block.text, block.file, "exec"), vars(module))
    handler = type("Quiet", (module.Tools,), {"log_message": lambda *_: None})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


async def asked(url: str, secret: str, **arguments: str) -> tuple[str | None, list[AgentReport]]:
    reports: list[AgentReport] = []
    params = ToolParams.model_validate({"agentToolsUrl": url, "agentToolsSecret": secret})
    function = Function(id="call_1", name="order_status", arguments=dict(arguments))
    return await Tools(params).answer(function, TALK, report=reports.append), reports


async def test_the_guide_finds_the_order(endpoint: str, loopback: Outbound) -> None:
    answer, reports = await asked(endpoint, SECRET, number="4711")
    assert answer == '{"status": "on its way, arrives tomorrow"}'
    answer, _ = await asked(endpoint, SECRET, wrong="4711")
    assert answer == '{"error": "call it with what its description asks for"}'
    assert reports == []


async def test_the_guide_refuses_another_secret(endpoint: str, loopback: Outbound) -> None:
    other = SECRET.replace("MDE", "MTE")
    answer, (report,) = await asked(endpoint, other, number="4711")
    assert answer == "The function did not work: HTTP status 401."
    assert report.name == "warning"
