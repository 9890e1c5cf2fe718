"""From a call to its handlers: a bounded queue per call, in order, each handler with a deadline."""

import asyncio
import threading
from collections import deque
from datetime import UTC, datetime

import structlog

from calls.hooks.happenings import ENDS, VITAL, ConversationText, Error, EventName, Happening
from calls.hooks.registration import Handler, Registered
from calls.hooks.session import Session, acting
from calls.hooks.thread import HookThread, problem_of

MAX_WAITING = 200
"""Of one call; beyond it the oldest that is not vital is dropped and counted."""

log = structlog.get_logger(__name__)


class Delivery:
    """The handlers of one call; `put` is for the thread of the calls, the rest runs in ours."""

    def __init__(
        self, session: Session, registered: Registered, thread: HookThread, deadline_s: float
    ) -> None:
        self.session = session
        self.dropped = 0
        self._registered = registered
        self._thread = thread
        self._deadline_s = deadline_s
        self._waiting: deque[tuple[EventName, Happening]] = deque()
        self._lock = threading.Lock()
        self._awake = False
        self._task: asyncio.Task[None] | None = None

    def put(self, name: EventName, happening: Happening) -> None:
        """Tell the handlers of ``name``; returns at once."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING and not self._make_room(name):
                return
            self._waiting.append((name, happening))
            wake, self._awake = not self._awake, True
        if wake:
            self._thread.soon(self._wake)

    def _make_room(self, name: EventName) -> bool:
        """Drop the oldest that may be dropped; False when ``name`` itself is to be."""
        self.dropped += 1
        if self.dropped == 1:
            log.warning("hooks.behind", call=self.session.session_id, waiting=len(self._waiting))
        for position, (waiting, _) in enumerate(self._waiting):
            if waiting not in VITAL:
                del self._waiting[position]
                return True
        return name in ENDS

    def _wake(self) -> None:
        # NB the loop keeps no strong reference to a task.
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._awake = False
                    return
                name, happening = self._waiting.popleft()
            if isinstance(happening, ConversationText):
                self.session.note(happening)
            if name == "session_end":
                self.session.end()
            for handler in self._registered.handlers.get(name, ()):
                problem = await self._run(handler, happening)
                if problem and name != "error":
                    await self._tell_error(handler, problem)

    async def _tell_error(self, broken: Handler, problem: str) -> None:
        description = f"{broken.__module__}.{broken.__qualname__}: {problem}"
        error = Error(at=datetime.now(UTC), code="handler_error", description=description)
        for handler in self._registered.handlers.get("error", ()):
            await self._run(handler, error)

    async def _run(self, handler: Handler, happening: Happening) -> str:
        """Why ``handler`` failed; empty when it did not."""
        token = acting.set(handler.__module__)
        try:
            async with asyncio.timeout(self._deadline_s):
                await handler(self.session, happening)
        except TimeoutError:
            problem = f"not done within {self._deadline_s:g} s"
        except BaseException as error:  # noqa: BLE001 - somebody else's code; the call goes on
            problem = problem_of(error)
        else:
            return ""
        finally:
            acting.reset(token)
        log.warning(
            "hooks.failed",
            call=self.session.session_id,
            handler=f"{handler.__module__}.{handler.__qualname__}",
            **{"pii.problem": problem},
        )
        return problem
