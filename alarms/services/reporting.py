"""Reports of what is wrong, from whichever process, made into alarms one after the other."""

import copy
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from alarms.core.catalogue import CATALOGUE, DATABASE_UNAVAILABLE
from alarms.core.damping import came
from alarms.core.declare import AlarmType
from alarms.core.evidence import MAX_SOURCES, Key, others
from alarms.core.policy import Policy
from alarms.core.severity import Severity
from alarms.core.state import Active, Outcome, Report, transition
from alarms.models import ActiveAlarm, AlarmEvent, Ledger
from alarms.selectors import policies_of
from alarms.services import recurrences
from alarms.services.ledger import Change, Kind, locked_ledger, write
from alarms.services.notifying import Emergency

BATCH = 500
"""Reports in one transaction at most; whoever has more calls `tell` again."""


@transaction.atomic
def tell(reports: Sequence[Report]) -> list[AlarmEvent]:
    """Take ``reports`` in, in their order; the events of what changed, oldest first.

    Reports of a type that nobody knows (from a process of another version) change nothing.

    Raises:
        DatabaseError: nothing was written.
    """
    reports = [each for each in reports if each.type in CATALOGUE]
    if not reports:
        return []
    ledger = locked_ledger()
    sitting = _Sitting(reports)
    for report in reports:
        sitting.take(report)
    return sitting.rise(ledger)


@transaction.atomic
def tell_emergency(emergency: Emergency, now: datetime) -> list[AlarmEvent]:
    """Write down at ``now`` that the database was away, as destinations were told while it was.

    Several processes may do so, one after the other: the first counts. If another machine has
    written down the same trouble before, this alarm begins and ends beside that one: whoever was
    told of it learns that it is over.
    """
    ledger = locked_ledger()
    kind = DATABASE_UNAVAILABLE
    if AlarmEvent.objects.filter(alarm_id=emergency.alarm_id).exists():
        return []
    alarm = ActiveAlarm(
        type=kind.name,
        source=kind.source(),
        alarm_id=emergency.alarm_id,
        severity=emergency.severity,
        text=emergency.text,
        detail=emergency.detail,
        raised_at=emergency.at,
        changed_at=emergency.at,
        last_at=emergency.at,
    )
    key = Key(alarm.type, alarm.source)
    comings = recurrences.of([key.type], [key.source], latest=now).get(key, ())
    recurrences.remember({key: came(comings, emergency.at)})
    changes = [Change(alarm=alarm, kind=Kind.RAISED, at=emergency.at)]
    if ActiveAlarm.objects.filter(type=alarm.type, source=alarm.source).exists():
        over = Change(alarm=alarm, kind=Kind.CLEARED, at=now, previous=alarm.severity)
        changes.append(over)
    else:
        alarm.save()
    return write(ledger, changes, emergency=emergency)


def reapply(
    kind: AlarmType, now: datetime, by: str = "", *, unfixed: bool = False
) -> list[AlarmEvent]:
    """Have the rule of ``kind``, changed by ``by`` in this transaction, decide on what is active.

    What it does not want is cleared; another severity or text is told. ``unfixed``: people took
    back the severity they chose, so the declared one counts until the next report. Whoever keeps
    rules in memory learns in any case that there is something new.
    """
    ledger = locked_ledger()
    policy = policies_of([kind])[kind.name]
    changes = []
    for alarm in ActiveAlarm.objects.filter(type=kind.name):
        before = alarm.severity
        if not policy.applies(alarm.source):
            alarm.delete()
            kept = Kind.CLEARED
        elif _worded_anew(alarm, policy, now, severity=policy.fixed or unfixed):
            kept = Kind.CHANGED
        else:
            continue
        changes.append(
            Change(alarm=alarm, kind=kept, at=now, previous=before, by=by, comment="rule")
        )
    return write(ledger, changes)


def _worded_anew(alarm: ActiveAlarm, policy: Policy, now: datetime, *, severity: bool) -> bool:
    """Give ``alarm`` the text of ``policy`` and, if asked for, its severity; False: it has them."""
    text = policy.worded(alarm.source, alarm.detail)
    level = int(policy.severity) if severity else alarm.severity
    if (alarm.severity, alarm.text) == (level, text):
        return False
    if alarm.severity < level:
        _unacknowledged(alarm)
    alarm.severity, alarm.text, alarm.changed_at = level, text, now
    alarm.save()
    return True


def _unacknowledged(alarm: ActiveAlarm) -> None:
    alarm.acknowledged_at, alarm.acknowledged_by, alarm.comment = None, "", ""


class _Sitting:
    """What reports of one transaction are about, and what has become of it so far."""

    def __init__(self, reports: Sequence[Report]) -> None:
        types, sources = _names(reports)
        self._rows: dict[Key, ActiveAlarm] = {
            Key(row.type, row.source): row
            for row in ActiveAlarm.objects.filter(type__in=types, source__in=sources)
        }
        self._before = frozenset(self._rows)
        self._gone: list[int] = []
        self._touched: dict[Key, None] = {}
        self._changes: list[Change] = []
        self._told_anew = False
        self._policies = policies_of(CATALOGUE[name] for name in types)
        self._latest = timezone.now() + recurrences.AHEAD
        self._cleared = recurrences.cleared(types, sources, latest=self._latest)
        self._comings = recurrences.of(types, sources, latest=self._latest)
        self._came: dict[Key, None] = {}
        self._counts: Counter[str] | None = None

    def take(self, report: Report) -> None:
        """Let ``report`` change its alarm."""
        key = Key(report.type, report.source)
        if key not in self._rows and not report.clears and self._full(key.type):
            key = Key(key.type, others(key.source))
            report = msgspec.structs.replace(report, source=key.source)
        row = self._rows.get(key)
        outcome = transition(
            None if row is None else state_of(row, self._latest),
            report,
            self._policies[key.type],
            cleared_at=self._cleared.get(key),
            new_id=uuid.uuid4(),
            comings=self._comings.get(key, ()),
        )
        if outcome.comings is not None:
            self._comings[key] = outcome.comings
            self._came[key] = None
        self._follow(key, row, outcome, report)

    def rise(self, ledger: Ledger) -> list[AlarmEvent]:
        """Write everything."""
        ActiveAlarm.objects.filter(pk__in=self._gone).delete()
        kept = [self._rows[key] for key in self._touched if key in self._rows]
        known = [row for row in kept if row.pk is not None]
        ActiveAlarm.objects.bulk_create([row for row in kept if row.pk is None])
        for row in known:
            row.save(update_fields=_FIELDS)
        recurrences.remember({key: self._comings[key] for key in self._came})
        if self._changes or self._told_anew:
            return write(ledger, self._changes)
        return []

    def _follow(self, key: Key, row: ActiveAlarm | None, outcome: Outcome, report: Report) -> None:
        after = outcome.active
        if after is None and row is not None:
            del self._rows[key]
            self._cleared[key] = report.at
            self._counted(key, -1)
            if row.pk is not None:
                self._gone.append(row.pk)
        elif after is not None and row is None:
            row = self._rows[key] = ActiveAlarm(type=key.type, source=key.source)
            self._counted(key, +1)
        elif after is not None and row is not None:
            self._told_anew |= _shown(row) != _shown(after)
        if row is not None and after is not None:
            take_over(row, after)
            self._touched[key] = None
        if outcome.change is not None and row is not None:
            # NB a copy: the next report changes the row again.
            change = Change(
                alarm=copy.copy(row),
                kind=Kind(outcome.change),
                at=report.at,
                previous=outcome.previous,
            )
            self._changes.append(change)

    def _full(self, kind: str) -> bool:
        """Whether there are as many alarms of this type as are told apart."""
        if self._counts is None:
            rows = ActiveAlarm.objects.filter(type__in=self._policies).order_by()
            counts = rows.values_list("type").annotate(Count("pk"))
            self._counts = Counter(dict(counts))
            for key in self._rows.keys() ^ self._before:
                self._counts[key.type] += 1 if key in self._rows else -1
        return self._counts[kind] >= MAX_SOURCES

    def _counted(self, key: Key, change: int) -> None:
        if self._counts is not None:
            self._counts[key.type] += change


_FIELDS = (
    "severity", "text", "detail", "count", "changed_at", "last_at", "held_since", "held_until",
    "acknowledged_at", "acknowledged_by", "comment",
)  # fmt: skip


def _names(reports: Iterable[Report]) -> tuple[set[str], set[str]]:
    sources = {each.source for each in reports}
    return {each.type for each in reports}, sources | {others(each) for each in sources}


def _shown(alarm: ActiveAlarm | Active) -> tuple[int, str, datetime | None, datetime]:
    """What pages and boards show of an alarm that goes on; the time by the minute is enough."""
    told_at = alarm.last_at.replace(second=0, microsecond=0)
    return alarm.count, alarm.text, alarm.held_since, told_at


def state_of(row: ActiveAlarm, latest: datetime) -> Active:
    """What reports may change of ``row``; nothing of it was later than ``latest``."""
    return Active(
        alarm_id=row.alarm_id,
        severity=Severity(row.severity),
        text=row.text,
        detail=row.detail,
        count=row.count,
        raised_at=row.raised_at,
        changed_at=row.changed_at,
        last_at=min(row.last_at, latest),
        held_since=None if row.held_since is None else min(row.held_since, latest),
        held_until=row.held_until,
        acknowledged=row.acknowledged_at is not None,
    )


def take_over(row: ActiveAlarm, state: Active) -> None:
    """Have ``row``, which is not saved by this, be as ``state`` says."""
    if not state.acknowledged:
        _unacknowledged(row)
    for name in state.__struct_fields__:
        if name != "acknowledged":
            setattr(row, name, getattr(state, name))
    row.severity = int(state.severity)
