"""The outbox: a row for each POST that is owed, written in the transaction of the fact it tells."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max
from yarl import URL

from bots import secrets
from bots.deliveries.waking import wake
from bots.models import Delivery, Destination
from bots.net import shown

_ATTEMPTS = 20
"""For the next number of a stream; callers rarely write to one stream at the same time."""


def put(
    *,
    stream: str,
    kind: str,
    url: str,
    body: str,
    bot: str = "",
    secret: str = "",
    at: datetime,
    fact: str = "",
) -> Delivery:
    """Owe a POST of ``body`` to ``url``, to be made after all earlier ones of ``stream``.

    Call it in the transaction that writes what ``body`` tells; delivery begins when that commits.
    With ``secret`` (``whsec_…``) the request is signed as Standard Webhooks says. ``fact`` names
    what is told within the stream: putting it again changes nothing and returns the first row.

    Raises:
        ValueError: ``url`` is no http or https address.
    """
    target = URL(url)
    if target.scheme not in ("http", "https") or not target.host:
        raise ValueError("not an http or https address")
    delivery = Delivery(
        id=uuid.uuid5(_FACTS, f"{stream} {fact}") if fact else uuid.uuid4(),
        stream=stream,
        kind=kind,
        bot_name=bot,
        shown_url=shown(url),
        target=secrets.sealed_texts({"url": url, "secret": secret}),
        body=body,
        created_at=at,
        next_attempt_at=at,
    )
    if fact and (known := Delivery.objects.filter(pk=delivery.pk).first()):
        return known
    origin = str(target.origin())
    delivery.destination, _ = Destination.objects.get_or_create(origin=origin)
    _append(delivery)
    transaction.on_commit(wake, robust=True)
    return delivery


_FACTS = uuid.UUID("5ad2b8a5-5d7f-4a6c-9f53-2a0e8f6a3a57")
"""Namespace of the ids that are made from facts (RFC 9562, 5.5)."""


def _append(delivery: Delivery) -> None:
    """Store ``delivery`` under the next number of its stream, whoever else appends to it."""
    stream = Delivery.objects.filter(stream=delivery.stream)
    for attempt in range(_ATTEMPTS):
        delivery.seq = (stream.aggregate(last=Max("seq"))["last"] or 0) + 1
        try:
            with transaction.atomic():
                delivery.save(force_insert=True)
        except IntegrityError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return
