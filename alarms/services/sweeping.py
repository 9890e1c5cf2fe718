"""What time alone does to alarms: silences end, and what nobody speaks of any more is over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction

from alarms.core.evidence import OTHERS
from alarms.core.policy import Policy
from alarms.models import ActiveAlarm, AlarmEvent
from alarms.selectors import policies
from alarms.services.ledger import Change, Kind, locked_ledger, write

OTHERS_FORGOTTEN_S = 900.0
"""Nobody can tell that what stands for many is over."""


class Timed(Protocol):
    """An alarm, as far as time changes it."""

    @property
    def type(self) -> str:
        """Its type."""
        ...

    @property
    def source(self) -> str:
        """Its source."""
        ...

    @property
    def last_at(self) -> datetime:
        """When it was told last."""
        ...

    @property
    def silenced_until(self) -> datetime | None:
        """Until when destinations are not told of it."""
        ...


def is_forgotten(alarm: Timed, policies: Mapping[str, Policy], now: datetime) -> bool:
    """Whether nobody has told of ``alarm`` for so long that it is taken for over."""
    policy = policies.get(alarm.type)
    if policy is None:  # a type of another version
        return True
    forget_s = policy.forget_after_s
    if alarm.source.endswith(f":{OTHERS}"):
        forget_s = max(forget_s, OTHERS_FORGOTTEN_S)
    return forget_s > 0 and now - alarm.last_at >= timedelta(seconds=forget_s)


def is_heard_again(alarm: Timed, now: datetime) -> bool:
    """Whether the silence of ``alarm`` has ended."""
    return alarm.silenced_until is not None and alarm.silenced_until <= now


@transaction.atomic
def sweep(now: datetime) -> list[AlarmEvent]:
    """End silences whose time is over, clear what is forgotten; the events of that.

    Safe in any number of processes at once.
    """
    ledger = locked_ledger()
    rules = policies()
    changes = []
    for alarm in ActiveAlarm.objects.order_by("pk"):
        if is_heard_again(alarm, now):
            alarm.silenced_until, alarm.silenced_by = None, ""
            alarm.save(update_fields=["silenced_until", "silenced_by"])
            changes.append(Change(alarm=alarm, kind=Kind.UNSILENCED, at=now))
        if is_forgotten(alarm, rules, now):
            alarm.delete()
            changes.append(Change(alarm=alarm, kind=Kind.CLEARED, at=now, previous=alarm.severity))
    return write(ledger, changes) if changes else []
