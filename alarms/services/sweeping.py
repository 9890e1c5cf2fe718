"""What time alone does to alarms: silences end, what stayed away for long enough is over, and so is
what nobody speaks of any more.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from django.db import transaction

from alarms.core.evidence import OTHERS, Key
from alarms.core.policy import Policy
from alarms.core.state import gone
from alarms.models import ActiveAlarm, AlarmEvent
from alarms.selectors import policies
from alarms.services import recurrences
from alarms.services.ledger import Change, Kind, locked_ledger, write
from alarms.services.reporting import state_of, take_over

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
    def held_until(self) -> datetime | None:
        """When it is over, if its source stays away."""
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
    if alarm.held_until is not None:
        return False
    forget_s = policy.forget_after_s
    if alarm.source.endswith(f":{OTHERS}"):
        forget_s = max(forget_s, OTHERS_FORGOTTEN_S)
    return forget_s > 0 and now - alarm.last_at >= timedelta(seconds=forget_s)


def has_stayed_away(alarm: Timed, policies: Mapping[str, Policy], now: datetime) -> bool:
    """Whether the source of ``alarm`` came and went, and has been away for long enough."""
    policy = policies.get(alarm.type)
    if policy is None or alarm.held_until is None:
        return False
    left = alarm.held_until - now
    # NB what lies further ahead was said by a clock that was wrong.
    return not timedelta() < left <= timedelta(seconds=policy.damping.most_s) + recurrences.AHEAD


def is_heard_again(alarm: Timed, now: datetime) -> bool:
    """Whether the silence of ``alarm`` has ended."""
    return alarm.silenced_until is not None and alarm.silenced_until <= now


@transaction.atomic
def sweep(now: datetime) -> list[AlarmEvent]:
    """End silences whose time is over, clear what is over; the events of that.

    Safe in any number of processes at once.
    """
    ledger = locked_ledger()
    rules = policies()
    changes: list[Change] = []
    held = False
    for alarm in ActiveAlarm.objects.order_by("pk"):
        if is_heard_again(alarm, now):
            alarm.silenced_until, alarm.silenced_by = None, ""
            alarm.save(update_fields=["silenced_until", "silenced_by"])
            changes.append(Change(alarm=alarm, kind=Kind.UNSILENCED, at=now))
        if has_stayed_away(alarm, rules, now):
            changes.append(_cleared(alarm, now))
        elif is_forgotten(alarm, rules, now):
            changes += _forgotten(alarm, rules.get(alarm.type), now)
            held = True
    return write(ledger, changes) if changes or held else []


def _forgotten(alarm: ActiveAlarm, policy: Policy | None, now: datetime) -> list[Change]:
    """Clear ``alarm``, or hold it if it comes and goes."""
    if policy is None:
        return [_cleared(alarm, now)]
    found = recurrences.of([alarm.type], [alarm.source], latest=now)
    comings = found.get(Key(alarm.type, alarm.source), ())
    outcome = gone(state_of(alarm, now), now, policy, comings)
    if outcome.active is None:
        return [_cleared(alarm, now)]
    take_over(alarm, outcome.active)
    alarm.save()
    return [Change(alarm=alarm, kind=Kind.HELD, at=now)] if outcome.change else []


def _cleared(alarm: ActiveAlarm, now: datetime) -> Change:
    alarm.delete()
    return Change(alarm=alarm, kind=Kind.CLEARED, at=now, previous=alarm.severity)
