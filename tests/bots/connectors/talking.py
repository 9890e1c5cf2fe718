"""Talking to a bot in chat mode, for tests of its connector."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from bots.connectors.ac_api import AcApiConnector
from bots.connectors.ac_api.params import AcApiCredentials, AcApiParams
from bots.core.activities import Activity, message
from bots.core.errors import ServiceError
from bots.core.ports import BotConversation, BotEvent, BotSession
from tests.fakes.ac_chat_bot import TOKEN, ChatBot

CONVERSATION = BotConversation(conversation_id="c1", bot="billing", language="en-US")
WELCOME: dict[str, list[Any]] = {
    "start": ["Welcome.", "How can I help?"],
    "bye": ["Bye.", {"type": "Event"}],
}


def connector(bot: ChatBot, token: str = TOKEN, **params: Any) -> AcApiConnector:
    return AcApiConnector(
        AcApiParams.model_validate({"botURL": bot.url, **params}),
        AcApiCredentials(token=SecretStr(token)),
    )


class Talk:
    """A session with what it has said so far."""

    def __init__(self, session: BotSession) -> None:
        self.session = session
        self._events = session.events()

    async def send(self, text: str = "start") -> None:
        await self.session.send(message(text, id=f"id-{text}", timestamp="t"))

    async def next(self) -> BotEvent | None:
        async with asyncio.timeout(10):
            return await anext(self._events, None)

    async def texts(self, count: int) -> list[str | None]:
        found = [await self.next() for _ in range(count)]
        return [each.text if isinstance(each, Activity) else str(each) for each in found]


@asynccontextmanager
async def talking(line: AcApiConnector) -> AsyncIterator[Talk]:
    session = await line.open(CONVERSATION)
    try:
        yield Talk(session)
    finally:
        await session.close("client-disconnected", "Client Side")


async def failure_of(line: AcApiConnector) -> ServiceError:
    with pytest.raises(ServiceError) as failed:
        await line.open(CONVERSATION)
    return failed.value
