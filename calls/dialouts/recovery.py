"""Recovery: dialouts whose process is gone, whose deadline has passed, or whose time is over.

Safe to run in any number of processes at once: each dialout is looked at again under its lock.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from calls.core.dialout import (
    CANCELLED,
    UNDER_WAY,
    Outcome,
    Plight,
    State,
    outcome_of,
    rescue,
)
from calls.dialouts.progress import times_put_back
from calls.dialouts.states import advance, finish
from calls.leases import current_leases
from calls.models import Call, Dialout

BATCH = 100
"""Dialouts of each sort that one run looks at."""

OUT_OF_TIME = "It could not be placed in time"
LOST = "The gateway process that had the call was lost"
NOT_PLACED = "The call could not be placed"
NOT_ANSWERED = "Nobody answered in time"


def recover(now: datetime, *, judging: bool = True) -> int:
    """Bring forward what stays behind; returns how many dialouts changed their state.

    Unless ``judging`` (`calls.leases.may_judge`) no process is taken for dead, and only deadlines
    count.
    """
    changed = sum(_expire(dialout_id, now) for dialout_id in _expired(now))
    left = _left_alone(now, judging=judging)
    return changed + sum(_rescue(dialout_id, now, judging=judging) for dialout_id in left)


def _expired(now: datetime) -> list[UUID]:
    late = Dialout.objects.filter(state=State.QUEUED, not_after__lte=now)
    return list(late.order_by("not_after").values_list("pk", flat=True)[:BATCH])


def _expire(dialout_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        outcome = Outcome(State.FAILED, "error", OUT_OF_TIME)
        guard = Q(not_after__lte=now)
        return finish(dialout_id, outcome, at=now, only_from=[State.QUEUED], guard=guard)


def _left_alone(now: datetime, *, judging: bool) -> list[UUID]:
    """Dialouts past their deadline or without a process; without those that only a call decides."""
    late = Q(deadline_at__lte=now)
    alive = Exists(current_leases(now).filter(owner=OuterRef("owner")))
    carried = Exists(Call.objects.filter(pk=OuterRef("call"), state=Call.State.ACTIVE))
    alone = Dialout.objects.filter(
        ~alive | late if judging else late, ~carried, state__in=UNDER_WAY, placed_at__lte=now
    )
    return list(alone.order_by("deadline_at").values_list("pk", flat=True)[:BATCH])


def _rescue(dialout_id: UUID, now: datetime, *, judging: bool) -> bool:
    with transaction.atomic():
        row = Dialout.objects.select_for_update().filter(pk=dialout_id, state__in=UNDER_WAY).first()
        if row is None or row.deadline_at is None or row.placed_at is None:
            return False
        call = row.call
        plight = Plight(
            state=State(row.state),
            handed=bool(row.carrier),
            calls_back=bool(row.callback_digest),
            call=_state_of(call),
            owner_alive=not judging or current_leases(now).filter(owner=row.owner).exists(),
            overdue_s=(now - row.deadline_at).total_seconds(),
            placed_ago_s=(now - row.placed_at).total_seconds(),
            requeues=times_put_back(dialout_id, LOST),
        )
        return _carry_out(plight, row, call, now)


def _carry_out(plight: Plight, row: Dialout, call: Call | None, now: datetime) -> bool:
    verdict = rescue(plight)
    answered = plight.state is State.ANSWERED
    failed = State.COMPLETED if answered else State.FAILED
    match verdict:
        case "wait":
            return False
        case "queue" if not row.cancel_requested:
            return advance(row.pk, State.QUEUED, at=now, reason=LOST)
        case "as-the-call" if call is not None:
            outcome = outcome_of(
                answered=answered,
                cancelled=row.cancel_requested,
                ended_by=call.ended_by,
                reason_code=call.reason_code,
                reason=call.reason,
            )
        case "no-answer":
            outcome = Outcome(failed, "no-answer", NOT_ANSWERED)
        case "lost":
            outcome = Outcome(failed, "error", LOST)
        case _:
            outcome = Outcome(failed, "error", NOT_PLACED)
    if row.cancel_requested and not answered:
        outcome = CANCELLED
    return finish(row.pk, outcome, at=now)


def _state_of(call: Call | None) -> Literal["none", "active", "ended"]:
    if call is None:
        return "none"
    return "active" if call.state == Call.State.ACTIVE else "ended"
