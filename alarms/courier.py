"""The courier: sends notifications from every web process and the worker.

Not a background task: the message bus or the worker may be what an alarm is about. It has a thread
with an event loop of its own, one thread for the database and others for opening secrets, so that
none of them waits for another: while the database hangs, an emergency is still sent.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from alarms.core.catalogue import DESTINATION_FAILING
from alarms.core.ports import Notice, Notifier
from alarms.models import Destination, Notification
from alarms.services import claims, emergency, recurrences, retention
from alarms.services.building import built, introduce
from alarms.services.notices import read
from alarms.services.notifying import on_wake
from bots.connections import rest
from bots.core import noticing
from bots.core.delivering import Outcome
from bots.core.errors import Fault, ServiceError
from bots.credentials import in_vaults
from bots.net import outbound

POLL_S = 1.0
"""How soon what another process owes is found."""
DEADLINE_S = 10.0
"""Of one attempt."""
UNDER_WAY = 32
"""Notifications of one courier at the same time."""
CARE_S = 5.0
"""Between looks at what has to be remembered and sent again."""
HOUSEKEEPING_S = 300.0
AGAIN_S = 15.0
"""Until an emergency is tried again at a destination that did not take it."""
STOP_S = 2.0
FRESH_S = 300.0
"""How long a secret of a key vault is used before the vault is asked whether it has another."""
_BUILDERS = 4
"""Threads in which secrets are opened: some ask a key vault."""
_PROBLEM_CHARS = 300

T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct):
    """A notifier in use, by what it was made from."""

    made_from: Any
    notifier: Notifier
    good_until: float
    users: int = 0


class _Shelf:
    """The notifiers of one event loop, one for each destination."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._building = ThreadPoolExecutor(_BUILDERS, "alarm-building")
        self._renewing: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def of(self, destination: Destination) -> AsyncIterator[Notifier]:
        """The notifier of ``destination``, as long as somebody uses it.

        Raises:
            ServiceError: there is none.
        """
        made_from = (destination.notifier, destination.settings)
        kept = self._kept.get(destination.pk)
        if kept is None or kept.made_from != made_from:
            kept = await self._renewed(destination, made_from)
        elif asyncio.get_running_loop().time() >= kept.good_until:
            # NB nobody waits for a vault that hangs, and one that is away takes nobody's secret.
            kept.good_until += FRESH_S
            self._renewing.add(asyncio.create_task(self._renew(destination, made_from)))
            self._renewing = {task for task in self._renewing if not task.done()}
        kept.users += 1
        try:
            yield kept.notifier
        finally:
            kept.users -= 1
            if not kept.users and self._kept.get(destination.pk) is not kept:
                await kept.notifier.close()

    async def _renew(self, destination: Destination, made_from: Any) -> None:
        with contextlib.suppress(ServiceError):
            await self._renewed(destination, made_from)

    async def _renewed(self, destination: Destination, made_from: Any) -> _Kept:
        loop = asyncio.get_running_loop()
        notifier = await loop.run_in_executor(self._building, built, destination)
        old = self._kept.get(destination.pk)
        lasts = in_vaults(destination.settings.get("credentials", {}))
        kept = _Kept(made_from, notifier, loop.time() + FRESH_S if lasts else float("inf"))
        self._kept[destination.pk] = kept
        if old is not None and not old.users:
            await old.notifier.close()
        return kept

    async def prepare(self, destinations: Sequence[Destination]) -> None:
        """Have the notifiers of ``destinations`` ready, so that an alarm does not wait for that.

        Others are closed.
        """
        for destination in destinations:
            with contextlib.suppress(ServiceError):
                async with self.of(destination):
                    """It is ready; what is wrong with one shows when it is used."""
        wanted = {destination.pk for destination in destinations}
        for key, kept in list(self._kept.items()):
            if key not in wanted and not kept.users:
                del self._kept[key]
                await kept.notifier.close()

    async def close(self) -> None:
        """Close everything."""
        for task in self._renewing:
            task.cancel()
        for kept in self._kept.values():
            await kept.notifier.close()
        self._kept.clear()
        self._building.shutdown(wait=False, cancel_futures=True)


class Courier:
    """Sends what is owed until it is stopped; `run` it in a thread without an event loop."""

    def __init__(self, *, poll_s: float = POLL_S, deadline_s: float = DEADLINE_S) -> None:
        self._poll_s, self._deadline_s = poll_s, deadline_s
        self._database = ThreadPoolExecutor(1, "alarm-database")
        self._shelf = _Shelf()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._stopping = False
        self._unsettled: list[claims.Result] = []
        self._sending: set[asyncio.Task[claims.Result]] = set()
        self._emergencies: dict[int, asyncio.Task[None]] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._introduced = False
        self._cared_at = self._kept_house_at = float("-inf")

    def run(self) -> None:
        """Send until somebody calls `stop`."""
        try:
            asyncio.run(self._work())
        finally:
            self._database.submit(connections.close_all)
            self._database.shutdown(wait=False)

    def wake(self) -> None:
        """Look at once; from any thread, never blocks, never raises."""
        if (loop := self._loop) is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Begin nothing more, and end soon; from any thread."""
        self._stopping = True
        self.wake()

    # --- what is owed -----------------------------------------------------------------------------

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        emergency.send_by(self._send_emergency)
        away = False
        try:
            while not self._stopping:
                try:
                    await self._turn()
                    away = False
                except (DatabaseError, InterfaceError) as error:
                    if not away:
                        log.warning("alarms.courier_without_database", error=type(error).__name__)
                    away = True
                await self._rest()
            with contextlib.suppress(DatabaseError, InterfaceError):
                await self._finish()
        finally:
            emergency.send_by(None)
            self._loop = None
            for task in (*self._sending, *self._emergencies.values(), *self._preparing):
                task.cancel()
            await self._shelf.close()
            await outbound().close()

    async def _turn(self) -> None:
        """Note what was sent, then take and begin to send what is due."""
        self._woken.clear()
        await self._settle()
        await self._care()
        room = UNDER_WAY - len(self._sending)
        if room > 0:
            now = timezone.now()
            for row in await self._in_database(partial(claims.claim, now, room)):
                self._sending.add(asyncio.create_task(self._attempt(row)))

    async def _rest(self) -> None:
        """Wait until something was sent, is owed, or may be by now."""
        woken = asyncio.create_task(self._woken.wait())
        await asyncio.wait(
            {*self._sending, woken}, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED
        )
        woken.cancel()

    async def _finish(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending, timeout=STOP_S / 2)
        await self._settle()

    async def _settle(self) -> None:
        done = {task for task in self._sending if task.done()}
        self._sending -= done
        self._unsettled += [task.result() for task in done]
        if not self._unsettled:
            return
        verdicts = await self._in_database(partial(claims.settle, tuple(self._unsettled)))
        self._unsettled.clear()
        for verdict in verdicts:
            _tell(verdict)

    async def _care(self) -> None:
        assert self._loop is not None  # noqa: S101 - it runs in there
        if not self._introduced:
            await self._in_database(introduce)
            self._introduced = True
        now = self._loop.time()
        if now - self._cared_at >= CARE_S:
            destinations = await self._in_database(emergency.remember)
            await self._in_database(partial(retention.resend, timezone.now()))
            if destinations is not None:
                # NB a key vault may take its time; nobody waits for this.
                self._preparing.add(asyncio.create_task(self._shelf.prepare(destinations)))
                self._preparing = {task for task in self._preparing if not task.done()}
            self._cared_at = now
        if now - self._kept_house_at >= HOUSEKEEPING_S:
            await self._in_database(partial(retention.give_up, timezone.now()))
            await self._in_database(partial(retention.expire, timezone.now()))
            await self._in_database(partial(recurrences.forget, timezone.now()))
            self._kept_house_at = now

    async def _in_database(self, action: Callable[[], T]) -> T:
        def run() -> T:
            try:
                return action()
            finally:
                rest()

        return await asyncio.get_running_loop().run_in_executor(self._database, run)

    async def _attempt(self, row: Notification) -> claims.Result:
        try:
            outcome = await self._sent(read(row), row.destination)
        except msgspec.ValidationError:
            outcome = Outcome(hopeless=True, problem="another version of the gateway owed it")
        return claims.Result(row, outcome, timezone.now())

    async def _sent(self, notice: Notice, destination: Destination) -> Outcome:
        try:
            async with asyncio.timeout(self._deadline_s), self._shelf.of(destination) as notifier:
                await notifier.send(notice)
        except ServiceError as error:
            problem = f"{error.fault}: {error.detail}"[:_PROBLEM_CHARS]
            return Outcome(hopeless=error.fault is Fault.INVALID_REQUEST, problem=problem)
        except TimeoutError:
            return Outcome(problem=f"{Fault.TIMEOUT}: no answer in time")
        except Exception:
            # The root of an attempt: whatever a notifier does, the others go on.
            log.exception("alarms.notifier_broken", destination=destination.name)
            return Outcome(problem=f"{Fault.INTERNAL}: an error inside the gateway")
        return Outcome(status=200)

    # --- emergencies ------------------------------------------------------------------------------

    def _send_emergency(self, notice: Notice, destination: Destination) -> None:
        """See `emergency.Sender`; from any thread."""
        if (loop := self._loop) is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._begin_emergency, notice, destination)

    def _begin_emergency(self, notice: Notice, destination: Destination) -> None:
        if destination.pk not in self._emergencies and not self._stopping:
            task = asyncio.create_task(self._emergency(notice, destination))
            self._emergencies[destination.pk] = task

    async def _emergency(self, notice: Notice, destination: Destination) -> None:
        try:
            outcome = await self._sent(notice, destination)
            if outcome.delivered:
                await asyncio.to_thread(emergency.told, destination.pk)
                return
            log.warning(
                "alarms.emergency_not_sent", destination=destination.name, problem=outcome.problem
            )
            await asyncio.sleep(AGAIN_S)
        finally:
            del self._emergencies[destination.pk]


def _tell(verdict: claims.Verdict) -> None:
    """Have it known that a destination fails or works; it is never told so itself."""
    if verdict.works:
        noticing.worked(DESTINATION_FAILING.name, verdict.destination)
    elif verdict.works is False:
        kind, name = DESTINATION_FAILING.name, verdict.destination
        noticing.failed(kind, name, verdict.problem, certain=True)


class _Post:
    """The courier of this process and its thread."""

    def __init__(self) -> None:
        self._courier: Courier | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; safe to call twice."""
        if self._thread is None:
            self._courier = Courier()
            on_wake(self._wake)
            self._thread = threading.Thread(target=self._run, name="alarm-courier", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Let what has begun end, for at most `STOP_S`."""
        thread, self._thread = self._thread, None
        if thread is not None and self._courier is not None:
            courier, self._courier = self._courier, None
            courier.stop()
            thread.join(STOP_S)

    def _wake(self) -> None:
        if (courier := self._courier) is not None:
            courier.wake()

    def _run(self) -> None:
        pause = threading.Event()
        while (courier := self._courier) is not None:
            try:
                courier.run()
                return
            except Exception:
                # The root of the thread: it must outlive everything.
                log.exception("alarms.courier_broken")
            pause.wait(POLL_S)
            if self._courier is courier:
                self._courier = Courier()


_post = _Post()
start = _post.start
stop = _post.stop
