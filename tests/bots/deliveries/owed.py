"""Deliveries for the tests of the outbox, and a courier for one run."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from bots.deliveries.courier import Courier
from bots.deliveries.outbox import put
from bots.models import Delivery
from bots.net import Outbound

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"


def owe(
    url: str,
    body: str = "{}",
    *,
    stream: str = "call:1",
    secret: str = "",
    at: datetime | None = None,
) -> Delivery:
    """One delivery, in a transaction of its own."""
    with transaction.atomic():
        return put(
            stream=stream,
            kind="call.ended",
            url=url,
            body=body,
            bot="reception",
            secret=secret,
            at=at or timezone.now(),
        )


def deliver(*, allow: tuple[str, ...] = ("127.0.0.1",), deadline_s: float = 30.0) -> None:
    """Run a courier until nothing is due."""
    Courier(Outbound(allow), deadline_s=deadline_s).run()


def again(delivery: Delivery) -> Delivery:
    """``delivery`` as it is in the database."""
    return Delivery.objects.get(pk=delivery.pk)


def overdue(*deliveries: Delivery) -> None:
    """Let the next attempt of what still waits be due."""
    keys = [delivery.pk for delivery in deliveries]
    Delivery.objects.filter(pk__in=keys).update(next_attempt_at=timezone.now())
