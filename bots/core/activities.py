"""Activities: the gateway's native vocabulary between a voice channel, the engine and a bot.

Names and spelling are those of the AudioCodes Bot API ("Activity object", VoiceAI Connect
documentation; product description 2.2, chapter 6), because every bot framework is mapped to it.
"""

from typing import Any

import msgspec

Json = dict[str, Any]


class Activity(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A message or an event, in either direction; unknown fields are ignored.

    ``type`` and event names are compared through `kind` and `event`, which fold case: bots in the
    field write ``Event`` and ``dtmf``.
    """

    type: str
    id: str | None = None
    timestamp: str | None = None
    name: str | None = None
    text: str | None = None
    value: Any = None
    language: str | None = None
    parameters: Json | None = None
    activity_params: Json | None = None
    session_params: Json | None = None
    participant: str | None = None

    @property
    def kind(self) -> str:
        """``message`` or ``event`` (or what the peer invented), in lower case."""
        return self.type.lower()

    @property
    def event(self) -> str:
        """The event's name in lower case; empty for a message."""
        return (self.name or "").lower() if self.kind == "event" else ""

    def parameter(self, name: str) -> Any:
        """``name`` from activityParams, else sessionParams, else parameters; None when absent."""
        for scope in (self.activity_params, self.session_params, self.parameters):
            if scope is not None and name in scope:
                return scope[name]
        return None


def message(text: str, **fields: Any) -> Activity:
    """A textual message; ``fields`` are further `Activity` fields."""
    return Activity(type="message", text=text, **fields)


def event(name: str, **fields: Any) -> Activity:
    """An event with its documented name (``start``, ``DTMF``, ``hangup`` ...)."""
    return Activity(type="event", name=name, **fields)
