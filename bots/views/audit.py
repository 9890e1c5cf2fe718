"""The console's pages: audit log."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from bots import journal, paging
from bots.audit import record
from bots.core.auditing import Action
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.models import AuditEvent

PAGE_SIZE = 50
# Of what an event was done to: the page that shows it, by its key or its present name.
_PAGES = {
    "alarm": "alarms:alarm",
    "bot": "bots:edit",
    "call": "calls:detail",
    "delivery": "deliveries:delivery",
    "client": "clients:page",
    "dialout": "calls:dialout",
    "provider": "providers:page",
    "route": "routes:edit",
    "user": "people:person",
}


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One field before and after; None: there was none."""

    field: str
    before: Any = None
    after: Any = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the page shows it."""

    event: AuditEvent
    words: str
    url: str
    differences: list[Difference]


@require_safe
@permitted(Permission.READ_AUDIT)
def audit_list(request: HttpRequest) -> HttpResponse:
    """The events, filtered by the address of the page."""
    chosen = _filter(request.GET)
    found = journal.visible_events(asking(request)).filter(
        chosen.condition(timezone.get_current_timezone())
    )
    page = paging.page(found, size=PAGE_SIZE, place=request.GET.get("at", ""))
    query = request.GET.copy()
    query.pop("at", None)
    context = {
        "chosen": chosen,
        "filtered": chosen != journal.EventFilter(),
        "rows": _rows(page.rows),
        "page": page,
        "query": query.urlencode(),
        "actions": sorted(Action, key=lambda action: action.words),
        "kinds": journal.KINDS,
        "ranges": journal.RANGES,
        "zone": timezone.get_current_timezone(),
        "first_page": not request.GET.get("at"),
    }
    return render(request, "audit/list.html", context)


@require_safe
@permitted(Permission.READ_AUDIT)
def export(request: HttpRequest) -> HttpResponseBase:
    """Exactly what is filtered, as CSV for a spreadsheet."""
    chosen = _filter(request.GET)
    found = journal.visible_events(asking(request)).filter(
        chosen.condition(timezone.get_current_timezone())
    )
    record(Action.AUDIT_EXPORTED, kind="export", after=chosen.summary() or None)
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.csv"
    response = StreamingHttpResponse(journal.as_csv(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def _rows(events: list[AuditEvent]) -> list[Row]:
    named = journal.present_names(events)
    return [_row(event, named) for event in events]


def _row(event: AuditEvent, named: Mapping[tuple[str, str], str]) -> Row:
    before, after = event.before or {}, event.after or {}
    fields = [*before, *(field for field in after if field not in before)]
    return Row(
        event=event,
        words=journal.words(event.action),
        url=_address(event, named),
        differences=[
            Difference(field=field, before=before.get(field), after=after.get(field))
            for field in fields
        ],
    )


def _address(event: AuditEvent, named: Mapping[tuple[str, str], str]) -> str:
    by_name = event.kind in journal.NAMED
    key = named.get((event.kind, event.target), "") if by_name else event.target
    if not key or event.kind not in _PAGES:
        return ""
    try:
        return reverse(_PAGES[event.kind], args=[key])
    except NoReverseMatch:
        return ""


def _filter(given: Mapping[str, str]) -> journal.EventFilter:
    action, kind, span = given.get("action", ""), given.get("kind", ""), given.get("range", "")
    return journal.EventFilter(
        person=_text(given, "person"),
        action=action if action in set(Action) else "",
        kind=kind if kind in journal.KINDS else "",
        target=_text(given, "target"),
        batch=_batch(given.get("batch", "")),
        range=span if span in journal.RANGES else "",
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        text=_text(given, "q"),
    )


def _text(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").strip()[:150]


def _batch(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9000 else None
