"""Who sends which notification: rows are leased to one courier at a time, results written on that.

Couriers run in several processes. One that dies loses its leases after `LEASE_S`; what it had sent
without noting the result is then sent again.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from alarms.models import Destination, Notification
from bots.core.delivering import Outcome
from bots.deliveries.settling import JUDGED, circuit_of, judge, settled

LEASE_S = 30.0
FAILING_AFTER = 3
"""Failures in a row after which a destination is said to be failing."""
_LOOKED_AT = 64
"""Rows that one look takes into account."""
_WAITING = Notification.State.WAITING


class Result(msgspec.Struct, frozen=True):
    """What came of the attempt to send ``row`` at ``at``."""

    row: Notification
    outcome: Outcome
    at: datetime


class Verdict(msgspec.Struct, frozen=True):
    """How a destination does after an attempt; None: it is too early to say."""

    destination: str
    works: bool | None
    problem: str


def due(now: datetime) -> QuerySet[Notification]:
    """What could be sent at ``now``, but for the number under way to its destination.

    Of each alarm that is the first that waits at a destination; the others come after it.
    """
    earlier = Notification.objects.filter(
        destination=OuterRef("destination"),
        alarm_id=OuterRef("alarm_id"),
        created_at__lt=OuterRef("created_at"),
        state=_WAITING,
    )
    return Notification.objects.filter(
        _free(now),
        ~Exists(earlier),
        Q(destination__open_until=None) | Q(destination__open_until__lte=now),
        destination__enabled=True,
        next_attempt_at__lte=now,
    )


def _free(now: datetime) -> Q:
    return Q(state=_WAITING) & (Q(lease_until=None) | Q(lease_until__lte=now))


def claim(now: datetime, most: int) -> list[Notification]:
    """Lease up to ``most`` notifications that are due, the longest due first.

    No destination gets more at a time than its circuit admits, whoever sends.
    """
    leases: dict[UUID, datetime] = {}
    full: set[int] = set()
    while len(leases) < most:
        waiting = due(now).exclude(destination__in=full)
        ordered = waiting.order_by("next_attempt_at", "created_at", "pk")
        found = list(ordered.values_list("pk", "destination")[:_LOOKED_AT])
        if not found:
            break
        leases |= _lease(found, now, most - len(leases), full)
    if not leases:
        return []
    rows = Notification.objects.filter(pk__in=leases).select_related("destination")
    return [row for row in rows if row.lease_until == leases[row.pk]]


@transaction.atomic
def _lease(
    found: Sequence[tuple[UUID, int]], now: datetime, most: int, full: set[int]
) -> dict[UUID, datetime]:
    """Lease of ``found`` what there is room for; destinations without room join ``full``."""
    room = _room({destination for _, destination in found}, now)
    until = now + timedelta(seconds=LEASE_S)
    leases: dict[UUID, datetime] = {}
    for key, destination in found:
        if room.get(destination, 0) <= 0 or len(leases) >= most:
            full.add(destination)
        elif Notification.objects.filter(_free(now), pk=key).update(lease_until=until):
            room[destination] -= 1
            leases[key] = until
    return leases


def _room(keys: Collection[int], now: datetime) -> dict[int, int]:
    """How many more may be sent to each of these destinations; locks them."""
    under_way = Q(notifications__state=_WAITING, notifications__lease_until__gt=now)
    # NB the lock and the count are two statements: PostgreSQL cannot lock rows that it groups.
    locked = {row.pk: row for row in _locked(keys)}
    counts = Destination.objects.filter(pk__in=locked).annotate(n=Count("pk", filter=under_way))
    return {pk: circuit_of(locked[pk]).room(n, now) for pk, n in counts.values_list("pk", "n")}


def _locked(keys: Iterable[int]) -> QuerySet[Destination]:
    """The destinations, locked in one order; writers of notifications do not wait for that."""
    return Destination.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")


@transaction.atomic
def settle(results: Sequence[Result]) -> list[Verdict]:
    """Write what became of attempts, and say how the destinations do.

    The result of a courier whose lease somebody else has taken over changes nothing but what is
    known of the destination. One that was deleted or switched off meanwhile is left out.
    """
    verdicts = []
    destinations = {row.pk: row for row in _locked({r.row.destination_id for r in results})}
    for result in results:
        destination = destinations.get(result.row.destination_id)
        if destination is None:
            continue
        settled(Notification.objects.all(), result.row, result.outcome, result.at)
        if result.outcome.delivered and destination.failures:
            _hurry(destination, result.at)
        judge(destination, result.outcome, result.at)
        if destination.enabled:
            verdicts.append(_verdict(destination, result))
    for destination in destinations.values():
        destination.save(update_fields=JUDGED)
    return verdicts


def _hurry(destination: Destination, now: datetime) -> None:
    """It works again: what failed before is not to wait for hours until its next attempt."""
    waiting = destination.notifications.filter(state=_WAITING, next_attempt_at__gt=now)
    waiting.update(next_attempt_at=now)


def _verdict(destination: Destination, result: Result) -> Verdict:
    works = True if result.outcome.delivered else None
    dead = result.row.state == Notification.State.DEAD
    if dead or destination.failures >= FAILING_AFTER:
        works = False
    return Verdict(destination.name, works, result.outcome.problem)
