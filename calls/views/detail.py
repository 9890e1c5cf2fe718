"""The console's page about one call: followed while it goes on, its record afterwards."""

import json
import statistics
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted
from calls.core.waterfall import SEGMENTS, waterfall
from calls.models import Call, TranscriptEntry
from calls.selectors import turn_times, visible_to

TABS = (("conversation", "Conversation"), ("record", "Record"), ("json", "JSON"))
MONO = ("id", "conversation_id", "owner", "caller", "callee", "reason_code", "cause")
"""Fields of the record that are codes."""
SCALE_MS = 1500
"""The silence that fills a waterfall's width at least, so that short ones look short."""


@require_safe
@permitted(Permission.SEE_LIVE, Permission.SEE_HISTORY)
@never_cache
def detail(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """One call: followed while it is going on, its record afterwards."""
    call = get_object_or_404(visible_to(request.user).calls(), pk=call_id)
    tab = request.GET.get("tab", "")
    context: dict[str, Any] = {
        "call": call,
        "active": call.state == Call.State.ACTIVE,
        "tabs": TABS,
        "tab": tab if tab in dict(TABS) else TABS[0][0],
    }
    if context["tab"] == "record":
        context["record"] = _record(call)
    else:
        entries = list(call.entries.order_by("seq"))
        context["entries"] = entries
        if context["tab"] == "json":
            context["raw"] = _raw(call, entries)
        else:
            context |= _waterfalls(call)
    return render(request, "calls/detail.html", context)


@dataclass(frozen=True)
class RecordField:
    """One field of a call record as the page shows it."""

    name: str
    value: str
    moment: datetime | None
    mono: bool


def _record(call: Call) -> list[RecordField]:
    shown = []
    for field in Call._meta.concrete_fields:
        value = getattr(call, field.attname)
        if isinstance(value, dict | list):
            value = json.dumps(value, ensure_ascii=False) if value else ""
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        shown.append(
            RecordField(
                name=field.attname,
                value="" if value is None else str(value),
                moment=value if isinstance(value, datetime) else None,
                mono=field.name in MONO,
            )
        )
    return shown


def _raw(call: Call, entries: list[TranscriptEntry]) -> str:
    document = {
        **{field.attname: getattr(call, field.attname) for field in Call._meta.concrete_fields},
        "transcript": [
            {
                field.name: getattr(entry, field.name)
                for field in TranscriptEntry._meta.concrete_fields
                if field.name not in ("id", "call")
            }
            for entry in entries
        ],
        "timings": [msgspec.to_builtins(times) for times in turn_times(call.pk)],
    }
    return json.dumps(document, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)


def _waterfalls(call: Call) -> dict[str, Any]:
    turns = [waterfall(times) for times in turn_times(call.pk)]
    return {
        "waterfalls": turns,
        "scale_ms": max([SCALE_MS, *(turn.reached_ms for turn in turns)]),
        "segment_names": SEGMENTS,
        "silences": _figures([turn.silence_ms for turn in turns if turn.silence_ms is not None]),
    }


def _figures(silences: list[int]) -> dict[str, int]:
    if not silences:
        return {}
    return {"median": round(statistics.median(silences)), "slowest": max(silences)}
