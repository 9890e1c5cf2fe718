"""The board: what is wrong now, in the memory of this process.

The desk's thread refreshes it; pages, badges and sockets read it without asking the database.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from alarms.core.evidence import Key
from alarms.core.policy import Policy
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, Ledger
from alarms.selectors import policies, sees
from bots.core.roles import Permission
from bots.people import Person

log = structlog.get_logger(__name__)


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An active alarm, see `ActiveAlarm`."""

    alarm_id: UUID
    type: str
    source: str
    severity: Severity
    text: str
    detail: str
    count: int
    raised_at: datetime
    changed_at: datetime
    last_at: datetime
    held_since: datetime | None
    held_until: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    comment: str
    silenced_until: datetime | None
    silenced_by: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, worst first, at one version of the ledger; -1: nobody has looked yet.

    ``keys`` name what is active, ``present`` what of that is not away and only held.
    """

    version: int = -1
    alarms: tuple[Alarm, ...] = ()
    keys: frozenset[Key] = frozenset()
    present: frozenset[Key] = frozenset()
    policies: Mapping[str, Policy] = msgspec.field(default_factory=dict)

    @property
    def counts(self) -> dict[Severity, int]:
        """How many alarms there are of each severity that there is, worst first."""
        found: dict[Severity, int] = {}
        for alarm in self.alarms:
            found[alarm.severity] = found.get(alarm.severity, 0) + 1
        return found


Callback = Callable[[Snapshot], None]


class Board:
    """One snapshot, replaced as a whole: reading it needs no lock."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._refreshing = threading.Lock()
        self._callbacks: list[Callback] = []

    def current(self) -> Snapshot:
        """What is known; at most about a second old while the desk of this process runs."""
        return self._snapshot

    def visible_to(self, who: Person) -> tuple[Alarm, ...]:
        """What is wrong, as far as ``who`` sees it."""
        alarms = self._snapshot.alarms
        if who.bots is None:
            # NB the same object for all of them: sockets find by that what is counted already.
            return alarms if who.may(Permission.SEE_ALARMS) else ()
        return tuple(each for each in alarms if sees(who, each.source))

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback`` with each new snapshot, from whichever thread; the way to end that.

        It must return at once.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def refresh(self) -> bool:
        """Look into the database; whether there was anything new. One query when there was not.

        Raises:
            DatabaseError: the board is as before.
        """
        with self._refreshing:
            version = Ledger.objects.filter(pk=1).values_list("version", flat=True).first() or 0
            if version == self._snapshot.version:
                return False
            fresh = self._snapshot = _look(version, self._snapshot)
        for callback in list(self._callbacks):
            try:
                callback(fresh)
            except Exception:
                # Whoever listens must not keep the others, or the desk, from going on.
                log.exception("board.listener_failed")
        return True


def _look(version: int, before: Snapshot) -> Snapshot:
    # NB what changes after ``version`` was read is seen again at the next look. What has not
    # changed stays the same object, so that comparing two snapshots costs next to nothing.
    known = {each.alarm_id: each for each in before.alarms}
    seen = map(_alarm, ActiveAlarm.objects.all())
    alarms = tuple(old if (old := known.get(new.alarm_id)) == new else new for new in seen)
    if alarms == before.alarms:
        alarms = before.alarms
    return Snapshot(
        version=version,
        alarms=alarms,
        keys=frozenset(Key(each.type, each.source) for each in alarms),
        present=frozenset(Key(each.type, each.source) for each in alarms if not each.held_since),
        policies=policies(),
    )


def _alarm(row: ActiveAlarm) -> Alarm:
    values = {name: getattr(row, name) for name in Alarm.__struct_fields__}
    return Alarm(**{**values, "severity": Severity(row.severity)})


BOARD = Board()
"""That of this process."""
current = BOARD.current
visible_to = BOARD.visible_to
subscribe = BOARD.subscribe
refresh = BOARD.refresh
