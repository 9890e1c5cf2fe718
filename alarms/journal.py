"""Reads of alarms for people: what is active, what was, what became of the notices about it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, Notification
from bots import paging

Kind = AlarmEvent.Kind
RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
AGES = {
    "new15m": timedelta(minutes=15),
    "new1h": timedelta(hours=1),
    "old1h": timedelta(hours=1),
    "old24h": timedelta(days=1),
}
"""Since when an alarm is active: for less (``new``) or for more (``old``) than that."""
COLUMNS = (
    "seq", "at", "kind", "severity", "previous", "type", "title", "source", "text", "detail",
    "count", "raised_at", "duration_s", "by", "comment", "alarm_id",
)  # fmt: skip


class ActiveFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which active alarms are listed; the empty string and None mean any."""

    severity: Severity | None = None
    """This or worse."""
    type: str = ""
    source: str = ""
    """Exactly this."""
    text: str = ""
    """Part of the source or of what is told."""
    acknowledged: str = ""
    """``yes`` or ``no``."""
    age: str = ""
    """One of `AGES`."""

    def condition(self, now: datetime) -> Q:
        """The filter as a query condition."""
        condition = Q()
        if self.severity is not None:
            condition &= Q(severity__gte=self.severity)
        if self.type:
            condition &= Q(type=self.type)
        if self.source:
            condition &= Q(source=self.source)
        if self.text:
            condition &= Q(source__icontains=self.text) | Q(text__icontains=self.text)
        if self.acknowledged:
            condition &= Q(acknowledged_at__isnull=self.acknowledged == "no")
        if self.age:
            side = "gte" if self.age.startswith("new") else "lt"
            condition &= Q(**{f"raised_at__{side}": now - AGES[self.age]})
        return condition


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes are listed; the empty string and None mean any."""

    severity: Severity | None = None
    """This or worse, after the change; of what is over: before it."""
    type: str = ""
    text: str = ""
    kind: str = ""
    range: str = ""
    """One of `RANGES`."""
    since: date | None = None
    until: date | None = None
    """The last day that counts."""

    def condition(self, now: datetime, zone: tzinfo) -> Q:
        """The filter as a query condition; days are those of ``zone``."""
        exact = {"type": self.type, "kind": self.kind}
        condition = Q(**{name: value for name, value in exact.items() if value})
        if self.severity is not None:
            over = Q(kind=Kind.CLEARED, previous__gte=self.severity)
            condition &= Q(severity__gte=self.severity) | over
        if self.text:
            condition &= Q(source__icontains=self.text) | Q(text__icontains=self.text)
        if self.range:
            condition &= Q(at__gte=now - RANGES[self.range])
        if self.since:
            condition &= Q(at__gte=datetime.combine(self.since, time(), zone))
        if self.until:
            last = self.until + timedelta(days=1)
            condition &= Q(at__lt=datetime.combine(last, time(), zone))
        return condition

    def summary(self) -> dict[str, Any]:
        """The conditions by name, for the audit log."""
        return {name: value for name, value in msgspec.to_builtins(self).items() if value}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How many destinations are to know the present state of an alarm, and how many do."""

    destinations: int = 0
    delivered: int = 0
    dead: int = 0


def told(alarms: Iterable[ActiveAlarm]) -> Mapping[UUID, Told]:
    """What became of the latest notice about each of ``alarms`` at each destination; one query."""
    latest = Notification.objects.filter(alarm_id__in=[alarm.alarm_id for alarm in alarms])
    order = Window(
        RowNumber(),
        partition_by=[F("alarm_id"), F("destination_id")],
        order_by=[F("created_at").desc(), F("seq").desc()],
    )
    latest = latest.annotate(place=order).filter(place=1).order_by()
    found: dict[UUID, Told] = {}
    for alarm_id, state in latest.values_list("alarm_id", "state"):
        known = found.get(alarm_id, Told())
        found[alarm_id] = Told(
            destinations=known.destinations + 1,
            delivered=known.delivered + (state == Notification.State.DELIVERED),
            dead=known.dead + (state == Notification.State.DEAD),
        )
    return found


def as_csv(found: QuerySet[AlarmEvent]) -> Iterator[str]:
    """The lines of ``found`` as CSV, newest first; times in UTC."""
    return paging.as_csv(found, COLUMNS, _written)


def duration(event: AlarmEvent) -> timedelta | None:
    """How long the alarm had been active when it cleared; None for other changes."""
    return event.at - event.raised_at if event.kind == Kind.CLEARED else None


def _written(event: AlarmEvent, column: str) -> Any:
    match column:
        case "at" | "raised_at":
            return getattr(event, column).astimezone(UTC).isoformat(timespec="milliseconds")
        case "severity" | "previous":
            value = getattr(event, column)
            return "" if value is None else Severity(value).word
        case "title":
            kind = CATALOGUE.get(event.type)
            return kind.title if kind else ""
        case "duration_s":
            lasted = duration(event)
            return "" if lasted is None else f"{lasted.total_seconds():.0f}"
    return getattr(event, column)
