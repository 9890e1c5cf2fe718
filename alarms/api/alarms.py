"""Operations on alarms: what is wrong, what was, and what people do about it."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Query, Router

from alarms.api.shapes import (
    ActiveFilters,
    AlarmId,
    AlarmList,
    AlarmShown,
    AlarmStory,
    EventList,
    HistoryFilters,
    Remark,
    Silence,
    alarm_shown,
    event_shown,
    severity_of,
)
from alarms.core.catalogue import CATALOGUE
from alarms.models import ActiveAlarm
from alarms.selectors import events_visible_to, visible_to
from alarms.services import handling
from alarms.services.addresses import runbook_url
from bots.api.reach import principal
from bots.people import Person
from bots.rest.answers import answer, cursor, no_content, page, place
from bots.rest.authentication import scoped
from bots.rest.problems import Problem

router = Router(tags=["Alarms"])
read, write = scoped("alarms:read"), scoped("alarms:write")
STORY = 200
"""So many changes of one alarm are shown, the latest."""


@router.get(
    "/alarms/active",
    auth=read,
    response=AlarmList,
    operation_id="listActiveAlarms",
    summary="List what is wrong",
)
def active(request: HttpRequest, filters: Query[ActiveFilters]) -> HttpResponse:
    """The alarms that are active, the worst first, those of equal severity newest first.

    A client that reaches only some bots sees the alarms of these bots.
    """
    rows = visible_to(principal(request).who).order_by("-severity", "-pk")
    if (after := place(filters.after, int, int)) is not None:
        severity, key = after
        rows = rows.filter(Q(severity__lt=severity) | Q(severity=severity, pk__lt=key))
    if filters.severity:
        rows = rows.filter(severity__gte=severity_of(filters.severity))
    if filters.type:
        rows = rows.filter(type=filters.type)
    if filters.source:
        rows = rows.filter(source__icontains=filters.source)
    if filters.acknowledged:
        rows = rows.filter(acknowledged_at__isnull=filters.acknowledged == "false")
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].severity, items[-1].pk) if more else None
    return answer(AlarmList(items=[_shown(row) for row in items], next=following))


@router.get(
    "/alarms/history",
    auth=read,
    response=EventList,
    operation_id="listAlarmHistory",
    summary="List what was wrong",
)
def history(request: HttpRequest, filters: Query[HistoryFilters]) -> HttpResponse:
    """Every change of every alarm, newest first; the oldest are forgotten."""
    rows = events_visible_to(principal(request).who).order_by("-seq")
    if (after := place(filters.after, int)) is not None:
        rows = rows.filter(seq__lt=after[0])
    if filters.severity:
        least = severity_of(filters.severity)
        rows = rows.filter(Q(severity__gte=least) | Q(kind="cleared", previous__gte=least))
    exact = {"type": filters.type, "kind": filters.kind, "alarm_id": filters.alarm}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if filters.source:
        rows = rows.filter(source__icontains=filters.source)
    if filters.from_:
        rows = rows.filter(at__gte=filters.from_)
    if filters.to:
        rows = rows.filter(at__lt=filters.to)
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].seq) if more else None
    return answer(EventList(items=[event_shown(row) for row in items], next=following))


@router.get(
    "/alarms/{uuid:alarm_id}",
    auth=read,
    response=AlarmStory,
    operation_id="getAlarm",
    summary="Read an alarm",
)
def alarm(request: HttpRequest, alarm_id: AlarmId) -> HttpResponse:
    """One alarm, active or over, with its latest changes."""
    who = principal(request).who
    row = visible_to(who).filter(alarm_id=alarm_id).first()
    events = list(events_visible_to(who).filter(alarm_id=alarm_id).order_by("-seq")[:STORY])
    if row is None and not events:
        raise Problem(404, detail="There is no such alarm, or it has left the history.")
    shown = AlarmStory(
        alarm=_shown(row) if row else None, events=[event_shown(each) for each in events]
    )
    return answer(shown)


@router.post(
    "/alarms/{uuid:alarm_id}/acknowledge",
    auth=write,
    response=AlarmShown,
    operation_id="acknowledgeAlarm",
    summary="Acknowledge an alarm",
)
def acknowledge(request: HttpRequest, alarm_id: AlarmId, body: Remark) -> HttpResponse:
    """Say that somebody takes care of it; a worse severity takes that back."""
    return _done(
        request,
        alarm_id,
        lambda who: handling.acknowledge([alarm_id], who=who, comment=body.comment),
    )


@router.post(
    "/alarms/{uuid:alarm_id}/unacknowledge",
    auth=write,
    response=AlarmShown,
    operation_id="unacknowledgeAlarm",
    summary="Take an acknowledgement back",
)
def unacknowledge(request: HttpRequest, alarm_id: AlarmId) -> HttpResponse:
    """Say that nobody takes care of it."""
    return _done(request, alarm_id, lambda who: handling.unacknowledge([alarm_id], who=who))


@router.post(
    "/alarms/{uuid:alarm_id}/silence",
    auth=write,
    response=AlarmShown,
    operation_id="silenceAlarm",
    summary="Silence an alarm",
)
def silence(request: HttpRequest, alarm_id: AlarmId, body: Silence) -> HttpResponse:
    """Tell no destination of its changes for a while, except that it clears."""
    until = now() + timedelta(minutes=body.minutes)
    return _done(
        request,
        alarm_id,
        lambda who: handling.silence([alarm_id], who=who, until=until, comment=body.comment),
    )


@router.post(
    "/alarms/{uuid:alarm_id}/unsilence",
    auth=write,
    response=AlarmShown,
    operation_id="unsilenceAlarm",
    summary="End a silence",
)
def unsilence(request: HttpRequest, alarm_id: AlarmId) -> HttpResponse:
    """Tell destinations of it again, beginning with its present state."""
    return _done(request, alarm_id, lambda who: handling.unsilence([alarm_id], who=who))


@router.post(
    "/alarms/{uuid:alarm_id}/clear",
    auth=write,
    response={204: None},
    operation_id="clearAlarm",
    summary="Clear an alarm by hand",
)
def clear(request: HttpRequest, alarm_id: AlarmId, body: Remark) -> HttpResponse:
    """Take it for over. If its cause persists, another one is raised."""
    who = principal(request).who
    if not handling.clear_by_hand([alarm_id], who=who, comment=body.comment):
        raise _none()
    return no_content()


def _done(request: HttpRequest, alarm_id: UUID, act: Callable[[Person], int]) -> HttpResponse:
    """Do ``act`` to an alarm that is active, and answer how it is then."""
    who = principal(request).who
    act(who)
    row = visible_to(who).filter(alarm_id=alarm_id).first()
    if row is None:
        raise _none()
    return answer(_shown(row))


def _none() -> Problem:
    return Problem(
        404, detail="There is no such active alarm, or the client does not reach its bot."
    )


def _shown(row: ActiveAlarm) -> AlarmShown:
    kind = CATALOGUE.get(row.type)
    title = kind.title if kind else row.type
    return alarm_shown(row, title=title, runbook_url=runbook_url(row.type))
