"""The watchers of one web process: is it keeping up, and does it reach what it needs?

They look every second or less often, in one task; none of them is near the audio of a call. What a
process says of itself ends with it: see ``forget_after_s`` of these types.
"""

import asyncio
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections

from alarms import desk
from alarms.core.catalogue import (
    CALL_CAPACITY,
    DATABASE_UNAVAILABLE,
    DISK_SPACE,
    EVENT_LOOP_DELAYED,
    MESSAGE_BUS_UNAVAILABLE,
    RECORDS_DELAYED,
    WORKER_DOWN,
)
from alarms.core.declare import AlarmType
from bots.connections import rest
from calls.core.room import shortage
from calls.health import vitals
from calls.health.conversations import EndlessCalls, SilentCalls
from calls.health.lag import lag_p99_ms, loop_lag
from calls.leases import current_leases
from calls.live import LAYER_ERRORS, send_group
from calls.session.host import SessionHost, session_host

LAG_MS = 100.0
BEHIND_S = 5.0
"""For so long a record may wait for the database."""
BEHIND_RECORDS = 5_000
"""So many records that wait are an alarm: a quarter of what there is room for."""
ANSWER_S = 3.0
"""How long database and message bus may take to answer."""
GRACE_S = 30.0
"""After the start of a process, until a worker that is started with it is missed."""
SETTLES_S = 20.0
"""After the start of a process its loop is late by what is loaded once."""
LOOK_S = 1.0
LONGEST_LOOK_S = 10.0
"""What takes longer is given up, so that the others look on: a disk over the network may hang."""
PROBE_GROUP = "health.probe"
"""Nobody listens there: what is sent only shows that the channel layer takes it."""

Look = Callable[[], None] | Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


def say(kind: AlarmType, name: str, detail: str) -> None:
    """The condition ``kind`` holds for ``name``; without a ``detail`` it does not.

    What has a name here is this process's own, so that nobody else is to be asked.
    """
    if detail:
        desk.holds(kind, name, detail)
    else:
        desk.over(kind, name, certain=bool(name))


# --- what a process knows of itself ---------------------------------------------------------------


def look_at_loop(host: SessionHost) -> None:
    """Whether the event loop keeps up with its timers."""
    late = lag_p99_ms()
    say(EVENT_LOOP_DELAYED, host.owner, f"{late:.0f} ms late" if late > LAG_MS else "")


def look_at_capacity(host: SessionHost) -> None:
    """Whether there is room for one more call."""
    most = settings.MAX_CALLS
    say(CALL_CAPACITY, host.owner, f"{host.calls} of {most} calls" if host.calls >= most else "")


def look_at_records(host: SessionHost) -> None:
    """Whether call records are written as they come."""
    waiting, behind_s = host.records.waiting, host.records.behind_s
    late = behind_s > BEHIND_S or waiting > BEHIND_RECORDS
    detail = f"{waiting} records wait, the first for {behind_s:.0f} s"
    say(RECORDS_DELAYED, host.owner, detail if late else "")


def look_at_disks(places: dict[str, Path]) -> None:
    """Whether there is room below ``places``, the worst of them counts; names are for people."""
    found = []
    for what, path in places.items():
        usage = shutil.disk_usage(next(each for each in (path, *path.parents) if each.exists()))
        if (severity := shortage(usage.total, usage.free)) is not None:
            left = f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB left for {what}"
            found.append((severity, left))
    name = socket.gethostname()
    if found:
        severity = max(severity for severity, _left in found)
        desk.holds(DISK_SPACE, name, "; ".join(left for _severity, left in found), severity)
    else:
        desk.over(DISK_SPACE, name, certain=True)


def places() -> dict[str, Path]:
    """Where this installation writes on this machine."""
    found = {"the gateway": Path(settings.VAR_DIR), "prompts": Path(settings.TTS_CACHE_DIR)}
    if connection.vendor == "sqlite":
        found["the database"] = Path(connection.settings_dict["NAME"]).parent
    return found


# --- what it needs --------------------------------------------------------------------------------


class Database:
    """Asks the database in a thread of its own, so that one that hangs takes no other thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "health-database")
        self._asked: Future[bool] | None = None
        self._asked_at = 0.0
        self._started_at = time.monotonic()

    async def look(self) -> None:
        """Whether the database answers, and whether it knows of a worker."""
        if self._asked is None:
            self._asked_at = time.monotonic()
            self._asked = self._thread.submit(_worker_is_there)
        answer = asyncio.wrap_future(self._asked)
        done, _ = await asyncio.wait({answer}, timeout=ANSWER_S)
        if not done:
            # A later look takes the answer; asyncio would log an error for this copy of it.
            answer.add_done_callback(lambda late: late.cancelled() or late.exception())
            silent_s = time.monotonic() - self._asked_at
            desk.holds(DATABASE_UNAVAILABLE, detail=f"no answer for {silent_s:.0f} s")
            return
        self._asked = None
        try:
            worker = answer.result()
        except (DatabaseError, InterfaceError) as error:
            # What drivers say names addresses and users.
            desk.holds(DATABASE_UNAVAILABLE, detail=type(error).__name__)
        else:
            desk.over(DATABASE_UNAVAILABLE)
            self._tell_worker(there=worker)

    def close(self) -> None:
        """Ask no more."""
        self._thread.submit(connections.close_all)
        self._thread.shutdown(wait=False)

    def _tell_worker(self, *, there: bool) -> None:
        if there:
            desk.over(WORKER_DOWN)
        elif time.monotonic() - self._started_at > GRACE_S:
            desk.holds(WORKER_DOWN, detail="none has told for half a minute that it lives")


def _worker_is_there() -> bool:
    try:
        return current_leases(datetime.now(UTC)).filter(role="worker").exists()
    finally:
        rest()


async def look_at_bus() -> None:
    """Whether live events reach other processes."""
    try:
        await send_group(get_channel_layer(), PROBE_GROUP, {"type": PROBE_GROUP})
    except LAYER_ERRORS as error:
        say(MESSAGE_BUS_UNAVAILABLE, "", type(error).__name__)
    else:
        say(MESSAGE_BUS_UNAVAILABLE, "", "")


# --- looking --------------------------------------------------------------------------------------


class Watchers:
    """All watchers of this process: `start` once on its event loop, `stop` before it ends."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self._database = Database()
        self._task: asyncio.Task[None] | None = None
        clock = asyncio.get_running_loop().time
        silent, endless = SilentCalls(), EndlessCalls()
        self._looks: list[tuple[float, Look]] = [
            (1.0, partial(look_at_loop, host)),
            (1.0, partial(look_at_capacity, host)),
            (1.0, partial(look_at_records, host)),
            (4.0, self._database.look),
            (4.0, look_at_bus),
            (2.0, lambda: silent.look(host.sessions, clock())),
            (30.0, lambda: endless.look(host.sessions, clock())),
            (30.0, _look_at_disks),
        ]
        self._due = [clock() + SETTLES_S, *[0.0] * (len(self._looks) - 1)]

    def start(self) -> None:
        """Begin to look, and to tell with each renewal of the lease how the process is doing."""
        loop_lag.start()
        self._host.vitals = partial(vitals.of_calls, self._host, vitals.Processor())
        self._task = asyncio.get_running_loop().create_task(self._run(), name="health")

    async def stop(self) -> None:
        """Look no more."""
        loop_lag.stop()
        self._database.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for number, (every_s, look) in enumerate(self._looks):
                if loop.time() >= self._due[number]:
                    self._due[number] = loop.time() + every_s
                    await _carefully(look)
            await asyncio.sleep(LOOK_S)


_disks = ThreadPoolExecutor(1, "health-disks")
"""Of its own: one that hangs takes no thread from others."""


async def _look_at_disks() -> None:
    await asyncio.get_running_loop().run_in_executor(_disks, look_at_disks, places())


async def _carefully(look: Look) -> None:
    try:
        looking: Any = look()
        if looking is not None:
            async with asyncio.timeout(LONGEST_LOOK_S):
                await looking
    except TimeoutError:
        log.warning("health.look_hangs")
    except Exception:
        # The root of a watcher: whatever broke, the others go on looking.
        log.exception("health.look_failed")


_watchers: Watchers | None = None


def watchers() -> Watchers:
    """Those of this process, for the calls of its session host."""
    global _watchers
    if _watchers is None:
        _watchers = Watchers(session_host())
    return _watchers
