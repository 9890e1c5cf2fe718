"""Writes about the processes that own calls: leases, and the calls that lost their process."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from calls.models import Call, ProcessLease

LEASE_SECONDS = 30
"""A process whose lease was not renewed for this long is taken for dead."""

LOST_REASON = "The gateway process that carried the call was lost"


def renew_lease(owner: str, host: str, pid: int, now: datetime) -> None:
    """Say that the process ``owner`` (``pid`` on ``host``) is alive at ``now``.

    Call it before the first call of the process and then several times within `LEASE_SECONDS`.
    """
    ProcessLease.objects.update_or_create(
        owner=owner, defaults={"host": host, "pid": pid, "renewed_at": now}
    )


def close_lost_calls(now: datetime) -> int:
    """End the active calls whose process has no current lease; return how many there were.

    Safe to run in several processes at once: each call is ended by one guarded update.
    """
    expired_before = now - timedelta(seconds=LEASE_SECONDS)
    current = ProcessLease.objects.filter(owner=OuterRef("owner"), renewed_at__gte=expired_before)
    with transaction.atomic():
        # NB The call that started after ``now`` was read is not lost; ``started_at`` keeps the
        # constraint that a call ends after it starts.
        lost = Call.objects.filter(~Exists(current), state=Call.State.ACTIVE, started_at__lte=now)
        closed = lost.update(
            state=Call.State.ENDED,
            ended_at=now,
            ended_by=Call.EndedBy.GATEWAY,
            reason_code="error",
            reason=LOST_REASON,
        )
        ProcessLease.objects.filter(renewed_at__lt=expired_before).delete()
    return closed
