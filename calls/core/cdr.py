"""The call detail record (CDR) as other systems read it: by the API and in ``call.ended``."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Cdr(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of one call, without any word of the conversation.

    Times are UTC with microseconds, durations in the unit of their name. ``state`` is ``active`` or
    ``ended``; what only the end of the call tells is null until then. ``reason_code`` is one of the
    Bot API's, ``cause`` the timer or fault that ended the call, if one did.
    """

    id: UUID
    conversation_id: str
    dialout_id: UUID | None = None
    """Of an outbound call: the conversation id that its dialer was told."""
    bot: str
    bot_revision: int
    channel: str
    mode: str
    direction: str
    is_test: bool
    caller: str
    callee: str
    state: str
    started_at: datetime
    ended_at: datetime | None = None
    duration_s: float | None = None
    ended_by: str | None = None
    reason_code: str | None = None
    reason: str | None = None
    cause: str | None = None
    turns: int
    silence_median_ms: int | None = None
    """Median of the waits for a reply."""
    silence_max_ms: int | None = None
    faults: int
    """How often bot, recogniser or synthesiser failed."""
    recordings: list[str] = []
    frames_in: int
    frames_dropped: int


_SAME = frozenset(Cdr.__struct_fields__) - {
    "dialout_id", "bot", "duration_s", "ended_by", "reason_code", "reason", "cause",
}  # fmt: skip


def cdr(call: Any, *, dialout_id: UUID | None = None) -> Cdr:
    """The record of ``call``, a row of `calls.models.Call` or anything with its fields."""
    ended = call.ended_at is not None
    duration = (call.ended_at - call.started_at).total_seconds() if ended else None
    return Cdr(
        dialout_id=dialout_id,
        bot=call.bot_name,
        duration_s=duration if duration is None else round(duration, 3),
        ended_by=call.ended_by or None,
        reason_code=call.reason_code or None,
        reason=call.reason if ended else None,
        cause=call.cause or None,
        **{name: getattr(call, name) for name in _SAME},
    )


def as_json(record: Cdr) -> dict[str, Any]:
    """``record`` by wire name, as JSON holds it."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found
