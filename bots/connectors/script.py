"""The built-in script bot: a dialogue in the configuration, no service behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, ClassVar

import structlog
from pydantic import Field

from bots.core import registry
from bots.core.activities import Activity
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.ports import BotCapabilities, BotConversation
from bots.core.registry import NoParams
from bots.protocols.dialogue import Deed, Dialogue, DialogueRun, Fail, Leave, Pause

QUEUED_DEEDS = 64
"""What a session holds for a slow reader; a full queue makes `ScriptSession.send` wait."""

NOTHING_SET_UP = Dialogue.parse(
    {
        "states": {
            "start": {
                "say": "Hello. Nothing has been set up for this number yet. Goodbye.",
                "hangup": "The script bot has no dialogue",
            }
        }
    }
)

log = structlog.get_logger(__name__)


class ScriptParams(ParamSet):
    """What a script bot says and understands."""

    SECTION: ClassVar[str] = "Script bot"

    dialogue: Annotated[
        Dialogue,
        Param(help="States with what the bot says, the answers it understands and what follows."),
    ] = Field(NOTHING_SET_UP, alias="scriptDialogue")


@registry.register(
    "bot",
    "script",
    "Script",
    summary="A dialogue that is written in the configuration. Needs no service.",
    params=ScriptParams,
)
class ScriptConnector:
    """A `BotConnector` that talks along the dialogue in its parameters."""

    capabilities = BotCapabilities()

    def __init__(self, params: ScriptParams, _credentials: NoParams) -> None:
        self._dialogue = params.dialogue
        unreachable = self._dialogue.unreachable()
        if unreachable:
            log.warning("script.unreachable_states", states=unreachable)

    async def open(self, conversation: BotConversation) -> "ScriptSession":
        """Join ``conversation``; the greeting follows the ``start`` activity.

        Raises:
            ServiceError: the dialogue wants the bot to fail here.
        """
        join = self._dialogue.join
        await asyncio.sleep(join.delay_ms / 1000)
        if join.fail is not None:
            raise _wanted(join.fail)
        return ScriptSession(DialogueRun(self._dialogue, conversation))

    def phrases(self) -> tuple[str, ...]:
        """What callers may say in any state."""
        return self._dialogue.phrases()


class ScriptSession:
    """A `BotSession`; it stays open after a hang-up or a transfer until it is closed.

    Deeds are done one after the other: a pause holds up everything behind it, as in a slow bot.
    """

    def __init__(self, run: DialogueRun) -> None:
        self._run = run
        self._closed = asyncio.Event()
        self._queue: asyncio.Queue[Deed] = asyncio.Queue(QUEUED_DEEDS)

    async def send(self, activity: Activity) -> None:
        """Take one step in the dialogue; waits while `events` is not read."""
        for deed in self._run.receive(activity):
            if self._closed.is_set():
                return
            await self._queue.put(deed)

    async def events(self) -> AsyncIterator[Activity]:
        """What the bot says and does, until `close` or until the dialogue lets it leave.

        Raises:
            ServiceError: the dialogue wants the bot to fail here.
        """
        while not self._closed.is_set():
            match await self._queue.get():
                case Pause(ms):
                    await self._pause(ms / 1000)
                case Fail(fault):
                    raise _wanted(fault)
                case Leave():
                    return
                case activity:
                    yield activity

    async def close(self, reason_code: str, reason: str) -> None:
        """End the conversation; what was not read yet is dropped. Safe to call twice."""
        if self._closed.is_set():
            return
        self._closed.set()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(Leave())

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()


def _wanted(fault: Fault) -> ServiceError:
    return ServiceError("bot:script", fault, "the dialogue rehearses this failure")
