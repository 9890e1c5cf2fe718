"""Operations on destinations: who outside is told of alarms, and what became of that.

Destinations are told of everything, so only clients that reach all bots see and change them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from alarms.api.destination_shapes import (
    CredentialShown,
    DestinationList,
    DestinationPatch,
    DestinationShown,
    Done,
    NewDestination,
    NoticeFilters,
    NoticeList,
    NoticeShown,
    TestResult,
)
from alarms.api.shapes import severity_of, word_of
from alarms.models import Destination, Notification
from alarms.services import destinations as services
from bots import credentials
from bots.api.reach import demand_all, principal
from bots.rest.answers import answer, cursor, no_content, no_cursor, page, place, plain
from bots.rest.authentication import scoped
from bots.rest.declared import IDEMPOTENCY_KEY, declares
from bots.rest.idempotency import Reply, answered_once
from bots.rest.problems import Problem
from bots.rest.schemas import Filters
from bots.services.traces import shown_params

router = Router(tags=["Alarms"])
read, write = scoped("alarms:read"), scoped("alarms:write")
Name = Annotated[str, Path(description="Name of the destination.", example="pager")]
_DOING = "see or change destinations of alarms"


@router.get(
    "/alarms/destinations",
    auth=read,
    response=DestinationList,
    operation_id="listAlarmDestinations",
    summary="List destinations of alarms",
)
def destinations(request: HttpRequest, filters: Query[Filters]) -> HttpResponse:
    """Who outside is told of alarms, and how that goes."""
    demand_all(request, _DOING)
    rows = _counted().order_by("name")
    if (after := place(filters.after, str)) is not None:
        rows = rows.filter(name__gt=after[0])
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].name) if more else None
    return answer(DestinationList(items=[_shown(row) for row in items], next=following))


@router.post(
    "/alarms/destinations",
    auth=write,
    response={201: DestinationShown},
    operation_id="createAlarmDestination",
    summary="Create a destination",
    openapi_extra=declares(IDEMPOTENCY_KEY),
)
def create(request: HttpRequest, body: NewDestination) -> HttpResponse:
    """It is told of alarms from here on; what is active already can be sent with `resend`."""
    demand_all(request, _DOING)

    def make() -> Reply:
        made = services.destination_create(
            name=body.name,
            notifier=body.notifier,
            params=body.params,
            credentials=body.credentials,
            **_filter(body, set(type(body).model_fields)),
        )
        return Reply(201, plain(_shown(_known(made.name))))

    reply = answered_once(request, principal(request).client, make)
    location = f"/api/v1/alarms/destinations/{reply.body['name']}"
    return answer(reply.body, status=reply.status, location=location)


@router.get(
    "/alarms/destinations/{name}",
    auth=read,
    response=DestinationShown,
    operation_id="getAlarmDestination",
    summary="Read a destination",
)
def destination(request: HttpRequest, name: Name) -> HttpResponse:
    """One destination; of its credentials only whether they are set."""
    return answer(_shown(_reached(request, name)))


@router.patch(
    "/alarms/destinations/{name}",
    auth=write,
    response=DestinationShown,
    operation_id="changeAlarmDestination",
    summary="Change a destination",
)
def change(request: HttpRequest, name: Name, body: DestinationPatch) -> HttpResponse:
    """Set what is given and leave the rest; what waits is tried at once with what is new."""
    found, given = _reached(request, name), body.model_fields_set
    values = _filter(body, given)
    for part in given & {"params", "credentials"}:
        held = found.settings.get(part, {})
        both = {**held, **getattr(body, part)}
        values[part] = {key: value for key, value in both.items() if value is not None}
    services.destination_update(destination=found, **values)
    return answer(_shown(_known(name)))


@router.delete(
    "/alarms/destinations/{name}",
    auth=write,
    response={204: None},
    operation_id="deleteAlarmDestination",
    summary="Delete a destination",
)
def delete(request: HttpRequest, name: Name) -> HttpResponse:
    """Delete a destination with what it was told and what waits for it."""
    services.destination_delete(destination=_reached(request, name))
    return no_content()


@router.post(
    "/alarms/destinations/{name}/test",
    auth=write,
    response=TestResult,
    operation_id="testAlarmDestination",
    summary="Test a destination",
)
def try_out(request: HttpRequest, name: Name) -> HttpResponse:
    """Send it a test now and wait for what comes of that; takes up to 10 seconds."""
    tried = services.destination_test(destination=_reached(request, name))
    return answer(TestResult(ok=tried.ok, ms=tried.ms, fault=tried.fault, detail=tried.detail))


@router.post(
    "/alarms/destinations/{name}/resend",
    auth=write,
    response=Done,
    operation_id="resendAlarms",
    summary="Send all active alarms again",
)
def resend(request: HttpRequest, name: Name) -> HttpResponse:
    """Owe it a notice about every active alarm that it wants."""
    return answer(Done(notices=services.resend_all(destination=_reached(request, name))))


@router.post(
    "/alarms/destinations/{name}/retry",
    auth=write,
    response=Done,
    operation_id="retryNotices",
    summary="Try again what was given up",
)
def retry(request: HttpRequest, name: Name) -> HttpResponse:
    """Try every notice again that did not arrive, with its id."""
    return answer(Done(notices=services.retry_dead(destination=_reached(request, name))))


@router.get(
    "/alarms/destinations/{name}/notices",
    auth=read,
    response=NoticeList,
    operation_id="listNotices",
    summary="List what a destination was told",
)
def notices(request: HttpRequest, name: Name, filters: Query[NoticeFilters]) -> HttpResponse:
    """What it was told and what waits for it, newest first."""
    rows = _reached(request, name).notifications.order_by("-created_at", "-pk")
    if (after := place(filters.after, str, str)) is not None:
        rows = rows.filter(_beyond(*after))
    exact = {"state": filters.state, "alarm_id": filters.alarm}
    rows = rows.filter(**{field: value for field, value in exact.items() if value})
    if filters.from_:
        rows = rows.filter(created_at__gte=filters.from_)
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].created_at.isoformat(), str(items[-1].pk)) if more else None
    return answer(NoticeList(items=[_notice(row) for row in items], next=following))


def _beyond(moment: str, key: str) -> Q:
    """What comes after a place in the list.

    Raises:
        Problem: 422: it is none that a page gave.
    """
    try:
        at, pk = datetime.fromisoformat(moment).astimezone(UTC), UUID(key)
    except (ValueError, OverflowError):
        raise no_cursor() from None
    if not 1970 <= at.year < 9000:
        raise no_cursor()
    return Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk)


def _counted() -> QuerySet[Destination]:
    states = Notification.State
    dead = Q(notifications__state=states.DEAD) & ~Q(notifications__kind="test")
    return Destination.objects.annotate(
        waiting=Count("notifications", filter=Q(notifications__state=states.WAITING)),
        dead=Count("notifications", filter=dead),
    )


def _known(name: str) -> Any:
    return _counted().get(name=name)


def _reached(request: HttpRequest, name: str) -> Any:
    """The destination called ``name``, with its counts.

    Raises:
        Problem: 403: the client reaches only some bots; 404: there is none.
    """
    demand_all(request, _DOING)
    found = _counted().filter(name=name).first()
    if found is None:
        raise Problem(404, detail="There is no destination of this name.")
    return found


def _filter(body: NewDestination | DestinationPatch, given: set[str]) -> dict[str, Any]:
    """What ``body`` says of those of the fields ``given`` that do not depend on the notifier."""
    fields = ("enabled", "types", "sources", "resend_minutes")
    values = {field: getattr(body, field) for field in fields if field in given}
    if "min_severity" in given:
        values["min_severity"] = severity_of(body.min_severity)
    return values


def _shown(row: Any) -> DestinationShown:
    return DestinationShown(
        name=row.name,
        notifier=row.notifier,
        params=shown_params(row.settings.get("params", {})),
        credentials=_credentials(row),
        enabled=row.enabled,
        min_severity=word_of(row.min_severity),
        types=row.types,
        sources=row.sources,
        resend_minutes=row.resend_minutes,
        failures=row.failures,
        last_success_at=row.last_success_at,
        last_failure_at=row.last_failure_at,
        last_problem=row.last_problem,
        waiting=row.waiting,
        given_up=row.dead,
    )


def _credentials(row: Destination) -> dict[str, CredentialShown]:
    try:
        plugin = services.plugin_of(row)
    except LookupError:
        return {}  # not installed here
    stored: Mapping[str, Any] = row.settings.get("credentials", {})
    return {
        each.name: CredentialShown(state=each.state, vault=each.url or None, shown=each.shown)
        for each in credentials.states(plugin, stored)
    }


def _notice(row: Notification) -> NoticeShown:
    state: Any = row.state  # one of the states, by the field's choices
    return NoticeShown(
        id=row.pk,
        kind=row.kind,
        alarm=row.alarm_id,
        seq=row.seq,
        state=state,
        attempts=row.attempts,
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        finished_at=row.finished_at,
        last_problem=row.last_problem,
        notice=row.notice,
    )
