"""What people do about deliveries: have them made again, and let a destination be tried at once."""

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bots.audit import record
from bots.core.auditing import Action
from bots.deliveries.waking import wake
from bots.models import Delivery, Destination


@transaction.atomic
def replay(delivery: Delivery) -> bool:
    """Have ``delivery`` made again at once, with the same id and number, whatever became of it.

    It is the next of its stream then; later ones that wait come after it. False: it is being made
    at this moment.
    """
    if not _again(Delivery.objects.filter(pk=delivery.pk)):
        return False
    record(
        Action.DELIVERY_REPLAYED,
        kind="delivery",
        target=delivery.pk,
        title=f"{delivery.kind} to {delivery.destination.origin}",
        before={"state": delivery.state, "attempts": delivery.attempts},
    )
    return True


@transaction.atomic
def replay_dead(found: QuerySet[Delivery], destination: Destination) -> int:
    """Have all of ``found`` that was given up for ``destination`` made again; how many."""
    dead = found.filter(destination=destination, state=Delivery.State.DEAD)
    if count := _again(dead):
        record(
            Action.DELIVERY_REPLAYED,
            kind="delivery",
            target="",
            title=destination.origin,
            after={"deliveries": count},
        )
    return count


@transaction.atomic
def close_circuit(destination: Destination) -> None:
    """Forget the failures of ``destination``: what waits goes there at once, due or not."""
    now = timezone.now()
    Destination.objects.filter(pk=destination.pk).update(failures=0, open_until=None)
    waiting = Delivery.objects.filter(destination=destination, state=Delivery.State.WAITING)
    waiting.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    transaction.on_commit(wake, robust=True)
    record(
        Action.CIRCUIT_CLOSED,
        kind="delivery",
        target="",
        title=destination.origin,
        before={"failures": destination.failures},
    )


def _again(found: QuerySet[Delivery]) -> int:
    now = timezone.now()
    transaction.on_commit(wake, robust=True)
    return found.filter(Q(lease_until=None) | Q(lease_until__lte=now)).update(
        state=Delivery.State.WAITING,
        attempts=0,
        next_attempt_at=now,
        lease_until=None,
        finished_at=None,
    )
