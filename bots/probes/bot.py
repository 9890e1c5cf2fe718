"""Probe of a bot framework: begin a conversation, hear the first answer, end it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

from bots.core.activities import Activity, event, message
from bots.core.ports import BotConnector, BotConversation, BotEvent, Checkable, StreamStarted
from bots.probes.course import Course, StepName, Unconvincing, closing

CALLER = "connection-test"
"""Who calls, as the bot sees it."""
GREETING_S = 4.0
"""How long a bot may take to speak first; after that it is spoken to."""
_TEXT = "Hello"
_SHOWN_CHARACTERS = 200


async def probe_bot(
    course: Course,
    connector: BotConnector,
    *,
    bot: str,
    language: str,
    greeting_s: float = GREETING_S,
) -> None:
    """Join a conversation as a caller would, wait for the bot's first activity, and leave.

    A connector that can be tried without a conversation is tried so first; with a bot that has a
    voice of its own that is all, for there is no audio here.

    Raises:
        ServiceError: the bot could not be joined, or failed.
        Unconvincing: it left without a word.
    """
    if isinstance(connector, Checkable):
        with course.step(StepName.CHECK) as facts:
            facts.update(await connector.check())
        if connector.capabilities.hears or connector.capabilities.speaks:
            return
    conversation = BotConversation(
        conversation_id=str(uuid4()), bot=bot, language=language, caller=CALLER, callee=bot
    )
    with course.step(StepName.CONNECT) as facts:
        session = await connector.open(conversation)
        facts["conversation"] = conversation.conversation_id

    async def leave() -> None:
        await session.close("connection-test", "The connection was tested")

    async with closing(course, leave):
        with course.step(StepName.ANSWER) as facts:
            activities = session.events()
            first = asyncio.ensure_future(_first(activities))
            try:
                await session.send(_start(conversation))
                await asyncio.wait([first], timeout=greeting_s)
                if not first.done():
                    facts["asked"] = _TEXT
                    await session.send(message(_TEXT, **_stamp()))
                answer = await first
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            if answer is None:
                raise Unconvincing("it left the conversation without a word")
            facts.update(_shown(answer))


async def _first(events: AsyncIterator[BotEvent]) -> Activity | None:
    async for told in events:
        match told:
            case Activity():
                return told
            case StreamStarted(text=text):
                return message(text)
    return None


def _start(conversation: BotConversation) -> Activity:
    return event(
        "start",
        **_stamp(),
        parameters={
            "vaigConversationId": conversation.conversation_id,
            "caller": conversation.caller,
            "callee": conversation.callee,
        },
    )


def _stamp() -> dict[str, str]:
    """What a bot may ask of every activity."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": str(uuid4()), "timestamp": at}


def _shown(answer: Activity) -> dict[str, str]:
    if answer.kind == "message":
        return {"text": (answer.text or "")[:_SHOWN_CHARACTERS]}
    return {"event": (answer.name or answer.type)[:_SHOWN_CHARACTERS]}
