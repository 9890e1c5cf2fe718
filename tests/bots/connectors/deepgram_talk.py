"""A call's talk with the fake voice agent, for the tests of the connector."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bots.connectors.deepgram_agent import DeepgramAgentConnector
from bots.connectors.deepgram_agent.params import DeepgramAgentCredentials, DeepgramAgentParams
from bots.connectors.deepgram_agent.session import AgentSession
from bots.connectors.deepgram_agent.setup import Timing
from bots.core.audio import MULAW_8K
from bots.core.ports import (
    AgentReport,
    BotConversation,
    BotEvent,
    StreamAudio,
    StreamEnded,
    Transcript,
)
from tests.fakes.deepgram_agent import KEY, FakeAgent, tone

CALL = BotConversation(
    conversation_id="c-1",
    bot="retail",
    language="en-US",
    caller="+15550123",
    callee="+15550199",
    caller_audio=MULAW_8K,
    prompt_audio=MULAW_8K,
)
QUICK = Timing(tick_s=0.01, farewell_s=5, refuse_s=0.05, confirm_s=0.3)
VOICE = tone(200, MULAW_8K, 300)
PAUSE = b"\xff" * MULAW_8K.bytes_for_ms(400)
_WAIT_S = 10.0

E = TypeVar("E")


def connector(
    agent: FakeAgent, *, key: str = KEY, secrets: str = "", timing: Timing = QUICK, **params: Any
) -> DeepgramAgentConnector:
    """The plug-in as it is configured for ``agent``."""
    values = {"deepgramUrl": agent.url, **params}
    return DeepgramAgentConnector(
        DeepgramAgentParams.model_validate(values),
        DeepgramAgentCredentials.model_validate({"deepgramKey": key, "deepgramSecrets": secrets}),
        timing,
    )


class Talk:
    """A session and what it told so far."""

    def __init__(self, session: AgentSession) -> None:
        self.session = session
        self.told: list[BotEvent] = []
        self._events = session.events()

    async def until(self, kind: type[E], matches: Callable[[E], object] = bool) -> E:
        """The next event of ``kind`` that ``matches``; what came before it is in ``told``."""
        async with asyncio.timeout(_WAIT_S):
            while True:
                event = await anext(self._events)
                self.told.append(event)
                if isinstance(event, kind) and matches(event):
                    return event

    async def report(self, name: str) -> AgentReport:
        """The next report ``name``."""
        return await self.until(AgentReport, lambda report: report.name == name)

    async def greeted(self) -> StreamEnded:
        """The agent has said its first sentence."""
        self.session.listen(on=True)
        return await self.until(StreamEnded)

    def say(self) -> None:
        """The caller says something and pauses."""
        for part in (VOICE, PAUSE):
            for at in range(0, len(part), 160):
                self.session.hear(part[at : at + 160])

    async def answered(self) -> StreamEnded:
        """The caller says something, and the agent has answered."""
        self.say()
        await self.until(Transcript)
        return await self.until(StreamEnded)

    async def end(self) -> list[BotEvent]:
        """Everything until the agent leaves; raises what the session raises."""
        async with asyncio.timeout(_WAIT_S):
            async for event in self._events:
                self.told.append(event)
        return self.told

    def of(self, kind: type[E]) -> list[E]:
        """Events of ``kind`` that were told."""
        return [event for event in self.told if isinstance(event, kind)]

    def audio(self, stream: int) -> bytes:
        """What was told of the audio of ``stream``."""
        return b"".join(e.audio for e in self.of(StreamAudio) if e.stream == stream)

    def notes(self) -> list[str]:
        """Lines for the transcript."""
        return [report.note for report in self.of(AgentReport) if report.note]


@asynccontextmanager
async def talking(
    agent: FakeAgent, call: BotConversation = CALL, **configured: Any
) -> AsyncIterator[Talk]:
    """A call that has joined the agent; it is closed at the end."""
    session = await connector(agent, **configured).open(call)
    try:
        yield Talk(session)
    finally:
        await session.close("client-disconnected", "")
