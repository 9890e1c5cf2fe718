"""What the API shows of calls, and the forms of what it takes; see `bots.rest.schemas`."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from bots.rest.schemas import Body, Filters, Moment, Shown, Text, Whole
from calls.core.callfilter import LARGEST_NUMBER, LONGEST_TEXT, RANGES, SHORTEST_TEXT, zone
from calls.core.steering import MAX_ACTIVITIES, MAX_REASON_CHARACTERS, MAX_TEXT_CHARACTERS

Range = Literal["1h", "24h", "today", "yesterday", "7d", "30d"]


def _zone(name: str) -> str:
    if zone({"zone": [name]}, UTC) is UTC:
        raise ValueError("must be an IANA time zone, such as Europe/Berlin")
    return name


Number = Annotated[Whole, Field(ge=0, le=LARGEST_NUMBER)]
Part = Annotated[Text, Field(max_length=LONGEST_TEXT)]


class CallFilters(Filters):
    """Which calls a list has; the names are those in the address of the console's history."""

    range: Range | None = Field(None, description="When it began; days are those of `zone`.")
    from_: Moment | None = Field(None, alias="from", description="Began at or after; RFC 3339.")
    to: Moment | None = Field(None, description="Began before; RFC 3339.")
    zone: Annotated[Text, Field(max_length=64), AfterValidator(_zone)] = Field(
        "UTC", description="IANA time zone."
    )
    bot: Part = ""
    number: Part = Field(
        "", description="Part of the caller's or called number, or a whole call or conversation id."
    )
    dialout: UUID | None = Field(None, description="Conversation id that a dialer was told.")
    q: Part = Field(
        "",
        description=f"Words in the transcript, at least {SHORTEST_TEXT} characters; audited.",
    )
    result: Literal["completed", "transferred", "failed", "active"] | None = Field(
        None, description="How it ended; `active`: it is going on."
    )
    reason: Part = Field("", description="A reason code or a cause.")
    by: Literal["caller", "bot", "gateway", "operator"] | None = Field(
        None, description="Who ended it."
    )
    direction: Literal["inbound", "outbound"] | None = None
    channel: Part = ""
    mode: Literal["voice", "text"] | None = None
    longer: Number | None = Field(None, description="Lasted longer, in seconds.")
    slower: Number | None = Field(None, description="Had a longer wait for a reply, in ms.")
    has: list[Literal["fault", "transfer", "recording", "dtmf"]] = Field(
        [], max_length=4, description="What it had; all of them if named several times."
    )
    test: Literal["hidden", "shown", "only"] = Field(
        "hidden",
        description="Test calls, to which those of the sandbox carrier belong; with `dialout` they "
        "are shown.",
    )


assert set(Range.__args__) == set(RANGES) - {"custom"}  # type: ignore[attr-defined] # noqa: S101 - a Literal


class DialoutOfCall(Shown):
    """The request that an outbound call comes from."""

    id: UUID = Field(description="The conversation id that the dialer was told.")
    target: str
    state: str
    machine: str | None = Field(description="human or machine, if it was detected.")
    metadata: dict[str, Any] | None = Field(description="The dialer's own.")


class CallShown(Shown):
    """A call detail record (CDR), without any word of the conversation. Times are UTC."""

    id: UUID
    conversation_id: str = Field(description="The voice side's own id.")
    dialout_id: UUID | None = Field(
        description="Of an outbound call: the conversation id that its dialer was told."
    )
    bot: str
    bot_revision: int
    channel: str
    mode: str = Field(description="voice or text.")
    direction: str = Field(description="inbound or outbound.")
    is_test: bool
    caller: str
    callee: str
    state: str = Field(description="active or ended.")
    started_at: datetime
    ended_at: datetime | None
    duration_s: float | None
    ended_by: str | None = Field(description="caller, bot, gateway or operator.")
    reason_code: str | None = Field(description="Such as client-disconnected.")
    reason: str | None = Field(description="In words.")
    cause: str | None = Field(description="The timer or fault that ended it, if one did.")
    turns: int
    silence_median_ms: int | None = Field(description="Median of the waits for a reply.")
    silence_max_ms: int | None
    faults: int = Field(description="How often bot, recogniser or synthesiser failed.")
    recordings: list[str] = Field(description="Ids of the recording sessions.")
    frames_in: int
    frames_dropped: int
    dialout: DialoutOfCall | None
    transcript_url: str | None = Field(description="Null when no transcript is kept.")


class CallDetail(CallShown):
    """A call detail record with what the bot left of it."""

    bot_result: Any = Field(description="What the bot reported as its result.")


class CallList(Shown):
    """A page of calls, newest first."""

    items: list[CallShown]
    next: str | None = Field(description="`after` of the next page; null on the last one.")
    search_is_cut: bool = Field(
        description="Whether older calls, which match the rest, were not searched for `q`."
    )


class LineShown(Shown):
    """One line of a transcript."""

    seq: int
    offset_ms: int = Field(description="When it began, since the call did.")
    side: str = Field(description="caller, bot, operator or system.")
    kind: str = Field(description="speech, dtmf or event.")
    text: str = Field(description="As heard.")
    full_text: str | None = Field(description="The whole prompt, when it was cut off.")
    confidence: float | None
    delay_ms: int | None = Field(description="How long the caller waited for it.")


class TranscriptShown(Shown):
    """What was said in a call."""

    call_id: UUID
    state: str = Field(description="active or ended.")
    deleted: bool = Field(description="Whether there was more, whose time to be kept is over.")
    items: list[LineShown]


class EventShown(Shown):
    """Something that happened in a call beside what was said."""

    seq: int
    offset_ms: int
    source: str
    name: str
    detail: dict[str, Any]


class EventList(Shown):
    """A page of events, in order."""

    items: list[EventShown]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class SegmentShown(Shown):
    """One part of a silence."""

    name: str
    start_ms: int
    ms: int


class AgentTook(Shown):
    """Milliseconds that a voice agent says it took to recognise, think and speak, and in all."""

    stt_ms: int | None = None
    think_ms: int | None = None
    tts_ms: int | None = None
    total_ms: int | None = None


class TurnShown(Shown):
    """Where the silence between the caller's last word and the answer went."""

    turn: int
    kind: str
    at_ms: int
    segments: list[SegmentShown]
    silence_ms: int | None = Field(description="Null when the answer was not heard.")
    playback_ms: int | None
    agent: AgentTook | None = Field(description="Null when no voice agent told of itself.")


class TurnList(Shown):
    """The turns of a call, in order."""

    items: list[TurnShown]


# --- acting ---------------------------------------------------------------------------------------

Reason = Annotated[str, Field(max_length=MAX_REASON_CHARACTERS, description="For the audit log.")]
Words = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)]


class ActivitiesBody(Body):
    """Activities of the Bot API for a live call."""

    activities: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_ACTIVITIES,
        description="Carried out in order, as if the bot had sent them.",
        examples=[[{"type": "message", "text": "One moment, please."}]],
    )
    reason: Reason = ""


class HangUpStep(Body):
    """End the call."""

    do: Literal["hangup"]
    reason: Reason = Field(min_length=1)


class TransferStep(Body):
    """Move the caller to a number, SIP or tel address."""

    do: Literal["transfer"]
    target: str = Field(min_length=1, max_length=200)
    reason: Reason = Field(min_length=1)


class SayStep(Body):
    """Speak a text to the caller with the bot's voice."""

    do: Literal["say"]
    text: Words
    interrupt: bool = Field(default=False, description="Also silence what is being spoken.")
    reason: Reason = ""


class MessageStep(Body):
    """Send a text to the bot as if the caller had said it."""

    do: Literal["message"]
    text: Words
    reason: Reason = ""


class MuteStep(Body):
    """Let the caller hear nothing of the bot, or hear it again."""

    do: Literal["mute"]
    on: bool
    reason: Reason = ""


class SetStep(Body):
    """Give a live parameter another value for the rest of the call."""

    do: Literal["set"]
    name: str = Field(min_length=1, max_length=100)
    value: Any = Field(description="Null takes an earlier one back.")
    reason: Reason = ""


Step = Annotated[
    HangUpStep | TransferStep | SayStep | MessageStep | MuteStep | SetStep,
    Field(discriminator="do"),
]


class OutcomeShown(Shown):
    """What came of an act."""

    status: str = Field(description="done, or accepted: the effect is still to come.")
    detail: str = Field(description="What was observed, in words.")
