"""The forms of bodies and answers: closed, bounded, camelCase on the wire.

Bodies are strict: a number is no text and ``"5"`` no number. What they hold was read by
`bots.rest.bodies`, so texts are storable and ``20.0`` has become 20.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from ninja import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from bots.core.configuration_file import Name
from bots.rest.bodies import storable
from bots.services.traces import MAX_MESSAGE_CHARS

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value.upper()):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no such day, or a time that UTC does not have
    raise ValueError("must be a time with its zone, such as 2026-11-21T09:00:00Z (RFC 3339)")


def _whole(value: Any) -> Any:
    # Pydantic itself also takes 1_0 and spaces.
    digits = isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value)
    return int(value) if digits else value


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A time as in RFC 3339; in UTC once it is read."""
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
"""A whole number in a query."""


class Body(BaseModel):
    """What a client sends; a field that is not declared is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)


def partial(*examples: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """What a body that changes single fields makes of its schema: nothing needed, no defaults."""

    def change(schema: dict[str, Any]) -> None:
        for field in schema["properties"].values():
            field.pop("default", None)
        schema.pop("required", None)
        schema["examples"] = list(examples)

    return change


class Shown(BaseModel):
    """What the gateway answers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


class Filters(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)

    limit: Whole = Field(50, ge=1, le=200, description="How many items a page has at most.")
    after: Annotated[str, AfterValidator(lambda value: _storable(value))] = Field(
        "", max_length=500, description="The member `next` of the page before."
    )


def _storable(value: str) -> str:
    if not storable(value):
        raise ValueError("holds half a surrogate pair")
    return value


Flag = Literal["true", "false"]
"""A yes or no in a query."""
Text = Annotated[str, AfterValidator(_storable)]
"""A text in a query."""
Message = Annotated[
    str,
    Field(max_length=MAX_MESSAGE_CHARS, description="Why, for the history and the audit log."),
]
Slug = Annotated[Name, Field(json_schema_extra={"pattern": "^[a-z0-9][a-z0-9_-]*$"})]
"""Name of a bot or provider, as it is given; it must be lower-case letters, digits, - and _."""


BotName = Annotated[str, Path(description="Name of the bot.", example="demo")]
ProviderName = Annotated[str, Path(description="Name of the provider.", example="offline-tts")]


class Wrong(Shown):
    """One wrong field of a request."""

    field: str = Field(description="Name of the field, parameter or header.")
    message: str = Field(description="What is wrong with it, and what would be right.")


class ProblemBody(Shown):
    """A problem (RFC 9457); AudioCodes' dialers read `error` and `message`."""

    type: str = Field(description="Always about:blank: the status says what kind it is.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong with this very request.")
    error: str = Field(description="Short code that does not change, such as wrong_fields.")
    message: str = Field(description="The same as detail.")
    errors: list[Wrong] | None = Field(None, description="Every wrong field, where fields are.")
