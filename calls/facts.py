"""Facts about calls and dialouts, as they are handed to the record writer (`calls.records`)."""

import uuid
from datetime import datetime
from typing import Any

import msgspec


class EffectiveValues(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is configured with; the fields are those of `calls.models.Snapshot`."""

    digest: str
    values: dict[str, Any]


class CallOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A call began; the fields are those of `calls.models.Call`."""

    call_id: uuid.UUID
    conversation_id: str
    channel: str
    mode: str
    direction: str
    is_test: bool
    bot_id: int | None
    bot_name: str
    bot_revision: int
    caller: str
    callee: str
    owner: str
    started_at: datetime
    transcript_days: int
    snapshot: EffectiveValues | None = None
    webhook: dict[str, str] | None = None
    dialout_id: uuid.UUID | None = None


class CallDescribed(msgspec.Struct, frozen=True, kw_only=True):
    """The voice side told who calls whom, after the call was opened."""

    call_id: uuid.UUID
    caller: str
    callee: str


class DialoutAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The callee of an outbound call answered."""

    call_id: uuid.UUID
    dialout_id: uuid.UUID
    at: datetime


class DialoutDetected(msgspec.Struct, frozen=True, kw_only=True):
    """It became clear what answered: ``human`` or ``machine``."""

    call_id: uuid.UUID
    dialout_id: uuid.UUID
    detected: str


class LineHeard(msgspec.Struct, frozen=True, kw_only=True):
    """One final transcript line; the fields are those of `calls.models.TranscriptEntry`."""

    call_id: uuid.UUID
    seq: int
    offset_ms: int
    side: str
    kind: str
    text: str
    full_text: str
    confidence: float | None
    delay_ms: int | None


class TurnTimed(msgspec.Struct, frozen=True, kw_only=True):
    """When what happened in one turn; the fields are those of `calls.models.TurnTiming`."""

    call_id: uuid.UUID
    turn: int
    kind: str
    caller_stopped_ms: int
    end_decided_ms: int
    final_text_ms: int
    sent_to_bot_ms: int
    bot_answered_ms: int | None
    audio_ready_ms: int | None
    audio_sent_ms: int | None
    playback_ended_ms: int | None
    agent: dict[str, int] | None = None


class EventHappened(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside what was said; the fields are those of `calls.models.CallEvent`."""

    call_id: uuid.UUID
    seq: int
    offset_ms: int
    source: str
    name: str
    detail: dict[str, Any]


class AgentTold(msgspec.Struct, frozen=True, kw_only=True):
    """A voice agent told something about its work that the call's webhook is to know.

    ``seq`` counts from 1; ``complete``: ``detail`` is all that it told.
    """

    call_id: uuid.UUID
    seq: int
    offset_ms: int
    report: str
    detail: dict[str, Any]
    complete: bool


class ServiceFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A service failed; the fields are those of `calls.models.ServiceFault`."""

    call_id: uuid.UUID
    at: datetime
    service: str
    provider: str
    fault: str
    detail: str


class CallClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A call ended; completes the CDR."""

    call_id: uuid.UUID
    ended_at: datetime
    ended_by: str
    reason_code: str
    reason: str
    cause: str
    turns: int
    frames_in: int
    frames_dropped: int
    bot_result: dict[str, object] | None
    recordings: list[str]
    transcript_expires_at: datetime | None
    faults: int = 0
    silence_median_ms: int | None = None
    silence_max_ms: int | None = None
    dialout_id: uuid.UUID | None = None


class DialoutTaken(msgspec.Struct, frozen=True, kw_only=True):
    """The carrier has taken an outbound call, under its own id of it."""

    dialout_id: uuid.UUID
    at: datetime
    carrier_call_id: str


class DialoutRefused(msgspec.Struct, frozen=True, kw_only=True):
    """There will be no outbound call; said by the process that was to have it placed."""

    dialout_id: uuid.UUID
    owner: str
    at: datetime
    reason_code: str
    reason: str


class DialoutPutBack(msgspec.Struct, frozen=True, kw_only=True):
    """An outbound call cannot be placed now; it is to be tried again after ``not_before``."""

    dialout_id: uuid.UUID
    owner: str
    at: datetime
    reason: str
    not_before: datetime


Row = LineHeard | TurnTimed | EventHappened | ServiceFailure
"""What is a row of its own, beside that of the call."""
Detail = Row | AgentTold
"""What a call's record can do without."""
Placing = DialoutTaken | DialoutRefused | DialoutPutBack
"""What came of having an outbound call placed."""
Fact = (
    CallOpened | CallDescribed | DialoutAnswered | DialoutDetected | Detail | CallClosed | Placing
)
