"""The console's pages about calls: live, history and one call."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from calls.core.waterfall import SEGMENTS, waterfall
from calls.models import Call, TranscriptEntry
from calls.selectors import (
    COUNT_LIMIT,
    LIVE_LIMIT,
    CallFilter,
    Cursor,
    Sight,
    call_page,
    live_calls,
    seen,
    turn_times,
    visible_to,
)

PAGE_SIZES = (25, 50, 100)
RANGES = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
TABS = (("conversation", "Conversation"), ("record", "Record"), ("json", "JSON"))
DEMO_BOT = "demo"
MONO = ("id", "conversation_id", "owner", "caller", "callee", "reason_code", "cause")
"""Fields of the record that are codes."""
SCALE_MS = 1500
"""The silence that fills a waterfall's width at least, so that short ones look short."""


class FilterForm(forms.Form):
    """The filter of the call history as it stands in the URL; a wrong value is no condition.

    ``number`` is part of a caller's or called number, or a whole conversation id.
    """

    range = forms.ChoiceField(
        label="Started",
        required=False,
        choices=[("", "Any"), *((key, title) for key, (title, _) in RANGES.items())],
    )
    bot = forms.ChoiceField(label="Bot", required=False)
    state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "Any"), ("active", "In progress"), ("ended", "Ended")],
    )
    reason = forms.ChoiceField(label="End reason", required=False)
    direction = forms.ChoiceField(
        label="Direction",
        required=False,
        choices=[("", "Any"), ("inbound", "Inbound"), ("outbound", "Outbound")],
    )
    test = forms.ChoiceField(
        label="Test calls",
        required=False,
        choices=[
            ("", "Shown"),
            ("no", "Hidden"),
            ("only", "Only these"),
        ],
    )
    number = forms.CharField(
        label="Number or id",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )

    def __init__(self, query: QueryDict, sight: Sight) -> None:
        super().__init__(query)
        latest = seen(sight)
        self._offer("bot", latest.bots, query)
        self._offer("reason", latest.reasons, query)

    def chosen(self) -> CallFilter:
        """The conditions of the URL."""
        self.is_valid()
        value = self.cleaned_data.get
        key = value("range", "")
        return CallFilter(
            bot=value("bot", ""),
            state=value("state", ""),
            reason=value("reason", ""),
            direction=value("direction", ""),
            is_test={"no": False, "only": True}.get(value("test", "")),
            since=now() - RANGES[key][1] if key else None,
            number=value("number", "").strip(),
        )

    def _offer(self, name: str, seen: Sequence[str], query: QueryDict) -> None:
        # A bookmarked value stays chosen when the latest calls no longer show it.
        values = sorted({*seen, query.get(name, "")} - {""})
        choices = [("", "Any"), *((value, value) for value in values)]
        label = self.fields[name].label
        self.fields[name] = forms.ChoiceField(label=label, required=False, choices=choices)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page: live calls."""
    return redirect("calls:live")


@require_safe
@login_required
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """The calls that are going on; the page then follows them through the live feed."""
    calls, truncated = live_calls(visible_to(request.user))
    return render(
        request,
        "calls/live.html",
        {
            "calls": calls,
            "truncated": truncated,
            "limit": LIVE_LIMIT,
            "setting": settings.ENVIRONMENT.setting,
            "voice_url": _voice_url(request),
        },
    )


@require_safe
@login_required
@never_cache
def history(request: HttpRequest) -> HttpResponse:
    """Calls past and present, newest first; filter, page and page size are in the URL."""
    sight = visible_to(request.user)
    form = FilterForm(request.GET, sight)
    chosen = form.chosen()
    size = _page_size(request.GET)
    page = call_page(sight, chosen, size=size, cursor=_cursor(request.GET))
    context = {
        "form": form,
        "page": page,
        "filtered": chosen != CallFilter(),
        "size": size,
        "sizes": [(each, _query(request, size=each, at=None)) for each in PAGE_SIZES],
        "newer_query": _query(request, at=page.newer),
        "older_query": _query(request, at=page.older),
        "count_limit": f"{COUNT_LIMIT:,}",
        "setting": settings.ENVIRONMENT.setting,
        "voice_url": _voice_url(request),
    }
    return render(request, "calls/history.html", context)


@require_safe
@login_required
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


def _voice_url(request: HttpRequest) -> str:
    scheme = "wss" if request.is_secure() else "ws"
    return f"{scheme}://{request.get_host()}/voice/audiocodes/{DEMO_BOT}"


def _page_size(query: QueryDict) -> int:
    size = query.get("size", "")
    return next((each for each in PAGE_SIZES if str(each) == size), PAGE_SIZES[0])


def _cursor(query: QueryDict) -> Cursor | None:
    # A cursor that was tampered with or cut off in a message shows the first page.
    try:
        return Cursor.parse(query.get("at", ""))
    except ValueError:
        return None


def _query(request: HttpRequest, **changes: Any) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return query.urlencode()
