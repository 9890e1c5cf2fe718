"""The desk: where code of this process tells what fails and what works, from any thread.

Telling never blocks and never raises. A thread writes down what is worth an alarm; while the
database is away it keeps the latest of each source.
"""

import threading
import time
from collections.abc import Mapping

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from alarms import board
from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import MAX_TEXT_CHARS, AlarmType
from alarms.core.evidence import Evidence, Key
from alarms.core.policy import policy_of
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.services.reporting import BATCH, tell
from alarms.services.sweeping import is_forgotten, is_heard_again, sweep

PACE_S = 0.25
"""Between two turns when there is something to write."""
LOOK_S = 1.0
"""Between two turns when nobody told anything: others may have changed the board."""
SWEEP_S = 10.0
STOP_S = 2.0
MAX_NAME_CHARS = 150

AWAY = (OperationalError, InterfaceError)

log = structlog.get_logger(__name__)


class Desk:
    """The desk of one process; also a `bots.core.noticing.Listener` by `Notices`."""

    def __init__(self, shown: board.Board) -> None:
        self._board = shown
        self._evidence = Evidence({name: policy_of(kind) for name, kind in CATALOGUE.items()})
        self._policies = shown.current().policies
        self._lock = threading.RLock()
        self._turning = threading.Lock()
        self._told = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._swept_at = float("-inf")

    # --- telling ----------------------------------------------------------------------------------

    def failed(
        self, kind: AlarmType, name: str = "", detail: str = "", *, certain: bool = False
    ) -> None:
        """``name`` failed; ``certain``: there is no need to wait for more failures."""
        key, detail = _key(kind, name), _plain(detail, MAX_TEXT_CHARS)
        with self._lock:
            self._evidence.failed(key, detail, time.monotonic(), certain=certain)
        self._told.set()

    def worked(self, kind: AlarmType, name: str = "") -> None:
        """``name`` worked; nearly free as long as nothing is known against it."""
        self._over(_key(kind, name), certain=True)

    def holds(
        self,
        kind: AlarmType,
        name: str = "",
        detail: str = "",
        severity: Severity | None = None,
    ) -> None:
        """The condition holds; tell so at every look. ``severity`` None: as usual."""
        key, detail = _key(kind, name), _plain(detail, MAX_TEXT_CHARS)
        with self._lock:
            self._evidence.holds(key, detail, time.monotonic(), severity=severity)
        self._told.set()

    def over(self, kind: AlarmType, name: str = "", *, certain: bool = False) -> None:
        """The condition does not hold; tell so at every look.

        Somebody who has not seen it hold is believed once nobody else sees it, unless ``certain``:
        whoever says so looks for all processes.
        """
        self._over(_key(kind, name), certain=certain)

    def only(self, kind: AlarmType, found: Mapping[str, str], *, certain: bool = True) -> None:
        """The condition holds for the names in ``found`` (with their details), for no others."""
        keys = {_key(kind, name) for name in found}
        for name, detail in found.items():
            self.holds(kind, name, detail)
        for key in self._board.current().keys:
            if key.type == kind.name and key not in keys:
                self._over(key, certain=certain)

    def _over(self, key: Key, *, certain: bool) -> None:
        # NB without the lock: this is asked at each turn of each call.
        if key not in self._evidence and key not in self._board.current().keys:
            return
        with self._lock:
            self._evidence.over(key, certain=certain)
        self._told.set()

    # --- the thread -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread; safe to call twice."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what is due and end the thread, within `STOP_S`."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            self._told.set()
            thread.join(STOP_S)

    def flush(self) -> None:
        """One turn in the thread of the caller.

        Raises:
            DatabaseError: the database is away; everything is kept.
        """
        with self._turning:
            self._turn()

    def _run(self) -> None:
        away = False
        while True:
            stopping = self._stop.is_set()
            self._told.clear()
            try:
                self.flush()
                away = False
            except AWAY as error:
                if not away:
                    log.warning("alarms.database_away", error=type(error).__name__)
                away = True
            except Exception:
                # The root of the thread: it must outlive everything.
                log.exception("alarms.turn_failed")
            finally:
                close_old_connections()
            if stopping:
                return
            self._stop.wait(PACE_S)
            self._told.wait(LOOK_S - PACE_S)

    def _turn(self) -> None:
        self._refresh()
        now = time.monotonic()
        with self._lock:
            reports = self._evidence.due(now, timezone.now(), self._board.current().keys)
        for start in range(0, len(reports), BATCH):
            batch = reports[start : start + BATCH]
            self._write(batch)
            with self._lock:
                self._evidence.told(batch, now)
        if now - self._swept_at >= SWEEP_S:
            self._sweep()
            self._swept_at = now
        if reports:
            self._refresh()

    def _write(self, reports: list[Report]) -> None:
        """Write ``reports``; what the database does not take is logged and dropped."""
        try:
            tell(reports)
        except AWAY:
            raise
        except Exception:
            if len(reports) > 1:
                for report in reports:
                    self._write([report])
                return
            log.exception("alarms.report_refused", alarm=reports[0].type)

    def _sweep(self) -> None:
        snapshot, now = self._board.current(), timezone.now()
        due = (
            is_heard_again(alarm, now) or is_forgotten(alarm, snapshot.policies, now)
            for alarm in snapshot.alarms
        )
        if any(due):
            sweep(now)

    def _refresh(self) -> None:
        self._board.refresh()
        policies = self._board.current().policies
        if policies is not self._policies:
            with self._lock:
                self._evidence.follow(policies)
            self._policies = policies


class Notices:
    """What the room below notices, told at a desk (a `bots.core.noticing.Listener`)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def failed(self, alarm: str, source: str, detail: str, *, certain: bool) -> None:
        """It failed; an alarm that is not in the catalogue is logged."""
        if (kind := CATALOGUE.get(alarm)) is None:
            log.error("alarms.unknown_type", alarm=alarm[:60])
            return
        self._desk.failed(kind, source, detail, certain=certain)

    def worked(self, alarm: str, source: str) -> None:
        """It worked."""
        if (kind := CATALOGUE.get(alarm)) is not None:
            self._desk.worked(kind, source)


def _key(kind: AlarmType, name: str) -> Key:
    return Key(kind.name, kind.source(_plain(name, MAX_NAME_CHARS)))


def _plain(text: str, longest: int) -> str:
    """``text`` as it can be stored and sent: in one line, no control characters, bounded."""
    text = text[:longest]
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


_desk = Desk(board.BOARD)
failed = _desk.failed
worked = _desk.worked
holds = _desk.holds
over = _desk.over
only = _desk.only
start = _desk.start
stop = _desk.stop
flush = _desk.flush
notices = Notices(_desk)
