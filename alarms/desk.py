"""The desk: where code of this process tells what fails and what works, from any thread.

Telling never blocks and never raises. A thread writes down what is worth an alarm; while the
database is away it keeps the latest of each source, and a second thread, which asks no database,
sees to it that destinations learn of that.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import structlog
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from alarms import board
from alarms.core.catalogue import CATALOGUE, DATABASE_UNAVAILABLE
from alarms.core.declare import MAX_TEXT_CHARS, AlarmType
from alarms.core.evidence import Evidence, Key
from alarms.core.policy import Policy, policy_of
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.services import emergency
from alarms.services.reporting import BATCH, tell, tell_emergency
from alarms.services.sweeping import has_stayed_away, is_forgotten, is_heard_again, sweep
from bots.connections import rest
from bots.core.redaction import redacted_text

PACE_S = 0.25
"""Between two turns when there is something to write."""
LOOK_S = 1.0
"""Between two turns when nobody told anything: others may have changed the board."""
SWEEP_S = 10.0
STOP_S = 2.0
HANG_S = 10.0
"""A database that has not answered for this long is away, though nothing failed."""
MAX_NAME_CHARS = 150

AWAY = (OperationalError, InterfaceError)
_DATABASE = Key(DATABASE_UNAVAILABLE.name, DATABASE_UNAVAILABLE.source())

log = structlog.get_logger(__name__)


class Desk:
    """The desk of one process, which refreshes its board ``shown``.

    ``clock`` counts seconds and only goes forward; ``look_s`` see `LOOK_S`.
    """

    def __init__(
        self,
        shown: board.Board,
        *,
        clock: Callable[[], float] = time.monotonic,
        look_s: float = LOOK_S,
    ) -> None:
        self._board = shown
        self._clock = clock
        self._look_s = look_s
        self._evidence = Evidence({name: policy_of(kind) for name, kind in CATALOGUE.items()})
        self._policies = shown.current().policies
        self._lock = threading.RLock()
        self._turning = threading.Lock()
        self._told = threading.Event()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._absence = _Absence(clock)
        self._swept_at = float("-inf")

    # --- telling ----------------------------------------------------------------------------------

    def failed(
        self, kind: AlarmType, name: str = "", detail: str = "", *, certain: bool = False
    ) -> None:
        """``name`` failed; ``certain``: there is no need to wait for more failures."""
        key, detail = _key(kind, name), _shown(detail)
        with self._lock:
            self._evidence.failed(key, detail, self._clock(), certain=certain)
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
        key, detail = _key(kind, name), _shown(detail)
        with self._lock:
            self._evidence.holds(key, detail, self._clock(), severity=severity)
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
        if key not in self._evidence and key not in self._board.current().present:
            return
        with self._lock:
            self._evidence.over(key, certain=certain)
        self._told.set()

    # --- the thread -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the threads; safe to call twice."""
        if not self._threads:
            self._stop.clear()
            for run, name in ((self._run, "alarms"), (self._watch, "alarms-watch")):
                thread = threading.Thread(target=run, name=name, daemon=True)
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        """Write what is due and end the threads, within `STOP_S`."""
        self._stop.set()
        self._told.set()
        end = time.monotonic() + STOP_S
        while self._threads:
            self._threads.pop().join(max(0.0, end - time.monotonic()))

    def flush(self) -> None:
        """One turn in the thread of the caller.

        Raises:
            DatabaseError: the database is away; everything is kept.
        """
        with self._turning:
            self._turn()

    def _run(self) -> None:
        while True:
            stopping = self._stop.is_set()
            self._told.clear()
            try:
                self.flush()
            except AWAY as error:
                if self._absence.failed(error):
                    log.warning("alarms.database_away", error=type(error).__name__)
            except Exception:
                # The root of the thread: it must outlive everything.
                log.exception("alarms.turn_failed")
            _let_go(for_good=stopping)
            if stopping:
                return
            pace_s = min(PACE_S, self._look_s)
            self._stop.wait(pace_s)
            self._told.wait(self._look_s - pace_s)

    def _watch(self) -> None:
        while not self._stop.wait(self._look_s):
            try:
                self.alert()
            except Exception:
                # As above.
                log.exception("alarms.watch_failed")

    def alert(self) -> None:
        """Have destinations told that the database is away, if it is.

        They know already as long as the alarm about an earlier time is active.
        """
        if _DATABASE not in self._board.current().keys:
            hold_off_s = self._policy(DATABASE_UNAVAILABLE).hold_off_s
            self._absence.tell(hold_off_s, emergency.away)

    def _policy(self, kind: AlarmType) -> Policy:
        return self._policies.get(kind.name) or policy_of(kind)

    def _turn(self) -> None:
        with self._absence.asking():
            self._refresh()
        self._make_up()
        now = self._clock()
        with self._lock:
            reports = self._evidence.due(now, timezone.now(), self._board.current().present)
        for start in range(0, len(reports), BATCH):
            batch = reports[start : start + BATCH]
            with self._absence.asking():
                self._write(batch)
            with self._lock:
                self._evidence.told(batch, now)
        with self._absence.asking():
            if now - self._swept_at >= SWEEP_S:
                self._sweep()
                self._swept_at = now
            if reports:
                self._refresh()
        self._absence.ended()

    def _make_up(self) -> None:
        """Write down what destinations were told while the database was away."""
        if (told := emergency.ended()) is None:
            return
        self._absence.ended()  # NB first: what is told from here on would begin another one
        with self._absence.asking():
            tell_emergency(told, timezone.now())
            emergency.written()
            self._refresh()
        self.over(DATABASE_UNAVAILABLE, certain=True)

    def _write(self, reports: list[Report]) -> None:
        """Write ``reports``; what the database does not take is logged and dropped."""
        away = any(each.type == DATABASE_UNAVAILABLE.name and not each.clears for each in reports)
        try:
            if away and (told := emergency.known()) is not None:
                tell_emergency(told, timezone.now())
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
            is_heard_again(alarm, now)
            or has_stayed_away(alarm, snapshot.policies, now)
            or is_forgotten(alarm, snapshot.policies, now)
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


class _Absence:
    """Since when the database is away, as far as one process can tell."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: float | None = None
        self._why = ""
        self._asked_at: float | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Around whatever the database has to answer."""
        self._asked_at = self._clock()
        try:
            yield
        finally:
            self._asked_at = None

    def failed(self, error: Exception) -> bool:
        """It did not answer; whether it did before."""
        with self._lock:
            first = self._since is None
            if first:
                self._since = self._clock()
            self._why = _shown(str(error).strip().partition("\n")[0])
        return first

    def ended(self) -> None:
        """It answers; nothing else is told from here on."""
        with self._lock:
            self._since = None

    def tell(self, hold_off_s: float, away: Callable[[str], None]) -> None:
        """Tell ``away`` why, if the database has been away for ``hold_off_s``."""
        with self._lock:
            if detail := self.detail(hold_off_s):
                away(detail)

    def detail(self, hold_off_s: float) -> str:
        """Why it is away, when that has gone on for ``hold_off_s``; else nothing."""
        now, since, asked_at = self._clock(), self._since, self._asked_at
        if since is not None and now - since >= hold_off_s:
            return self._why or "it fails"
        if asked_at is not None and now - asked_at >= max(hold_off_s, HANG_S):
            return f"no answer for {now - asked_at:.0f} s"
        return ""


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


def _let_go(*, for_good: bool) -> None:
    try:
        (connections.close_all if for_good else rest)()
    except Exception:
        # A connection that cannot even be closed must not end the thread.
        log.exception("alarms.connection_stuck")


def _key(kind: AlarmType, name: str) -> Key:
    return Key(kind.name, kind.source(_plain(name, MAX_NAME_CHARS)))


def _shown(detail: str) -> str:
    """``detail`` as people and other systems may see it: no secret and no caller in it."""
    return _plain(redacted_text(detail), MAX_TEXT_CHARS)


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
