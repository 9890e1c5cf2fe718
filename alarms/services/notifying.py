"""Whom a change of an alarm concerns: the notifications owed, written together with the change."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from alarms.core.ports import NoticeKind
from alarms.models import ActiveAlarm, AlarmEvent, Destination, Notification
from alarms.services.notices import concerns, notice_of, stored, wants

_KINDS: dict[str, NoticeKind] = {
    AlarmEvent.Kind.RAISED: "raised",
    AlarmEvent.Kind.CHANGED: "changed",
    AlarmEvent.Kind.CLEARED: "cleared",
    AlarmEvent.Kind.UNSILENCED: "resent",
}
"""What is told; after a silence the alarm as it is, for it may have changed meanwhile."""
_TICK = timedelta(microseconds=1)

Key = tuple[int, UUID]


class Emergency(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm ``databaseUnavailable`` as it was sent while nothing could be written.

    ``told`` are the keys of the destinations that have it.
    """

    alarm_id: UUID
    at: datetime
    severity: int
    text: str
    detail: str
    told: tuple[int, ...] = ()


def enqueue(
    events: Sequence[AlarmEvent],
    *,
    silenced: Collection[UUID] = (),
    emergency: Emergency | None = None,
) -> int:
    """Owe notifications about ``events`` to whoever wants them; how many.

    Call it in the transaction that writes them, with the ledger locked: notifications about an
    alarm get times in the order of its events. Whoever was told of an alarm is told of all that
    follows. Of ``silenced`` alarms only the clear is told. What `Emergency.told` says is entered as
    delivered. Couriers are woken on commit.
    """
    told = [
        event
        for event in events
        if event.kind in _KINDS
        and (event.alarm_id not in silenced or event.kind == AlarmEvent.Kind.CLEARED)
    ]
    destinations = list(Destination.objects.filter(enabled=True)) if told else []
    before = _told_before(event for event in told if event.kind != AlarmEvent.Kind.RAISED)
    now = timezone.now()
    rows = []
    for event in told if destinations else ():
        for destination in destinations:
            key = (destination.pk, event.alarm_id)
            if not _due(destination, event, known=key in before):
                continue
            at = before[key] = max(now, before.get(key, now - _TICK) + _TICK)
            notice = notice_of(event, key=uuid4(), kind=_KINDS[event.kind], at=event.at)
            if notice is None:
                continue
            row = stored(notice, destination, at)
            if emergency is not None and _done(row, emergency):
                row.state, row.finished_at = Notification.State.DELIVERED, emergency.at
                row.attempts = 1
            rows.append(row)
    return _owe(rows)


def send_again(alarms: Iterable[ActiveAlarm], destination: Destination, *, now: datetime) -> int:
    """Owe ``destination`` a notification about each of ``alarms`` that it wants; how many.

    What waits for it anyway is left out, so that a destination that is away for long does not
    collect the same again and again. Call it with the ledger locked.
    """
    alarms = [each for each in alarms if wants(destination, each.type, each.source, each.severity)]
    before = _told_before(alarms)
    waiting = Notification.objects.filter(destination=destination, state=Notification.State.WAITING)
    waits = set(waiting.values_list("alarm_id", flat=True))
    rows = []
    for alarm in alarms:
        notice = notice_of(alarm, key=uuid4(), kind="resent", at=now)
        if alarm.alarm_id in waits or notice is None:
            continue
        at = max(timezone.now(), before.get((destination.pk, alarm.alarm_id), now) + _TICK)
        rows.append(stored(notice, destination, at))
    return _owe(rows)


def _owe(rows: list[Notification]) -> int:
    if rows:
        Notification.objects.bulk_create(rows)
        transaction.on_commit(wake, robust=True)
    return len(rows)


def _told_before(alarms: Iterable[AlarmEvent | ActiveAlarm]) -> dict[Key, datetime]:
    """Who was told of these alarms, and the time of the last notification about each."""
    keys = {alarm.alarm_id for alarm in alarms}
    if not keys:
        return {}
    rows = Notification.objects.filter(alarm_id__in=keys).order_by()
    last = rows.values_list("destination", "alarm_id").annotate(Max("created_at"))
    return {(destination, alarm_id): at for destination, alarm_id, at in last}


def _due(destination: Destination, event: AlarmEvent, *, known: bool) -> bool:
    if known:
        return concerns(destination, event.type, event.source)
    if event.kind == AlarmEvent.Kind.CLEARED:
        return False
    return wants(destination, event.type, event.source, event.severity)


def _done(row: Notification, emergency: Emergency) -> bool:
    return (
        row.alarm_id == emergency.alarm_id
        and row.kind == "raised"
        and row.destination_id in emergency.told
    )


# --- waking ---------------------------------------------------------------------------------------

_wakers: list[Callable[[], None]] = []


def wake() -> None:
    """Tell the courier of this process that something is owed; those of others look by themselves.

    Never blocks, never raises.
    """
    for waker in tuple(_wakers):
        waker()


def on_wake(waker: Callable[[], None]) -> None:
    """Call ``waker``, which must not block or raise, at each `wake`; there is one at a time."""
    _wakers[:] = [waker]
