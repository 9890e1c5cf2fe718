"""When sources came lately, for all processes and across restarts; see `alarms.core.damping`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from alarms.core.damping import MEMORY
from alarms.core.evidence import Key
from alarms.models import Recurrence


def of(
    types: Collection[str], sources: Collection[str], *, latest: datetime
) -> dict[Key, tuple[datetime, ...]]:
    """When ``sources`` of ``types`` came; what is said to be after ``latest`` was then."""
    rows = Recurrence.objects.filter(type__in=types, source__in=sources)
    return {
        Key(kind, source): tuple(min(datetime.fromisoformat(at), latest) for at in comings)
        for kind, source, comings in rows.values_list("type", "source", "comings")
    }


def remember(found: Mapping[Key, Sequence[datetime]]) -> None:
    """Keep when these came; call it with the ledger locked."""
    now = timezone.now()
    rows = [
        Recurrence(
            type=key.type,
            source=key.source,
            comings=[each.isoformat() for each in comings],
            last_at=now,
        )
        for key, comings in found.items()
    ]
    Recurrence.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["type", "source"],
        update_fields=["comings", "last_at"],
    )


def forget(now: datetime) -> int:
    """Delete what is too long ago to count; how many sources."""
    return Recurrence.objects.filter(last_at__lt=now - MEMORY).delete()[0]
