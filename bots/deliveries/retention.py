"""How long the outbox keeps what is done, and how long anything waits for its turn."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from bots.models import Delivery, Destination

KEPT_DAYS = {Delivery.State.DELIVERED: 7, Delivery.State.DEAD: 90}
BATCH = 500
"""Rows that one transaction deletes or gives up."""
PATIENCE = timedelta(days=3)
"""What has been due for so long without a turn is given up: a receiver that is gone for good must
not let the outbox grow for ever."""
PROBLEM = "its turn did not come within 3 days"


def give_up(now: datetime) -> int:
    """Give up what waits behind others, or for its destination, for too long; how many."""
    stuck = Delivery.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=now),
        state=Delivery.State.WAITING,
        next_attempt_at__lt=now - PATIENCE,
    )
    keys = stuck.order_by("created_at").values_list("pk", flat=True)
    given_up = 0
    while batch := list(keys[:BATCH]):
        given_up += stuck.filter(pk__in=batch).update(
            state=Delivery.State.DEAD, finished_at=now, lease_until=None, last_problem=PROBLEM
        )
    return given_up


def expire(now: datetime) -> int:
    """Delete what was delivered or given up long ago; how many deliveries there were.

    A destination that was not used for as long goes too.
    """
    deleted = 0
    for state, days in KEPT_DAYS.items():
        before = now - timedelta(days=days)
        old = Delivery.objects.filter(state=state, created_at__lt=before, finished_at__lt=before)
        keys = old.order_by().values_list("pk", flat=True)
        while batch := list(keys[:BATCH]):
            deleted += old.filter(pk__in=batch).delete()[0]
    before = now - timedelta(days=max(KEPT_DAYS.values()))
    left = Delivery.objects.filter(destination=OuterRef("pk"))
    unused = Q(last_success_at=None) | Q(last_success_at__lt=before)
    unused &= Q(last_failure_at=None) | Q(last_failure_at__lt=before)
    Destination.objects.filter(~Exists(left), unused).delete()
    return deleted
