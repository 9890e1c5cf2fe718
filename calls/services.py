"""Writes that no live call makes: leases, lost calls, expired transcripts, deleted calls."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from calls import callevents
from calls.dialouts import progress
from calls.leases import LEASE_KEPT, current_leases
from calls.models import Call, CallEvent, ProcessLease, TranscriptEntry

LOST_REASON = "The gateway process that carried the call was lost"
LOST_CAUSE = "process-lost"
LOST_CALLS = 50
"""Lost calls that one transaction ends."""

EXPIRY_CALLS = 50
"""Calls whose transcripts are deleted at a stretch."""
EXPIRY_LINES = 1_000
"""Lines or events that one transaction deletes."""


def close_lost_calls(now: datetime) -> int:
    """End the active calls whose process has no current lease; return how many there were.

    Their dialouts end and their webhooks are told in the same transactions, which are bounded. Safe
    to run in several processes at once: each call is ended by one guarded update.
    """
    current = current_leases(now).filter(owner=OuterRef("owner"))
    # NB The call that started after ``now`` was read is not lost; ``started_at`` keeps the
    # constraint that a call ends after it starts.
    lost = Call.objects.filter(~Exists(current), state=Call.State.ACTIVE, started_at__lte=now)
    closed = 0
    first = lost.order_by("started_at", "pk").values_list("pk", "transcript_days")[:LOST_CALLS]
    while batch := list(first.all()):
        with transaction.atomic():
            closed += sum(_close_lost(lost, call_id, days, now) for call_id, days in batch)
    ProcessLease.objects.filter(renewed_at__lt=now - LEASE_KEPT).delete()
    return closed


def _close_lost(lost: QuerySet[Call], call_id: UUID, days: int, now: datetime) -> bool:
    """End one call, unless somebody else has by now; its transcript is kept for ``days``."""
    if not lost.filter(pk=call_id).update(
        state=Call.State.ENDED,
        ended_at=now,
        ended_by=Call.EndedBy.GATEWAY,
        reason_code="error",
        reason=LOST_REASON,
        cause=LOST_CAUSE,
        transcript_expires_at=now + timedelta(days=days) if days else None,
    ):
        return False
    call = Call.objects.get(pk=call_id)
    progress.call_lost(call, at=now)
    callevents.ended(call)
    return True


def delete_expired_transcripts(now: datetime) -> int:
    """Delete the lines of transcripts that are due, and the events; return of how many calls.

    The rest of the call's record stays. Each statement is a transaction of its own and bounded, so
    that no lock is held for long; safe to run in several processes at once.
    """
    deleted = 0
    due = Call.objects.filter(transcript_expires_at__lte=now, transcript_deleted_at=None)
    first = due.order_by("transcript_expires_at").values_list("pk", flat=True)[:EXPIRY_CALLS]
    while calls := list(first.all()):
        for rows in (TranscriptEntry.objects.all(), CallEvent.objects.all()):
            _delete_of(calls, rows)
        deleted += due.filter(pk__in=calls).update(transcript_deleted_at=now)
    return deleted


def _delete_of(calls: list[UUID], rows: QuerySet[TranscriptEntry] | QuerySet[CallEvent]) -> None:
    first = rows.filter(call__in=calls).order_by("pk").values_list("pk", flat=True)[:EXPIRY_LINES]
    while batch := list(first.all()):
        rows.filter(pk__in=batch).delete()


def call_delete(call: Call, *, reason: str) -> None:
    """Delete ``call`` with everything that is known of it; the audit log keeps what it was.

    Raises:
        ParameterError: under ``reason``: none was given; under ``call``: it is going on.
    """
    if not reason.strip():
        raise ParameterError({"reason": "say why the call is deleted"})
    with transaction.atomic():
        locked = Call.objects.select_for_update().filter(pk=call.pk, state=Call.State.ENDED)
        if not locked.exists():
            raise ParameterError({"call": "is still going on; end it first"})
        record(
            Action.CALL_DELETED,
            kind="call",
            target=call.pk,
            title=f"{call.bot_name} {call.started_at:%Y-%m-%d %H:%M:%S} UTC",
            before={
                "bot": call.bot_name,
                "conversation": call.conversation_id,
                "started": call.started_at.isoformat(),
                "ended": call.ended_at.isoformat() if call.ended_at else "",
                "lines": call.entries.count(),
                "events": call.events.count(),
            },
            message=reason.strip(),
        )
        locked.delete()
