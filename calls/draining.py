"""Draining on purpose: processes that people want to take no more calls, until they take it back.

Only the wish is written here. Each process reads its own when it renews its lease, so it follows
within `FOLLOWS_SECONDS`; one that is started again knows of no wish.
"""

from django.db import transaction
from django.db.models import QuerySet

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from calls.leases import LEASE_SECONDS
from calls.models import ProcessLease

FOLLOWS_SECONDS = LEASE_SECONDS // 4 + 1
"""How long a process may take to follow, as long as it reaches the database."""


def drainable() -> QuerySet[ProcessLease]:
    """The processes that take calls, dead ones included as long as they are shown."""
    return ProcessLease.objects.filter(role="web").order_by("host", "pid", "owner")


def drain(owner: str = "") -> int:
    """Have the process ``owner`` take no more calls, or every one that takes any; how many.

    Raises:
        ParameterError: under ``process``: there is no such process.
    """
    return _wish(owner, drain=True)


def undrain(owner: str = "") -> int:
    """Have the process ``owner`` take calls again, or every one that drains; how many.

    Raises:
        ParameterError: as `drain`.
    """
    return _wish(owner, drain=False)


def _wish(owner: str, *, drain: bool) -> int:
    with transaction.atomic():
        rows = drainable().select_for_update()
        if owner:
            rows = rows.filter(owner=owner)
            if not rows.exists():
                raise ParameterError({"process": "is gone; look which processes there are"})
        changing = [lease.owner for lease in rows if lease.drain is not drain]
        ProcessLease.objects.filter(owner__in=changing).update(drain=drain)
        for each in changing:
            record(
                Action.PROCESS_DRAINED if drain else Action.PROCESS_UNDRAINED,
                kind="process",
                target=each,
                title=each,
            )
    return len(changing)
