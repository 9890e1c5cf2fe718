"""One call's line to its bot: joins, delivers in order, listens; reports to the session."""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from bots.core.activities import Activity
from bots.core.errors import Fault, ServiceError, first_service_error
from bots.core.ports import BotConnector, BotConversation, BotSession
from calls.core.events import BotAcknowledged, BotJoined, BotLeft, BotSpoke, Event, ServiceFailed

JOIN_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0
MAX_UNDELIVERED = 100
"""Activities waiting for a bot that does not take them; one more is a failure of the bot."""
AT_ONCE = 200
"""Activities that are taken from a bot as fast as they come."""
PER_SECOND = 50
"""Those that follow: a bot that says more waits, so that it takes no time from other calls."""
SHARE = 0.1
"""How much of the event loop's time a bot gets; an activity that takes long counts as several."""


def stamped(activity: Activity) -> Activity:
    """``activity`` with an id and a timestamp, which the documentation requires of both sides."""
    if activity.id and activity.timestamp:
        return activity
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.structs.replace(
        activity, id=activity.id or str(uuid4()), timestamp=activity.timestamp or now
    )


class BotLine:
    """`run` is its task; `send` may be called at any time and returns at once."""

    def __init__(
        self,
        connector: BotConnector,
        conversation: BotConversation,
        report: Callable[[Event], None],
    ) -> None:
        self._connector = connector
        self._conversation = conversation
        self._report = report
        self._outgoing: asyncio.Queue[Activity] = asyncio.Queue(MAX_UNDELIVERED)
        self._session: BotSession | None = None

    def send(self, activity: Activity) -> None:
        """Deliver ``activity`` after those before it."""
        try:
            self._outgoing.put_nowait(stamped(activity))
        except asyncio.QueueFull:
            detail = "it takes no activities"
            self._report(ServiceFailed(service="bot", fault=Fault.TIMEOUT, detail=detail))

    async def run(self) -> None:
        """Join and carry activities both ways until the bot leaves or fails, or cancellation."""
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                session = self._session = await self._connector.open(self._conversation)
        except TimeoutError:
            self._failed(ServiceError("bot", Fault.TIMEOUT, "it could not be joined in time"))
            return
        except ServiceError as error:
            self._failed(error)
            return
        self._report(BotJoined())
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._deliver(session))
                await self._listen(session)
                sender.cancel()
        except* ServiceError as errors:
            self._failed(first_service_error(errors))

    def _failed(self, error: ServiceError) -> None:
        self._report(ServiceFailed(service="bot", fault=error.fault, detail=error.detail))

    async def close(self, reason_code: str, reason: str) -> None:
        """Tell the bot what it was not told yet and that the call ended, within a bounded time."""
        if self._session is None:
            return
        session, self._session = self._session, None
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                while not self._outgoing.empty():
                    await session.send(self._outgoing.get_nowait())
                await session.close(reason_code, reason)
        except (ServiceError, TimeoutError):
            return  # the call is over; there is nobody left to fail

    async def _deliver(self, session: BotSession) -> None:
        while True:
            activity = await self._outgoing.get()
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await session.send(activity)
            except TimeoutError:
                raise ServiceError("bot", Fault.TIMEOUT, "it took no activity") from None
            self._report(BotAcknowledged())

    async def _listen(self, session: BotSession) -> None:
        pace = _Pace()
        async for activity in session.events():
            began = time.perf_counter()
            self._report(BotSpoke(activity))
            await pace.wait(time.perf_counter() - began)
        self._report(BotLeft())


class _Pace:
    """How fast a bot is read."""

    def __init__(self) -> None:
        self._paid_until = -math.inf

    async def wait(self, spent_s: float) -> None:
        """An activity took ``spent_s``: wait until the next is due, and let others have a turn."""
        now = asyncio.get_running_loop().time()
        price_s = max(1 / PER_SECOND, spent_s / SHARE)
        self._paid_until = max(self._paid_until, now - AT_ONCE / PER_SECOND) + price_s
        await asyncio.sleep(max(0.0, self._paid_until - now))
