"""What the API shows of alarms, and the forms of what it takes; see `bots.rest.schemas`."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Path
from pydantic import ConfigDict, Field

from alarms.core.catalogue import STT_PROVIDER_FAILURE
from alarms.core.declare import MAX_SOURCE_CHARS, MAX_TEXT_CHARS
from alarms.core.patterns import MAX_PATTERNS
from alarms.core.rules import RANGES
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent
from bots.rest.schemas import Body, Filters, Flag, Moment, Shown, Text

Raised = Literal["indeterminate", "warning", "minor", "major", "critical"]
"""How bad an alarm is."""
Level = Literal["clear", "indeterminate", "warning", "minor", "major", "critical"]
"""The same, or that it is over."""
EventKind = Literal[
    "raised",
    "changed",
    "held",
    "cleared",
    "acknowledged",
    "unacknowledged",
    "silenced",
    "unsilenced",
]
AlarmId = Annotated[UUID, Path(description="Id of the alarm, from raised to cleared.")]
TypeName = Annotated[
    str, Path(description="Name of the type of alarm.", example=STT_PROVIDER_FAILURE.name)
]
_TYPE = "Its type; see `GET /api/v1/alarms/types`."
_SOURCE = "With what it is wrong: an entity and its name, such as provider:azure-1."
_NEXT = "What to send as `after` for the next page."
_COMMENT = Field("", max_length=MAX_TEXT_CHARS, description="Why, for the history.")
Pattern = Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_CHARS)]
Patterns = Annotated[list[Pattern], Field(max_length=MAX_PATTERNS)]
SOURCES = "Only these names or sources; * stands for any text. Empty: all."


def word_of(severity: int) -> Any:
    """The word for a stored severity."""
    return Severity(severity).word


def severity_of(word: str) -> Severity:
    """The severity that a word of the API stands for."""
    return Severity[word.upper()]


# --- alarms ---------------------------------------------------------------------------------------


class ActiveFilters(Filters):
    """Which active alarms are listed."""

    severity: Raised | None = Field(None, description="This severe or worse.")
    type: Text = Field("", max_length=60, description="Only those of this type.")
    source: Text = Field("", max_length=MAX_SOURCE_CHARS, description="Part of the source.")
    acknowledged: Flag | None = Field(None, description="Whether somebody takes care of it.")


class HistoryFilters(Filters):
    """Which changes are listed."""

    severity: Raised | None = Field(
        None, description="This severe or worse; of what is over: before it was."
    )
    type: Text = Field("", max_length=60, description="Only those of this type.")
    source: Text = Field("", max_length=MAX_SOURCE_CHARS, description="Part of the source.")
    kind: EventKind | None = Field(None, description="Only changes of this kind.")
    alarm: UUID | None = Field(None, description="Only those of this alarm.")
    from_: Moment | None = Field(None, alias="from", description="At or after; RFC 3339.")
    to: Moment | None = Field(None, description="Before; RFC 3339.")


class AlarmShown(Shown):
    """Something that is wrong now."""

    id: UUID = Field(description="The same from raised to cleared.")
    type: str = Field(description=_TYPE)
    title: str = Field(description="The type in words.")
    source: str = Field(description=_SOURCE)
    severity: Raised
    text: str
    detail: str
    count: int = Field(ge=1, description="How often it was told.")
    raised_at: datetime
    changed_at: datetime = Field(description="Raised, or another severity or text.")
    last_at: datetime = Field(description="When it was told last.")
    held_since: datetime | None = Field(description="Away since then, but it comes and goes.")
    held_until: datetime | None = Field(description="When it clears, if it stays away.")
    acknowledged_at: datetime | None
    acknowledged_by: str
    comment: str
    silenced_until: datetime | None
    silenced_by: str
    runbook_url: str = Field(description="The page of the console that says what to do.")


class AlarmList(Shown):
    """A page of active alarms, the worst first."""

    items: list[AlarmShown]
    next: str | None = Field(description=_NEXT)


class EventShown(Shown):
    """One change of an alarm."""

    seq: int = Field(ge=1, description="Counts the changes of this gateway, without gaps.")
    alarm: UUID
    type: str = Field(description=_TYPE)
    source: str = Field(description=_SOURCE)
    kind: EventKind
    severity: Level
    previous: Level | None = Field(description="The severity before; null: it was raised.")
    text: str
    detail: str
    at: datetime
    raised_at: datetime
    count: int
    by: str = Field(description="A person or client; empty: the gateway.")
    comment: str


class EventList(Shown):
    """A page of the history, newest first."""

    items: list[EventShown]
    next: str | None = Field(description=_NEXT)


class AlarmStory(Shown):
    """One alarm and its latest changes, newest first; ``alarm`` is null once it is over."""

    alarm: AlarmShown | None
    events: list[EventShown]


class Remark(Body):
    """A comment on what is done."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"comment": "Vendor is on it"}]})

    comment: str = _COMMENT


class Silence(Body):
    """Until when destinations are not told."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"minutes": 60}]})

    minutes: int = Field(ge=1, le=43_200, description="From now on; 30 days at most.")
    comment: str = _COMMENT


# --- types and rules ------------------------------------------------------------------------------


def _number(name: str, description: str) -> Any:
    least, most = RANGES[name]
    return Field(None, ge=least, le=most, description=f"{description} Null: as declared.")


class RuleSettings(Body):
    """What is customised about a type; what is absent is as declared."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"severity": "critical", "sources": ["azure-*"]}]}
    )

    enabled: bool = Field(default=True, description="Whether it is raised at all.")
    sources: Patterns = Field([], description=SOURCES)
    severity: Raised | None = Field(None, description="Null: as declared.")
    text: str = Field(
        "",
        max_length=MAX_TEXT_CHARS,
        description="With `{source}` and `{detail}`; empty: as declared.",
    )
    count: int | None = _number("count", "So many failures must there be.")
    window_seconds: int | None = _number("window_s", "They count together within this time.")
    hold_off_seconds: int | None = _number(
        "hold_off_s", "So long a condition that is watched must hold."
    )
    clear_after_seconds: int | None = _number(
        "clear_after_s", "So long nothing must be wrong before it clears."
    )


class RuleShown(Shown):
    """What is customised about a type."""

    type: str
    customised: bool
    enabled: bool
    sources: list[str] = Field(description=SOURCES)
    other_sources: int = Field(description="Further ones, which are beyond the client's reach.")
    severity: Raised | None
    text: str
    count: int | None
    window_seconds: int | None
    hold_off_seconds: int | None
    clear_after_seconds: int | None
    changed_at: datetime | None
    changed_by: str


class TypeShown(Shown):
    """One type of alarm as it is declared, and what is in force."""

    name: str = Field(description="Never changes.")
    number: int = Field(description="The last part of the OID of its traps.")
    title: str
    entity: str = Field(description="The kind of its sources.")
    severity: Raised
    text: str
    cause: str = Field(description="Probable cause of ITU-T X.733.")
    effect: str = Field(description="What callers notice.")
    steps: list[str] = Field(description="What to do, one thing each.")
    count: int
    window_seconds: float
    hold_off_seconds: float
    clear_after_seconds: float
    forget_after_seconds: float = Field(description="Over when nobody told for so long; 0: never.")
    runbook_url: str
    customised: bool
    enabled: bool = Field(description="Whether it is raised, by the rule in force.")


class TypeList(Shown):
    """Every type, by number."""

    items: list[TypeShown]


# --- showing --------------------------------------------------------------------------------------

_EVENT = tuple(set(EventShown.model_fields) - {"alarm", "severity", "previous"})
_ALARM = tuple(set(AlarmShown.model_fields) - {"id", "title", "severity", "runbook_url"})


def event_shown(row: AlarmEvent) -> EventShown:
    """``row`` as the API shows it."""
    return EventShown(
        alarm=row.alarm_id,
        severity=word_of(row.severity),
        previous=None if row.previous is None else word_of(row.previous),
        **{name: getattr(row, name) for name in _EVENT},
    )


def alarm_shown(row: ActiveAlarm, *, title: str, runbook_url: str) -> AlarmShown:
    """``row`` as the API shows it."""
    return AlarmShown(
        id=row.alarm_id,
        title=title,
        severity=word_of(row.severity),
        runbook_url=runbook_url,
        **{name: getattr(row, name) for name in _ALARM},
    )
