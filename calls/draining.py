"""Draining on purpose: processes that people want to take no more calls, until they take it back.

Only the wish is written here. Each process reads its own when it renews its lease, so it follows
within `FOLLOWS_SECONDS`; one that is started again knows of no wish.
"""

from django.db import transaction
from django.db.models import QuerySet

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from calls.leases import RENEW_SECONDS
from calls.models import ProcessLease

FOLLOWS_SECONDS = round(RENEW_SECONDS + 0.5)
"""How long a process may take to follow, as long as it reaches the database."""


def drainable() -> QuerySet[ProcessLease]:
    """The processes that take calls, dead ones included as long as they are shown."""
    return ProcessLease.objects.filter(role="web").order_by("host", "pid", "owner")


def drain(owner: str = "", host: str = "") -> int:
    """Have processes take no more calls; how many do so by this.

    It is the process ``owner``, those of the machine ``host``, or without either all of them.

    Raises:
        ParameterError: under ``process``: there is no such process.
    """
    return _wish(owner, host, drain=True)


def undrain(owner: str = "", host: str = "") -> int:
    """Have processes take calls again; see `drain`."""
    return _wish(owner, host, drain=False)


def _wish(owner: str, host: str, *, drain: bool) -> int:
    chosen = {name: value for name, value in (("owner", owner), ("host", host)) if value}
    with transaction.atomic():
        rows = list(drainable().select_for_update().filter(**chosen))
        if chosen and not rows:
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
