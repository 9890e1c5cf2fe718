"""What people do about alarms: acknowledge, silence, clear by hand."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from alarms.core.declare import MAX_TEXT_CHARS
from alarms.models import ActiveAlarm
from alarms.selectors import visible_to
from alarms.services.ledger import Change, Kind, locked_ledger, write
from bots import audit
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.people import Person

LONGEST_SILENCE = timedelta(days=30)

_Act = Callable[[ActiveAlarm, datetime], bool]


def acknowledge(ids: Iterable[UUID], *, who: Person, comment: str = "") -> int:
    """Say that ``who`` takes care of these alarms; a new comment replaces the one before.

    How many were changed: alarms that are over or that ``who`` does not see stay as they are.

    Raises:
        ParameterError: the comment is too long or holds what cannot be stored (``comment``).
    """
    comment = _comment(comment)

    def act(alarm: ActiveAlarm, now: datetime) -> bool:
        if alarm.acknowledged_at is not None and comment in ("", alarm.comment):
            return False
        alarm.acknowledged_at, alarm.acknowledged_by, alarm.comment = now, who.name[:150], comment
        return True

    return _handle(ids, who, Kind.ACKNOWLEDGED, Action.ALARM_ACKNOWLEDGED, act, comment)


def unacknowledge(ids: Iterable[UUID], *, who: Person) -> int:
    """Take the acknowledgement of these alarms back; how many had one."""

    def act(alarm: ActiveAlarm, now: datetime) -> bool:
        had = alarm.acknowledged_at is not None
        alarm.acknowledged_at, alarm.acknowledged_by, alarm.comment = None, "", ""
        return had

    return _handle(ids, who, Kind.UNACKNOWLEDGED, Action.ALARM_UNACKNOWLEDGED, act)


def silence(ids: Iterable[UUID], *, who: Person, until: datetime, comment: str = "") -> int:
    """Tell no destination of changes of these alarms before ``until``, except that they are over.

    Raises:
        ParameterError: ``until`` is over or more than `LONGEST_SILENCE` away, or the comment wrong.
    """
    comment = _comment(comment)
    if not timedelta() < until - timezone.now() <= LONGEST_SILENCE:
        text = f"must be in the future, within {LONGEST_SILENCE.days} days"
        raise ParameterError({"until": text})

    def act(alarm: ActiveAlarm, now: datetime) -> bool:
        changed = alarm.silenced_until != until
        alarm.silenced_until, alarm.silenced_by = until, who.name[:150]
        return changed

    return _handle(ids, who, Kind.SILENCED, Action.ALARM_SILENCED, act, comment)


def unsilence(ids: Iterable[UUID], *, who: Person) -> int:
    """Tell destinations of these alarms again; how many were silent."""

    def act(alarm: ActiveAlarm, now: datetime) -> bool:
        had = alarm.silenced_until is not None
        alarm.silenced_until, alarm.silenced_by = None, ""
        return had

    return _handle(ids, who, Kind.UNSILENCED, Action.ALARM_UNSILENCED, act)


def clear_by_hand(ids: Iterable[UUID], *, who: Person, comment: str = "") -> int:
    """Take these alarms for over; what goes on raises a new one. How many there were.

    Raises:
        ParameterError: the comment is too long or holds what cannot be stored (``comment``).
    """
    comment = _comment(comment)
    return _handle(ids, who, Kind.CLEARED, Action.ALARM_CLEARED, lambda *_: True, comment)


@transaction.atomic
def _handle(
    ids: Iterable[UUID], who: Person, kind: Kind, action: Action, act: _Act, comment: str = ""
) -> int:
    ledger = locked_ledger()
    now = timezone.now()
    changes = []
    for alarm in visible_to(who).filter(alarm_id__in=set(ids)).order_by("pk"):
        if not act(alarm, now):
            continue
        if kind == Kind.CLEARED:
            alarm.delete()
        else:
            alarm.save()
        changes.append(
            Change(
                alarm=alarm,
                kind=kind,
                at=now,
                previous=alarm.severity if kind == Kind.CLEARED else None,
                by=who.name,
                comment=comment,
            )
        )
        audit.record(
            action,
            kind="alarm",
            target=alarm.alarm_id,
            title=f"{alarm.type} {alarm.source}",
            message=comment,
        )
    if changes:
        write(ledger, changes)
    return len(changes)


def _comment(text: str) -> str:
    """``text`` in one line.

    Raises:
        ParameterError: it is too long, or holds what is not printed (``comment``).
    """
    line = " ".join(text.split())
    if len(line) > MAX_TEXT_CHARS:
        raise ParameterError({"comment": f"has more than {MAX_TEXT_CHARS} characters"})
    if not line.isprintable():
        raise ParameterError({"comment": "holds a character that is not printed"})
    return line
