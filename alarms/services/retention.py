"""How long notifications are kept, how many may wait, and when active alarms are sent again."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from alarms.models import ActiveAlarm, Destination, Notification
from alarms.services.ledger import locked_ledger
from alarms.services.notifying import send_again

KEPT = timedelta(days=30)
MOST_WAITING = 5000
"""At one destination; beyond it the oldest are given up, so that one that is gone for good does not
let the table grow for ever."""
PROBLEM = "more than {most} were waiting"
BATCH = 500
"""Rows that one transaction deletes or gives up."""


def expire(now: datetime) -> int:
    """Delete notifications that were done with long ago, or are more than the history has; how
    many.

    Those of active alarms stay: who was told of an alarm is found by them.
    """
    finished = Notification.objects.exclude(state=Notification.State.WAITING)
    finished = finished.exclude(alarm_id__in=ActiveAlarm.objects.values("alarm_id"))
    deleted = _deleted(finished.filter(finished_at__lt=now - KEPT))
    for destination in Destination.objects.all():
        own = finished.filter(destination=destination).order_by("-created_at")
        kept = settings.ALARM_HISTORY
        for beyond in own.values_list("created_at", flat=True)[kept : kept + 1]:
            deleted += _deleted(own.filter(created_at__lte=beyond))
    return deleted


def _deleted(found: QuerySet[Notification]) -> int:
    deleted = 0
    keys = found.order_by().values_list("pk", flat=True)
    while batch := list(keys[:BATCH]):
        deleted += Notification.objects.filter(pk__in=batch).delete()[0]
    return deleted


def give_up(now: datetime, most: int = MOST_WAITING) -> int:
    """Give up what waits at a destination beyond ``most``, the oldest first; how many."""
    given_up = 0
    for destination in Destination.objects.all():
        waiting = Notification.objects.filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            destination=destination,
            state=Notification.State.WAITING,
        )
        keys = waiting.order_by("-created_at").values_list("pk", flat=True)
        while batch := list(keys[most : most + BATCH]):
            given_up += waiting.filter(pk__in=batch).update(
                state=Notification.State.DEAD,
                finished_at=now,
                lease_until=None,
                last_problem=PROBLEM.format(most=most),
            )
    return given_up


def resend(now: datetime) -> int:
    """Owe all active alarms again to the destinations that want that by now; how many."""
    sent = 0
    for destination in Destination.objects.filter(enabled=True, resend_minutes__gt=0):
        every = timedelta(minutes=destination.resend_minutes)
        last = destination.resent_at
        if last is not None and last + every > now:
            continue
        with transaction.atomic():
            locked_ledger()
            mine = Destination.objects.filter(pk=destination.pk, resent_at=last)
            if mine.update(resent_at=now) and last is not None:
                sent += send_again(audible(now), destination, now=now)
    return sent


def audible(now: datetime) -> QuerySet[ActiveAlarm]:
    """What is active and not silenced."""
    return ActiveAlarm.objects.filter(Q(silenced_until=None) | Q(silenced_until__lte=now))
