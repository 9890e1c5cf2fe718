"""What several sections read from people and bots: SIP headers, activities, audio addresses."""

import re
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, Field

from bots.core.activities import Activity, Json
from bots.core.params.declare import Part

_HEADER_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINES = ("transferTarget", "handoverReason", "transferReferredByURL", "hangupReason")
_HEADERS = ("transferSipHeaders", "hangupSipHeaders")
_KEYS = re.compile(r"[0-9*#]*")
_AUDIO = re.compile(r"(https?://[^\s/]|data:[^\s,]*,)", re.IGNORECASE)


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError("must be the name of a SIP header")
    return value


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must be one line")
    return value


class SipHeader(Part):
    """One header for a SIP message (RFC 3261, 25.1): no line can be smuggled in by its value."""

    name: Annotated[str, AfterValidator(_header_name)] = Field(max_length=100)
    value: Annotated[str, AfterValidator(_one_line)] = Field(max_length=2000)


SipHeaders = Annotated[tuple[SipHeader, ...], Field(max_length=20)]

OneLine = Annotated[str, AfterValidator(_one_line)]
"""A text without control characters, for the head of a message."""


def smuggled(activity: Activity) -> dict[str, str]:
    """What of ``activity``, a hang-up or a transfer, must not reach a SIP message, and why.

    By argument: control characters could end a line there and begin another.
    """
    found = {}
    for name in (*_LINES, *_HEADERS):
        given = activity.parameter(name)
        try:
            if name in _HEADERS:
                _check_headers(given)
            elif given is not None:
                _one_line(str(given))
        except ValueError as error:
            found[name] = str(error)
    return found


def _check_headers(given: Any) -> None:
    """Entries that are no headers at all are the business of whoever reads them."""
    for header in given if isinstance(given, list) else ():
        if isinstance(header, dict):
            _header_name(str(header.get("name", "X")))
            _one_line(str(header.get("value", "")))


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
        case "event" if problems := smuggled(found):
            raise ValueError("; ".join(f"{name} {why}" for name, why in problems.items()))
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
