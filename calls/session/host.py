"""The session host: all calls of one process, from admission to drain."""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from alarms import desk
from alarms.core.catalogue import BOT_MISCONFIGURED, CALL_CAPACITY
from bots.core import registry
from bots.core.ports import BotCapabilities
from bots.net import outbound
from bots.selectors import CallConfiguration
from bots.workers.pool import close_pools
from calls.core.closing import Cause
from calls.core.events import EndRequested
from calls.core.ports import CallStart, VoiceLeg
from calls.core.steering import Outcome, Steering
from calls.database import db
from calls.facts import Placing
from calls.hooks.desk import HookDesk
from calls.hooks.session import CallFacts
from calls.leases import LEASE_SECONDS, RENEW_SECONDS, give_back, renew_lease
from calls.live import LiveFeed
from calls.records import RecordWriter
from calls.session.call import CallSession
from calls.session.plugins import CallPlugins, PluginShelf
from calls.session.reporter import Reporter
from calls.session.snapshots import Snapshots
from calls.session.warm_up import warm_up

END_TIMEOUT_S = 8.0
"""How long calls that a drain ends may take for it; more than a hang-up's confirmation takes."""
RECORDS_TIMEOUT_S = 20.0
LEASE_RETRY_S = 2.0
"""Until a lease that could not be renewed is tried again (see `calls.leases.GAP_SECONDS`)."""

log = structlog.get_logger(__name__)


class NoCapacity(Exception):
    """The process takes no more calls; ``args[0]`` says why in words for the voice side."""


class SessionHost:
    """Owns the calls of this process, keyed by bot and the voice side's conversation id."""

    def __init__(self) -> None:
        self.owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.started_at = datetime.now(UTC)
        self.stopping = False
        """The process is to end, which nobody takes back."""
        self.paused = False
        """People want it to take no more calls for now."""
        self.vitals: Callable[[], dict[str, Any]] = dict
        """How this process is doing, for its lease."""
        self._records = RecordWriter()
        self._live = LiveFeed()
        self._live.calls = self
        self._shelf = PluginShelf()
        self._snapshots = Snapshots()
        self._hooks = HookDesk(settings.HOOKS_DEADLINE_MS / 1000)
        self._calls: dict[tuple[str, str], CallSession] = {}
        self._by_id: dict[uuid.UUID, CallSession] = {}
        self._by_dialout: dict[uuid.UUID, CallSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False

    @property
    def calls(self) -> int:
        """How many calls are going on."""
        return len(self._calls)

    @property
    def draining(self) -> bool:
        """Whether no more calls are taken."""
        return self.stopping or self.paused

    @property
    def sessions(self) -> tuple[CallSession, ...]:
        """The calls that are going on."""
        return tuple(self._by_id.values())

    @property
    def records(self) -> RecordWriter:
        """Who writes the records of this process."""
        return self._records

    @property
    def dialouts(self) -> Mapping[uuid.UUID, CallSession]:
        """The calls that are outbound, by the ids of their dialouts."""
        return self._by_dialout

    def carrier(self, configuration: CallConfiguration) -> Any:
        """Who places outbound calls of ``configuration``, a `calls.dialout.port.Carrier`.

        Raises:
            LookupError: nobody does, or the plug-in is not installed here.
        """
        return self._shelf.carrier(configuration)

    def voice_of(self, configuration: CallConfiguration) -> BotCapabilities:
        """See `calls.session.plugins.voice_of`."""
        return self._shelf.voice_of(configuration)

    def record(self, fact: Placing) -> None:
        """Have written what came of placing an outbound call, whatever the database does."""
        self._records.put(fact)

    async def start(self) -> None:
        """Take the lease and start the writer and the live feed; before the first call."""
        if self._started:
            return
        self._started = True
        await self._renew_lease()
        self._records.start()
        self._spawn(self._live.run(), "live feed")
        self._spawn(self._keep_lease(), "lease")
        self._spawn(warm_up(self._shelf), "warm-up")

    def admit(self) -> None:
        """Whether one more call is taken.

        Raises:
            NoCapacity: not now.
        """
        if self.draining:
            raise NoCapacity("the gateway takes no more calls")
        if self.calls >= settings.MAX_CALLS:
            desk.failed(CALL_CAPACITY, self.owner, f"{self.calls} calls", certain=True)
            raise NoCapacity("the gateway has no capacity for another call")

    def open(
        self, configuration: CallConfiguration, leg: VoiceLeg, start: CallStart
    ) -> CallSession:
        """Begin a call; its events go to the session that is returned.

        Raises:
            NoCapacity: see `admit`; also when the conversation id is in use, or when there is a
                call for the same dialout.
            LookupError: the bot's configuration names a plug-in that is not installed.
        """
        self.admit()
        key = (configuration.bot, start.conversation_id)
        if key in self._calls:
            raise NoCapacity("a conversation with this id is going on")
        dialout_id = uuid.UUID(start.dialout.dialout_id) if start.dialout is not None else None
        if dialout_id in self._by_dialout:
            raise NoCapacity("this outbound call is going on")
        plugins = self._plugins_of(configuration)
        call_id = uuid.uuid4()
        loop = asyncio.get_running_loop()
        reporter = Reporter(
            self._records,
            self._live,
            call_id=call_id,
            started=loop.time(),
            configuration=configuration,
        )
        session = CallSession(
            call_id=call_id,
            configuration=configuration,
            plugins=plugins,
            leg=leg,
            start=start,
            reporter=reporter,
        )
        reporter.opened(
            start,
            mode="voice" if leg.capabilities.audio else "text",
            owner=self.owner,
            bot_id=configuration.bot_id,
            bot=configuration.bot,
            revision=configuration.revision,
            snapshot=self._snapshots.of(configuration.bot, configuration.resolved),
        )
        reporter.watch = self._hooks.watch(
            _facts(call_id, configuration, leg, start), session.steer
        )
        self._calls[key] = self._by_id[call_id] = session
        # Who opens a call carries it from here on: what it logs belongs to the call.
        structlog.contextvars.bind_contextvars(**session.named)
        if dialout_id is not None:
            self._by_dialout[dialout_id] = session
        self._spawn(self._carry(key, session), f"call {call_id}")
        return session

    def _plugins_of(self, configuration: CallConfiguration) -> CallPlugins:
        try:
            return self._shelf.of(configuration)
        except LookupError as error:
            desk.failed(BOT_MISCONFIGURED, configuration.bot, str(error), certain=True)
            raise

    def find(self, bot: str, conversation_id: str) -> CallSession | None:
        """The live call of ``bot`` with that conversation id."""
        return self._calls.get((bot, conversation_id))

    def call(self, call_id: uuid.UUID) -> CallSession | None:
        """The live call with that id, if this process carries it."""
        return self._by_id.get(call_id)

    def steer(
        self, call_id: str, act: Steering, by: str, report: Callable[[Outcome], None]
    ) -> None:
        """Have ``act`` done in the call, if it is one of ours; ``report`` is told what came."""
        session = self.call(uuid.UUID(call_id))
        if session is not None:
            log.info("call.steered", call=call_id, act=type(act).__name__)
            session.steer(act, by, report)

    def measure(self, call_id: str) -> None:
        """Report the levels of the call for a while, if it is one of ours."""
        session = self.call(uuid.UUID(call_id))
        if session is not None and session.audible:
            session.taps.measure(partial(self._live.level, call_id))

    async def drain(self, deadline_s: float) -> None:
        """Refuse new calls, let the live ones end for ``deadline_s``, end the rest, flush."""
        self.stopping = True
        log.info("host.draining", calls=self.calls)
        await self._until_idle(deadline_s)
        for session in list(self._calls.values()):
            session.take(
                EndRequested(
                    by="gateway",
                    reason_code="error",
                    reason="The gateway shuts down",
                    cause=Cause.SHUTDOWN,
                )
            )
        await self._until_idle(END_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._hooks.close)
        await close_pools()
        await self._shelf.close()
        await outbound().close()
        await asyncio.to_thread(self._records.stop, RECORDS_TIMEOUT_S)
        await self._give_back_lease()

    async def _until_idle(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        calls = [task for task in self._tasks if task.get_name().startswith("call ")]
        while calls and (left := deadline - loop.time()) > 0:
            await asyncio.wait(calls, timeout=left)
            calls = [task for task in calls if not task.done()]

    async def _carry(self, key: tuple[str, str], session: CallSession) -> None:
        with structlog.contextvars.bound_contextvars(**session.named):
            log.info("call.started")
            try:
                await session.run()
            finally:
                del self._calls[key], self._by_id[session.call_id]
                self._hooks.forget(str(session.call_id))
                if session.start.dialout is not None:
                    del self._by_dialout[uuid.UUID(session.start.dialout.dialout_id)]

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        # NB A task group would end every call with the first that fails; here each stands alone.
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("host.task_failed", task=task.get_name(), exc_info=error)

    async def _give_back_lease(self) -> None:
        try:
            async with asyncio.timeout(LEASE_SECONDS / 6):
                await db(give_back, self.owner)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.warning("lease.not_given_back", error=type(error).__name__)

    async def _keep_lease(self) -> None:
        renewed = True
        while True:
            await asyncio.sleep(RENEW_SECONDS if renewed else LEASE_RETRY_S)
            paused = self.paused
            renewed = await self._renew_lease()
            if self.paused is not paused:
                renewed = await self._renew_lease()  # whoever wanted it looks whether it follows

    async def _renew_lease(self) -> bool:
        try:
            async with asyncio.timeout(LEASE_SECONDS / 6):
                self.paused = await db(
                    renew_lease,
                    self.owner,
                    socket.gethostname(),
                    os.getpid(),
                    datetime.now(UTC),
                    version=settings.VERSION,
                    started_at=self.started_at,
                    vitals=self.vitals(),
                )
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.warning("lease.not_renewed", error=type(error).__name__)
            return False
        return True


def _facts(
    call_id: uuid.UUID, configuration: CallConfiguration, leg: VoiceLeg, start: CallStart
) -> CallFacts:
    plugin = registry.plugin("bot", configuration.connector.plugin)
    return CallFacts(
        call_id=call_id,
        conversation_id=start.conversation_id,
        bot=configuration.bot,
        caller=start.caller,
        callee=start.callee,
        channel=start.channel,
        direction=start.direction,
        media_format=leg.media if leg.capabilities.audio else "",
        is_test=start.is_test,
        sip_headers=start.sip_headers,
        controls=frozenset(plugin.controls),
    )


_host: SessionHost | None = None


def session_host() -> SessionHost:
    """The host of this process."""
    global _host
    if _host is None:
        _host = SessionHost()
    return _host
