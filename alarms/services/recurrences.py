"""When sources came lately and were over last, for all processes and across restarts.

It does not rest on the history, which is trimmed at its capacity: a report that waited for long
while others were told would raise again what is over.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from alarms.core.evidence import Key
from alarms.models import Recurrence

AHEAD = timedelta(seconds=30)
"""What is said to be later than now by more than this was told by a clock that was wrong."""
KEPT = timedelta(days=1)
"""What is older matters neither to damping nor to a report that comes late."""


def of(
    types: Collection[str], sources: Collection[str], *, latest: datetime
) -> dict[Key, tuple[datetime, ...]]:
    """When ``sources`` of ``types`` came; what is said to be after ``latest`` was then."""
    rows = Recurrence.objects.filter(type__in=types, source__in=sources)
    return {
        Key(kind, source): tuple(min(datetime.fromisoformat(at), latest) for at in comings)
        for kind, source, comings in rows.values_list("type", "source", "comings")
    }


def cleared(
    types: Collection[str], sources: Collection[str], *, latest: datetime
) -> dict[Key, datetime]:
    """When ``sources`` of ``types`` were over last.

    A clear of after ``latest`` keeps nothing quiet: rather an alarm too many than one too few.
    """
    rows = Recurrence.objects.filter(
        type__in=types, source__in=sources, cleared_at__lte=latest
    ).values_list("type", "source", "cleared_at")
    return {Key(kind, source): at for kind, source, at in rows if at is not None}


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
    _keep(rows, "comings")


def remember_cleared(found: Mapping[Key, datetime]) -> None:
    """Keep when these were over; call it with the ledger locked."""
    now = timezone.now()
    rows = [
        Recurrence(type=key.type, source=key.source, cleared_at=at, last_at=now)
        for key, at in found.items()
    ]
    _keep(rows, "cleared_at")


def _keep(rows: Collection[Recurrence], field: str) -> None:
    Recurrence.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["type", "source"],
        update_fields=[field, "last_at"],
    )


def forget(now: datetime) -> int:
    """Delete what is too long ago to count; how many sources."""
    return Recurrence.objects.filter(last_at__lt=now - KEPT).delete()[0]
