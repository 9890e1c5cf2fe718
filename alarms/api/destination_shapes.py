"""What the API shows of destinations of alarms, and the forms of what it takes."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from alarms.api.shapes import SOURCES, Patterns, Raised
from alarms.core.catalogue import CATALOGUE
from alarms.services.destinations import MAX_RESEND_MINUTES
from bots.credentials import State
from bots.rest.schemas import Body, Filters, Moment, Shown, Slug, partial

Types = Annotated[list[str], Field(max_length=len(CATALOGUE))]
_PARAMS = "Parameters of the notifier by wire name (see `GET /api/v1/plugins`)."
_CREDENTIALS = (
    'Values by wire name (see `GET /api/v1/plugins`), or `{"$vault": url}` for a secret in a key '
    "vault. They are never shown again."
)
_TYPES = "Only these types of alarms; empty: all."
_RESEND = "All active alarms are sent again this often; 0: never."


class NewDestination(Body):
    """A destination that is to be there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "pager",
                    "notifier": "webhook",
                    "credentials": {"alarmWebhookUrl": "https://pager.example.com/alarms"},
                    "minSeverity": "major",
                }
            ]
        }
    )

    name: Slug = Field(description="Lower-case letters, digits, - and _; it never changes.")
    notifier: str = Field(min_length=1, max_length=40, description="A plug-in of that kind.")
    params: dict[str, Any] = Field({}, description=_PARAMS)
    credentials: dict[str, Any] = Field({}, description=_CREDENTIALS)
    enabled: bool = Field(default=True, description="Whether it is told at all.")
    min_severity: Raised = Field("warning", description="Of less severe alarms it is not told.")
    types: Types = Field([], description=_TYPES)
    sources: Patterns = Field([], description=SOURCES)
    resend_minutes: int = Field(0, ge=0, le=MAX_RESEND_MINUTES, description=_RESEND)


class DestinationPatch(Body):
    """What is to change of a destination; what is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra=partial({"minSeverity": "major"}))

    params: dict[str, Any] = Field({}, description=f"{_PARAMS} Null removes one.")
    credentials: dict[str, Any] = Field({}, description=f"{_CREDENTIALS} Null removes one.")
    enabled: bool = Field(default=True, description="Whether it is told at all.")
    min_severity: Raised = Field("warning", description="Of less severe alarms it is not told.")
    types: Types = Field([], description=_TYPES)
    sources: Patterns = Field([], description=SOURCES)
    resend_minutes: int = Field(0, ge=0, le=MAX_RESEND_MINUTES, description=_RESEND)


class CredentialShown(Shown):
    """A credential: whether it is set; of a secret never what it is."""

    state: State
    vault: str | None = Field(None, description="Where in a key vault the secret is.")
    shown: str = Field("", description="What may be seen of it: of an address scheme and host.")


class DestinationShown(Shown):
    """A destination without its secrets, and how it is doing."""

    name: str
    notifier: str
    params: dict[str, Any] = Field(description=_PARAMS)
    credentials: dict[str, CredentialShown]
    enabled: bool
    min_severity: Raised
    types: list[str] = Field(description=_TYPES)
    sources: list[str] = Field(description=SOURCES)
    resend_minutes: int = Field(description=_RESEND)
    failures: int = Field(description="Attempts in a row that failed; 0: it works.")
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_problem: str
    waiting: int = Field(description="Notices that wait for it.")
    given_up: int = Field(description="Notices that did not arrive and are tried no more.")


class DestinationList(Shown):
    """A page of destinations, by name."""

    items: list[DestinationShown]
    next: str | None = Field(description="What to send as `after` for the next page.")


class TestResult(Shown):
    """What came of a test; ``fault`` and ``detail`` say why it failed."""

    ok: bool
    ms: int = Field(description="How long it took, in milliseconds.")
    fault: str
    detail: str


class Done(Shown):
    """How many notices are sent."""

    notices: int


class NoticeFilters(Filters):
    """Which notices are listed."""

    state: Literal["waiting", "delivered", "dead"] | None = Field(
        None, description="In this state."
    )
    alarm: UUID | None = Field(None, description="Only those about this alarm.")
    from_: Moment | None = Field(None, alias="from", description="Owed at or after; RFC 3339.")


class NoticeShown(Shown):
    """One notice that is or was owed to a destination."""

    id: UUID = Field(description="The same in each attempt.")
    kind: str = Field(description="raised, changed, cleared, resent or test.")
    alarm: UUID
    seq: int = Field(description="Of the change it tells; 0: a test or sent again.")
    state: Literal["waiting", "delivered", "dead"]
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    finished_at: datetime | None
    last_problem: str
    notice: dict[str, Any] = Field(description="What it says.")


class NoticeList(Shown):
    """A page of notices, newest first."""

    items: list[NoticeShown]
    next: str | None = Field(description="What to send as `after` for the next page.")
