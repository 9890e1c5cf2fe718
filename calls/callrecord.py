"""Reads about one call beside its lines: parameters in force, events, faults, audit, the document.

What was said is only in `calls.selectors.transcript`, in `Call.bot_result` and in what is made of
them here for who may read it; everything else holds no words of the conversation.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from bots.core import catalogue
from bots.core.params.declare import Declared, Later
from bots.models import AuditEvent
from calls.core.documents import plain_text, subtitles
from calls.models import Call, CallEvent
from calls.selectors import transcript, turn_times

DEFAULT = "default"
"""Origin of a value that nobody set."""
WORDS = ("bot_result",)
"""Fields of the record that may hold words of the conversation."""
SEALED = ("webhook",)
"""Fields that hold secrets, encrypted; nobody is shown them."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter got another value during the call, or its earlier one back."""

    offset_ms: int
    value: Any
    origin: str

    @property
    def text(self) -> str:
        """The value as people read it."""
        return shown(self.value)


class ParameterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter as it was in a call.

    ``value`` and ``origin`` are those of the start of the call, ``changes`` what came later.
    """

    name: str
    section: str
    help: str
    unit: str
    value: Any
    origin: str
    changes: tuple[Change, ...]

    @property
    def text(self) -> str:
        """The value at the start as people read it."""
        return shown(self.value)

    @property
    def changed(self) -> bool:
        """Whether anybody set it, before or during the call."""
        return self.origin != DEFAULT or bool(self.changes)

    @property
    def last_change(self) -> Change | None:
        """The latest of the changes."""
        return self.changes[-1] if self.changes else None

    @property
    def last_value(self) -> Any:
        """The value in force at the end, or now."""
        return self.changes[-1].value if self.changes else self.value

    @property
    def last_text(self) -> str:
        """The value in force as people read it."""
        return shown(self.last_value)


def shown(value: Any) -> str:
    """A stored value as people read it; lists and objects as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def parameters(call: Call) -> list[ParameterRow]:
    """The parameters of ``call``, those that anybody set first; none for a call without them."""
    if call.snapshot is None:
        return []
    known = _declared()
    events = call.events.filter(name="parameters").order_by("seq")
    changes = _changes(events)
    rows = [
        _row(name, value, origin, known.get(name), changes.get(name, ()))
        for name, (value, origin) in call.snapshot.values.items()
    ]
    return sorted(rows, key=lambda row: not row.changed)


def _declared() -> dict[str, Declared]:
    # A plug-in may have gone since the call: its parameters are shown, but not explained.
    return {parameter.wire_name: parameter for parameter in catalogue.everything()}


def _row(
    name: str, value: Any, origin: str, parameter: Declared | None, changes: Iterable[Change]
) -> ParameterRow:
    return ParameterRow(
        name=name,
        section=parameter.section.SECTION if parameter else "",
        help=parameter.param.help if parameter else "",
        unit=parameter.param.unit if parameter else "",
        value=value,
        origin=origin,
        changes=tuple(changes),
    )


def _changes(events: Iterable[CallEvent]) -> dict[str, list[Change]]:
    """What `calls.core.chronicle` told: by wire name the value and its origin, as in a snapshot."""
    found: dict[str, list[Change]] = {}
    for event in events:
        for name, (value, origin) in event.detail.items():
            change = Change(offset_ms=event.offset_ms, value=value, origin=origin)
            found.setdefault(name, []).append(change)
    return found


class LiveControl(msgspec.Struct, frozen=True, kw_only=True):
    """How a person may set a parameter in a running call.

    ``kind``: boolean, choice, integer, number, text or json. ``value``: in force.
    """

    name: str
    section: str
    help: str
    unit: str
    kind: str
    value: Any
    choices: list[Any] = []
    least: float | None = None
    most: float | None = None


def live_controls(rows: Iterable[ParameterRow]) -> list[LiveControl]:
    """The parameters among ``rows`` that may be changed in a running call, by section."""
    known = _declared()
    found = [
        _control(row, _schema(parameter))
        for row in rows
        if (parameter := known.get(row.name)) is not None and _settable(parameter)
    ]
    return sorted(found, key=lambda control: (control.section, control.name))


def _settable(parameter: Declared) -> bool:
    param = parameter.param
    return param.live and not param.secret and param.needs not in set(Later)


def _schema(parameter: Declared) -> Mapping[str, Any]:
    schema = parameter.section.model_json_schema(by_alias=True)
    found: dict[str, Any] = schema["properties"][parameter.wire_name]
    if "$ref" in found:
        found = schema["$defs"][found["$ref"].rpartition("/")[2]]
    return found


def _control(row: ParameterRow, schema: Mapping[str, Any]) -> LiveControl:
    plain = {"boolean": "boolean", "integer": "integer", "number": "number", "string": "text"}
    choices = list(schema.get("enum", ()))
    kind = "choice" if choices else plain.get(str(schema.get("type")), "json")
    return LiveControl(
        name=row.name,
        section=row.section,
        help=row.help,
        unit=row.unit,
        kind=kind,
        value=row.last_value,
        choices=choices,
        least=schema.get("minimum"),
        most=schema.get("maximum"),
    )


def failed_providers(call: Call) -> list[str]:
    """The names of the providers that failed in ``call``, by name."""
    names = call.service_faults.exclude(provider="").values_list("provider", flat=True)
    return sorted(set(names))


def audit_of(call: Call) -> QuerySet[AuditEvent]:
    """What people did to ``call`` and read of it, latest first."""
    return AuditEvent.objects.filter(kind="call", target=str(call.pk))


def document(call: Call, *, words: bool) -> dict[str, Any]:
    """All that is known of ``call``, as JSON holds it; ``words``: with what was said."""
    fields = {field.attname: getattr(call, field.attname) for field in call._meta.concrete_fields}
    hidden = SEALED if words else (*SEALED, *WORDS)
    fields = {name: value for name, value in fields.items() if name not in hidden}
    events = call.events.order_by("seq").values("seq", "offset_ms", "source", "name", "detail")
    faults = call.service_faults.order_by("at", "pk")
    said = {"transcript": msgspec.to_builtins(transcript(call.pk))} if words else {}
    return {
        **fields,
        **said,
        "timings": msgspec.to_builtins(turn_times(call.pk)),
        "events": list(events),
        "faults": list(faults.values("at", "service", "provider", "fault", "detail")),
        "parameters": call.snapshot.values if call.snapshot else {},
    }


def as_text(call: Call) -> str:
    """What was said in ``call``, for people."""
    head = [
        ("Call", str(call.pk)),
        ("Conversation", call.conversation_id),
        ("Bot", call.bot_name),
        ("Caller", call.caller),
        ("Called", call.callee),
        ("Started", call.started_at.isoformat(timespec="seconds")),
        ("Ended", call.ended_at.isoformat(timespec="seconds") if call.ended_at else "going on"),
        ("Reason", call.reason or call.reason_code),
    ]
    return plain_text(head, transcript(call.pk))


def as_subtitles(call: Call) -> str:
    """What was said in ``call`` as WebVTT."""
    return subtitles(transcript(call.pk))


def as_json(call: Call) -> str:
    """All that is known of ``call``, with what was said, as JSON text."""
    found = document(call, words=True)
    return json.dumps(found, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
