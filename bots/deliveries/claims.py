"""Who delivers what: rows are leased to one courier at a time, and results written on the lease.

Several couriers may run in several processes. A courier that dies loses its leases after
`LEASE_S`; what it had sent without noting the result is then delivered again.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from bots.core.delivering import Outcome
from bots.deliveries.settling import JUDGED, circuit_of, judge, settled
from bots.models import Delivery, Destination

LEASE_S = 60.0
_LOOKED_AT = 64
"""Rows that one look takes into account."""


class Result(msgspec.Struct, frozen=True):
    """What came of the attempt to make ``delivery`` at ``at``."""

    delivery: Delivery
    outcome: Outcome
    at: datetime


def due(now: datetime) -> QuerySet[Delivery]:
    """What could be delivered at ``now``, but for the number under way to its destination.

    Of each stream that is the first that waits; the others come after it.
    """
    earlier = Delivery.objects.filter(
        stream=OuterRef("stream"), seq__lt=OuterRef("seq"), state=Delivery.State.WAITING
    )
    return Delivery.objects.filter(
        _free(now),
        ~Exists(earlier),
        Q(destination__open_until=None) | Q(destination__open_until__lte=now),
        next_attempt_at__lte=now,
    )


def _free(now: datetime) -> Q:
    return Q(state=Delivery.State.WAITING) & (Q(lease_until=None) | Q(lease_until__lte=now))


def claim(now: datetime, most: int) -> list[Delivery]:
    """Lease up to ``most`` deliveries that are due, the longest due first.

    No destination gets more at a time than its circuit admits, whoever delivers.
    """
    leases: dict[UUID, datetime] = {}
    full: set[int] = set()
    while len(leases) < most:
        waiting = due(now).exclude(destination__in=full).order_by("next_attempt_at", "seq", "pk")
        found = list(waiting.values_list("pk", "destination")[:_LOOKED_AT])
        if not found:
            break
        leases |= _lease(found, now, most - len(leases), full)
    rows = Delivery.objects.filter(pk__in=leases).select_related("destination")
    return [row for row in rows if row.lease_until == leases[row.pk]]


@transaction.atomic
def _lease(
    found: Sequence[tuple[UUID, int]], now: datetime, most: int, full: set[int]
) -> dict[UUID, datetime]:
    """Lease of ``found`` what there is room for; destinations without room join ``full``."""
    room = _room({destination for _, destination in found}, now)
    lease_until = now + timedelta(seconds=LEASE_S)
    leases: dict[UUID, datetime] = {}
    for key, destination in found:
        if room[destination] <= 0 or len(leases) >= most:
            full.add(destination)
        elif Delivery.objects.filter(_free(now), pk=key).update(lease_until=lease_until):
            room[destination] -= 1
            leases[key] = lease_until
    return leases


def _room(keys: Collection[int], now: datetime) -> Counter[int]:
    """How many more may be delivered to each of these destinations; locks them."""
    under_way = Q(deliveries__state=Delivery.State.WAITING, deliveries__lease_until__gt=now)
    # NB the lock and the count are two statements: PostgreSQL cannot lock rows that it groups.
    locked = {row.pk: row for row in _locked(keys)}
    counts = Destination.objects.filter(pk__in=keys).annotate(n=Count("pk", filter=under_way))
    return Counter(
        {pk: circuit_of(locked[pk]).room(n, now) for pk, n in counts.values_list("pk", "n")}
    )


def _locked(keys: Iterable[int]) -> QuerySet[Destination]:
    """The destinations, locked in one order; writers of the outbox do not wait for that."""
    return Destination.objects.select_for_update(no_key=True).filter(pk__in=keys).order_by("pk")


@transaction.atomic
def settle(results: Sequence[Result]) -> list[Delivery]:
    """Write what became of attempts; return the deliveries that were given up.

    The result of a courier whose lease somebody else has taken over changes nothing.
    """
    dead = []
    destinations = {row.pk: row for row in _locked(r.delivery.destination_id for r in results)}
    for result in results:
        delivery, outcome = result.delivery, result.outcome
        status = {"last_status": outcome.status}
        stored = settled(Delivery.objects.all(), delivery, outcome, result.at, **status)
        if stored and delivery.state == Delivery.State.DEAD:
            dead.append(delivery)
        judge(destinations[delivery.destination_id], outcome, result.at)
    for destination in destinations.values():
        destination.save(update_fields=JUDGED)
    return dead
