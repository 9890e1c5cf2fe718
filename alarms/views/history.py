"""The console's pages of what was: every change of every alarm, and the story of one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.timezone import get_current_timezone, now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alarms import journal
from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, Notification
from alarms.selectors import events_visible_to, visible_to
from alarms.views import wording
from alarms.views.active import rows as active_rows
from bots import paging
from bots.audit import record
from bots.core.auditing import Action
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.people import Person

PAGE_SIZE = 50
STORY = 200
"""So many changes and so many notices of one alarm are shown, the latest."""
BEFORE = timedelta(minutes=5)
"""Calls from so long before an alarm may have to do with it."""
Kind = AlarmEvent.Kind
KINDS = {
    Kind.RAISED: gettext_lazy("raised"),
    Kind.CHANGED: gettext_lazy("changed"),
    Kind.HELD: gettext_lazy("comes and goes"),
    Kind.CLEARED: gettext_lazy("cleared"),
    Kind.ACKNOWLEDGED: gettext_lazy("acknowledged"),
    Kind.UNACKNOWLEDGED: gettext_lazy("no longer acknowledged"),
    Kind.SILENCED: gettext_lazy("silenced"),
    Kind.UNSILENCED: gettext_lazy("told again"),
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One change as pages show it; ``lasted`` is the duration of what is over."""

    event: AlarmEvent
    kind: str
    severity: Severity
    previous: Severity | None
    title: str
    text: str
    in_language: bool
    source_url: str
    lasted: str


@require_safe
@permitted(Permission.SEE_ALARMS)
@never_cache
def history(request: HttpRequest) -> HttpResponse:
    """The changes, newest first, filtered by the address of the page."""
    who, chosen = asking(request), _filter(request.GET)
    found = events_visible_to(who).filter(chosen.condition(now(), get_current_timezone()))
    page = paging.page(found, size=PAGE_SIZE, place=request.GET.get("at", ""))
    query = request.GET.copy()
    query.pop("at", None)
    context = {
        "rows": event_rows(page.rows, who),
        "page": page,
        "query": query.urlencode(),
        "chosen": chosen,
        "filtered": chosen != journal.EventFilter(),
        "severities": wording.SEVERITIES,
        "types": CATALOGUE.values(),
        "kinds": KINDS.items(),
        "zone": get_current_timezone(),
        "exported": paging.EXPORTED,
        "tab": "history",
    }
    return render(request, "alarms/history.html", context)


@require_safe
@permitted(Permission.SEE_ALARMS)
def export(request: HttpRequest) -> HttpResponseBase:
    """Exactly what is filtered, as CSV for a spreadsheet."""
    chosen = _filter(request.GET)
    found = events_visible_to(asking(request))
    found = found.filter(chosen.condition(now(), get_current_timezone()))
    record(Action.ALARMS_EXPORTED, kind="export", after=chosen.summary() or None)
    name = f"alarms-{now():%Y%m%d-%H%M%S}.csv"
    response = StreamingHttpResponse(journal.as_csv(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@require_safe
@permitted(Permission.SEE_ALARMS)
@never_cache
def alarm(request: HttpRequest, alarm_id: UUID) -> HttpResponse:
    """One alarm, active or over: what happened, who was told, which calls there were."""
    who = asking(request)
    events = list(events_visible_to(who).filter(alarm_id=alarm_id).order_by("-seq")[:STORY])
    found = visible_to(who).filter(alarm_id=alarm_id).first()
    if found is None and not events:
        raise Http404(_("There is no such alarm, or it has left the history."))
    context = {
        "alarm_id": alarm_id,
        "row": active_rows([found], who, now())[0] if found else None,
        "events": event_rows(events, who),
        "is_cut": len(events) == STORY,
        "notices": _notices(alarm_id) if who.bots is None else None,
        "why_not": wording.why_not(who),
        "back": request.get_full_path(),
        "sees_destinations": who.bots is None,
    }
    return render(request, "alarms/alarm.html", context | _head(found or events[0], who))


def _notices(alarm_id: UUID) -> list[Notification]:
    """Who was told of it, newest first; destinations are for people who reach all bots."""
    rows = Notification.objects.filter(alarm_id=alarm_id).select_related("destination")
    return list(rows[:STORY])


def event_rows(events: list[AlarmEvent], who: Person) -> list[Row]:
    """``events`` as pages show them to ``who``."""
    return [_row(event, who) for event in events]


def _head(told: ActiveAlarm | AlarmEvent, who: Person) -> dict[str, Any]:
    """What the page of one alarm says of it, active or over."""
    until = told.at if isinstance(told, AlarmEvent) else now()
    text, in_language = wording.text_of(told)
    kind = CATALOGUE.get(told.type)
    return {
        "told": told,
        "over": isinstance(told, AlarmEvent),
        "severity": Severity(told.severity),
        "title": wording.title_of(told.type),
        "text": text,
        "in_language": in_language,
        "type": kind,
        "lasts": wording.span(until - told.raised_at),
        "source_url": wording.source_url(told.source, who),
        "calls_url": wording.calls_url(told.source, who, told.raised_at - BEFORE, until),
    }


def _row(event: AlarmEvent, who: Person) -> Row:
    text, in_language = wording.text_of(event)
    lasted = journal.duration(event)
    return Row(
        event=event,
        kind=str(KINDS[Kind(event.kind)]),
        severity=Severity(event.severity),
        previous=None if event.previous is None else Severity(event.previous),
        title=wording.title_of(event.type),
        text=text,
        in_language=in_language,
        source_url=wording.source_url(event.source, who),
        lasted="" if lasted is None else wording.span(lasted),
    )


def _filter(given: Mapping[str, str]) -> journal.EventFilter:
    return journal.EventFilter(
        severity=wording.severity(given),
        type=wording.one_of(given, "type", CATALOGUE),
        text=wording.text(given, "q"),
        kind=wording.one_of(given, "kind", Kind.values),
        range=wording.one_of(given, "range", journal.RANGES),
        since=wording.day(given, "since"),
        until=wording.day(given, "until"),
    )
