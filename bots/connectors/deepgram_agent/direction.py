"""Directing an agent while it talks: what is sent, and what Deepgram says to it."""

import asyncio
from collections.abc import Iterable

from bots.connectors.deepgram_agent import controls
from bots.connectors.deepgram_agent.accounts import SERVICE
from bots.connectors.deepgram_agent.function_calls import FunctionCalls
from bots.connectors.deepgram_agent.intake import Intake
from bots.connectors.deepgram_agent.setup import Setup
from bots.core.activities import Json
from bots.core.errors import Fault, ServiceError
from bots.protocols.deepgram_agent.machine import AgentClient
from bots.protocols.deepgram_agent.messages import (
    ClientMessage,
    FunctionResult,
    InjectUserMessage,
)


class Direction:
    """Carries out the controls of one call."""

    def __init__(
        self,
        setup: Setup,
        values: dict[str, str],
        client: AgentClient,
        intake: Intake,
        calls: FunctionCalls,
    ) -> None:
        self._setup = setup
        self._values = values
        self._client = client
        self._intake = intake
        self._calls = calls
        self._updates: dict[str, ClientMessage] = {}
        self._waiting: dict[str, list[asyncio.Future[str]]] = {}

    @property
    def updates(self) -> Iterable[ClientMessage]:
        """What has been changed since the settings, for a session that takes the talk over."""
        return self._updates.values()

    async def control(self, message: Json) -> str:
        """Carry out one of `controls.CONTROLS`; answers what was observed.

        Raises:
            ServiceError: it is none of them, or the agent refuses it or is silent about it.
        """
        kind, control = controls.read(message)
        try:
            offered = self._setup.functions.offered()
            wanted = controls.written(control, self._setup.secrets, self._values, offered)
        except LookupError as error:
            raise ServiceError(SERVICE, Fault.INVALID_REQUEST, str(error.args[0])) from None
        if isinstance(wanted, FunctionResult):
            if not self._calls.respond(wanted):
                detail = "The agent waits for no function with this id"
                raise ServiceError(SERVICE, Fault.NOT_FOUND, detail)
            return "the function was answered"
        if isinstance(wanted, InjectUserMessage):
            self._client.injected(wanted.content)
        if kind in controls.CONFIRMED:
            confirmed = await self._sent(kind, wanted, self._setup.timing.confirm_s)
            if not confirmed:
                raise ServiceError(SERVICE, Fault.TIMEOUT, f"Deepgram did not confirm {kind}")
            self._remember(kind, wanted)
            return "Deepgram has confirmed it"
        if kind in controls.REFUSABLE:
            await self._sent(kind, wanted, self._setup.timing.refuse_s)
        else:
            self._intake.put(wanted)
        return "sent to the agent"

    def _remember(self, kind: str, update: ClientMessage) -> None:
        """The latest comes last; a new language model has instructions of its own."""
        for outdated in (kind, "UpdatePrompt") if kind == "UpdateThink" else (kind,):
            self._updates.pop(outdated, None)
        self._updates[kind] = update

    async def _sent(self, kind: str, message: ClientMessage, patience_s: float) -> bool:
        """Send ``message``; whether Deepgram has confirmed it.

        Raises:
            ServiceError: Deepgram refuses.
        """
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(kind, [])
        waiting.append(answer)
        try:
            self._intake.put(message)
            await asyncio.wait([answer], timeout=patience_s)
        finally:
            if answer in waiting:
                waiting.remove(answer)
        if answer.done() and (refusal := answer.result()):
            raise ServiceError(SERVICE, Fault.INVALID_REQUEST, f"Deepgram refuses: {refusal}")
        return answer.done()

    def answered(self, kind: str, refusal: str) -> None:
        """Deepgram has done what a message of this ``kind`` says; or not, with a ``refusal``."""
        if waiting := self._waiting.get(kind):
            waiting.pop(0).set_result(refusal)
