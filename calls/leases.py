"""Leases: which processes are alive, as far as the database knows."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from calls.models import ProcessLease

LEASE_SECONDS = 30
"""A process whose lease was not renewed for this long is taken for dead."""


def renew_lease(owner: str, host: str, pid: int, now: datetime) -> None:
    """Say that the process ``owner`` (``pid`` on ``host``) is alive at ``now``.

    Call it before the first call of the process and then several times within `LEASE_SECONDS`.
    """
    ProcessLease.objects.update_or_create(
        owner=owner, defaults={"host": host, "pid": pid, "renewed_at": now}
    )


def current_leases(now: datetime) -> QuerySet[ProcessLease]:
    """The leases of processes that are alive at ``now``."""
    return ProcessLease.objects.filter(renewed_at__gte=now - timedelta(seconds=LEASE_SECONDS))
