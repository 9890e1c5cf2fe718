"""What several sections read from people and bots: SIP headers, activities, audio addresses."""

import re
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, Field

from bots.core.activities import Activity, Json
from bots.core.params.declare import Part

_HEADER_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEYS = re.compile(r"[0-9*#]*")
_AUDIO = re.compile(r"(https?://[^\s/]|data:[^\s,]*,)", re.IGNORECASE)


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError("must be the name of a SIP header")
    return value


def _header_value(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must be one line")
    return value


class SipHeader(Part):
    """One header for a SIP message (RFC 3261, 25.1): no line can be smuggled in by its value."""

    name: Annotated[str, AfterValidator(_header_name)] = Field(max_length=100)
    value: Annotated[str, AfterValidator(_header_value)] = Field(max_length=2000)


SipHeaders = Annotated[tuple[SipHeader, ...], Field(max_length=20)]


def _keys(value: str) -> str:
    if not _KEYS.fullmatch(value):
        raise ValueError("must consist of the keys 0-9, * and #")
    return value


Keys = Annotated[str, AfterValidator(_keys)]
"""Keys of a telephone."""


def _audio_url(value: str) -> str:
    if value and not _AUDIO.match(value):
        raise ValueError("must be an http:, https: or data: URL")
    return value


AudioUrl = Annotated[str, AfterValidator(_audio_url)]
"""Where an audio file is, or the file itself; empty: none."""


def activity(content: Json) -> Activity:
    """What an administrator wrote as an activity; without a type it is an event.

    Raises:
        ValueError: a field has the wrong type, an event no name, a message no text, or it is
            neither.
    """
    try:
        found = msgspec.convert({"type": "event", **content}, Activity)
    except msgspec.ValidationError as error:
        raise ValueError(f"is no activity: {error}") from None
    match found.kind:
        case "event" if not found.name:
            raise ValueError("an event needs a name")
        case "message" if not (found.text or "").strip():
            raise ValueError("a message needs a text")
        case "event" | "message":
            return found
        case _:
            raise ValueError("the type must be message or event")


def _written_activity(content: dict[str, Any]) -> dict[str, Any]:
    activity(content)
    return content


WrittenActivity = Annotated[dict[str, Any], AfterValidator(_written_activity)]
"""An activity as it is written, kept so."""
