"""The console's page of call records, past and present."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted
from calls.selectors import (
    COUNT_LIMIT,
    CallFilter,
    Cursor,
    Sight,
    call_page,
    seen,
    visible_to,
)
from calls.views.live import voice_url

PAGE_SIZES = (25, 50, 100)
RANGES = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}


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
@permitted(Permission.SEE_HISTORY)
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
        "voice_url": voice_url(request),
    }
    return render(request, "calls/history.html", context)


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
