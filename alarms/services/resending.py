"""Having things sent to a destination again: what is active, what was given up, what waits."""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from alarms.models import Destination, Notification
from alarms.services.ledger import locked_ledger
from alarms.services.notifying import send_again, wake
from alarms.services.retention import audible
from bots import audit
from bots.core.auditing import Action

KIND = "alarm-destination"
"""Of the audit events of destinations."""


@transaction.atomic
def resend_all(*, destination: Destination) -> int:
    """Have all active alarms that ``destination`` wants sent to it again; how many.

    Left out is what is silenced, and what waits for it anyway.
    """
    locked_ledger()
    now = timezone.now()
    count = send_again(audible(now), destination, now=now)
    _audit_count(Action.ALARM_DESTINATION_RESENT, destination, count)
    return count


@transaction.atomic
def retry(*, notification: Notification) -> bool:
    """Have a notification that was given up sent after all; False: there is no use in that.

    There is none when the destination was told later changes of the same alarm: an old state would
    take their place. Nor is there for a test.
    """
    destination = notification.destination
    if not _again(_retryable(destination).filter(pk=notification.pk)):
        return False
    _audit_count(Action.ALARM_DESTINATION_RETRIED, destination, 1)
    return True


@transaction.atomic
def retry_dead(*, destination: Destination) -> int:
    """`retry` with everything that was given up for ``destination``; how many there were."""
    if count := _again(_retryable(destination)):
        _audit_count(Action.ALARM_DESTINATION_RETRIED, destination, count)
    return count


@transaction.atomic
def try_now(*, destination: Destination) -> None:
    """Forget the failures of ``destination``: what waits is sent at once, due or not."""
    close_circuit(destination)
    audit.record(
        Action.CIRCUIT_CLOSED,
        kind=KIND,
        target=destination.pk,
        title=destination.name,
        before={"failures": destination.failures},
    )


def _retryable(destination: Destination) -> QuerySet[Notification]:
    later = Notification.objects.filter(
        destination=destination,
        alarm_id=OuterRef("alarm_id"),
        created_at__gt=OuterRef("created_at"),
        state=Notification.State.DELIVERED,
    )
    dead = Notification.objects.filter(destination=destination, state=Notification.State.DEAD)
    return dead.filter(~Exists(later)).exclude(kind="test")


def _again(found: QuerySet[Notification]) -> int:
    keys = list(found.values_list("pk", flat=True))
    transaction.on_commit(wake, robust=True)
    dead = Q(pk__in=keys, state=Notification.State.DEAD)
    return Notification.objects.filter(dead).update(
        state=Notification.State.WAITING,
        attempts=0,
        next_attempt_at=timezone.now(),
        finished_at=None,
    )


def close_circuit(destination: Destination) -> None:
    """Forget the failures of ``destination``, in the transaction of the caller."""
    now = timezone.now()
    Destination.objects.filter(pk=destination.pk).update(failures=0, open_until=None)
    waiting = destination.notifications.filter(state=Notification.State.WAITING)
    waiting.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    transaction.on_commit(wake, robust=True)


def _audit_count(action: Action, destination: Destination, count: int) -> None:
    audit.record(
        action,
        kind=KIND,
        target=destination.pk,
        title=destination.name,
        after={"notifications": count},
    )
