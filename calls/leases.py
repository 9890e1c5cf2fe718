"""Leases: which processes are alive, as far as the database knows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from calls.models import ProcessLease

LEASE_SECONDS = 30
"""A process whose lease was not renewed for this long is taken for dead, see `may_judge`."""
RENEW_SECONDS = LEASE_SECONDS / 4
"""So often a process renews its lease, and learns what people want of it."""
GAP_SECONDS = 15
"""Two renewals further apart say that the database may have been away in between. If it was for
less, every living process has renewed its lease in time."""
JUDGING_SECONDS = 20
"""Within this time after the database is back every living process has renewed its lease."""
LEASE_KEPT = timedelta(hours=1)
"""How long a lease that is not renewed any more is shown to people: it tells of a dead process."""


def renew_lease(
    owner: str,
    host: str,
    pid: int,
    now: datetime,
    *,
    role: str = "web",
    version: str = "",
    started_at: datetime | None = None,
    vitals: Mapping[str, Any] | None = None,
) -> bool:
    """Say that the process ``owner`` (``pid`` on ``host``) is alive at ``now``, and how it does.

    Call it before the first call of the process and then several times within `LEASE_SECONDS`.
    Answers whether people want the process to take no more calls.
    """
    told = dict(vitals or {})
    if not _steady(now).filter(owner=owner).update(renewed_at=now, vitals=told):
        ProcessLease.objects.update_or_create(
            owner=owner,
            defaults={
                "host": host,
                "pid": pid,
                "renewed_at": now,
                "since": now,
                "role": role,
                "version": version,
                "started_at": started_at or now,
                "vitals": told,
            },
        )
    return ProcessLease.objects.filter(owner=owner, drain=True).exists()


def give_back(owner: str) -> None:
    """Say that the process ``owner`` has come to its end in good order, without any call left."""
    ProcessLease.objects.filter(owner=owner).delete()


def current_leases(now: datetime) -> QuerySet[ProcessLease]:
    """The leases of processes that are alive at ``now``."""
    return ProcessLease.objects.filter(renewed_at__gte=now - timedelta(seconds=LEASE_SECONDS))


def may_judge(now: datetime) -> bool:
    """Whether a lease that has run out tells of a dead process.

    After the database was away all have run out, those of the living too. So nobody is taken for
    dead until somebody has renewed a lease for `JUDGING_SECONDS` without a gap.
    """
    return _steady(now).filter(since__lte=now - timedelta(seconds=JUDGING_SECONDS)).exists()


def _steady(now: datetime) -> QuerySet[ProcessLease]:
    return ProcessLease.objects.filter(renewed_at__gte=now - timedelta(seconds=GAP_SECONDS))
