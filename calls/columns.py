"""The columns of the call history: what a list shows of a call, and what an export writes of it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from calls.models import Call

Value = str | int | float | bool | list[Any] | None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column; ``fields`` are the names under which an export writes it."""

    name: str
    title: str | Promise
    fields: tuple[str, ...]
    numeric: bool = False
    usual: bool = True
    """Whether a list shows it unless it is told otherwise."""


COLUMNS = (
    Column(name="started", title=_("Started"), fields=("started_at", "ended_at")),
    Column(name="bot", title=_("Bot"), fields=("bot", "is_test")),
    Column(name="parties", title=_("Caller and called"), fields=("direction", "caller", "callee")),
    Column(name="result", title=_("Result"), fields=("state", "reason_code", "reason", "cause")),
    Column(name="ended_by", title=_("Ended by"), fields=("ended_by",), usual=False),
    Column(name="channel", title=_("Channel"), fields=("channel", "mode")),
    Column(name="turns", title=_("Turns"), fields=("turns",), numeric=True),
    Column(name="delay", title=_("Longest wait"), fields=("silence_max_ms",), numeric=True),
    Column(name="duration", title=_("Duration"), fields=("duration_s",), numeric=True),
    Column(
        name="median_delay",
        title=_("Median wait"),
        fields=("silence_median_ms",),
        numeric=True,
        usual=False,
    ),
    Column(name="faults", title=_("Faults"), fields=("faults",), numeric=True, usual=False),
    Column(name="recording", title=_("Recordings"), fields=("recordings",), usual=False),
    Column(
        name="conversation",
        title=_("Conversation id"),
        fields=("conversation_id",),
        usual=False,
    ),
    Column(name="id", title=_("Call id"), fields=("id",), usual=False),
    Column(name="revision", title=_("Bot revision"), fields=("bot_revision",), usual=False),
    Column(name="process", title=_("Process"), fields=("owner",), usual=False),
)
FIRST = COLUMNS[0]
"""Always shown: it leads to the call."""


def chosen_columns(names: str) -> tuple[Column, ...]:
    """The columns that ``names``, separated by commas, asks for; the usual ones for none known."""
    asked = set(names.split(","))
    found = tuple(column for column in COLUMNS if column.name in asked)
    if not found:
        return tuple(column for column in COLUMNS if column.usual)
    return found if FIRST in found else (FIRST, *found)


def field_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """The names under which an export writes ``columns``; the call's id is always among them."""
    names = [name for column in columns for name in column.fields]
    return ("id", *(name for name in names if name != "id"))


def field_value(call: Call, name: str) -> Value:
    """The value of the field ``name`` of an export: times in UTC, durations in seconds."""
    return _MADE[name](call) if name in _MADE else _plain(getattr(call, name))


def _plain(value: Any) -> Value:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value if isinstance(value, int | float | list | None) else str(value)


def _duration(call: Call) -> float | None:
    if call.ended_at is None:
        return None
    return round((call.ended_at - call.started_at).total_seconds(), 3)


_MADE: dict[str, Callable[[Call], Value]] = {
    "bot": lambda call: call.bot_name,
    "duration_s": _duration,
}
