"""The hooks of this process: who watches which call, and who answers functions."""

import asyncio

import msgspec

from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotConversation
from bots.functions import Function, set_hook
from calls.hooks.delivery import Delivery
from calls.hooks.registration import Registered, registered
from calls.hooks.session import CallFacts, Session, Steer, acting
from calls.hooks.thread import HookThread, problem_of
from calls.hooks.watching import Watch


class HookDesk:
    """Opened by the session host; without handlers it costs nothing and has no thread."""

    def __init__(self, deadline_s: float, loaded: Registered = registered) -> None:
        self._registered = loaded
        self._deadline_s = deadline_s
        self._thread: HookThread | None = None
        self._sessions: dict[str, Session] = {}
        """Those of calls that go on, by the id of the call."""

    def watch(self, facts: CallFacts, steer: Steer) -> Watch | None:
        """Whoever is to see what happens in a call; None when there are no handlers."""
        if not self._registered:
            return None
        thread = self._running()
        session = Session(facts, steer, asyncio.get_running_loop())
        self._sessions[str(facts.call_id)] = session
        delivery = Delivery(session, self._registered, thread, self._deadline_s)
        return Watch(delivery, self._registered)

    def forget(self, call_id: str) -> None:
        """The call is over."""
        self._sessions.pop(call_id, None)

    async def answer(self, function: Function, conversation: BotConversation) -> str | None:
        """What ``calls.hooks.function`` answers; None: it is nobody's.

        Raises:
            ServiceError: the answerer failed.
        """
        answerer = self._registered.functions.get(function.name)
        session = self._sessions.get(conversation.call_id)
        if answerer is None or session is None:
            return None

        async def answered() -> str:
            """In the thread of the hooks, writing too: what is given may be large."""
            acting.set(answerer.__module__)
            try:
                given = await answerer(session, **function.arguments)
                return given if isinstance(given, str) else msgspec.json.encode(given).decode()
            except BaseException as error:  # noqa: BLE001 - somebody else's code; the agent is told
                raise ServiceError("bot:hook", Fault.SERVER, problem_of(error)) from None

        given: str = await self._running().run(answered())
        return given

    def close(self) -> None:
        """End the thread, when all calls are over; blocks for some seconds at most."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None

    def _running(self) -> HookThread:
        if self._thread is None:
            self._thread = HookThread()
            self._thread.start()
            set_hook(self.answer)
        return self._thread
