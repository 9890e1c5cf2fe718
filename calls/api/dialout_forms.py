"""What the API takes and shows of outbound calls; see `bots.rest.schemas`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from bots.deliveries.listing import first_of
from bots.models import Delivery
from bots.rest.schemas import Body, Filters, Moment, Shown, Text
from calls.core.dialling import (
    CALLER_CHARS,
    HOST_CHARS,
    LONGEST_ANSWER_S,
    METADATA_BYTES,
    METADATA_DEPTH,
    NAME_CHARS,
    SHORTEST_ANSWER_S,
    TARGET_CHARS,
    USUAL_ANSWER_S,
    caller_user,
    checked_metadata,
    display_name,
    host_name,
    target_uri,
)
from calls.core.dialout import MachineDetection
from calls.models import Dialout


class DialoutBody(Body):
    """A request for an outbound call; the first nine fields are those of AudioCodes' dialers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"bot": "demo", "target": "tel:+12025550100", "caller": "+12025550199"}]
        }
    )

    bot: str = Field(max_length=100, description="Name of the bot.", examples=["demo"])
    target: Annotated[str, AfterValidator(target_uri)] = Field(
        max_length=TARGET_CHARS,
        description="Whom to call: `tel:+…`, `sip:user@host`, or a bare number.",
        examples=["tel:+12025550100"],
    )
    caller: Annotated[str, AfterValidator(caller_user)] | None = Field(
        None,
        max_length=CALLER_CHARS,
        description="The number that the callee sees, or the user part of a SIP address; without "
        "it the bot's `dialoutCaller`.",
        examples=["+12025550199"],
    )
    caller_host: Annotated[str, AfterValidator(host_name)] | None = Field(
        None, max_length=HOST_CHARS, description="Host part of the caller."
    )
    caller_display_name: Annotated[str, AfterValidator(display_name)] | None = Field(
        None, max_length=NAME_CHARS, description="The name that the callee sees."
    )
    notify_url: str | None = Field(
        None,
        max_length=2_000,
        description="Where to POST what becomes of the call; without it nobody is told.",
        examples=["https://dialer.example/notify"],
    )
    answer_timeout_s: int = Field(
        USUAL_ANSWER_S,
        alias="answerTimeoutSec",
        ge=SHORTEST_ANSWER_S,
        le=LONGEST_ANSWER_S,
        description="How long it may ring, in seconds.",
    )
    machine_detection: MachineDetection = Field(
        "disabled",
        description="What to do about answering machines: `detect` tells the bot, `disconnect` "
        "also hangs up.",
    )
    metadata: Annotated[dict[str, Any] | None, AfterValidator(checked_metadata)] = Field(
        None,
        description=f"Your own object, handed to the bot: at most {METADATA_BYTES} bytes as JSON, "
        f"{METADATA_DEPTH} levels.",
        examples=[{"orderId": "A-17"}],
    )
    parameters: dict[str, Any] = Field(
        {},
        description="Bot parameters for this call alone, by name.",
        examples=[{"language": "en-US"}],
    )
    not_before: Moment | None = Field(None, description="Not to be placed earlier; RFC 3339.")
    not_after: Moment | None = Field(
        None, description="Not to be placed later; an hour after `notBefore` unless given."
    )


class DialoutReply(Shown):
    """The call was accepted."""

    conversation_id: UUID = Field(description="What every notification of the call names.")


class DialoutFilters(Filters):
    """Which outbound calls a list has."""

    state: (
        Literal["queued", "placing", "dialing", "answered", "completed", "failed", "cancelled"]
        | None
    ) = None
    bot: Annotated[Text, Field(max_length=100)] = ""
    target: Annotated[Text, Field(max_length=TARGET_CHARS)] = Field("", description="Part of it.")
    from_: Moment | None = Field(None, alias="from", description="Asked for at or after.")
    to: Moment | None = Field(None, description="Asked for before.")


class DialoutShown(Shown):
    """An outbound call that was asked for. Times are UTC."""

    id: UUID = Field(description="The conversation id that the dialer was told.")
    bot: str
    target: str
    caller: str
    state: str = Field(
        description="queued, placing, dialing, answered, completed, failed or cancelled."
    )
    reason_code: str | None = Field(description="Of a final state, such as no-answer.")
    reason: str | None = Field(description="In words.")
    machine: str | None = Field(description="human or machine, if it was detected.")
    requested_by: str = Field(description="Id of the client, or name of a person.")
    metadata: dict[str, Any] | None
    created_at: datetime
    not_before: datetime
    not_after: datetime
    placed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    call_id: UUID | None = Field(description="The record of the call, once there is one.")


class DialoutList(Shown):
    """A page of outbound calls, newest first."""

    items: list[DialoutShown]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class StateChange(Shown):
    """One change of the state."""

    seq: int
    at: datetime
    state: str
    reason_code: str | None
    reason: str | None


class NotificationShown(Shown):
    """One notification of the dialer."""

    id: UUID = Field(description="Stays the same however often it is tried.")
    sequence: int
    kind: str = Field(description="Such as dialout.answered.")
    state: str = Field(description="waiting, delivered or dead.")
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None = Field(description="What the receiver answered last.")
    last_problem: str | None


class DialoutDetail(DialoutShown):
    """An outbound call with its history and its notifications."""

    caller_host: str
    caller_display_name: str
    answer_timeout_sec: int
    machine_detection: str
    cancel_requested: bool
    events: list[StateChange]
    notifications: list[NotificationShown]


def dialout_shown(row: Dialout) -> DialoutShown:
    """``row`` as lists show it."""
    return DialoutShown(**_fields(row))


def dialout_detail(row: Dialout) -> DialoutDetail:
    """``row`` with what happened to it and who was told."""
    return DialoutDetail(
        **_fields(row),
        caller_host=row.caller_host,
        caller_display_name=row.caller_display_name,
        answer_timeout_sec=row.answer_timeout_s,
        machine_detection=row.machine_detection,
        cancel_requested=row.cancel_requested,
        events=[
            StateChange(
                seq=event.seq,
                at=event.at,
                state=event.state,
                reason_code=event.reason_code or None,
                reason=event.reason or None,
            )
            for event in row.events.order_by("seq")
        ],
        notifications=[_notification(each) for each in first_of(f"dialout:{row.pk}")],
    )


def _fields(row: Dialout) -> dict[str, Any]:
    return {
        "id": row.pk,
        "bot": row.bot_name,
        "reason_code": row.reason_code or None,
        "reason": row.reason or None,
        "machine": row.machine or None,
        **{name: getattr(row, name) for name in _SAME},
    }


_SAME = (
    *("target", "caller", "state", "requested_by", "metadata", "created_at", "not_before"),
    *("not_after", "placed_at", "answered_at", "ended_at", "call_id"),
)
"""Fields that have the same name and value in the row."""


def _notification(row: Delivery) -> NotificationShown:
    waits = row.state == Delivery.State.WAITING
    return NotificationShown(
        id=row.pk,
        sequence=row.seq,
        kind=row.kind,
        state=row.state,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if waits else None,
        last_status=row.last_status,
        last_problem=row.last_problem or None,
    )
