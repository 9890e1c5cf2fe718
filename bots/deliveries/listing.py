"""Reads of the outbox for people: which deliveries there are, and how destinations are doing."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.db.models import Count, Q, QuerySet

from bots.core.roles import Permission
from bots.models import Delivery, Destination
from bots.people import Person

State = Delivery.State


SHOWN = 20
"""So many deliveries about one thing are shown beside it."""


def first_of(stream: str) -> list[Delivery]:
    """The first deliveries of ``stream``, in order."""
    return list(Delivery.objects.filter(stream=stream).order_by("seq")[:SHOWN])


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries are listed; the empty string and None mean any."""

    state: str = ""
    kind: str = ""
    bot: str = ""
    stream: str = ""
    destination: int | None = None

    @property
    def condition(self) -> Q:
        """The filter as a query condition."""
        exact = {"kind": self.kind, "bot_name": self.bot, "stream": self.stream}
        condition = Q(**{name: value for name, value in exact.items() if value})
        if self.destination is not None:
            condition &= Q(destination=self.destination)
        return condition & Q(state=self.state) if self.state else condition


class Place(msgspec.Struct, frozen=True):
    """Between two deliveries in the list, next to the one named; in addresses as its ``str``."""

    created_at: datetime
    pk: UUID
    backwards: bool = False

    def __str__(self) -> str:
        direction = "before" if self.backwards else "after"
        return f"{direction}~{self.created_at.astimezone(UTC).isoformat()}~{self.pk}"


def place_of(text: str) -> Place:
    """What ``str`` of a place wrote.

    Raises:
        ValueError: it is something else.
    """
    direction, moment, key = text.split("~")
    if direction not in ("before", "after"):
        raise ValueError(direction)
    created_at = datetime.fromisoformat(moment)
    if created_at.tzinfo is None or not 1 < created_at.year < 9999:
        raise ValueError(moment)
    return Place(created_at.astimezone(UTC), UUID(key), direction == "before")


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some deliveries, newest first, and the places of the neighbouring pages."""

    deliveries: list[Delivery]
    newer: Place | None = None
    older: Place | None = None


def visible(who: Person) -> QuerySet[Delivery]:
    """The deliveries that ``who`` may see: those of calls and bots within reach."""
    if not who.may(Permission.SEE_HISTORY):
        return Delivery.objects.none()
    if who.bots is None:
        return Delivery.objects.all()
    return Delivery.objects.filter(bot_name__in=who.bots)


def delivery_page(
    found: QuerySet[Delivery], *, size: int, place: Place | None = None
) -> DeliveryPage:
    """The ``size`` deliveries of ``found`` next to ``place``, newest first."""
    backwards = place is not None and place.backwards
    order = ("created_at", "pk") if backwards else ("-created_at", "-pk")
    rows = found.select_related("destination").order_by(*order)
    if place is not None:
        side = "gt" if backwards else "lt"
        rows = rows.filter(
            Q(**{f"created_at__{side}": place.created_at})
            | Q(**{"created_at": place.created_at, f"pk__{side}": place.pk})
        )
    listed = list(rows[: size + 1])
    more, listed = len(listed) > size, listed[:size]
    if backwards:
        listed.reverse()
    if not listed:
        return DeliveryPage(deliveries=[])
    first, last = listed[0], listed[-1]
    newer = more if backwards else place is not None
    older = backwards or more
    return DeliveryPage(
        deliveries=listed,
        newer=Place(first.created_at, first.pk, backwards=True) if newer else None,
        older=Place(last.created_at, last.pk) if older else None,
    )


def open_counts(who: Person) -> dict[str, int]:
    """How many visible deliveries wait, and how many were given up."""
    rows = visible(who).filter(state__in=[State.WAITING, State.DEAD]).order_by()
    counts = dict(rows.values_list("state").annotate(Count("pk")))
    return {"waiting": counts.get("waiting", 0), "dead": counts.get("dead", 0)}


def earlier_waiting(delivery: Delivery) -> Delivery | None:
    """The delivery of the same stream that this one has to wait for."""
    if delivery.state != State.WAITING:
        return None
    rows = Delivery.objects.filter(stream=delivery.stream, seq__lt=delivery.seq)
    return rows.filter(state=State.WAITING).order_by("seq").first()


def destinations(who: Person) -> QuerySet[Destination]:
    """The destinations of visible deliveries, those in trouble first.

    Each has ``waiting`` and ``dead``: how many of its visible deliveries wait or were given up.
    """
    mine = visible(who).values("destination")
    seen = Q() if who.bots is None else Q(deliveries__bot_name__in=who.bots)
    return (
        Destination.objects.filter(pk__in=mine)
        .annotate(
            waiting=Count("deliveries", filter=seen & Q(deliveries__state=State.WAITING)),
            dead=Count("deliveries", filter=seen & Q(deliveries__state=State.DEAD)),
        )
        .order_by("-failures", "-dead", "origin")
    )
