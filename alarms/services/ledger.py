"""The one lock of alarms, and how what changed under it is written: the only writer of events.

Everything that changes an alarm, a rule or a destination calls `locked_ledger` first, in its
transaction.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.conf import settings
from django.utils import timezone

from alarms.core.evidence import Key
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, Ledger
from alarms.services import notifying, recurrences
from alarms.services.notifying import Emergency

Kind = AlarmEvent.Kind
_ENGINE = "80001f8805"
"""RFC 3411, SnmpEngineID: net-snmp's enterprise, whose format 5 is octets that an administrator
(here: chance) has chosen."""
_COMMENT_CHARS = 500


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to ``alarm``, which is as it is after that (cleared: as it was before).

    ``previous``: its severity before; ``by``: a person, empty for the gateway.
    """

    alarm: ActiveAlarm
    kind: Kind
    at: datetime
    previous: int | None = None
    by: str = ""
    comment: str = ""


def locked_ledger() -> Ledger:
    """The ledger, locked until the transaction ends; whoever else changes alarms waits for that."""
    for_update = Ledger.objects.select_for_update()
    found = for_update.filter(pk=1).first()
    if found is None:
        made = Ledger(pk=1, engine_id=_ENGINE + secrets.token_hex(8), engine_since=timezone.now())
        Ledger.objects.bulk_create([made], ignore_conflicts=True)
        found = for_update.get(pk=1)
    return found


def write(
    ledger: Ledger, changes: Sequence[Change], *, emergency: Emergency | None = None
) -> list[AlarmEvent]:
    """Write ``changes`` as events, owe them to destinations, and say that there is something new.

    The history is trimmed to what the settings allow before anybody can see it. ``ledger`` is that
    of `locked_ledger`; the alarms themselves are saved by the caller.
    """
    events = []
    for change in changes:
        ledger.last_seq += 1
        events.append(_event(change, ledger.last_seq))
    AlarmEvent.objects.bulk_create(events)
    oldest = ledger.last_seq - settings.ALARM_HISTORY
    if events and oldest > 0:
        AlarmEvent.objects.filter(seq__lte=oldest).delete()
    ledger.version += 1
    ledger.save(update_fields=["version", "last_seq"])
    if events:
        over = {
            Key(each.type, each.source): each.at for each in events if each.kind == Kind.CLEARED
        }
        recurrences.remember_cleared(over)
        notifying.enqueue(events, silenced=_silenced(changes), emergency=emergency)
    return events


def _silenced(changes: Sequence[Change]) -> set[UUID]:
    return {
        change.alarm.alarm_id
        for change in changes
        if change.alarm.silenced_until is not None and change.alarm.silenced_until > change.at
    }


def _event(change: Change, seq: int) -> AlarmEvent:
    alarm = change.alarm
    return AlarmEvent(
        seq=seq,
        alarm_id=alarm.alarm_id,
        type=alarm.type,
        source=alarm.source,
        kind=change.kind,
        severity=Severity.CLEAR if change.kind == Kind.CLEARED else alarm.severity,
        previous=change.previous,
        text=alarm.text,
        detail=alarm.detail,
        at=change.at,
        raised_at=alarm.raised_at,
        count=alarm.count,
        by=change.by[:150],
        comment=change.comment[:_COMMENT_CHARS],
    )
