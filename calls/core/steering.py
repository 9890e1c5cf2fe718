"""What may be done in a live call from outside: the closed union that browsers and clients send.

A command travels from the browser's socket, or the API, over the channel layer to the process that
carries the call, becomes an event of the engine there, and is answered by `Outcome` with the effect
that was observed, not with the click.
"""

from typing import Annotated, Any, Literal

import msgspec

from bots.core.activities import Activity

MAX_TEXT_CHARACTERS = 2_000
MAX_REASON_CHARACTERS = 500
MAX_ACTIVITIES = 20
MAX_ACTIVITIES_BYTES = 65_536
MAX_MESSAGE_BYTES = 65_536


class HangUp(msgspec.Struct, frozen=True, tag="hangup", tag_field="do"):
    """End the call."""


class Transfer(msgspec.Struct, frozen=True, kw_only=True, tag="transfer", tag_field="do"):
    """Move the caller to ``target``, a number, SIP or tel address."""

    target: str


class Say(msgspec.Struct, frozen=True, kw_only=True, tag="say", tag_field="do"):
    """Speak ``text`` to the caller with the bot's voice, before what the bot still has to say.

    ``interrupt``: also silence what is being spoken.
    """

    text: str
    interrupt: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True, tag="message", tag_field="do"):
    """Send ``text`` to the bot as if the caller had said it; the caller hears only the answer."""

    text: str


class Mute(msgspec.Struct, frozen=True, kw_only=True, tag="mute", tag_field="do"):
    """Let the caller hear nothing of the bot (``on``), or hear it again."""

    on: bool


class SetParameter(msgspec.Struct, frozen=True, kw_only=True, tag="set", tag_field="do"):
    """Give a live parameter another value for the rest of the call; None takes it back."""

    name: str
    value: Any


class Activities(msgspec.Struct, frozen=True, kw_only=True, tag="activities", tag_field="do"):
    """Carry out ``activities`` as if the bot had sent them (`calls.core.sending`)."""

    activities: Annotated[
        tuple[Activity, ...], msgspec.Meta(min_length=1, max_length=MAX_ACTIVITIES)
    ]


class ControlAgent(msgspec.Struct, frozen=True, kw_only=True, tag="agent", tag_field="do"):
    """Direct the bot itself: one of the messages that its plug-in declares, by ``type``."""

    message: dict[str, Any]


Status = Literal["accepted", "done", "failed"]
Steering = HangUp | Transfer | Say | Message | Mute | SetParameter | Activities | ControlAgent


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command: ``accepted`` by the call, then ``done`` or ``failed``.

    ``detail`` says in words what was observed, such as "heard by the caller in 1.8 s".
    """

    status: Status
    detail: str = ""
