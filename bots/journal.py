"""Reads of the audit log: filter, pages, export, and the end of its time."""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import msgspec
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from bots import paging
from bots.core.auditing import Action
from bots.core.roles import Permission
from bots.models import AuditEvent, Bot, Provider
from bots.people import Person

RANGES = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
KINDS = (
    *("alarm", "alarm-destination", "alarm-rule", "bot", "call", "client", "configuration"),
    *("delivery", "dialout", "export", "provider", "route", "user"),
)
NAMED: dict[str, type[Bot] | type[Provider]] = {"bot": Bot, "provider": Provider}
"""Kinds whose pages are found by a name, which may change."""
COLUMNS = (
    "at", "actor", "address", "action", "kind", "target", "title", "message", "before", "after",
    "batch",
)  # fmt: skip


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are listed; None and the empty string mean any."""

    person: str = ""
    action: str = ""
    kind: str = ""
    target: str = ""
    batch: str = ""
    range: str = ""
    """One of `RANGES`."""
    since: date | None = None
    until: date | None = None
    """The last day that counts."""
    text: str = ""

    def summary(self) -> dict[str, str]:
        """The conditions by name, for the log itself."""
        return {name: value for name, value in msgspec.to_builtins(self).items() if value}

    def condition(self, zone: tzinfo) -> Q:
        """The filter as a query condition; days are those of ``zone``."""
        exact = {"actor": self.person, "action": self.action, "kind": self.kind}
        exact |= {"target": self.target, "batch": self.batch}
        condition = Q(**{name: value for name, value in exact.items() if value})
        if self.range:
            condition &= Q(at__gte=timezone.now() - RANGES[self.range])
        if self.since:
            condition &= Q(at__gte=datetime.combine(self.since, time(), zone))
        if self.until:
            last = self.until + timedelta(days=1)
            condition &= Q(at__lt=datetime.combine(last, time(), zone))
        if self.text:
            condition &= Q(title__icontains=self.text) | Q(message__icontains=self.text)
        return condition


def visible_events(who: Person) -> QuerySet[AuditEvent]:
    """The events that ``who`` may read.

    Who reaches only some bots reads of these, and of the people who reach no others.
    """
    if not who.may(Permission.READ_AUDIT):
        return AuditEvent.objects.none()
    if who.bots is None:
        return AuditEvent.objects.all()
    people = who.visible_people().values("pk")
    keys = who.visible_people().values(key=Cast("pk", CharField()))
    bots = who.visible_bots().filter(name__in=who.bots).values(key=Cast("pk", CharField()))
    seen = Q(user=who.user_id) | Q(user__in=people) | Q(kind="user", target__in=keys)
    return AuditEvent.objects.filter(seen | Q(kind="bot", target__in=bots))


def present_names(events: Iterable[AuditEvent]) -> dict[tuple[str, str], str]:
    """The names that bots and providers of ``events`` have by now, by kind and key."""
    names: dict[tuple[str, str], str] = {}
    for kind, model in NAMED.items():
        keys = {event.target for event in events if event.kind == kind and event.target.isdigit()}
        if keys:
            found = model.objects.filter(pk__in=keys).values_list("pk", "name")
            names |= {(kind, str(pk)): name for pk, name in found}
    return names


def as_csv(found: QuerySet[AuditEvent]) -> Iterator[str]:
    """The lines of ``found`` as CSV, newest first; times in UTC."""
    return paging.as_csv(found, COLUMNS, _written)


def expire(days: int) -> int:
    """Drop events that are older than ``days``; how many there were."""
    return AuditEvent.objects.expire(timezone.now() - timedelta(days=days))


def words(action: str) -> str:
    """An action in words; what this version does not know stands for itself."""
    return Action(action).words if action in set(Action) else action


def _written(event: AuditEvent, column: str) -> Any:
    value = getattr(event, column)
    if column == "at":
        return value.isoformat(timespec="milliseconds")
    if column in ("before", "after"):
        return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value
