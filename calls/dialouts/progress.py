"""What calls and carriers tell of their dialouts, written down; each in the caller's transaction.

Telling the same thing again changes nothing.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from calls.core.dialout import CANCELLED, UNDER_WAY, Outcome, State, outcome_of
from calls.dialouts.states import advance, finish
from calls.models import Call, Dialout, DialoutEvent

RING_GRACE_S = 30
"""How long after the answer timeout of a dialout its end must be known."""
ANSWERED_LIMIT = timedelta(days=2)
"""Longer than any call; what decides before is the lease of the process that has it."""
BETTER_WORD = timedelta(seconds=3)
"""How long a carrier may take to tell by itself why a call was not answered."""

_RINGING = (State.PLACING, State.DIALING)


def handed_over(
    dialout_id: UUID, *, owner: str, carrier: str, callback_digest: str, at: datetime
) -> bool:
    """Note that ``owner`` is about to ask ``carrier``; False: it must not, the dialout is not its.

    After this the dialout never goes back to the queue by itself, for there may be a call.
    """
    with transaction.atomic():
        mine = Q(owner=owner, carrier="")
        row = Dialout.objects.filter(mine, pk=dialout_id, state=State.PLACING)
        if row.filter(cancel_requested=False).update(
            carrier=carrier, callback_digest=callback_digest
        ):
            return True
        guard = mine & Q(cancel_requested=True)
        finish(dialout_id, CANCELLED, at=at, only_from=[State.PLACING], guard=guard)
        return False


def put_back(
    dialout_id: UUID, *, owner: str, reason: str, at: datetime, not_before: datetime | None = None
) -> None:
    """Queue a dialout again that ``owner`` has and did not place; not to be placed too early."""
    guard = Q(owner=owner, call=None)
    later: dict[str, Any] = {} if not_before is None else {"not_before": not_before}
    cancelled = guard & Q(cancel_requested=True)
    if not finish(dialout_id, CANCELLED, at=at, only_from=[State.PLACING], guard=cancelled):
        advance(dialout_id, State.QUEUED, at=at, reason=reason, guard=guard, **later)


def give_up(owner: str, unplaced: Collection[UUID], *, reason: str, at: datetime) -> None:
    """Queue again what ``owner`` claimed and never asked a carrier for.

    Of what it was about to hand over that are only those of ``unplaced``.
    """
    mine = Dialout.objects.filter(owner=owner, state=State.PLACING)
    with transaction.atomic():
        for row in mine.filter(Q(carrier="") | Q(pk__in=unplaced)).only("pk"):
            put_back(row.pk, owner=owner, reason=reason, at=at)


def taken(dialout_id: UUID, *, carrier_call_id: str, at: datetime) -> None:
    """The carrier has the call, under its own id ``carrier_call_id`` if it told one."""
    if carrier_call_id:  # else its report may have told it before
        row = Dialout.objects.filter(pk=dialout_id, state__in=UNDER_WAY)
        row.update(carrier_call_id=carrier_call_id)
    _dialing(dialout_id, at)


def refused(dialout_id: UUID, *, owner: str, reason_code: str, reason: str, at: datetime) -> None:
    """There will be no call; said by the process ``owner``, which was to have it placed."""
    outcome = Outcome(State.FAILED, reason_code, reason)
    guard = Q(owner=owner, cancel_requested=False)
    if not finish(dialout_id, outcome, at=at, only_from=_RINGING, guard=guard):
        finish(dialout_id, CANCELLED, at=at, only_from=_RINGING, guard=Q(owner=owner))


def opened(dialout_id: UUID, *, call_id: UUID, owner: str, at: datetime) -> None:
    """The process ``owner`` has a call for the dialout; the first such call is the one."""
    unlinked = Dialout.objects.filter(pk=dialout_id, call=None, state__in=UNDER_WAY)
    if unlinked.update(call=call_id, owner=owner):
        _dialing(dialout_id, at)


def answered(dialout_id: UUID, *, call_id: UUID, at: datetime) -> None:
    """The callee answered."""
    deadline = at + ANSWERED_LIMIT
    guard = _of(call_id)
    advance(dialout_id, State.ANSWERED, at=at, guard=guard, answered_at=at, deadline_at=deadline)


def detected(dialout_id: UUID, *, call_id: UUID, what: str) -> None:
    """``human`` or ``machine`` answered."""
    Dialout.objects.filter(_of(call_id), pk=dialout_id).update(machine=what)


def closed(
    dialout_id: UUID, *, call_id: UUID, ended_by: str, reason_code: str, reason: str, at: datetime
) -> None:
    """The call is over.

    Where the carrier reports by itself and the call only knows that something went wrong, the
    dialout stays as it is for `BETTER_WORD`; then `calls.dialouts.recovery` ends it.
    """
    row = Dialout.objects.filter(_of(call_id), pk=dialout_id, state__in=UNDER_WAY)
    locked = row.select_for_update().only("state", "cancel_requested", "callback_digest").first()
    if locked is None:
        return
    outcome = outcome_of(
        answered=locked.state == State.ANSWERED,
        cancelled=locked.cancel_requested,
        ended_by=ended_by,
        reason_code=reason_code,
        reason=reason,
    )
    if outcome.state is State.FAILED and outcome.reason_code == "error" and locked.callback_digest:
        row.filter(deadline_at__gt=at + BETTER_WORD).update(deadline_at=at + BETTER_WORD)
    else:
        finish(dialout_id, outcome, at=at)


def call_lost(call: Call, *, at: datetime) -> None:
    """The call was closed in the place of its process, which is gone."""
    dialout = Dialout.objects.filter(call=call).values_list("pk", flat=True).first()
    if dialout is not None:
        closed(
            dialout,
            call_id=call.pk,
            ended_by=call.ended_by,
            reason_code=call.reason_code,
            reason=call.reason,
            at=at,
        )


def times_put_back(dialout_id: UUID, reason: str) -> int:
    """How often the dialout was queued again for ``reason``."""
    return DialoutEvent.objects.filter(
        dialout=dialout_id, state=State.QUEUED, reason=reason
    ).count()


def _of(call_id: UUID) -> Q:
    # Facts of another call for the same dialout do not count.
    return Q(call=call_id) | Q(call=None)


def _dialing(dialout_id: UUID, at: datetime) -> None:
    row = Dialout.objects.filter(pk=dialout_id, state=State.PLACING)
    seconds = row.values_list("answer_timeout_s", flat=True).first()
    if seconds is not None:
        deadline = at + timedelta(seconds=seconds + RING_GRACE_S)
        advance(dialout_id, State.DIALING, at=at, deadline_at=deadline)
