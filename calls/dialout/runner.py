"""The runner: places the outbound calls of this process, and ends those that are taken back.

It looks at the queue when it is woken and every second. What came of a placement is handed to the
record writer, so that a database that is away delays it and loses nothing. Whatever happens to one
placement, the others and the runner go on.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from bots.selectors import CallConfiguration
from calls.core.events import EndRequested
from calls.database import db
from calls.dialout.placing import Placement
from calls.dialouts.claims import Claims, claim_due
from calls.dialouts.progress import give_up
from calls.dialouts.recovery import recover
from calls.dialouts.withdrawal import Withdrawn, withdrawn
from calls.leases import may_judge
from calls.services import close_lost_calls
from calls.session.host import SessionHost, session_host

MOST_PLACING = 20
"""Calls that are being placed at the same time."""
LOOK_S = 1.0
"""How long the runner waits for a wake-up before it looks by itself."""
HELD_BACK_S = 0.25
"""The same while calls wait for a limit."""
PAUSE_S = 0.02
"""Between two looks at the least: many wake-ups at once are one."""
RECOVER_S = 5.0
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses while the database is away."""
DATABASE_S = 15.0
STOP_S = 10.0
"""How long placements may take to end when the process stops."""

log = structlog.get_logger(__name__)


class DialoutRunner:
    """Places dialouts, with their calls at ``host``: `start` once, `wake` at will, then `stop`."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._placements: dict[UUID, Placement] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runs: asyncio.Task[None] | None = None
        self._claim: asyncio.Task[Claims] | None = None
        """Under way; what it brings is to be placed, however long it takes."""
        self._recovers_at = 0.0
        self._ending: set[tuple[UUID, bool]] = set()
        """Dialouts whose calls were told to end, those with a call here and those without."""

    def start(self) -> None:
        """Begin to look at the queue; the host has its lease."""
        self._runs = self._loop.create_task(self._run(), name="dialouts")

    def wake(self) -> None:
        """Look at the queue now; from any thread."""
        with suppress(RuntimeError):  # the loop was closed: the process ends
            self._loop.call_soon_threadsafe(self._wake.set)

    async def stop(self) -> None:
        """Claim no more and let placements end; what was not placed goes back to the queue."""
        if self._runs is not None:
            self._runs.cancel()
            await asyncio.gather(self._runs, return_exceptions=True)
        work: set[asyncio.Task[Any]] = {*self._tasks}
        if self._claim is not None:
            work.add(self._claim)
        if work:
            await asyncio.wait(work, timeout=STOP_S)
        unplaced = [each.dialout_id for each in self._placements.values() if not each.asked]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self._give_up(unplaced)

    async def _give_up(self, unplaced: list[UUID]) -> None:
        reason = "The gateway shut down"
        try:
            async with asyncio.timeout(DATABASE_S):
                await db(give_up, self._host.owner, unplaced, reason=reason, at=_now())
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            # Their process being gone does the same, later.
            log.warning("dialouts.not_put_back", error=type(error).__name__)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                held_back = await self._look()
            except (DatabaseError, InterfaceError, TimeoutError) as error:
                log.warning("dialouts.retry", error=type(error).__name__, failures=failures)
                await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
                failures += 1
            except Exception:
                # The root of the runner: whatever broke, the next look may work.
                log.exception("dialouts.broken")
                await asyncio.sleep(LOOK_S)
            else:
                failures = 0
                await self._pause(HELD_BACK_S if held_back else LOOK_S)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(PAUSE_S)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _look(self) -> bool:
        """One look at everything; answers whether calls wait for a limit or for room."""
        await self._recover()
        await self._withdraw()
        room = min(
            MOST_PLACING - len(self._placements),
            settings.MAX_CALLS - self._host.calls - len(self._placements),
        )
        if self._host.draining:
            room = 0
        if room <= 0 and self._claim is None:
            return True
        claims = await self._claimed(room)
        for claimed in claims.taken:
            placement = Placement(claimed.dialout, self._host)
            self._placements[placement.dialout_id] = placement
            work = self._place(placement, claimed.configuration)
            self._spawn(work, f"dialout {placement.dialout_id}")
        return claims.held_back

    async def _claimed(self, room: int) -> Claims:
        """Claims; those of an earlier look that the database has not answered yet.

        Raises:
            TimeoutError: it has not yet, again.
        """
        if self._claim is None:
            work = db(claim_due, self._host.owner, _now(), room)
            self._claim = self._loop.create_task(work, name="claim")
        await asyncio.wait([self._claim], timeout=DATABASE_S)
        if not self._claim.done():
            raise TimeoutError
        claim, self._claim = self._claim, None
        return claim.result()

    async def _place(self, placement: Placement, configuration: CallConfiguration) -> None:
        try:
            await placement.run(configuration)
        finally:
            del self._placements[placement.dialout_id]
            self._wake.set()

    async def _recover(self) -> None:
        if self._loop.time() < self._recovers_at:
            return
        self._recovers_at = self._loop.time() + RECOVER_S
        async with asyncio.timeout(DATABASE_S):
            judging = await db(may_judge, _now())
            lost = await db(close_lost_calls, _now()) if judging else 0
            recovered = await db(recover, _now(), judging=judging)
        if lost or recovered:
            log.warning("dialouts.recovered", calls=lost, dialouts=recovered)

    async def _withdraw(self) -> None:
        """End the calls that were taken back, and those whose dialouts ended without them."""
        here = frozenset(self._host.dialouts)
        async with asyncio.timeout(DATABASE_S):
            rows = await db(withdrawn, self._host.owner, here)
        # A call may come back after its carrier was told to stop it.
        found = {(row.dialout.pk, row.dialout.pk in self._host.dialouts): row for row in rows}
        self._ending &= found.keys()
        begun = {key for key in found if key not in self._ending and self._end(found[key])}
        self._ending |= begun

    def _end(self, row: Withdrawn) -> bool:
        """Begin to end a call, unless it is still being placed."""
        dialout_id = row.dialout.pk
        session = self._host.dialouts.get(dialout_id)
        if session is None and dialout_id in self._placements:
            return False
        log.info("dialout.withdrawn", dialout=str(dialout_id), live=session is not None)
        if session is not None:
            reason = "Cancelled" if row.cancelled else "The outbound call was given up"
            session.take(EndRequested(by="operator", reason_code="bot-disconnected", reason=reason))
        elif row.cancelled:
            self._spawn(Placement(row.dialout, self._host).cancel(), f"cancel {dialout_id}")
        return True

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_runner: DialoutRunner | None = None


def runner() -> DialoutRunner:
    """The runner of this process, for the calls of its session host."""
    global _runner
    if _runner is None:
        _runner = DialoutRunner(session_host())
    return _runner


def wake_runner() -> None:
    """Have the runner of this process, if there is one, look at the queue; from any thread."""
    if _runner is not None:
        _runner.wake()


def _now() -> datetime:
    return datetime.now(UTC)
