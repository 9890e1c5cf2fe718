"""Hooks of the guides, in calls with an agent; the reference names all there is."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, get_args

import pytest
import yaml
from pydantic import TypeAdapter

from bots.core import registry
from bots.core.activities import event
from bots.models import Bot
from bots.protocols.ac_bot_api import PlayStarted
from bots.services.import_configuration import configuration_import
from calls.api.agents import AgentMessage
from calls.hooks import Session
from calls.hooks.happenings import EventName
from tests.calls.channels.test_agent_calls import SPOKEN, answering, ended, line, prompt, quick
from tests.calls.hooks.conftest import call, host, lines, loaded, make_bot, records
from tests.calls.hooks.notebook import Notebook
from tests.fakes.deepgram_agent import Call, Turn

__all__ = ["call", "host", "line", "lines", "loaded", "make_bot", "records"]

GUIDE = "docs/how-to/write-call-hooks.md"
MOVE = "docs/how-to/move-from-deepgram-audiocodes-bridge.md"
DIRECT = "docs/how-to/direct-a-voice-agent.md"


class Block(Protocol):
    text: str
    file: str


class Page(Protocol):
    name: str
    text: str

    def blocks(self, kind: str) -> Iterator[Block]: ...


@pytest.fixture
def hooks_of(page_named: dict[str, Page], loaded: Any) -> Callable[[str], ModuleType]:
    """Loads the module that a page tells the reader to write."""

    def load(name: str) -> ModuleType:
        (block,) = (block for block in page_named[name].blocks("python") if block.file)
        module = ModuleType(Path(block.file).stem)
        exec(compile(block.text, block.file, "exec"), vars(module))
        return module

    return load


def asking(function: str, **arguments: str) -> Turn:
    calls = (Call(function, arguments),)
    return Turn(said="where is it", reply="It is {result}", reply_ms=200, calls=calls)


@pytest.mark.db
async def test_the_desk_of_the_guide_takes_numbers_looks_up_orders_and_writes_down_the_talk(
    hooks_of: Any,
    line: Any,
    records: Any,
    lines: Any,
) -> None:
    book = Notebook()
    vars(hooks_of(GUIDE))["print"] = book.write
    params = {"deepgramDtmfMessage": "", "bargeInOnDTMF": True}
    functions = [{"name": "order_status"}]
    script = quick(turns=(asking("order_status", number="4711"),))
    async with answering(script, deepgramFunctions=functions, **params) as agent:
        side = await line()
        await prompt(side)
        for key in "9*47#":
            await side.act(event("DTMF", value=key))
        told = await agent.sessions[0].message("InjectUserMessage")
        assert told["content"] == "My customer number is 47."
        await side.speak(SPOKEN)
        while (started := await side.until(PlayStarted)).alt_text is None:
            pass
        while "on its way" not in (started.alt_text or ""):
            started = await side.until(PlayStarted)
        record = await ended(side, records)
        assert "hook desk directs the bot: InjectUserMessage" in str(await lines(record))
        assert agent.violations == []
        printed = await book.first()
        assert printed.startswith("c-1 with +15550100 (")
        assert "where is it" in printed


@pytest.mark.db
async def test_the_front_desk_of_the_bridge_has_moved(
    page_named: dict[str, Page],
    hooks_of: Any,
    line: Any,
    records: Any,
) -> None:
    hooks_of(MOVE)
    (config,) = page_named[MOVE].blocks("yaml")
    params = yaml.safe_load(config.text)["bots"]["front-desk"]["params"]
    agent_settings = params["deepgramSettings"]["agent"]
    agent_settings["think"][0]["functions"] = [{"name": "get_order_status"}]
    greeting = agent_settings["greeting"]
    script = quick(turns=(asking("get_order_status", order="7"),))
    async with answering(script, **params, deepgramGreeting="") as agent:
        side = await line()
        assert greeting.startswith(await prompt(side))
        for key in "12*34#":
            await side.act(event("DTMF", value=key))
        cleared = await agent.sessions[0].message("InjectAgentMessage")
        assert cleared["message"] == "Cleared. Try again."
        got = await agent.sessions[0].message("InjectAgentMessage", 2)
        assert got["message"] == "I got 3 4. Thanks!"
        await side.speak(SPOKEN)
        while await prompt(side) != "It is Order 7 is on its way.":
            pass
        await ended(side, records)
        assert agent.violations == []


@pytest.mark.db
def test_the_configuration_of_the_bridge_can_be_brought_in(
    db: None, page_named: dict[str, Page]
) -> None:
    (config,) = page_named[MOVE].blocks("yaml")
    plan = configuration_import(config.text, author="test")
    assert plan.problems == ()
    assert Bot.objects.get(provider__plugin="deepgram-agent").name == "front-desk"


def test_the_messages_of_the_guide_are_messages_of_the_api(page_named: dict[str, Page]) -> None:
    page = page_named[DIRECT]
    form = TypeAdapter(AgentMessage)
    sent = [json.loads(body) for body in re.findall(r"-d '([^']+)'", page.text)]
    sent += [json.loads(block.text) for block in page.blocks("json")]
    messages = [each for each in sent if "type" in each]
    assert [each["type"] for each in messages] == ["UpdatePrompt", "FunctionCallResponse"]
    for each in messages:
        form.validate_python(each)
    assert registry.plugin("bot", "deepgram-agent").controls.keys() >= {
        each["type"] for each in messages
    }


def test_the_reference_names_every_event_and_everything_a_session_has(
    page_named: dict[str, Page],
) -> None:
    text = page_named["docs/reference/call-hooks.md"].text
    public = {name for name in vars(Session) if not name.startswith("_")} - {"note", "end"}
    named = set(re.findall(r"`(\w+)[`(]", text))
    assert {*get_args(EventName), *public} - named == set()
