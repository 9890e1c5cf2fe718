"""The states of dialouts: the only code that changes them.

Each change is one guarded update, an event and, where the dialer is to be told, a row of the
outbox; all in one transaction, so that no end is told twice and none is forgotten.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog
from django.db import transaction
from django.db.models import Q

from bots import secrets
from bots.deliveries import outbox
from calls.core.dialout import (
    CANCELLED,
    FINAL,
    UNDER_WAY,
    Outcome,
    State,
    before,
    notice,
)
from calls.core.wording import clean
from calls.models import Dialout, DialoutEvent

MAX_REASON_CHARS = 500

Cancellation = Literal["cancelled", "asked", "answered", "over"]
"""What came of a wish to cancel: done; the process that has the call was asked; too late."""

log = structlog.get_logger(__name__)


def advance(
    dialout_id: UUID,
    to: State,
    *,
    at: datetime,
    reason_code: str = "",
    reason: str = "",
    only_from: Collection[State] | None = None,
    guard: Q | None = None,
    **fields: Any,
) -> bool:
    """Bring a dialout into the state ``to``; False when another change came first.

    ``at`` is when it happened. A state of `FINAL` needs a ``reason_code``. ``only_from`` narrows
    the states that it may come from, ``guard`` the row. ``fields`` are written along.
    """
    reason = clean(reason, MAX_REASON_CHARS)
    if to in FINAL:
        fields |= {"ended_at": at, "reason_code": reason_code, "reason": reason}
    elif to is State.QUEUED:
        unclaimed = {"owner": "", "carrier": "", "callback_digest": "", "carrier_call_id": ""}
        fields |= {"placed_at": None, "deadline_at": None, **unclaimed}
    expected = before(to) if only_from is None else before(to) & frozenset(only_from)
    row = Dialout.objects.filter(guard or Q(), pk=dialout_id, state__in=expected)
    with transaction.atomic(savepoint=False):
        # NB The update locks the row until the transaction ends: the count below stays true.
        if not row.update(state=to, **fields):
            return False
        DialoutEvent.objects.create(
            dialout_id=dialout_id,
            seq=DialoutEvent.objects.filter(dialout_id=dialout_id).count() + 1,
            at=at,
            state=to,
            reason_code=reason_code,
            reason=reason,
        )
        _tell(dialout_id, to, at, reason_code, reason)
    log.info("dialout.advanced", dialout=str(dialout_id), state=to.value, reason_code=reason_code)
    return True


def finish(dialout_id: UUID, outcome: Outcome, *, at: datetime, **narrowed: Any) -> bool:
    """Bring a dialout to its end; False when it has one. ``narrowed`` is as in `advance`."""
    return advance(
        dialout_id,
        outcome.state,
        at=at,
        reason_code=outcome.reason_code,
        reason=outcome.reason,
        **narrowed,
    )


def request_cancel(dialout_id: UUID, *, now: datetime) -> Cancellation:
    """Take a dialout back if it is not answered yet.

    After ``asked`` is committed call `calls.dialout.runner.wake_runner`.

    Raises:
        LookupError: there is no such dialout.
    """
    with transaction.atomic():
        row = Dialout.objects.select_for_update().filter(pk=dialout_id)
        state = row.values_list("state", flat=True).first()
        if state is None:
            raise LookupError("there is no such outbound call")
        if state == State.QUEUED:
            finish(dialout_id, CANCELLED, at=now)
            return "cancelled"
        if state in UNDER_WAY - {State.ANSWERED}:
            row.update(cancel_requested=True)
            return "asked"
    return "answered" if state == State.ANSWERED else "over"


def _tell(dialout_id: UUID, state: State, at: datetime, reason_code: str, reason: str) -> None:
    body = notice(str(dialout_id), state, at=at, reason_code=reason_code, reason=reason)
    if body is None:
        return
    notify, bot = Dialout.objects.values_list("notify", "bot_name").get(pk=dialout_id)
    if notify is None:
        return
    try:
        to = secrets.opened_texts(notify)
        outbox.put(
            stream=f"dialout:{dialout_id}",
            kind=f"dialout.{body.status}",
            url=to["url"],
            body=msgspec.json.encode(body).decode(),
            bot=bot,
            secret=to["secret"],
            at=at,
            fact=body.status,
        )
    except (LookupError, ValueError):
        # The dialout must have its end although the key of its dialer's address is gone.
        log.error("dialout.notify_unreadable", dialout=str(dialout_id))
