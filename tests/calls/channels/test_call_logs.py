"""Every line of a call bears its ids, whoever logs it in whichever task or thread."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from bots.core import registry
from bots.core.activities import Activity, message
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotCapabilities, BotConversation
from bots.core.registry import NoParams
from bots.protocols.ac_bot_api import Accepted
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.database import db
from calls.session.host import SessionHost
from tests.calls.channels.conftest import VoiceSide
from tests.index_mapping import problems
from tests.logged import Written, written

pytestmark = pytest.mark.db

log = structlog.get_logger("bots.connectors.talkative")


class Talkative:
    """A bot that logs wherever it can; ``mine`` says for which conversation."""

    capabilities = BotCapabilities()

    def __init__(self, _params: NoParams, _credentials: NoParams) -> None:
        pass

    async def open(self, conversation: BotConversation) -> "Talking":
        log.info("talkative.opened", mine=conversation.conversation_id)
        return Talking(conversation.conversation_id)

    def phrases(self) -> tuple[str, ...]:
        return ()


class Talking:
    """One of its conversations."""

    def __init__(self, mine: str) -> None:
        self._mine = mine
        self._heard: asyncio.Queue[Activity] = asyncio.Queue()

    async def send(self, activity: Activity) -> None:
        log.info("talkative.sent", mine=self._mine)
        self._heard.put_nowait(activity)

    async def events(self) -> AsyncIterator[Activity]:
        while True:
            heard = await self._heard.get()
            await asyncio.to_thread(log.info, "talkative.in_thread", mine=self._mine)
            await db(log.info, "talkative.in_database", mine=self._mine)
            aside = asyncio.get_running_loop().create_task(self._aside())
            await aside
            if heard.text == "fail":
                raise ServiceError("bot", Fault.SERVER, f"as wanted by {self._mine}")
            yield message("Hello.")

    async def _aside(self) -> None:
        logging.getLogger("a_library").warning("aside of %s", self._mine)

    async def close(self, reason_code: str, reason: str) -> None:
        log.info("talkative.closed", mine=self._mine)


@pytest.fixture
def talkative() -> Iterator[None]:
    registry.register("bot", "talkative", "Talkative")(Talkative)
    yield
    del registry._plugins["bot", "talkative"]


@pytest.fixture
def lines() -> Iterator[Written]:
    with written(level="debug") as stream:
        yield stream


def _create() -> None:
    provider = provider_create(name="talkative", kind="bot", plugin="talkative")
    bot_create(name="loud", author="test", params={}, provider=provider)


async def test_lines_of_two_calls_at_once_are_told_apart(
    transactional_db: None, talkative: None, host: SessionHost, lines: Written
) -> None:
    await db(_create)
    sides = [VoiceSide("loud", conversation_id=name) for name in ("c-left", "c-right")]
    for side in sides:
        await side.connect()
    for side in sides:
        await side.initiate(audio=False)
    for side in sides:
        await side.until(Accepted)
    for side in sides:
        assert await side.says() == "Hello."
        await side.send("no frame at all")
        await side.act(message("fail"))
    for side in sides:
        await side.told("hangup")
        await side.send(side.client.end("client-disconnected", "Bot Side"))
    await host.drain(0)
    told = lines.lines()
    assert all(problems(line) == [] for line in told)
    for name in ("c-left", "c-right"):
        _are_all_of(name, told)


def _are_all_of(name: str, told: list[dict[str, Any]]) -> None:
    """Whoever tells of ``name`` in its text tells it in its fields, with call and bot."""
    about = [line for line in told if _mine(line) == name or name in line["message"]]
    ids = {line["gateway"].get("call", {}).get("id") for line in about}
    assert len(ids) == 1, ids
    for line in about:
        assert line["gateway"]["conversation"]["id"] == name, line
        assert line["gateway"]["bot"]["name"] == "loud"
        assert line["gateway"]["channel"] == "audiocodes"
        assert line["trace"]["id"] == line["gateway"]["call"]["id"].replace("-", "")
    [call_id] = ids
    of_call = {
        line["event"].get("action", line["message"])
        for line in told
        if line.get("gateway", {}).get("call", {}).get("id") == call_id
        and line["gateway"].get("conversation", {}).get("id") == name
    }
    assert of_call >= {
        "call.started",
        "call.accepted",
        "voice.frame_ignored",
        "talkative.opened",
        "talkative.sent",
        "talkative.in_thread",
        "talkative.in_database",
        f"aside of {name}",
        "service.failed",
        "talkative.closed",
        "call.ended",
    }


def _mine(line: dict[str, Any]) -> str:
    return str(line.get("gateway", {}).get("detail", {}).get("mine", ""))
