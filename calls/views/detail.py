"""The console's page about one call: followed while it goes on, its record afterwards."""

import json
import statistics
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bots.audit import record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.guards import permitted
from calls.callrecord import (
    SEALED,
    WORDS,
    audit_of,
    document,
    failed_providers,
    live_controls,
    parameters,
)
from calls.core.advice import advice
from calls.core.steering import MAX_REASON_CHARACTERS, MAX_TEXT_CHARACTERS
from calls.core.waterfall import REST, SEGMENTS, Waterfall, waterfall
from calls.directing import messages_of
from calls.models import Call, CallEvent
from calls.selectors import Sight, transcript, turn_times, visible_to
from calls.services import call_delete

TABS = {
    "conversation": gettext_lazy("Conversation"),
    "events": gettext_lazy("Events"),
    "parameters": gettext_lazy("Parameters"),
    "record": gettext_lazy("Record"),
    "json": gettext_lazy("JSON"),
    "audit": gettext_lazy("Audit"),
}
MONO = ("id", "conversation_id", "owner", "caller", "callee", "reason_code", "cause")
"""Fields of the record that are codes."""
SCALE_MS = 1500
"""The silence that fills a waterfall's width at least, so that short ones look short."""
SLOWEST = 3
"""How many turns are marked, in a call that has more."""
NOISY = ("state",)
"""Names of events that are listed only when asked for."""
EVENT_LIMIT = 2_000
AUDIT_LIMIT = 200
READ_KEY = "transcripts_read"
READ_LIMIT = 200
"""Calls whose reading a session remembers."""


@require_safe
@permitted(Permission.SEE_LIVE, Permission.SEE_HISTORY)
@never_cache
def detail(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """One call: followed while it is going on, its record afterwards."""
    sight = visible_to(request.user)
    call = get_object_or_404(sight.calls().select_related("snapshot", "bot"), pk=call_id)
    tabs = _tabs(sight)
    tab = request.GET.get("tab", "")
    tab = tab if tab in tabs else "conversation"
    context: dict[str, Any] = {
        "call": call,
        "active": call.state == Call.State.ACTIVE,
        "reads": sight.reads(call),
        "tabs": tabs.items(),
        "tab": tab,
        "advice": advice(call.cause),
        "dialout_id": _dialout_id(sight, call),
        "trace_url": settings.TRACE_URL.replace("{trace}", call.pk.hex),
        "failed": failed_providers(call) if call.cause else [],
        "may_delete": sight.may(Permission.DELETE_CALLS, call.bot_name),
        "reason_limit": MAX_REASON_CHARACTERS,
        "text_limit": MAX_TEXT_CHARACTERS,
    }
    if context["active"]:
        context["messages_to_agent"] = msgspec.to_builtins(messages_of(call))
    context |= _PARTS[tab](request, call, context)
    return render(request, "calls/detail.html", context)


@require_POST
@permitted(Permission.DELETE_CALLS)
def delete(request: HttpRequest, call_id: UUID) -> HttpResponse:
    """Delete a call that is over, with everything that is known of it."""
    sight = visible_to(request.user)
    call = get_object_or_404(sight.calls(), pk=call_id)
    if not sight.may(Permission.DELETE_CALLS, call.bot_name):
        raise PermissionDenied(Permission.DELETE_CALLS)
    try:
        call_delete(call, reason=request.POST.get("reason", ""))
    except ParameterError as error:
        messages.error(request, "; ".join(error.problems.values()))
        return redirect("calls:detail", call.pk)
    messages.success(request, gettext("The call and its transcript were deleted."))
    return redirect("calls:history")


def _dialout_id(sight: Sight, call: Call) -> UUID | None:
    """The outbound call that was asked for and became ``call``, if the person may see it."""
    if call.direction != "outbound":
        return None
    return sight.dialouts().filter(call=call).values_list("pk", flat=True).first()


def _tabs(sight: Sight) -> dict[str, Any]:
    audit = sight.who.may(Permission.READ_AUDIT)
    return {name: title for name, title in TABS.items() if audit or name != "audit"}


# --- what each tab needs --------------------------------------------------------------------------


def _conversation(request: HttpRequest, call: Call, page: dict[str, Any]) -> dict[str, Any]:
    found = _waterfalls(call)
    rows = parameters(call)
    found["changed"] = [row for row in rows if row.changed]
    if page["active"]:
        # NB The lines of a live call come by the feed alone, which checks and audits on its own.
        found["controls"] = msgspec.to_builtins(live_controls(rows))
    elif page["reads"]:
        found["entries"] = transcript(call.pk)
        _remember_reading(request, call)
    return found


def _events(request: HttpRequest, call: Call, page: dict[str, Any]) -> dict[str, Any]:
    source, everything = request.GET.get("source", ""), request.GET.get("all") == "1"
    events = call.events.order_by("seq")
    if source in CallEvent.Source.values:
        events = events.filter(source=source)
    if not everything:
        events = events.exclude(name__in=NOISY)
    listed = list(events[: EVENT_LIMIT + 1])
    return {
        "events": listed[:EVENT_LIMIT],
        "more_events": len(listed) > EVENT_LIMIT,
        "event_limit": EVENT_LIMIT,
        "source": source,
        "everything": everything,
        "sources": CallEvent.Source.choices,
    }


def _parameters(request: HttpRequest, call: Call, page: dict[str, Any]) -> dict[str, Any]:
    return {"rows": parameters(call)}


def _record(request: HttpRequest, call: Call, page: dict[str, Any]) -> dict[str, Any]:
    return {"record": _fields(call, words=page["reads"])}


def _json(request: HttpRequest, call: Call, page: dict[str, Any]) -> dict[str, Any]:
    if page["reads"]:
        _remember_reading(request, call)
    shown = document(call, words=page["reads"])
    return {"raw": json.dumps(shown, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)}


def _audit(request: HttpRequest, call: Call, page: dict[str, Any]) -> dict[str, Any]:
    listed = list(audit_of(call)[:AUDIT_LIMIT])
    return {"audit": [(event, _action_words(event.action)) for event in listed]}


_PARTS = {
    "conversation": _conversation,
    "events": _events,
    "parameters": _parameters,
    "record": _record,
    "json": _json,
    "audit": _audit,
}


def _action_words(action: str) -> str:
    return Action(action).words if action in set(Action) else action


def _remember_reading(request: HttpRequest, call: Call) -> None:
    """Record, once in a session, that the person read what was said in the call."""
    read: list[str] = request.session.get(READ_KEY, [])
    if str(call.pk) not in read:
        record(Action.TRANSCRIPT_READ, kind="call", target=call.pk, title=str(call))
        request.session[READ_KEY] = [*read, str(call.pk)][-READ_LIMIT:]


@dataclass(frozen=True)
class RecordField:
    """One field of a call record as the page shows it."""

    name: str
    value: str
    moment: datetime | None
    mono: bool
    withheld: bool


def _fields(call: Call, *, words: bool) -> list[RecordField]:
    shown = []
    for field in Call._meta.concrete_fields:
        if field.attname in SEALED:
            continue
        value = getattr(call, field.attname)
        withheld = field.attname in WORDS and not words
        if isinstance(value, dict | list):
            value = json.dumps(value, ensure_ascii=False) if value else ""
        elif isinstance(value, bool):
            value = gettext("yes") if value else gettext("no")
        shown.append(
            RecordField(
                name=field.attname,
                value="" if value is None or withheld else str(value),
                moment=value if isinstance(value, datetime) else None,
                mono=field.name in MONO,
                withheld=withheld,
            )
        )
    return shown


def _waterfalls(call: Call) -> dict[str, Any]:
    turns = [waterfall(times) for times in turn_times(call.pk)]
    silences = [turn.silence_ms for turn in turns if turn.silence_ms is not None]
    return {
        "waterfalls": turns,
        "slowest": _slowest(turns),
        "scale_ms": max([SCALE_MS, *(turn.reached_ms for turn in turns)]),
        "segment_names": (*SEGMENTS, REST),
        "silences": _figures(silences),
    }


def _slowest(turns: list[Waterfall]) -> set[int]:
    heard = [(turn.silence_ms, turn.turn) for turn in turns if turn.silence_ms is not None]
    if len(heard) <= SLOWEST:
        return set()
    return {turn for _, turn in sorted(heard, reverse=True)[:SLOWEST]}


def _figures(silences: list[int]) -> dict[str, int]:
    if not silences:
        return {}
    return {"median": round(statistics.median(silences)), "slowest": max(silences)}
