"""Which messages direct the bot of a live call, and what a person fills in for each.

The plug-in of the bot declares them (`bots.core.registry.Plugin.controls`); the bot itself checks
what it is sent.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from django.db.models import Q
from pydantic import BaseModel

from bots.core.errors import ParameterError
from bots.core.registry import Plugin
from bots.selectors import lineage, outline, with_providers
from calls.models import Call

SHORT = 200
"""A text of at most so many characters fits on one line."""


class MessageField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a message. ``kind``: choice, line, text or json. ``most``: characters."""

    name: str
    kind: Literal["choice", "line", "text", "json"]
    required: bool
    choices: list[str] = []
    most: int | None = None


class DirectingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message by its ``type``; ``help`` is what the plug-in says of it."""

    type: str
    help: str
    fields: list[MessageField]


def messages_of(call: Call) -> list[DirectingMessage]:
    """The messages that the bot of ``call`` takes, in the order of its plug-in; maybe none."""
    plugin = _plugin(call.bot_name)
    return [_message(*declared) for declared in plugin.controls.items()] if plugin else []


def _plugin(bot_name: str) -> Plugin | None:
    """The bot framework of a bot as it is configured at this moment."""
    found = {bot.pk: bot for bot in with_providers().filter(Q(name=bot_name) | Q(is_base=True))}
    bot = next((bot for bot in found.values() if bot.name == bot_name), None)
    try:
        return outline(lineage(bot, found)).plugins.get("bot") if bot is not None else None
    except ParameterError:
        return None


def _message(name: str, form: type[BaseModel]) -> DirectingMessage:
    schema = form.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    return DirectingMessage(
        type=name,
        help=" ".join((form.__doc__ or "").replace("``", "").split()),
        fields=[
            _field(field, declared, required=field in required)
            for field, declared in schema.get("properties", {}).items()
        ],
    )


def _field(name: str, declared: Mapping[str, Any], *, required: bool) -> MessageField:
    choices, most = list(declared.get("enum", ())), declared.get("maxLength")
    kind: Literal["choice", "line", "text", "json"] = "json"
    if choices:
        kind = "choice"
    elif declared.get("type") == "string":
        kind = "line" if most is not None and most <= SHORT else "text"
    return MessageField(name=name, kind=kind, required=required, choices=choices, most=most)
