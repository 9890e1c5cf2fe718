"""Everything that waits for its turn, and what was given up."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import msgspec
from django.db.models import Count, Min, QuerySet

from alarms.models import Notification
from bots.models import Delivery
from calls.models import CallExport, Dialout
from calls.system.processes import Process

Name = Literal["deliveries", "alarm-notifications", "dialouts", "exports", "records"]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """One queue: how much waits, since when the first of it, how much was given up.

    ``dead`` is None where nothing is ever given up. Outbound calls for a later time do not wait.
    """

    name: Name
    waiting: int
    oldest: datetime | None = None
    dead: int | None = None


def queues(now: datetime, processes: list[Process]) -> list[Queue]:
    """Every queue; ``processes`` tell how many records each has still to write."""
    return [*_stored(now), Queue(name="records", waiting=_records(processes))]


def _stored(now: datetime) -> Iterator[Queue]:
    waiting, oldest = _first(Delivery.objects.filter(state=Delivery.State.WAITING), "created_at")
    dead = Delivery.objects.filter(state=Delivery.State.DEAD).count()
    yield Queue(name="deliveries", waiting=waiting, oldest=oldest, dead=dead)
    notices = Notification.objects.all()
    waiting, oldest = _first(notices.filter(state=Notification.State.WAITING), "created_at")
    dead = notices.filter(state=Notification.State.DEAD).count()
    yield Queue(name="alarm-notifications", waiting=waiting, oldest=oldest, dead=dead)
    due = Dialout.objects.filter(state=Dialout.State.QUEUED, not_before__lte=now)
    waiting, oldest = _first(due, "not_before")
    yield Queue(name="dialouts", waiting=waiting, oldest=oldest)
    waiting, oldest = _first(
        CallExport.objects.filter(state=CallExport.State.WAITING), "created_at"
    )
    yield Queue(name="exports", waiting=waiting, oldest=oldest)


def _first(rows: QuerySet[Any], moment: str) -> tuple[int, datetime | None]:
    found = rows.order_by().aggregate(waiting=Count("pk"), oldest=Min(moment))
    return found["waiting"], found["oldest"]


def _records(processes: list[Process]) -> int:
    return sum(each.records_waiting or 0 for each in processes if each.alive)
